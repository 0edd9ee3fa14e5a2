// Which transfers go to addresses of ours: asked of the database, block by block, since another node may have
// given an address out a moment ago. Internal to flow/.
#pragma once
#include "core/chain.h"
#include "core/project.h"
#include "flow/env.h"

struct owned { // a transfer to an address of ours
  const struct chain_block *block;
  const struct chain_transfer *transfer;
  int64_t address_id, project_id;
  enum custody custody;
  bool handed_over; // others have had this address: payments of theirs were reserved on it
};

struct owners {
  // input
  const struct chain_block *blocks;
  int n_blocks;
  // result: in the order of the chain
  bool finished;
  struct owned *list;
  int n;
  // inside
  int total, asked, queued;
  const struct chain_transfer **transfers;
  struct owned *found; // one for each transfer; address_id 0: not ours
};

// Runs inside another job: queues the statements of one round, or is finished.
void owners_step(struct owners *o, struct job *j);
