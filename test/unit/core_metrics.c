// The registry's text: every name once with its type, buckets that add up, base units.
#include "base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;

static const char *print(void) {
  struct buf b;
  arena_reset(&arena);
  buf_init(&b, &arena, 256 * 1024);
  metrics_print(&b);
  buf_char(&b, 0);
  assert_false(b.full);
  return b.p;
}

static void says(const char *text, const char *line) {
  if (!strstr(text, line))
    fail_msg("not there: %s", line);
}

static void counters_and_labels(void **state) {
  (void)state;
  metric_add(METRIC_CREATED_TEST, 2);
  metric_add(METRIC_CREATED_LIVE, 3);
  metric_set(METRIC_JOBS_WAITING, 7);
  metric_add(METRIC_JOBS_WAITING, -2);
  says(print(), "# TYPE payments_created_total counter\npayments_created_total{mode=\"test\"} 2\n"
                "payments_created_total{mode=\"live\"} 3\n");
  says(print(), "# TYPE store_jobs_waiting gauge\nstore_jobs_waiting 5\n");
}

static void histograms_add_up(void **state) {
  (void)state;
  metric_observe_us(METRIC_WEBHOOK_SECONDS, 250);
  metric_observe_us(METRIC_WEBHOOK_SECONDS, 251);
  metric_observe_us(METRIC_WEBHOOK_SECONDS, 2000000);
  metric_observe_us(METRIC_WEBHOOK_SECONDS, 99000000);
  const char *text = print();
  says(text, "webhook_attempt_duration_seconds_bucket{le=\"0.00025\"} 1\n");
  says(text, "webhook_attempt_duration_seconds_bucket{le=\"0.001\"} 2\n");
  says(text, "webhook_attempt_duration_seconds_bucket{le=\"1\"} 2\n");
  says(text, "webhook_attempt_duration_seconds_bucket{le=\"10\"} 3\n");
  says(text, "webhook_attempt_duration_seconds_bucket{le=\"+Inf\"} 4\n");
  says(text, "webhook_attempt_duration_seconds_sum 101.000501\nwebhook_attempt_duration_seconds_count 4\n");
  assert_int_equal(metric_get(METRIC_WEBHOOK_SECONDS), 4);
}

// Prometheus refuses a page on which a name is typed twice, or a counter without its ending.
static void names_are_sound(void **state) {
  (void)state;
  const char *text = print();
  for (const char *p = text; (p = strstr(p, "# TYPE ")) != NULL; p++) {
    char line[200];
    size_t n = strcspn(p, "\n");
    assert_true(n < sizeof line);
    memcpy(line, p, n);
    line[n] = 0;
    assert_null(strstr(p + 1, line));
    bool total = strstr(line, "_total ") != NULL;
    assert_int_equal(total, strstr(line, " counter") != NULL);
  }
}

static void *count(void *arg) {
  (void)arg;
  for (int i = 0; i < 50000; i++)
    metric_add(METRIC_JOBS, 1);
  return NULL;
}

static void threads_lose_nothing(void **state) {
  (void)state;
  int64_t before = metric_get(METRIC_JOBS);
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&t[i], NULL, count, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  assert_int_equal(metric_get(METRIC_JOBS) - before, 200000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counters_and_labels),
      cmocka_unit_test(histograms_add_up),
      cmocka_unit_test(names_are_sound),
      cmocka_unit_test(threads_lose_nothing),
  };
  arena_init(&arena, 1 << 20);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
