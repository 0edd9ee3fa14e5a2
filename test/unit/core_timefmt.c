// Times as text, against the C library's own calendar.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/timefmt.h"

static void known(void **state) {
  (void)state;
  struct arena a;
  arena_init(&a, 1 << 16);
  assert_true(str_eqc(time_sql(&a, INT64_C(1782930600) * SECOND_US), "2026-07-01 18:30:00"));
  assert_true(str_eqc(time_iso(&a, INT64_C(1782930600) * SECOND_US + 999999), "2026-07-01T18:30:00Z"));
  assert_true(str_eqc(time_sql(&a, 0), "1970-01-01 00:00:00"));
  assert_true(str_eqc(time_sql(&a, -5), "1970-01-01 00:00:00"));
  assert_true(str_eqc(time_sql(&a, INT64_MIN), "1970-01-01 00:00:00"));
  assert_true(str_eqc(time_sql(&a, INT64_MAX), "9999-12-31 23:59:59"));
  assert_true(str_eqc(time_sql(&a, INT64_C(951782400) * SECOND_US), "2000-02-29 00:00:00"));
  arena_free(&a);
}

// A step that is prime to a day visits every day's every hour over the years.
static void agrees_with_the_library(void **state) {
  (void)state;
  for (int64_t s = 0; s <= INT64_C(253402300799); s += 2000003) {
    time_t t = (time_t)s;
    struct tm tm;
    gmtime_r(&t, &tm);
    char want[32], got[TIME_SQL_N + 1];
    strftime(want, sizeof want, "%Y-%m-%d %H:%M:%S", &tm);
    time_sql_put(s * SECOND_US, got);
    assert_string_equal(want, got);
    int64_t back = -1;
    assert_true(time_parse(str_of(got), &back));
    assert_int_equal(back, s * SECOND_US);
  }
}

static void parses(void **state) {
  (void)state;
  int64_t us = -1;
  assert_true(time_parse(STR("2026-07-01T18:30:00Z"), &us));
  assert_int_equal(us, INT64_C(1782930600) * SECOND_US);
  assert_true(time_parse(STR("2026-07-01"), &us));
  assert_int_equal(us, INT64_C(1782864000) * SECOND_US);
  static const char *bad[] = {"",
                              "2026",
                              "2026-13-01",
                              "2026-00-01",
                              "2026-02-29",
                              "2026-04-31",
                              "2026-01-00",
                              "1969-12-31",
                              "2026-01-01 24:00:00",
                              "2026-01-01 00:60:00",
                              "2026-1-1",
                              "2026-01-01x00:00:00",
                              "2026-01-01 00:00:60",
                              "2026-01-01 00:00:00+01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(time_parse(str_of(bad[i]), &us));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known),
      cmocka_unit_test(agrees_with_the_library),
      cmocka_unit_test(parses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
