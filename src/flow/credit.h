// One confirmed transfer to an address of ours on its way into the book: its row, the payment that it changes
// with everything that belongs to a change, and the posting. Runs inside another job. Internal to flow/.
#pragma once
#include "core/ledger.h"
#include "flow/match.h"

struct credit {
  // input
  struct env *env;
  const struct owned *owned;
  int64_t now_us;
  int64_t attach_row; // unmatched so far: row of the transfer; `matched` is filled in then. 0: a new one
  struct str note;    // for the timeline; absent: none
  // result
  bool finished;
  bool known;   // it was in the book already
  bool differs; // and says something else there
  bool credited;
  bool changed; // `matched.payment` is another now
  enum pay_status was;
  struct matched matched;
  // inside
  int stage, transfer_op, rest_op;
  struct usdt rest_before;
  struct ledger_posting posting;
};

// When it is finished its last statements may be queued still: another one may ask its first question in the
// same round, but write nothing. ERR_CHANGED: somebody else changed the payment or has credited the transfer.
// ERR_MOVE: the payment cannot have it attached.
enum err credit_step(struct credit *c, struct job *j) MUST_CHECK;
void credit_committed(const struct credit *c);
