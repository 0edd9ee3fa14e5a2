// The rate table: arithmetic of the buckets, kinds apart, a full table, many threads at once.
#include "http/rate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <cmocka.h>

enum { SECOND = 1000000 };

static const struct rate_limit limits[RATE_KINDS] = {
    [RATE_KEY] = {.per_s = 10, .burst = 5},
    [RATE_ADDRESS] = {.per_s = 1, .burst = 2},
    [RATE_CLAIM] = {.every_s = 10, .burst = 3},
};

static void burst_then_refill(void **state) {
  (void)state;
  struct rate *r = rate_new(&world_real, limits);
  int64_t t = 100 * SECOND;
  for (int i = 0; i < 5; i++)
    assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t), 0);
  assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t), 1);
  assert_int_equal(rate_take(r, RATE_KEY, STR("b"), t), 0);
  assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t + SECOND / 10), 0); // one token came back
  assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t + SECOND / 10), 1);
  for (int i = 0; i < 5; i++) // never more than the burst
    assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t + 1000 * SECOND), 0);
  assert_int_equal(rate_take(r, RATE_KEY, STR("a"), t + 1000 * SECOND), 1);
  rate_free(r);
}

static void kinds_are_apart(void **state) {
  (void)state;
  struct rate *r = rate_new(&world_real, limits);
  assert_int_equal(rate_take(r, RATE_ADDRESS, STR("a"), 0), 0);
  assert_int_equal(rate_take(r, RATE_ADDRESS, STR("a"), 0), 0);
  assert_int_equal(rate_take(r, RATE_ADDRESS, STR("a"), 0), 1);
  assert_int_equal(rate_take(r, RATE_KEY, STR("a"), 0), 0);
  for (int i = 0; i < 100; i++) // without a limit
    assert_int_equal(rate_take(r, RATE_FAILURE, STR("a"), 0), 0);
  rate_free(r);
}

static void slower_than_one_a_second(void **state) {
  (void)state;
  struct rate *r = rate_new(&world_real, limits);
  int64_t t = 100 * SECOND;
  for (int i = 0; i < 3; i++)
    assert_int_equal(rate_take(r, RATE_CLAIM, STR("a"), t), 0);
  assert_int_equal(rate_take(r, RATE_CLAIM, STR("a"), t), 10);
  assert_int_equal(rate_take(r, RATE_CLAIM, STR("a"), t + 9 * SECOND), 1);
  assert_int_equal(rate_take(r, RATE_CLAIM, STR("a"), t + 10 * SECOND), 0);
  rate_free(r);
}

static void off_lets_everything_through(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++)
    assert_int_equal(rate_take(NULL, RATE_KEY, STR("a"), 0), 0);
}

// A flood of other keys pushes the victim's bucket out, but must not give it its tokens back.
static void flood_does_not_refill(void **state) {
  (void)state;
  struct rate *r = rate_new(&world_real, limits);
  char other[32];
  int64_t t = SECOND, passed = 0;
  while (rate_take(r, RATE_ADDRESS, STR("victim"), t) == 0) {
  }
  t += SECOND / 2;
  for (int i = 0; i < 200000; i++) {
    int n = snprintf(other, sizeof other, "flood %d", i);
    while (rate_take(r, RATE_ADDRESS, (struct str){other, (size_t)n}, t) == 0) {
    }
    passed += rate_take(r, RATE_ADDRESS, STR("victim"), t) == 0;
  }
  assert_int_equal(passed, 0);
  rate_free(r);
}

struct shared {
  struct rate *rate;
  _Atomic int passed;
};

static void *hammer(void *arg) {
  struct shared *s = arg;
  for (int i = 0; i < 20000; i++)
    if (rate_take(s->rate, RATE_KEY, STR("same"), 5 * SECOND) == 0)
      atomic_fetch_add(&s->passed, 1);
  return NULL;
}

static void threads_share_one_bucket(void **state) {
  (void)state;
  struct shared s = {.rate = rate_new(&world_real, limits)};
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&t[i], NULL, hammer, &s);
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  assert_int_equal(s.passed, 5);
  rate_free(s.rate);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(burst_then_refill),        cmocka_unit_test(kinds_are_apart),
      cmocka_unit_test(slower_than_one_a_second), cmocka_unit_test(off_lets_everything_through),
      cmocka_unit_test(flood_does_not_refill),    cmocka_unit_test(threads_share_one_bucket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
