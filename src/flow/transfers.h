// Transfers of the chain after they are in the book: what a payer claims, what the operator sees of the
// unmatched ones and attaches to a payment. All of it goes through the one path of a credit.
#pragma once
#include "core/matching.h"
#include "core/suggestion.h"
#include "flow/env.h"

// A payer's claim on the checkout: this transaction was meant for this payment. It is looked up among the
// transfers that we know. A suggestion to the merchant, never a credit (hashes are public), except on an
// address that was only ever reserved for this order.
enum claim_answer {
  CLAIM_NOTED,    // the merchant will see it; also for what is not there, or another payment's: nobody learns
                  // which
  CLAIM_CREDITED, // the payment has it now
  CLAIM_COUNTS,   // it had it before
  CLAIM_REVIEWED, // money for this payment, on which the merchant decides
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
  struct claim_state *inside;
};
// Results: ERR_NO_PAYMENT, ERR_TXID, ERR_MOVE (a test payment, or one that has all it needs), ERR_CLAIMS.
// The caller limits the rate.
enum err flow_claim_start(struct env *env, struct arena *a, struct flow_claim *f) MUST_CHECK;

// What the operator decides, through the same steps as a credit, with its line in the timeline.
struct transfer_order {
  int64_t payment_id; // public number
  struct str txid;    // flow_transfer_attach(): lower case
  int64_t log_index;
  struct str reason; // for the timeline; absent: none
};
// An unmatched transfer is this payment's. ERR_NO_PAYMENT, ERR_NO_TRANSFER, ERR_ATTACHED, ERR_OTHER_PROJECT,
// ERR_MOVE (a test payment, or another one has taken its order over).
enum err flow_transfer_attach(struct env *env, struct arena *a, const struct transfer_order *order,
                              struct payment *out) MUST_CHECK;
// All that waits for a decision on this payment is its, and what it has received then is enough. ERR_MOVE:
// nothing has arrived, or nothing waits and it is paid.
enum err flow_payment_accept(struct env *env, struct arena *a, const struct transfer_order *order,
                             struct payment *out) MUST_CHECK;

struct suggested {
  enum suggestion why;
  int64_t payment_id; // public number
  enum pay_status status;
  struct usdt pay_amount;
  struct str order_id;
};

struct transfer_info {
  int64_t row, app_id, log_index, block, block_us;
  struct str txid, address, from; // address absent: ours no longer
  struct usdt value;
  int64_t payment_id;            // public number; 0: unmatched
  enum match_reason reason;      // why
  struct suggested *suggestions; // the likeliest first
  int n_suggestions;
};

enum { SUGGESTIONS_MAX = 5 }; // for one transfer

struct transfer_filter {
  int64_t app_id; // 0: all
  bool unmatched; // only those, with suggestions
  int64_t before; // row to go on from; 0: newest
  int limit;
};
enum err flow_transfer_list(struct env *env, struct arena *a, const struct transfer_filter *filter,
                            struct transfer_info **out, int *n) MUST_CHECK;
// The row to go on from. ERR_NO_TRANSFER.
enum err flow_transfer_row(struct env *env, struct arena *a, struct str txid, int64_t log_index,
                           int64_t *row) MUST_CHECK;
