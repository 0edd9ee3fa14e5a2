// Gives a live payment its address and amount. Internal to flow/.
//
// Runs inside another job: each call queues the statements of one round and says whether it is finished.
// Nobody else can get what it gives: an index of an xpub is taken, an address and amount of a list are
// claimed (Q_RESERVATION_CLAIM), whatever hints in memory said. The new payment's row is bound to a claim
// afterwards.
#pragma once
#include "core/project.h"
#include "flow/env.h"
#include "flow/pool.h"

struct allocation {
  // input
  struct env *env;
  const struct project *project;
  struct usdt amount;
  // inside
  int stage, looked, rewinds;
  int64_t xpub_row; // 0: from a list
  struct str xpub;
  struct slot *slots; // candidates of this round
  int n_slots;
  // result
  bool finished;
  int64_t address_id;
  struct str address;
  struct usdt pay_amount;
};

// ERR_NONE with `finished`: the result is there. ERR_NO_ADDRESSES, ERR_NO_ADDRESS_FREE.
enum err allocation_step(struct allocation *al, struct job *j) MUST_CHECK;
