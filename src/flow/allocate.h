// Gives a live payment its address and amount. Internal to flow/.
//
// Runs inside another job: each call queues the statements of one round and says whether it is finished.
#pragma once
#include "core/project.h"
#include "flow/env.h"
#include "flow/pool.h"
#include "wire/bip32.h"

struct allocation {
  int stage, looked; // inside
  int64_t xpub_row, xpub_index;
  const struct xpub *xpub;
  struct str candidate;
  struct slot *slots; // candidates of this round
  int n_slots;
  // result
  bool finished;
  bool derived; // then the first statement of the last round must have given a row
  int64_t address_id;
  struct str address;
  struct usdt pay_amount;
};

// ERR_NONE with `finished`: the result is there. ERR_NO_ADDRESSES, ERR_NO_ADDRESS_FREE.
enum err allocation_step(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                         struct usdt amount) MUST_CHECK;
