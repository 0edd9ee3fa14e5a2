#include "core/payment.h"
#include "base/bug.h"
#include "base/timefmt.h"

// Money below this that completes no sum is booked but changes no state (spec "Matching a confirmed
// transfer").
#define DUST_MICRO 10000

static const char *const status_names[PAY_STATUSES] = {"pending", "paid", "expired", "failed"};

static const char *const sub_names[PAY_SUBS] = {NULL,       "waiting", "seen",   "confirming", "underpaid",
                                                "overpaid", "late",    "review", "cancelled"};

// Rows: from; columns: to. `paid` is never undone; `failed` becomes `paid` only when the merchant accepts.
static const bool may[PAY_STATUSES][PAY_STATUSES] = {
    //               pending paid  expired failed
    [PAY_PENDING] = {false, true, true, true},
    [PAY_PAID] = {false, false, false, false},
    [PAY_EXPIRED] = {false, true, false, false},
    [PAY_FAILED] = {false, true, false, false},
};

const char *pay_status_name(enum pay_status s) {
  return status_names[s];
}

const char *pay_sub_name(enum pay_sub s) {
  return sub_names[s];
}

bool pay_may(enum pay_status from, enum pay_status to) {
  return may[from][to];
}

static void change_status(struct payment *p, enum pay_status to, struct pay_effects *fx, const char *event) {
  BUG_IF(!pay_may(p->status, to), "illegal change of a payment's status");
  p->status = to;
  fx->event = event;
  fx->became_paid = to == PAY_PAID;
  fx->became_expired = to == PAY_EXPIRED;
  fx->became_failed = to == PAY_FAILED;
}

// When time changes this payment next: its end, then the release of its reservation (a test payment has
// none).
static int64_t next_due_us(const struct payment *p) {
  if (p->status == PAY_PENDING)
    return p->expires_us;
  return p->is_test ? 0 : p->quarantine_us;
}

void payment_open(struct payment *p, const struct pay_policy *policy, int64_t now_us) {
  p->status = PAY_PENDING;
  p->sub = SUB_WAITING;
  p->created_us = p->match_from_us = now_us;
  p->expires_us = p->first_expires_us = now_us + policy->window_us;
  p->quarantine_us = p->expires_us + policy->quarantine_us;
  p->due_us = next_due_us(p);
  p->version = 1;
}

void payment_take_over(struct payment *p, const struct payment *old) {
  p->pay_amount = old->pay_amount;
  p->address_id = old->address_id;
  p->address = old->address;
  p->match_from_us = old->match_from_us;
  p->received = old->received;
  if (p->received.micro > 0)
    p->sub = SUB_UNDERPAID;
}

void payment_replace(struct payment *old, int64_t by_row, bool takes_over, struct pay_effects *fx) {
  *fx = (struct pay_effects){.event = "replaced"};
  if (old->status == PAY_PENDING)
    change_status(old, PAY_EXPIRED, fx, "replaced");
  if (takes_over) {
    old->received = (struct usdt){0};
    old->sub = SUB_NONE;
    old->due_us = 0; // the reservation is the new payment's now
  } else {
    old->due_us = next_due_us(old);
  }
  old->replaced_by = by_row;
  old->version++;
}

// More time, never so much that the quarantine would end more than a day after the first end and its
// quarantine.
static bool lengthen(struct payment *p, const struct pay_policy *policy, enum pay_extended by) {
  int64_t end = p->expires_us + policy->window_us;
  int64_t latest = p->first_expires_us + DAY_US;
  if (end > latest)
    end = latest;
  if ((p->extended & (int)by) || end <= p->expires_us)
    return false;
  p->extended |= (int)by;
  p->expires_us = end;
  p->quarantine_us = end + policy->quarantine_us;
  return true;
}

static void complete(struct payment *p, const struct pay_transfer *t, bool late, struct pay_effects *fx) {
  change_status(p, PAY_PAID, fx, "paid");
  p->txid = t->txid;
  p->paid_us = t->block_us;
  if (usdt_cmp(p->received, p->pay_amount) > 0)
    p->sub = SUB_OVERPAID;
  else
    p->sub = late ? SUB_LATE : SUB_NONE;
}

