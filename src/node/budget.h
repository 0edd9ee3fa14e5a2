// How many requests a node may be asked: per second and per day (UTC). Pure; times come from the caller.
#pragma once
#include <stdint.h>

enum {
  BUDGET_SHARE_PCT = 90,   // of the requests a day; the rest is left to others with the same key
  BUDGET_AT_ONCE_PCT = 25, // of these go whenever they are wanted, the others as the day goes on
};

struct budget {
  int64_t per_s, per_day; // 0: no end
  int64_t burst;          // requests that may go at once
  int64_t micro;          // millionths of a request that may go now, as of `mono_us`
  int64_t mono_us;
  int64_t day;   // since 1970
  int64_t used;  // of that day
  int64_t taken; // of that day, since the start; `used` takes the day before the start as evenly used
};

void budget_init(struct budget *b, int64_t per_s, int64_t per_day, int64_t now_us, int64_t mono_us);
// How long until one may go; 0: now.
int64_t budget_wait(struct budget *b, int64_t now_us, int64_t mono_us);
void budget_take(struct budget *b);
