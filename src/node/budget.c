#include "node/budget.h"

#define MICRO  INT64_C(1000000)
#define DAY_US (86400 * MICRO)

// With `burst` at once and this many a second no second (half open) has more than per_s: burst + refill - 1.
static int64_t refill(const struct budget *b) {
  return b->per_s - b->burst + 1;
}

static int64_t for_day(const struct budget *b) {
  return b->per_day * BUDGET_SHARE_PCT / 100;
}

// What may be used of the day's requests when so much of it is over. Rounded down.
static int64_t allowed(const struct budget *b, int64_t into_day_us) {
  int64_t at_once = for_day(b) * BUDGET_AT_ONCE_PCT / 100;
  return at_once + (for_day(b) - at_once) * (into_day_us / MICRO) / 86400;
}

void budget_init(struct budget *b, int64_t per_s, int64_t per_day, int64_t now_us, int64_t mono_us) {
  int64_t burst = per_s / 3 > 1 ? per_s / 3 : 1;
  *b = (struct budget){.per_s = per_s, .per_day = per_day, .burst = burst, .micro = burst * MICRO};
  b->mono_us = mono_us;
  b->day = now_us / DAY_US;
  b->used = allowed(b, now_us % DAY_US) - allowed(b, 0);
}

static void follow(struct budget *b, int64_t now_us, int64_t mono_us) {
  int64_t day = now_us / DAY_US, full = b->burst * MICRO, gone_us = mono_us - b->mono_us;
  b->mono_us = mono_us;
  b->micro = gone_us > MICRO * b->burst ? full : b->micro + gone_us * refill(b);
  b->micro = b->micro < full ? b->micro : full;
  if (day > b->day)
    b->used = b->taken = 0;
  if (day > b->day ||
      day < b->day - 1) // a clock that goes back a little, and comes again, gives no second day
    b->day = day;
}

static int64_t wait_day(const struct budget *b, int64_t now_us) {
  int64_t into_day_us = now_us % DAY_US;
  if (!b->per_day || b->used < allowed(b, into_day_us))
    return 0;
  if (b->used >= for_day(b))
    return DAY_US - into_day_us;
  // The first whole second at which one more is allowed.
  int64_t at_once = allowed(b, 0), paced = for_day(b) - at_once;
  int64_t at_s = ((b->used + 1 - at_once) * 86400 + paced - 1) / paced;
  return at_s * MICRO > into_day_us ? at_s * MICRO - into_day_us : MICRO;
}

int64_t budget_wait(struct budget *b, int64_t now_us, int64_t mono_us) {
  follow(b, now_us, mono_us);
  int64_t day_us = wait_day(b, now_us), second_us = 0;
  if (b->per_s && b->micro < MICRO)
    second_us = (MICRO - b->micro + refill(b) - 1) / refill(b);
  return day_us > second_us ? day_us : second_us;
}

void budget_take(struct budget *b) {
  b->micro -= MICRO;
  b->used++;
  b->taken++;
}