// A part that comes after the end gives no more time: what has expired does not wait again.
static void part_payment(struct payment *p, const struct pay_policy *policy, bool late,
                         struct pay_effects *fx) {
  if (p->status == PAY_PENDING && late)
    change_status(p, PAY_EXPIRED, fx, "underpaid");
  else if (p->status == PAY_PENDING)
    (void)lengthen(p, policy, EXT_PART);
  fx->became_underpaid = p->sub != SUB_UNDERPAID;
  fx->event = "underpaid";
  p->sub = SUB_UNDERPAID;
}

// Late money that the project wants to decide on itself.
static void to_review(struct payment *p, struct pay_effects *fx) {
  if (p->status == PAY_PENDING)
    change_status(p, PAY_EXPIRED, fx, "review");
  fx->event = "review";
  p->sub = SUB_REVIEW;
}

// A tolerance for large sums must not give small ones away: a tenth of the amount at most.
static struct usdt tolerance_for(const struct payment *p, const struct pay_policy *policy) {
  struct usdt most = {p->pay_amount.micro / 10};
  return usdt_cmp(policy->tolerance, most) < 0 ? policy->tolerance : most;
}

enum err payment_transfer(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                          struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  struct usdt sum, accepted;
  bool late = t->block_us >= p->expires_us;
  if (p->status == PAY_PAID || p->status == PAY_FAILED || p->replaced_by || t->value.micro <= 0 ||
      t->block_us >= p->quarantine_us || !usdt_add(p->received, t->value, &sum) ||
      !usdt_add(sum, tolerance_for(p, policy), &accepted))
    return ERR_MOVE;
  bool completes = usdt_cmp(accepted, p->pay_amount) >= 0;
  if (!completes && t->value.micro < DUST_MICRO)
    fx->event = "dust";
  else if (late && !policy->accept_late)
    to_review(p, fx);
  else {
    p->received = sum;
    if (completes)
      complete(p, t, late, fx);
    else
      part_payment(p, policy, late, fx);
  }
  p->due_us = next_due_us(p);
  p->version++;
  return ERR_NONE;
}

enum err payment_expire(struct payment *p, int64_t now_us, struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  if (p->status != PAY_PENDING || now_us < p->expires_us)
    return ERR_MOVE;
  change_status(p, PAY_EXPIRED, fx, "expired");
  if (p->received.micro == 0)
    p->sub = SUB_NONE;
  p->due_us = next_due_us(p);
  p->version++;
  return ERR_NONE;
}

enum err payment_cancel(struct payment *p, int64_t now_us, struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  if (payment_status_at(p, now_us) != PAY_PENDING || p->sub != SUB_WAITING)
    return ERR_MOVE;
  change_status(p, PAY_FAILED, fx, "cancelled");
  p->sub = SUB_CANCELLED;
  p->cancelled_us = now_us;
  p->due_us = next_due_us(p);
  p->version++;
  return ERR_NONE;
}

enum err payment_extend(struct payment *p, const struct pay_policy *policy, int64_t now_us,
                        struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  if (payment_status_at(p, now_us) != PAY_PENDING || !lengthen(p, policy, EXT_PAYER))
    return ERR_MOVE;
  fx->event = "extended";
  p->due_us = next_due_us(p);
  p->version++;
  return ERR_NONE;
}

void payment_release(struct payment *p) {
  p->due_us = 0;
  p->version++;
}

struct usdt payment_rest(const struct payment *p) {
  struct usdt rest;
  if (!usdt_sub(p->pay_amount, p->received, &rest) || rest.micro < 0)
    return (struct usdt){0};
  return rest;
}

enum pay_status payment_status_at(const struct payment *p, int64_t now_us) {
  if (p->status == PAY_PENDING && p->is_test && now_us >= p->expires_us)
    return PAY_EXPIRED;
  return p->status;
}

enum pay_sub payment_sub_at(const struct payment *p, int64_t now_us) {
  bool over = payment_status_at(p, now_us) == PAY_EXPIRED;
  return over && p->sub == SUB_WAITING ? SUB_NONE : p->sub;
}
