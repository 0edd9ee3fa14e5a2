#include "core/suggestion.h"

static const char *const names[] = {"review", "claim", "late", "fee", "other_address", "none"};

const char *suggestion_name(enum suggestion s) {
  return names[s];
}

static bool in_time(const struct unmatched_transfer *t, const struct payment *p) {
  return t->block_us >= p->created_us && t->block_us < p->quarantine_us;
}

// Exchanges take one, two, … whole USDT: the fraction, which tells payments apart, stays.
static bool is_short_by_fee(struct usdt value, struct usdt wanted) {
  struct usdt fee;
  return usdt_sub(wanted, value, &fee) && fee.micro > 0 && fee.micro % USDT_MICRO == 0 &&
         usdt_cmp(fee, SUGGEST_FEE_MAX) <= 0;
}

enum suggestion suggest(const struct unmatched_transfer *t, const struct payment *p) {
  if (p->status == PAY_PAID || p->replaced_by || p->is_test || t->block_us < p->created_us)
    return SUGGEST_NOTHING;
  bool here = str_eq(t->address, p->address);
  if (here && (usdt_cmp(t->value, p->pay_amount) == 0 || usdt_cmp(t->value, payment_rest(p)) == 0))
    return SUGGEST_LATE;
  if (here && is_short_by_fee(t->value, p->pay_amount) && in_time(t, p))
    return SUGGEST_FEE;
  if (!here && usdt_cmp(t->value, p->pay_amount) == 0 && in_time(t, p))
    return SUGGEST_OTHER_ADDRESS;
  return SUGGEST_NOTHING;
}
