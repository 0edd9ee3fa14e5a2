// Which payment a transfer belongs to: every rule of spec "Matching a confirmed transfer" that needs no
// database.
#include "core/matching.h"
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1782930600000000)

static const struct pay_policy policy = {
    .window_us = 30 * MINUTE_US, .quarantine_us = 48 * HOUR_US, .accept_late = true};
static const struct pay_policy strict = {.window_us = 30 * MINUTE_US, .quarantine_us = 48 * HOUR_US};

static struct payment opened(void) {
  struct payment p = {.row = 1, .amount = USDT(50), .pay_amount = {50010000}, .address_id = 7};
  payment_open(&p, &policy, NOW);
  return p;
}

static enum match_reason exact(const struct payment *p, const struct pay_policy *rules, int64_t block_us) {
  const struct match_facts f = {.exact = p, .shared = true, .policy = rules};
  struct match m = match_transfer(&f, p->pay_amount, block_us);
  assert_ptr_equal(m.payment, p);
  return m.reason;
}

static enum match_reason inexact(const struct payment *p, int64_t micro, int64_t block_us) {
  const struct match_facts f = {.only = p, .policy = &policy};
  return match_transfer(&f, (struct usdt){micro}, block_us).reason;
}

static void the_interval_of_a_reservation(void **state) {
  (void)state;
  struct payment p = opened();
  assert_int_equal(exact(&p, &policy, NOW - MATCH_EARLY_US - 1), MATCH_EARLY);
  assert_int_equal(exact(&p, &policy, NOW - MATCH_EARLY_US), MATCH_CREDITED);
  assert_int_equal(exact(&p, &policy, p.quarantine_us - 1), MATCH_CREDITED);
  assert_int_equal(exact(&p, &policy, p.quarantine_us), MATCH_TOO_LATE);
  assert_int_equal(inexact(&p, 1000000, NOW - MATCH_EARLY_US - 1), MATCH_EARLY);
  assert_int_equal(inexact(&p, 1000000, NOW - MATCH_EARLY_US), MATCH_CREDITED);
  assert_int_equal(inexact(&p, 1000000, p.quarantine_us), MATCH_TOO_LATE);
}

static void what_has_ended_takes_nothing_by_itself(void **state) {
  (void)state;
  struct payment paid = opened(), failed = opened(), replaced = opened();
  struct pay_effects fx;
  const struct pay_transfer t = {.txid = STR("t"), .value = paid.pay_amount, .block_us = NOW};
  assert_int_equal(payment_transfer(&paid, &policy, &t, &fx), ERR_NONE);
  assert_int_equal(exact(&paid, &policy, NOW), MATCH_PAID);
  assert_int_equal(inexact(&paid, 1000000, NOW), MATCH_PAID);
  assert_int_equal(payment_cancel(&failed, NOW, &fx), ERR_NONE);
  assert_int_equal(exact(&failed, &policy, NOW), MATCH_CANCELLED);
  assert_int_equal(inexact(&failed, 1000000, NOW), MATCH_CANCELLED);
  payment_replace(&replaced, 2, false, &fx);
  assert_int_equal(exact(&replaced, &policy, NOW), MATCH_REPLACED);
  assert_int_equal(inexact(&replaced, 1000000, NOW), MATCH_REPLACED);
}

static void late_money_is_the_projects_choice(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(exact(&p, &strict, p.expires_us - 1), MATCH_CREDITED);
  assert_int_equal(exact(&p, &strict, p.expires_us), MATCH_LATE);
  assert_int_equal(payment_expire(&p, p.expires_us, &fx), ERR_NONE);
  assert_int_equal(exact(&p, &strict, p.expires_us - 1), MATCH_CREDITED); // in time by the chain's clock
  assert_int_equal(exact(&p, &strict, p.expires_us), MATCH_LATE);
  assert_int_equal(exact(&p, &policy, p.expires_us), MATCH_CREDITED);
}

static void where_two_orders_could_be_meant_nothing_is_guessed(void **state) {
  (void)state;
  struct payment p = opened();
  struct match_facts f = {.only = &p, .shared = true, .policy = &policy};
  struct match m = match_transfer(&f, USDT(50), NOW);
  assert_int_equal(m.reason, MATCH_SHARED);
  assert_null(m.payment);
  f = (struct match_facts){.policy = &policy};
  assert_int_equal(match_transfer(&f, USDT(50), NOW).reason, MATCH_UNKNOWN);
}

static void dust_changes_nothing_unless_it_completes(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(inexact(&p, DUST_MICRO - 1, NOW), MATCH_DUST);
  assert_int_equal(inexact(&p, DUST_MICRO, NOW), MATCH_CREDITED);
  const struct pay_transfer t = {.txid = STR("t"), .value = {50009999}, .block_us = NOW};
  assert_int_equal(payment_transfer(&p, &policy, &t, &fx), ERR_NONE);
  assert_int_equal(inexact(&p, 1, NOW), MATCH_CREDITED);
}

static void every_reason_has_a_name(void **state) {
  (void)state;
  for (int r = 0; r < MATCH_REASONS; r++)
    assert_true(strlen(match_reason_name((enum match_reason)r)) > 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_interval_of_a_reservation),
      cmocka_unit_test(what_has_ended_takes_nothing_by_itself),
      cmocka_unit_test(late_money_is_the_projects_choice),
      cmocka_unit_test(where_two_orders_could_be_meant_nothing_is_guessed),
      cmocka_unit_test(dust_changes_nothing_unless_it_completes),
      cmocka_unit_test(every_reason_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
