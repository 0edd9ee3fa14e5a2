// A payment and everything that may happen to it. Pure: a change takes the present row and the facts, and
// gives the next row.
//
// The numbers are the truth (what was received, when it ends, whether it was cancelled); status and substatus
// follow from them. Rules: spec "Payment life" and "Matching a confirmed transfer", drawn in
// doc/architecture.md.
#pragma once
#include "core/money.h"

enum pay_status {
  PAY_PENDING = 0,
  PAY_PAID = 1,
  PAY_EXPIRED = 2,
  PAY_FAILED = 3
}; // stored: values never change
#define PAY_STATUSES 4

enum pay_sub {
  SUB_NONE = 0,
  SUB_WAITING = 1,
  SUB_SEEN = 2,
  SUB_CONFIRMING = 3,
  SUB_UNDERPAID = 4,
  SUB_OVERPAID = 5,
  SUB_LATE = 6,
  SUB_REVIEW = 7,
  SUB_CANCELLED = 8,
};
#define PAY_SUBS 9

enum pay_extended { EXT_PAYER = 1, EXT_PART = 2 }; // bits: who has extended the window already

struct payment {
  int64_t row; // row number, the primary key; 0 before it is stored
  int64_t id;  // public number, made from `row` by core/payment_id.h
  int64_t project_id;
  bool is_test;
  struct str order_id;
  struct usdt amount;     // what the order costs
  int scale;              // decimals that the merchant wrote
  struct usdt pay_amount; // what identifies the transfer
  struct usdt received;   // sum of the transfers that count for it
  enum pay_status status;
  enum pay_sub sub;
  int64_t address_id; // row in addresses; 0 for a test payment, whose address is its own
  struct str address; // text
  struct str description, success_url, fail_url; // absent where not given
  int64_t created_us;
  int64_t match_from_us;    // beginning of its reservation: transfers before it never pay it
  int64_t first_expires_us; // the end before any extension
  int64_t expires_us;
  int64_t quarantine_us; // until then money for it still finds it
  int extended;          // enum pay_extended bits
  int64_t cancelled_us;  // 0: not cancelled
  struct str txid;       // of the transfer that completed the sum
  int64_t paid_us;       // its block time; 0: not paid
  int64_t seen_number;   // block, not final yet, in which money for it was seen; 0: none
  struct str seen_txid;  // the transaction
  int64_t due_us;        // when time alone changes something next (expiry, release); 0: never
  int64_t replaced_by;   // row of the payment that took its order over; 0: none
  int64_t version;       // goes up with every change
};

// What a project says about its payments. Durations in microseconds.
struct pay_policy {
  int64_t window_us;     // 30 min by default
  int64_t quarantine_us; // 48 h by default
  bool accept_late;      // late money pays (default) or goes to review
  struct usdt tolerance; // an underpayment up to this still pays; 0 by default
};

// What a change has to be told about, beside the new row.
struct pay_effects {
  bool became_paid, became_expired, became_failed, became_underpaid; // at most the first three one at a time
  const char *event; // for the payment's timeline: "paid", "underpaid", "expired", …
  struct str detail; // of the event; absent: none
};

const char *pay_status_name(enum pay_status s);         // "pending", …
const char *pay_sub_name(enum pay_sub s);               // NULL for SUB_NONE
bool pay_may(enum pay_status from, enum pay_status to); // the table of legal changes

// Starts a payment whose order, amount and address are filled in.
void payment_open(struct payment *p, const struct pay_policy *policy, int64_t now_us);

// The same order with the same amount again: the new payment gets the reservation of the old one with its
// beginning, and what it has received. payment_replace() closes the old one; without `takes_over` (another
// amount) it keeps its own.
void payment_take_over(struct payment *p, const struct payment *old);
void payment_replace(struct payment *old, int64_t by_row, bool takes_over, struct pay_effects *fx);

// Money below this that completes no sum is booked but changes no state.
#define DUST_MICRO 10000

// The quarantine is over: its reservation is given back.
void payment_release(struct payment *p);

// A confirmed transfer that was matched to this payment: `value` arrived in a block of `block_us`.
// Takes `txid` over when it completes the sum. ERR_MOVE: the payment cannot take it, it belongs into review.
struct pay_transfer {
  struct str txid; // absent: none
  struct usdt value;
  int64_t block_us;
  int64_t number; // of its block; 0 on the simulated chain
};
enum err payment_transfer(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                          struct pay_effects *fx) MUST_CHECK;

// Would this much complete the sum, the project's tolerance included?
bool payment_completes(const struct payment *p, const struct pay_policy *policy, struct usdt value);

// The merchant decides that a transfer is this payment's, whatever its time and the payment's state: the sum
// grows, and pays if it is enough. ERR_MOVE where another payment has taken its order over.
enum err payment_attach(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                        struct pay_effects *fx) MUST_CHECK;

// The merchant takes what has arrived for enough; `last` is its last transfer. Also makes `failed` into
// `paid`. ERR_MOVE where nothing has arrived, or it is paid or replaced.
enum err payment_accept(struct payment *p, const struct pay_transfer *last,
                        struct pay_effects *fx) MUST_CHECK;

// Money for it arrived that the merchant must decide on (paid already, cancelled, late, …): noted, not
// counted.
void payment_review(struct payment *p, const struct pay_transfer *t, struct pay_effects *fx);

// After a part payment: (address, rest) is another payment's, so the rest could not be told from its money.
void payment_rest_is_taken(struct payment *p);

// A transfer that would be credited stands in a block that is not final yet; or it has vanished from there.
// ERR_MOVE: nothing changes.
enum err payment_seen(struct payment *p, int64_t number, struct str txid, struct pay_effects *fx) MUST_CHECK;
enum err payment_unseen(struct payment *p, struct pay_effects *fx) MUST_CHECK;

// The chain's time has passed the end. ERR_MOVE where it is not pending or not yet over.
enum err payment_expire(struct payment *p, int64_t now_us, struct pay_effects *fx) MUST_CHECK;

// Payer or merchant cancels. ERR_MOVE once money was seen or is there, or the payment has ended.
enum err payment_cancel(struct payment *p, int64_t now_us, struct pay_effects *fx) MUST_CHECK;

// The payer asks for more time: once, by one window. ERR_MOVE otherwise.
enum err payment_extend(struct payment *p, const struct pay_policy *policy, int64_t now_us,
                        struct pay_effects *fx) MUST_CHECK;

// The rest to send; zero when nothing is missing.
struct usdt payment_rest(const struct payment *p);

// Status as it is to be shown at `now_us`: a test payment past its end counts as expired before anything has
// swept it.
enum pay_status payment_status_at(const struct payment *p, int64_t now_us);

// The substatus that goes with it: nothing waits any more once the end has passed.
enum pay_sub payment_sub_at(const struct payment *p, int64_t now_us);
