// What the rows say about a transfer to an address of ours, and what core/matching.h makes of it. Runs inside
// another job, in two rounds. Internal to flow/.
#pragma once
#include "core/matching.h"
#include "flow/owners.h"

struct matched {
  struct str txid;    // as text
  bool stored;        // in the book already
  struct match match; // points to `payment`
  struct payment payment;
  struct project project;
  const struct val *row; // of the transfer in the book (TRANSFER_COLS), where it is stored
  int first;             // of this round's results
  int64_t candidate;
  bool exact; // the pair is reserved for it
  bool shared;
};

void match_ask(struct matched *m, struct job *j, const struct owned *o); // round 1
bool match_ask_payment(struct matched *m, struct job *j,
                       const struct owned *o); // round 2; false: stored, the end
void match_judge(struct matched *m, struct job *j, const struct env *env, const struct owned *o);
