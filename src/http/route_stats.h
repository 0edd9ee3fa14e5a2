// Requests counted by route and status class, with their durations; relaxed atomics, printed as Prometheus
// text.
#pragma once
#include "base/str.h"

#include <stdatomic.h>

enum { ROUTE_STATS_BUCKETS = 10 };

struct route_stats {
  const char *route;                               // label
  _Atomic int64_t by_class[6];                     // [2] counts 2xx
  _Atomic int64_t bucket[ROUTE_STATS_BUCKETS + 1]; // not cumulative; the last one is +Inf
  _Atomic int64_t sum_us;
};

void route_stats_count(struct route_stats *s, int status, int64_t duration_us);
void route_stats_print(const struct route_stats *s, int n, struct buf *out);
