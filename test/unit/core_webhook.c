// Webhooks: the documented body byte by byte, both signatures, the schedule.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/timefmt.h"
#include "core/webhook.h"

#define STANDARD_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static struct payment documented(void) {
  return (struct payment){
      .id = 123,
      .project_id = 45,
      .order_id = STR("ORDER_12345"),
      .amount = {50000000},
      .scale = 2,
      .pay_amount = {50013400},
      .received = {50013400},
      .status = PAY_PAID,
      .txid = STR("transaction_hash_or_test_id"),
      .paid_us = INT64_C(1782929052) * SECOND_US + 5,
      .version = 3,
  };
}

static void assert_body(const struct payment *p, enum webhook_event event, const char *want) {
  struct buf b;
  buf_init(&b, &arena, WEBHOOK_BODY_MAX);
  webhook_body(&b, p, event);
  assert_false(b.full);
  buf_char(&b, 0);
  assert_string_equal(b.p, want);
}

static void body(void **state) {
  (void)state;
  struct payment p = documented();
  assert_body(
      &p, EVENT_PAID,
      "{\"payment_id\":123,\"app_id\":45,\"order_id\":\"ORDER_12345\",\"status\":\"paid\",\"amount\":\"50."
      "00\","
      "\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\","
      "\"txid\":\"transaction_hash_or_test_id\",\"paid_at\":\"2026-07-01 18:04:12\",\"is_test\":false}");
}

static void opt_in_body_has_no_transaction(void **state) {
  (void)state;
  struct payment p = documented();
  p.is_test = true;
  p.order_id = STR("a/\"\\\n\xD0\x96");
  assert_body(
      &p, EVENT_UNDERPAID,
      "{\"payment_id\":123,\"app_id\":45,\"order_id\":\"a/\\\"\\\\\\n\xD0\x96\",\"status\":\"underpaid\","
      "\"amount\":\"50.00\",\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\","
      "\"txid\":null,\"paid_at\":null,\"is_test\":true}");
}

static void longest_body_fits(void **state) {
  (void)state;
  struct payment p = documented();
  char order[4 * 128];
  for (size_t i = 0; i < sizeof order; i++)
    order[i] = '"';
  p.order_id = (struct str){order, sizeof order};
  p.id = p.project_id = INT64_MAX;
  p.amount = p.pay_amount = (struct usdt){INT64_MAX};
  struct buf b;
  buf_init(&b, &arena, WEBHOOK_BODY_MAX);
  webhook_body(&b, &p, EVENT_PAID);
  assert_false(b.full);
}

static void events(void **state) {
  (void)state;
  enum webhook_event e;
  assert_true(webhook_event_parse(STR("underpaid"), &e));
  assert_int_equal(e, EVENT_UNDERPAID);
  assert_true(webhook_event_parse(STR("paid"), &e));
  assert_int_equal(e, EVENT_PAID);
  assert_false(webhook_event_parse(STR("pending"), &e));
}

static void schedule(void **state) {
  (void)state;
  const int64_t now = INT64_C(1782929052) * SECOND_US;
  int64_t next = 0;
  assert_true(webhook_next(1, now, 0, &next));
  assert_int_equal(next - now, 5 * MINUTE_US);
  assert_true(webhook_next(2, now, 0, &next));
  assert_int_equal(next - now, 15 * MINUTE_US);
  assert_true(webhook_next(3, now, 0, &next));
  assert_int_equal(next - now, HOUR_US);
  assert_false(webhook_next(4, now, 0, &next));
  assert_false(webhook_next(5, now, 60, &next));
}

static void retry_after_only_lengthens(void **state) {
  (void)state;
  int64_t next = 0;
  assert_true(webhook_next(1, 0, 10, &next));
  assert_int_equal(next, 5 * MINUTE_US);
  assert_true(webhook_next(1, 0, 1200, &next));
  assert_int_equal(next, 20 * MINUTE_US);
  assert_true(webhook_next(1, 0, 86400, &next));
  assert_int_equal(next, HOUR_US);
  assert_true(webhook_next(2, 0, INT64_MAX, &next));
  assert_int_equal(next, HOUR_US);
  assert_true(webhook_next(3, 0, -1, &next));
  assert_int_equal(next, HOUR_US);
}

