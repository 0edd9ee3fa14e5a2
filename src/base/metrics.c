#include "base/metrics.h"

#include <stdatomic.h>
#include <string.h>

enum type { counter, gauge, histogram };

static const struct {
  enum type type;
  const char *type_name, *name, *labels, *help;
} list[METRIC_COUNT] = {
#define X(symbol, type, name, labels, help) [symbol] = {type, #type, name, labels, help},
    METRIC_LIST(X)
#undef X
};

enum { BUCKETS = 8 };
static const int64_t limit_us[BUCKETS] = {250, 1000, 4000, 16000, 64000, 250000, 1000000, 10000000};
static const char *const limit_s[BUCKETS + 1] = {"0.00025", "0.001", "0.004", "0.016", "0.064",
                                                 "0.25",    "1",     "10",    "+Inf"};

// A counter or gauge uses only `value`, a histogram's is the sum in microseconds.
static struct {
  _Atomic int64_t value;
  _Atomic int64_t bucket[BUCKETS + 1]; // not cumulative
} state[METRIC_COUNT];

static int64_t get(const _Atomic int64_t *from) {
  return atomic_load_explicit(from, memory_order_relaxed);
}

void metric_add(enum metric m, int64_t n) {
  atomic_fetch_add_explicit(&state[m].value, n, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t value) {
  atomic_store_explicit(&state[m].value, value, memory_order_relaxed);
}

void metric_observe_us(enum metric m, int64_t duration_us) {
  int b = 0;
  while (b < BUCKETS && duration_us > limit_us[b])
    b++;
  atomic_fetch_add_explicit(&state[m].bucket[b], 1, memory_order_relaxed);
  metric_add(m, duration_us);
}

int64_t metric_get(enum metric m) {
  int64_t n = 0;
  if (list[m].type != histogram)
    return get(&state[m].value);
  for (int b = 0; b <= BUCKETS; b++)
    n += get(&state[m].bucket[b]);
  return n;
}

static void print_histogram(enum metric m, struct buf *out) {
  int64_t total = 0, us = get(&state[m].value);
  for (int b = 0; b <= BUCKETS; b++) {
    total += get(&state[m].bucket[b]);
    buf_printf(out, "%s_bucket{le=\"%s\"} %lld\n", list[m].name, limit_s[b], (long long)total);
  }
  buf_printf(out, "%s_sum %lld.%06lld\n", list[m].name, (long long)(us / 1000000), (long long)(us % 1000000));
  buf_printf(out, "%s_count %lld\n", list[m].name, (long long)total);
}

static void print_one(enum metric m, struct buf *out) {
  if (m == 0 || strcmp(list[m].name, list[m - 1].name) != 0)
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", list[m].name, list[m].help, list[m].name,
               list[m].type_name);
  if (list[m].type == histogram)
    print_histogram(m, out);
  else if (list[m].labels[0])
    buf_printf(out, "%s{%s} %lld\n", list[m].name, list[m].labels, (long long)get(&state[m].value));
  else
    buf_printf(out, "%s %lld\n", list[m].name, (long long)get(&state[m].value));
}

void metrics_print(struct buf *out) {
  for (enum metric m = 0; m < METRIC_COUNT; m++)
    print_one(m, out);
}
