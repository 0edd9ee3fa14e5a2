#include "core/matching.h"
#include "base/bug.h"

static const char *const names[MATCH_REASONS] = {"credited", "unknown",  "shared",   "paid", "cancelled",
                                                 "early",    "too_late", "replaced", "dust", "late"};

const char *match_reason_name(enum match_reason r) {
  return names[r];
}

static enum match_reason by_time(const struct payment *p, int64_t block_us) {
  if (block_us < p->match_from_us - MATCH_EARLY_US)
    return MATCH_EARLY;
  return block_us < p->quarantine_us ? MATCH_CREDITED : MATCH_TOO_LATE;
}

static enum match_reason by_state(const struct payment *p, const struct pay_policy *policy,
                                  int64_t block_us) {
  if (p->replaced_by)
    return MATCH_REPLACED;
  switch (p->status) {
  case PAY_PAID:
    return MATCH_PAID;
  case PAY_FAILED:
    return MATCH_CANCELLED;
  case PAY_PENDING:
  case PAY_EXPIRED:
    return block_us >= p->expires_us && !policy->accept_late ? MATCH_LATE : MATCH_CREDITED;
  }
  BUG("unknown status");
}

// In this order: money from before the order is never its, whatever became of it; and dust disturbs nobody.
static enum match_reason judge(const struct match_facts *f, const struct payment *p, struct usdt value,
                               int64_t block_us) {
  enum match_reason time = by_time(p, block_us);
  if (time != MATCH_CREDITED)
    return time;
  if (value.micro < DUST_MICRO && !payment_completes(p, f->policy, value))
    return MATCH_DUST;
  return by_state(p, f->policy, block_us);
}

struct match match_transfer(const struct match_facts *f, struct usdt value, int64_t block_us) {
  const struct payment *p = f->exact ? f->exact : f->shared ? NULL : f->only;
  if (!p)
    return (struct match){f->shared ? MATCH_SHARED : MATCH_UNKNOWN, NULL};
  return (struct match){judge(f, p, value, block_us), p};
}