static void accepted(void **state) {
  (void)state;
  assert_true(webhook_accepted(200) && webhook_accepted(204) && webhook_accepted(299));
  assert_false(webhook_accepted(0) || webhook_accepted(199) || webhook_accepted(300) ||
               webhook_accepted(301) || webhook_accepted(500));
}

static struct hmac_key *standard_key(const char *secret) {
  uint8_t key[WEBHOOK_KEY_MAX];
  size_t n = 0;
  assert_true(webhook_secret_key(str_of(secret), key, &n));
  return hmac_key_create(key, n);
}

// The example that the Standard Webhooks libraries test themselves with.
static void standard_signature(void **state) {
  (void)state;
  struct hmac_key *k = standard_key(STANDARD_SECRET),
                  *other = standard_key("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  struct webhook_signers s = {.standard = {k}, .standard_n = 1};
  struct str id = STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), message = STR("{\"test\": 2432232314}");
  const char *want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  assert_true(str_eqc(webhook_signature(&arena, &s, id, 1614265330, message), want));
  s.standard[0] = other;
  s.standard[1] = k;
  s.standard_n = 2;
  struct str both = webhook_signature(&arena, &s, id, 1614265330, message);
  assert_int_equal(both.n, 2 * 47 + 1);
  assert_int_equal(both.p[47], ' ');
  assert_true(str_ends(both, str_of(want)));
  hmac_key_free(k);
  hmac_key_free(other);
}

static void secrets(void **state) {
  (void)state;
  uint8_t key[WEBHOOK_KEY_MAX];
  size_t n = 0;
  assert_true(webhook_secret_key(STR(STANDARD_SECRET), key, &n));
  assert_int_equal(n, 24);
  assert_true(str_eqc(webhook_secret_text(&arena, key, n), STANDARD_SECRET));
  assert_false(webhook_secret_key(STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), key, &n));
  assert_false(webhook_secret_key(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa"), key, &n)); // not whole bytes
  assert_false(webhook_secret_key(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La"), key, &n));   // too short
  assert_false(webhook_secret_key(STR("whsec_"), key, &n));
  assert_false(webhook_secret_key(STR_NONE, key, &n));
}

static void headers(void **state) {
  (void)state;
  struct hmac_key *k = standard_key(STANDARD_SECRET), *api = hmac_key_create("Jefe", 4);
  struct webhook_signers s = {.api = api, .standard = {k}, .standard_n = 1};
  struct str *h =
      webhook_headers(&arena, &s, STR("msg_1"), STR("what do ya want for nothing?"), 1614265330999999);
  assert_true(str_eqc(h[0], "Content-Type: application/json"));
  assert_true(str_eqc(h[1], "X-Signature: 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  assert_true(str_eqc(h[2], "webhook-id: msg_1"));
  assert_true(str_eqc(h[3], "webhook-timestamp: 1614265330"));
  assert_true(str_starts(h[4], STR("webhook-signature: v1,")));
  hmac_key_free(k);
  hmac_key_free(api);
}

static void ids_differ_by_change(void **state) {
  (void)state;
  struct payment p = documented();
  struct str first = webhook_id(&arena, &p, EVENT_UNDERPAID);
  assert_true(str_eqc(first, "msg_123_3_underpaid"));
  assert_false(str_eq(first, webhook_id(&arena, &p, EVENT_PAID)));
  p.version++;
  assert_false(str_eq(first, webhook_id(&arena, &p, EVENT_UNDERPAID)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(body),
      cmocka_unit_test(opt_in_body_has_no_transaction),
      cmocka_unit_test(longest_body_fits),
      cmocka_unit_test(events),
      cmocka_unit_test(schedule),
      cmocka_unit_test(retry_after_only_lengthens),
      cmocka_unit_test(accepted),
      cmocka_unit_test(standard_signature),
      cmocka_unit_test(secrets),
      cmocka_unit_test(headers),
      cmocka_unit_test(ids_differ_by_change),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
