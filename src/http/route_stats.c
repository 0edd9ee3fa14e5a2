#include "http/route_stats.h"

static const int64_t limit_us[ROUTE_STATS_BUCKETS] = {100,   500,    1000,    2500,    5000,
                                                      25000, 100000, 1000000, 5000000, 30000000};
static const char *const limit_s[ROUTE_STATS_BUCKETS + 1] = {
    "0.0001", "0.0005", "0.001", "0.0025", "0.005", "0.025", "0.1", "1", "5", "30", "+Inf"};

static void add(_Atomic int64_t *to, int64_t n) {
  atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *from) {
  return atomic_load_explicit(from, memory_order_relaxed);
}

void route_stats_count(struct route_stats *s, int status, int64_t duration_us) {
  int b = 0;
  while (b < ROUTE_STATS_BUCKETS && duration_us > limit_us[b])
    b++;
  add(&s->by_class[status / 100 % 6], 1);
  add(&s->bucket[b], 1);
  add(&s->sum_us, duration_us);
}

static void print_durations(const struct route_stats *s, struct buf *out) {
  int64_t total = 0;
  for (int b = 0; b <= ROUTE_STATS_BUCKETS; b++) {
    total += get(&s->bucket[b]);
    buf_printf(out, "http_request_duration_seconds_bucket{route=\"%s\",le=\"%s\"} %lld\n", s->route,
               limit_s[b], (long long)total);
  }
  int64_t us = get(&s->sum_us);
  buf_printf(out, "http_request_duration_seconds_sum{route=\"%s\"} %lld.%06lld\n", s->route,
             (long long)(us / 1000000), (long long)(us % 1000000));
  buf_printf(out, "http_request_duration_seconds_count{route=\"%s\"} %lld\n", s->route, (long long)total);
}

// Routes nobody has asked for stay out.
static bool used(const struct route_stats *s) {
  for (int c = 0; c < 6; c++)
    if (get(&s->by_class[c]))
      return true;
  return false;
}

void route_stats_print(const struct route_stats *s, int n, struct buf *out) {
  buf_c(out, "# HELP http_requests_total Requests answered, by route and class of status.\n# TYPE "
             "http_requests_total counter\n");
  for (int i = 0; i < n; i++)
    for (int c = 1; c < 6; c++)
      if (get(&s[i].by_class[c]))
        buf_printf(out, "http_requests_total{route=\"%s\",status=\"%dxx\"} %lld\n", s[i].route, c,
                   (long long)get(&s[i].by_class[c]));
  buf_c(out, "# HELP http_request_duration_seconds From the request line to the answer, waiting included.\n"
             "# TYPE http_request_duration_seconds histogram\n");
  for (int i = 0; i < n; i++)
    if (used(&s[i]))
      print_durations(&s[i], out);
}
