// The life of a payment: every rule of spec "Payment life" that needs no database. Links nothing but base,
// wire and core.
#include "base/timefmt.h"
#include "core/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1782930600000000) // 2026-07-01 18:30:00

static const struct pay_policy policy = {
    .window_us = 30 * MINUTE_US, .quarantine_us = 48 * HOUR_US, .accept_late = true};

static struct payment opened(void) {
  struct payment p = {.row = 1,
                      .id = 123,
                      .project_id = 45,
                      .is_test = true,
                      .order_id = STR("ORDER_12345"),
                      .amount = USDT(50),
                      .scale = 2,
                      .pay_amount = {50013400},
                      .address = STR("Txxx")};
  payment_open(&p, &policy, NOW);
  return p;
}

static enum err pay(struct payment *p, int64_t micro, int64_t at_us, struct pay_effects *fx) {
  return payment_transfer(p, &policy,
                          &(struct pay_transfer){.txid = STR("tx"), .value = {micro}, .block_us = at_us}, fx);
}

static void exact_amount_pays(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(pay(&p, 50013400, NOW + MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_int_equal(p.sub, SUB_NONE);
  assert_int_equal(p.paid_us, NOW + MINUTE_US);
  assert_true(str_eqc(p.txid, "tx"));
  assert_true(fx.became_paid && !fx.became_expired && !fx.became_failed);
  assert_int_equal(p.version, 2);
  assert_int_equal(p.due_us, 0);
}

static void parts_add_up_and_extend_once(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(pay(&p, 20000000, NOW + MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PENDING);
  assert_int_equal(p.sub, SUB_UNDERPAID);
  assert_true(fx.became_underpaid);
  assert_int_equal(p.expires_us, NOW + HOUR_US);
  assert_int_equal(payment_rest(&p).micro, 30013400);
  assert_int_equal(pay(&p, 10000000, NOW + 2 * MINUTE_US, &fx), ERR_NONE);
  assert_false(fx.became_underpaid);
  assert_int_equal(p.expires_us, NOW + HOUR_US);
  assert_int_equal(pay(&p, 20013400, NOW + 3 * MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_int_equal(p.sub, SUB_NONE);
  assert_int_equal(payment_rest(&p).micro, 0);
}

static void more_is_overpaid(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(pay(&p, 51013400, NOW, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_int_equal(p.sub, SUB_OVERPAID);
  assert_int_equal(pay(&p, 1, NOW, &fx), ERR_MOVE); // paid already: review
  assert_int_equal(p.received.micro, 51013400);
}

static void late_money_pays_within_the_quarantine(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(payment_expire(&p, NOW + 30 * MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_EXPIRED);
  assert_true(fx.became_expired);
  struct payment q = p;
  assert_int_equal(pay(&p, 50013400, p.quarantine_us - 1, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_int_equal(p.sub, SUB_LATE);
  assert_int_equal(pay(&q, 50013400, q.quarantine_us, &fx), ERR_MOVE);
}

static void a_late_part_does_not_bring_back_what_has_expired(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  int64_t end_us = p.expires_us;
  assert_int_equal(pay(&p, 20000000, end_us, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_EXPIRED);
  assert_int_equal(p.sub, SUB_UNDERPAID);
  assert_true(fx.became_expired && fx.became_underpaid);
  assert_int_equal(p.expires_us, end_us);
  assert_int_equal(pay(&p, 30013400, end_us + MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
}

static void late_money_waits_for_review_where_the_project_says_so(void **state) {
  (void)state;
  struct pay_policy strict = policy;
  struct payment p = opened();
  struct pay_effects fx;
  strict.accept_late = false;
  assert_int_equal(
      payment_transfer(
          &p, &strict,
          &(struct pay_transfer){.txid = STR("tx"), .value = p.pay_amount, .block_us = p.expires_us}, &fx),
      ERR_NONE);
  assert_int_equal(p.status, PAY_EXPIRED);
  assert_int_equal(p.sub, SUB_REVIEW);
  assert_false(fx.became_paid);
}

static void dust_changes_nothing_unless_it_completes(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(pay(&p, 9999, NOW, &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_WAITING);
  assert_int_equal(p.received.micro, 0);
  assert_int_equal(pay(&p, 50013399, NOW, &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_UNDERPAID);
  assert_int_equal(pay(&p, 1, NOW, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
}

static void tolerance_forgives_a_little(void **state) {
  (void)state;
  struct pay_policy kind = policy;
  struct payment p = opened();
  struct pay_effects fx;
  kind.tolerance = (struct usdt){13400};
  assert_int_equal(
      payment_transfer(
          &p, &kind,
          &(struct pay_transfer){.txid = STR("tx"), .value = (struct usdt){49999999}, .block_us = NOW}, &fx),
      ERR_NONE);
  assert_int_equal(p.status, PAY_PENDING);
  p = opened();
  assert_int_equal(
      payment_transfer(&p, &kind,
                       &(struct pay_transfer){.txid = STR("tx"), .value = USDT(50), .block_us = NOW}, &fx),
      ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  kind.tolerance = USDT(1);
  p = opened();
  p.pay_amount = USDT(1);
  assert_int_equal(
      payment_transfer(
          &p, &kind,
          &(struct pay_transfer){.txid = STR("tx"), .value = (struct usdt){899999}, .block_us = NOW}, &fx),
      ERR_NONE);
  assert_int_equal(p.status, PAY_PENDING); // a tenth at most
}

static void payer_extends_once_and_never_beyond_a_day(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(payment_extend(&p, &policy, NOW + 10 * MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(p.expires_us, NOW + HOUR_US);
  assert_int_equal(p.quarantine_us, NOW + 49 * HOUR_US);
  assert_int_equal(payment_extend(&p, &policy, NOW + 20 * MINUTE_US, &fx), ERR_MOVE);

  struct pay_policy long_window = policy;
  long_window.window_us = DAY_US;
  p = opened();
  payment_open(&p, &long_window, NOW);
  assert_int_equal(payment_extend(&p, &long_window, NOW, &fx), ERR_NONE);
  assert_int_equal(pay(&p, 20000000, NOW, &fx), ERR_NONE); // a part payment would extend too, but not beyond
  assert_int_equal(p.expires_us, p.first_expires_us + DAY_US);
  assert_int_equal(p.quarantine_us, p.first_expires_us + DAY_US + policy.quarantine_us);
}

static void cancel_only_before_money(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_FAILED);
  assert_int_equal(p.sub, SUB_CANCELLED);
  assert_true(fx.became_failed);
  assert_int_equal(pay(&p, 50013400, NOW + 2, &fx), ERR_MOVE); // review, the merchant decides
  p = opened();
  assert_int_equal(pay(&p, 20000000, NOW, &fx), ERR_NONE);
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_MOVE);
  p = opened();
  assert_int_equal(payment_cancel(&p, p.expires_us, &fx), ERR_MOVE); // over
}

static void a_test_payment_is_over_by_the_clock(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  assert_int_equal(payment_expire(&p, p.expires_us - 1, &fx), ERR_MOVE);
  assert_int_equal(payment_status_at(&p, p.expires_us - 1), PAY_PENDING);
  assert_int_equal(payment_status_at(&p, p.expires_us), PAY_EXPIRED);
  assert_int_equal(payment_sub_at(&p, p.expires_us), SUB_NONE);
  p.is_test = false; // live: only the chain's time ends it
  assert_int_equal(payment_status_at(&p, p.expires_us), PAY_PENDING);
}

static void the_same_order_again_takes_over(void **state) {
  (void)state;
  struct payment old = opened(), p = opened();
  struct pay_effects fx;
  assert_int_equal(pay(&old, 20000000, NOW + MINUTE_US, &fx), ERR_NONE);
  assert_int_equal(payment_expire(&old, old.expires_us, &fx), ERR_NONE);
  payment_open(&p, &policy, NOW + 2 * HOUR_US);
  payment_take_over(&p, &old);
  assert_int_equal(p.match_from_us, NOW); // money sent since the first payment began pays the new one
  assert_int_equal(p.received.micro, 20000000);
  assert_int_equal(p.sub, SUB_UNDERPAID);
  assert_int_equal(p.pay_amount.micro, old.pay_amount.micro);
  payment_replace(&old, 2, true, &fx);
  assert_int_equal(old.status, PAY_EXPIRED);
  assert_int_equal(old.received.micro, 0);
  assert_int_equal(old.replaced_by, 2);
  assert_int_equal(old.due_us, 0);
  assert_int_equal(pay(&old, 50013400, NOW + 2 * HOUR_US, &fx), ERR_MOVE); // it would be counted twice
}

static void a_live_payment_keeps_its_reservation_through_the_quarantine(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  p.is_test = false;
  payment_open(&p, &policy, NOW);
  assert_int_equal(p.due_us, p.expires_us);
  assert_int_equal(pay(&p, 50013400, NOW, &fx), ERR_NONE);
  assert_int_equal(p.due_us, p.quarantine_us);
  payment_release(&p);
  assert_int_equal(p.due_us, 0);
}

static void what_is_seen_cannot_be_cancelled_but_extended(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  p.is_test = false;
  assert_int_equal(payment_seen(&p, 500, STR("tx"), &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_SEEN);
  assert_int_equal(p.seen_number, 500);
  assert_int_equal(p.version, 2);
  assert_int_equal(payment_seen(&p, 500, STR("tx"), &fx), ERR_MOVE); // known
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_MOVE);
  p.sub = SUB_CONFIRMING; // as it is read later
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_MOVE);
  assert_int_equal(payment_extend(&p, &policy, NOW + 1, &fx), ERR_NONE);
  assert_int_equal(payment_unseen(&p, &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_WAITING);
  assert_null(p.seen_txid.p);
  assert_int_equal(payment_unseen(&p, &fx), ERR_MOVE);
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_NONE);
  assert_int_equal(payment_seen(&p, 501, STR("tx"), &fx), ERR_MOVE);
}

static void a_replaced_payment_is_seen_no_more(void **state) {
  (void)state;
  struct payment old = opened(), p = opened();
  struct pay_effects fx;
  old.is_test = p.is_test = false;
  assert_int_equal(payment_seen(&old, 500, STR("tx"), &fx), ERR_NONE);
  old.sub = SUB_CONFIRMING; // as it is read later
  payment_take_over(&p, &old);
  assert_int_equal(p.sub, SUB_CONFIRMING);
  payment_replace(&old, 2, false, &fx); // another amount: what was seen goes into review
  assert_int_equal(old.status, PAY_EXPIRED);
  assert_int_equal(old.sub, SUB_NONE);
  assert_int_equal(old.seen_number, 0);
}

static void a_sighting_ends_with_its_block(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  struct pay_transfer part = {.txid = STR("a"), .value = USDT(20), .block_us = NOW, .number = 500};
  assert_int_equal(payment_seen(&p, 501, STR("b"), &fx), ERR_NONE);
  assert_int_equal(payment_transfer(&p, &policy, &part, &fx), ERR_NONE);
  assert_true(fx.became_underpaid);
  assert_int_equal(p.sub, SUB_SEEN); // the second part is on its way
  part.number = 501;
  assert_int_equal(payment_transfer(&p, &policy, &part, &fx), ERR_NONE);
  assert_false(fx.became_underpaid);
  assert_int_equal(p.sub, SUB_UNDERPAID);
  assert_int_equal(p.seen_number, 0);
  assert_int_equal(payment_seen(&p, 502, STR("c"), &fx), ERR_NONE);
  assert_int_equal(payment_expire(&p, p.expires_us, &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_SEEN);
  assert_int_equal(payment_unseen(&p, &fx), ERR_NONE);
  assert_int_equal(p.sub, SUB_UNDERPAID);
}

static void the_successor_sees_what_the_old_one_saw(void **state) {
  (void)state;
  struct payment old = opened(), p = opened();
  struct pay_effects fx;
  assert_int_equal(payment_seen(&old, 500, STR("tx"), &fx), ERR_NONE);
  payment_open(&p, &policy, NOW + HOUR_US);
  payment_take_over(&p, &old);
  payment_replace(&old, 2, true, &fx);
  assert_int_equal(p.sub, SUB_SEEN);
  assert_int_equal(p.seen_number, 500);
  assert_int_equal(old.seen_number, 0);
}

static void the_merchant_accepts(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  struct pay_transfer t = {.txid = STR("tx"), .value = USDT(20), .block_us = NOW + MINUTE_US};
  assert_int_equal(payment_accept(&p, &t, &fx), ERR_MOVE); // nothing has arrived
  assert_int_equal(payment_cancel(&p, NOW + 1, &fx), ERR_NONE);
  assert_int_equal(payment_attach(&p, &policy, &t, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_FAILED); // not enough
  assert_int_equal(p.sub, SUB_REVIEW);
  struct payment q = p;
  assert_int_equal(payment_accept(&p, &t, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_true(fx.became_paid && str_eqc(p.txid, "tx"));
  assert_int_equal(payment_accept(&p, &t, &fx), ERR_MOVE);
  t.value = (struct usdt){30013400};
  assert_int_equal(payment_attach(&q, &policy, &t, &fx), ERR_NONE); // enough: nothing more to decide
  assert_int_equal(q.status, PAY_PAID);
  assert_int_equal(payment_attach(&q, &policy, &t, &fx), ERR_NONE); // money for what is paid
  assert_int_equal(q.sub, SUB_OVERPAID);
  assert_false(fx.became_paid);
  q.replaced_by = 9;
  assert_int_equal(payment_attach(&q, &policy, &t, &fx), ERR_MOVE);
}

static void what_gave_its_reservation_back_gets_none(void **state) {
  (void)state;
  struct payment p = opened();
  struct pay_effects fx;
  p.is_test = false;
  assert_int_equal(payment_expire(&p, p.expires_us, &fx), ERR_NONE);
  payment_release(&p);
  const struct pay_transfer t = {.txid = STR("tx"), .value = p.pay_amount, .block_us = p.quarantine_us + 1};
  assert_int_equal(payment_attach(&p, &policy, &t, &fx), ERR_NONE);
  assert_int_equal(p.status, PAY_PAID);
  assert_int_equal(p.sub, SUB_LATE);
  assert_int_equal(p.due_us, 0);
}

static void the_table_of_changes(void **state) {
  (void)state;
  static const char want[] = "pending>paid pending>expired pending>failed expired>paid failed>paid ";
  char got[256] = "";
  for (int from = 0; from < PAY_STATUSES; from++)
    for (int to = 0; to < PAY_STATUSES; to++)
      if (pay_may((enum pay_status)from, (enum pay_status)to)) {
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, "%s>%s ", pay_status_name((enum pay_status)from),
                 pay_status_name((enum pay_status)to));
      }
  assert_string_equal(got, want);
}

static void answers_have_the_documented_shape(void **state) {
  (void)state;
  struct arena a;
  struct buf b;
  struct payment p = opened();
  struct pay_effects fx;
  arena_init(&a, 1 << 20);
  buf_init(&b, &a, 4096);
  answer_payment(&b, &p, STR("https://pay.example.com"), NOW);
  buf_char(&b, 0);
  assert_string_equal(
      b.p, "{\"ok\":true,\"payment\":{\"payment_id\":123,\"order_id\":\"ORDER_12345\",\"status\":\"pending\","
           "\"amount\":\"50.00\",\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\","
           "\"address\":\"Txxx\",\"payment_url\":\"https://pay.example.com/pay/?id=123\","
           "\"expires_at\":\"2026-07-01 19:00:00\",\"is_test\":true,"
           "\"expires_at_iso\":\"2026-07-01T19:00:00Z\",\"substatus\":\"waiting\"}}");
  assert_int_equal(pay(&p, 50013400, NOW, &fx), ERR_NONE);
  buf_init(&b, &a, 4096);
  answer_payment(&b, &p, STR("https://pay.example.com"), NOW);
  buf_char(&b, 0);
  assert_non_null(strstr(b.p, "\"substatus\":null,\"txid\":\"tx\",\"paid_at\":\"2026-07-01 18:30:00\","
                              "\"paid_at_iso\":\"2026-07-01T18:30:00Z\"}}"));
  buf_init(&b, &a, 4096);
  answer_payment_public(&b, &p, NOW);
  buf_char(&b, 0);
  assert_string_equal(
      b.p, "{\"ok\":true,\"payment\":{\"payment_id\":123,\"status\":\"paid\",\"amount\":\"50.00\","
           "\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\",\"address\":\"Txxx\","
           "\"expires_at\":\"2026-07-01 19:00:00\",\"is_test\":true}}");
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_amount_pays),
      cmocka_unit_test(parts_add_up_and_extend_once),
      cmocka_unit_test(more_is_overpaid),
      cmocka_unit_test(late_money_pays_within_the_quarantine),
      cmocka_unit_test(a_late_part_does_not_bring_back_what_has_expired),
      cmocka_unit_test(late_money_waits_for_review_where_the_project_says_so),
      cmocka_unit_test(dust_changes_nothing_unless_it_completes),
      cmocka_unit_test(tolerance_forgives_a_little),
      cmocka_unit_test(payer_extends_once_and_never_beyond_a_day),
      cmocka_unit_test(cancel_only_before_money),
      cmocka_unit_test(a_test_payment_is_over_by_the_clock),
      cmocka_unit_test(the_same_order_again_takes_over),
      cmocka_unit_test(a_live_payment_keeps_its_reservation_through_the_quarantine),
      cmocka_unit_test(what_is_seen_cannot_be_cancelled_but_extended),
      cmocka_unit_test(a_sighting_ends_with_its_block),
      cmocka_unit_test(a_replaced_payment_is_seen_no_more),
      cmocka_unit_test(the_successor_sees_what_the_old_one_saw),
      cmocka_unit_test(the_merchant_accepts),
      cmocka_unit_test(what_gave_its_reservation_back_gets_none),
      cmocka_unit_test(the_table_of_changes),
      cmocka_unit_test(answers_have_the_documented_shape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
