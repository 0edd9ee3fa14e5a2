// Transfers of the chain after they are in the book: what a payer claims, what the operator sees of the
// unmatched ones and attaches to a payment. All of it goes through the one path of a credit.
#pragma once
#include "core/matching.h"
#include "flow/env.h"

// A payer's claim on the checkout: this transaction was meant for this payment. It is looked up among the
// transfers that we know. A suggestion to the merchant, never a credit (hashes are public), except on an
// address that was only ever reserved for this order.
enum claim_answer {
  CLAIM_NOTED,    // the merchant will see it; also for what is not there, or not ours: nobody learns which
  CLAIM_CREDITED, // the payment has it now
};
enum { CLAIMS_MAX = 8 }; // of one payment

struct flow_claim {
  struct job job;
  struct env *env;
  // input
  int64_t id;      // public number of the payment
  struct str txid; // 64 hexadecimal digits
  // result
  enum claim_answer answer;
  struct payment payment; // as it is afterwards
};
// Results: ERR_NO_PAYMENT, ERR_TXID, ERR_MOVE (a test payment, or one that has all it needs), ERR_CLAIMS.
// The caller limits the rate.
enum err flow_claim_start(struct env *env, struct arena *a, struct flow_claim *f) MUST_CHECK;
