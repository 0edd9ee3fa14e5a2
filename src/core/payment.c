#include "core/payment.h"
#include "base/bug.h"
#include "base/timefmt.h"

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

static bool is_seen(const struct payment *p) {
  return p->sub == SUB_SEEN || p->sub == SUB_CONFIRMING;
}

// A sighting of an earlier block says nothing any more once a later one is in the book.
static void forget_sighting(struct payment *p, int64_t number) {
  if (p->seen_number > number)
    return;
  p->seen_number = 0;
  p->seen_txid = STR_NONE;
}

// What it is when nothing is seen.
static enum pay_sub unseen_sub(const struct payment *p) {
  if (p->received.micro > 0)
    return SUB_UNDERPAID;
  return p->status == PAY_PENDING ? SUB_WAITING : SUB_NONE;
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
  if (!is_seen(old))
    return;
  p->sub = old->sub;
  p->seen_number = old->seen_number;
  p->seen_txid = old->seen_txid;
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
    if (is_seen(old))
      old->sub = unseen_sub(old);
  }
  forget_sighting(old, INT64_MAX);
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
  forget_sighting(p, INT64_MAX);
  p->txid = t->txid;
  p->paid_us = t->block_us;
  if (usdt_cmp(p->received, p->pay_amount) > 0)
    p->sub = SUB_OVERPAID;
  else
    p->sub = late ? SUB_LATE : SUB_NONE;
}

// A part that comes after the end gives no more time: what has expired does not wait again.
static void part_payment(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                         struct pay_effects *fx) {
  bool late = t->block_us >= p->expires_us;
  if (p->status == PAY_PENDING && late)
    change_status(p, PAY_EXPIRED, fx, "underpaid");
  else if (p->status == PAY_PENDING)
    (void)lengthen(p, policy, EXT_PART);
  fx->became_underpaid = usdt_cmp(p->received, t->value) == 0; // the first one
  fx->event = "underpaid";
  forget_sighting(p, t->number);
  p->sub = p->seen_number ? SUB_SEEN : SUB_UNDERPAID;
}

// Late money that the project wants to decide on itself.
static void to_review(struct payment *p, const struct pay_transfer *t, struct pay_effects *fx) {
  if (p->status == PAY_PENDING)
    change_status(p, PAY_EXPIRED, fx, "review");
  fx->event = "review";
  p->sub = SUB_REVIEW;
  forget_sighting(p, t->number);
}

// A tolerance for large sums must not give small ones away: a tenth of the amount at most.
static struct usdt tolerance_for(const struct payment *p, const struct pay_policy *policy) {
  struct usdt most = {p->pay_amount.micro / 10};
  return usdt_cmp(policy->tolerance, most) < 0 ? policy->tolerance : most;
}

bool payment_completes(const struct payment *p, const struct pay_policy *policy, struct usdt value) {
  struct usdt sum, accepted;
  return usdt_add(p->received, value, &sum) && usdt_add(sum, tolerance_for(p, policy), &accepted) &&
         usdt_cmp(accepted, p->pay_amount) >= 0;
}

enum err payment_transfer(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                          struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  struct usdt sum;
  bool late = t->block_us >= p->expires_us;
  if (p->status == PAY_PAID || p->status == PAY_FAILED || p->replaced_by || t->value.micro <= 0 ||
      t->block_us >= p->quarantine_us || !usdt_add(p->received, t->value, &sum))
    return ERR_MOVE;
  bool completes = payment_completes(p, policy, t->value);
  if (!completes && t->value.micro < DUST_MICRO)
    fx->event = "dust";
  else if (late && !policy->accept_late)
    to_review(p, t, fx);
  else {
    p->received = sum;
    if (completes)
      complete(p, t, late, fx);
    else
      part_payment(p, policy, t, fx);
  }
  p->due_us = next_due_us(p);
  p->version++;
  return ERR_NONE;
}

// What has given its reservation back already does not get it again.
static void changed(struct payment *p) {
  if (p->due_us)
    p->due_us = next_due_us(p);
  p->version++;
}

enum err payment_attach(struct payment *p, const struct pay_policy *policy, const struct pay_transfer *t,
                        struct pay_effects *fx) {
  *fx = (struct pay_effects){.event = "attached"};
  bool completes = payment_completes(p, policy, t->value);
  if (p->replaced_by || t->value.micro <= 0 || !usdt_add(p->received, t->value, &p->received))
    return ERR_MOVE;
  if (p->status == PAY_PAID) {
    if (usdt_cmp(p->received, p->pay_amount) > 0)
      p->sub = SUB_OVERPAID;
  } else if (completes)
    complete(p, t, t->block_us >= p->expires_us, fx);
  else if (p->status == PAY_FAILED)
    p->sub = SUB_REVIEW;
  else
    part_payment(p, policy, t, fx);
  changed(p);
  return ERR_NONE;
}

enum err payment_accept(struct payment *p, const struct pay_transfer *last, struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  if (p->status == PAY_PAID || p->replaced_by || p->received.micro <= 0)
    return ERR_MOVE;
  complete(p, last, last->block_us >= p->expires_us, fx);
  changed(p);
  return ERR_NONE;
}

void payment_review(struct payment *p, const struct pay_transfer *t, struct pay_effects *fx) {
  *fx = (struct pay_effects){.event = "review"};
  if (p->status == PAY_PENDING || p->status == PAY_EXPIRED)
    to_review(p, t, fx);
  else if (p->status == PAY_FAILED)
    p->sub = SUB_REVIEW;
  changed(p);
}

void payment_rest_is_taken(struct payment *p) {
  p->sub = SUB_REVIEW;
}

enum err payment_seen(struct payment *p, int64_t number, struct str txid, struct pay_effects *fx) {
  *fx = (struct pay_effects){.event = "seen", .detail = txid};
  bool open = p->status == PAY_PENDING || p->status == PAY_EXPIRED;
  bool known = p->seen_number == number && str_eq(p->seen_txid, txid);
  if (!open || p->replaced_by || known || p->sub == SUB_REVIEW)
    return ERR_MOVE;
  p->sub = SUB_SEEN;
  p->seen_number = number;
  p->seen_txid = txid;
  changed(p);
  return ERR_NONE;
}

enum err payment_unseen(struct payment *p, struct pay_effects *fx) {
  *fx = (struct pay_effects){.event = "unseen", .detail = p->seen_txid};
  if (!p->seen_number)
    return ERR_MOVE;
  forget_sighting(p, INT64_MAX);
  if (is_seen(p))
    p->sub = unseen_sub(p);
  changed(p);
  return ERR_NONE;
}

enum err payment_expire(struct payment *p, int64_t now_us, struct pay_effects *fx) {
  *fx = (struct pay_effects){0};
  if (p->status != PAY_PENDING || now_us < p->expires_us)
    return ERR_MOVE;
  change_status(p, PAY_EXPIRED, fx, "expired");
  if (p->received.micro == 0 && !is_seen(p))
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
