// Which payments an unmatched transfer may be for.
#include "core/suggestion.h"
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1782930600000000)

static struct payment opened(const char *address, int64_t micro) {
  static const struct pay_policy policy = {.window_us = 30 * MINUTE_US, .quarantine_us = 48 * HOUR_US};
  struct payment p = {.address = str_of(address), .amount = {micro}, .pay_amount = {micro}};
  payment_open(&p, &policy, NOW);
  return p;
}

static enum suggestion of(int64_t value, int64_t at_us, const struct payment *p) {
  return suggest(&(struct unmatched_transfer){STR("A"), {value}, at_us}, p);
}

static void numbers_suggest(void **state) {
  (void)state;
  struct payment here = opened("A", 50013400), there = opened("B", 50013400);
  assert_int_equal(of(50013400, here.quarantine_us + DAY_US, &here), SUGGEST_LATE);
  assert_int_equal(of(49013400, NOW, &here), SUGGEST_FEE);
  assert_int_equal(of(30013400, NOW, &here), SUGGEST_FEE);
  assert_int_equal(of(29013400, NOW, &here), SUGGEST_NOTHING); // no exchange takes that much
  assert_int_equal(of(49013401, NOW, &here), SUGGEST_NOTHING);
  assert_int_equal(of(51013400, NOW, &here), SUGGEST_NOTHING);
  assert_int_equal(of(49013400, here.quarantine_us, &here), SUGGEST_NOTHING);
  assert_int_equal(of(50013400, NOW, &there), SUGGEST_OTHER_ADDRESS);
  assert_int_equal(of(50013400, there.quarantine_us, &there), SUGGEST_NOTHING);
  assert_int_equal(of(50013400, NOW - 1, &here), SUGGEST_NOTHING); // money from before the order
  here.received = (struct usdt){20000000};
  assert_int_equal(of(30013400, NOW, &here), SUGGEST_LATE); // its rest
}

static void what_needs_nothing_is_not_suggested(void **state) {
  (void)state;
  struct payment p = opened("A", 50013400);
  p.status = PAY_PAID;
  assert_int_equal(of(50013400, NOW, &p), SUGGEST_NOTHING);
  p.status = PAY_EXPIRED;
  p.replaced_by = 7;
  assert_int_equal(of(50013400, NOW, &p), SUGGEST_NOTHING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_suggest),
      cmocka_unit_test(what_needs_nothing_is_not_suggested),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
