// Use cases on a real SQLite database, with a clock of the test's own.
#include "../support/gateway.h"
#include "base/metrics.h"

#define XPUB                                                                                                 \
  "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6D" \
  "ZMNZBCd"

static void the_same_order_is_answered_as_it_is(void **state) {
  struct gateway *g = *state;
  struct flow_create *a = create(g, true, "O1", 50000000), *b = create(g, true, "O1", 50000000);
  assert_int_equal(a->job.result, ERR_NONE);
  assert_false(a->replayed);
  assert_true(b->replayed);
  assert_true(str_eq(a->answer, b->answer));
  assert_int_equal(create(g, true, "O1", 50000001)->job.result, ERR_ORDER_AMOUNT);
  assert_int_equal(create(g, true, "o1", 50000001)->job.result, ERR_NONE); // compared as bytes
}

// Each costs a trip or its share of one: the order is asked for, the payment and the order are written.
static void a_create_takes_three_statements(void **state) {
  struct gateway *g = *state;
  int64_t before = metric_get(METRIC_STATEMENTS);
  assert_int_equal(create(g, true, "O1", 50000000)->job.result, ERR_NONE);
  assert_int_equal(metric_get(METRIC_STATEMENTS) - before, 3);
}

static struct flow_create *start_with_key(struct gateway *g, const char *order, const char *key) {
  struct flow_create *f = ARENA_NEW(&g->arena, struct flow_create);
  f->project = &g->project;
  f->is_test = true;
  f->request = (struct create_request){.order_id = str_of(order), .amount = {1000000}, .scale = 2};
  f->idempotency_key = str_of(key);
  memcpy(f->request_hash, order, strlen(order));
  assert_int_equal(flow_create_start(&g->env, &g->arena, f), ERR_NONE);
  return f;
}

// Both orders have their payment already, so that nothing but the key tells the two requests apart.
static void one_key_serves_one_request(void **state) {
  struct gateway *g = *state;
  create(g, true, "A", 1000000);
  create(g, true, "B", 1000000);
  struct flow_create *a = start_with_key(g, "A", "key"), *b = start_with_key(g, "B", "key");
  assert_int_equal(store_run_queued(g->env.store, 100), 2);
  bool first = a->job.result == ERR_NONE;
  assert_int_equal(first ? a->job.result : b->job.result, ERR_NONE);
  assert_int_equal(first ? b->job.result : a->job.result, ERR_IDEMPOTENCY_REUSE);
}

static void one_batch_sees_its_own_writes(void **state) {
  struct gateway *g = *state;
  struct flow_create *f[50];
  for (int i = 0; i < 50; i++)
    f[i] = start_create(g, true, i % 2 ? "A" : "B", 1000000);
  assert_int_equal(store_run_queued(g->env.store, 100), 50);
  for (int i = 2; i < 50; i++) {
    assert_true(f[i]->replayed);
    assert_int_equal(f[i]->payment.id, f[i % 2]->payment.id);
  }
}

static void an_expired_order_is_taken_over(void **state) {
  struct gateway *g = *state;
  struct flow_create *a = create(g, true, "O1", 50000000);
  assert_int_equal(act(g, a->payment.id, ACTION_TEST_UNDERPAY)->job.result, ERR_NONE);
  g->now_us += 3 * HOUR_US;
  struct flow_create *b = create(g, true, "O1", 50000000);
  assert_int_equal(b->job.result, ERR_NONE);
  assert_false(b->replayed);
  assert_true(b->payment.id != a->payment.id);
  assert_true(str_eq(b->payment.address, a->payment.address));
  assert_int_equal(b->payment.received.micro, 25000000);
  // money for the old one pays the new one
  struct flow_action *paid = act(g, a->payment.id, ACTION_TEST_PAY);
  assert_int_equal(paid->job.result, ERR_NONE);
  assert_int_equal(paid->payment.id, b->payment.id);
  assert_int_equal(paid->payment.status, PAY_PAID);
  struct payment old;
  assert_int_equal(flow_payment_find(&g->env, &g->arena, a->payment.id, &old, NULL), ERR_NONE);
  assert_int_equal(old.status, PAY_EXPIRED);
}

static void another_amount_after_the_end_is_a_fresh_payment(void **state) {
  struct gateway *g = *state;
  struct flow_create *a = create(g, true, "O1", 50000000);
  g->now_us += HOUR_US;
  struct flow_create *b = create(g, true, "O1", 60000000);
  assert_int_equal(b->job.result, ERR_NONE);
  assert_false(str_eq(b->payment.address, a->payment.address));
}

static void set(struct gateway *g, const char *key, const char *value) {
  struct change c = {str_of(key), str_of(value)};
  struct changes one = {.list = &c, .n = 1};
  assert_int_equal(admin_project_set(&g->env, &g->arena, g->project.id, &one, &g->project), ERR_NONE);
}

static int count_deliveries(struct gateway *g, const char *event) {
  struct delivery_filter all = {.limit = 100};
  struct delivery_info *d;
  int n, found = 0;
  assert_int_equal(admin_delivery_list(&g->env, &g->arena, &all, &d, &n), ERR_NONE);
  for (int i = 0; i < n; i++)
    found += str_eqc(d[i].event, event);
  return found;
}

static void a_payment_closed_by_its_successor_tells_that_it_expired(void **state) {
  struct gateway *g = *state;
  set(g, "webhook-events", "expired");
  create(g, true, "O1", 50000000);
  g->now_us += HOUR_US;
  create(g, true, "O1", 50000000); // before anything has swept the first
  assert_int_equal(count_deliveries(g, "expired"), 1);
  create(g, true, "O2", 50000000);
  g->now_us += HOUR_US;
  assert_int_equal(flow_sweep(&g->env, &g->arena, 10), 2);
  create(g, true, "O2", 50000000); // told already
  assert_int_equal(count_deliveries(g, "expired"), 3);
}

static void late_expires_first_and_pays_then(void **state) {
  struct gateway *g = *state;
  set(g, "webhook-events", "expired");
  struct flow_create *a = create(g, true, "O1", 50000000);
  struct flow_action *paid = act(g, a->payment.id, ACTION_TEST_LATE);
  assert_int_equal(paid->job.result, ERR_NONE);
  assert_int_equal(paid->payment.status, PAY_PAID);
  assert_int_equal(paid->payment.sub, SUB_LATE);
  assert_int_equal(count_deliveries(g, "expired"), 1);
  assert_int_equal(count_deliveries(g, "paid"), 1);
}

static void live_needs_addresses(void **state) {
  struct gateway *g = *state;
  assert_int_equal(create(g, false, "O1", 50000000)->job.result, ERR_NO_ADDRESSES);
}

static void add(struct gateway *g, const char *address) {
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, str_of(address)), ERR_NONE);
}

static void plain_amounts_first_then_surcharges(void **state) {
  struct gateway *g = *state;
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  add(g, "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK");
  static const int64_t want[] = {50000000, 50000000, 50010000, 50010000, 50020000};
  char order[16];
  for (int i = 0; i < 5; i++) {
    snprintf(order, sizeof order, "L%d", i);
    struct flow_create *f = create(g, false, order, 50000000);
    assert_int_equal(f->job.result, ERR_NONE);
    assert_int_equal(f->payment.pay_amount.micro, want[i]);
  }
  // 50.01 plain is taken on both addresses by surcharges of 50.00, 50.02 on one
  struct flow_create *f = create(g, false, "M", 50010000);
  assert_int_equal(f->payment.pay_amount.micro, 50020000);
}

static void a_full_pool_says_so_and_recovers(void **state) {
  struct gateway *g = *state;
  const struct change cap = {STR("surcharge-cap"), STR("0.01")};
  assert_int_equal(
      admin_project_set(&g->env, &g->arena, g->project.id, &(struct changes){&cap, 1, 0}, &g->project),
      ERR_NONE);
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  char order[16];
  for (int i = 0; i < 10001; i++) { // every millionth up to the cap
    snprintf(order, sizeof order, "L%d", i);
    assert_int_equal(start_create(g, false, order, 50000000)->job.result, ERR_NONE);
    if (i % 100 == 99)
      while (store_run_queued(g->env.store, 100)) {
      }
  }
  while (store_run_queued(g->env.store, 100)) {
  }
  enum err e = ERR_BUSY; // one request looks at a part only
  for (int i = 0; i < 5 && e == ERR_BUSY; i++)
    e = create(g, false, "X", 50000000)->job.result;
  assert_int_equal(e, ERR_NO_ADDRESS_FREE);
  assert_int_equal(create(g, false, "Y", 50000000)->job.result, ERR_NO_ADDRESS_FREE);
  add(g, "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK");
  struct flow_create *f = create(g, false, "X", 50000000);
  assert_int_equal(f->job.result, ERR_NONE);
  assert_int_equal(f->payment.pay_amount.micro, 50000000);
}

// As after a start of the gateway.
static void lose_hints(struct gateway *g) {
  pools_free(g->env.pools);
  g->env.pools = pools_new();
}

static void a_lower_cap_holds_for_what_was_remembered(void **state) {
  struct gateway *g = *state;
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  assert_int_equal(create(g, false, "L1", 50000000)->job.result, ERR_NONE);
  lose_hints(g);
  assert_int_equal(create(g, false, "L2", 50000000)->payment.pay_amount.micro, 50010000);
  set(g, "surcharge-cap", "0");
  assert_int_equal(create(g, false, "L3", 50000000)->job.result, ERR_NO_ADDRESS_FREE);
  set(g, "surcharge-cap", "0.02");
  assert_int_equal(create(g, false, "L3", 50000000)->payment.pay_amount.micro, 50020000);
}

static void each_derived_address_serves_one_order(void **state) {
  struct gateway *g = *state;
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, g->project.id, STR(XPUB), CUSTODY_MERCHANT),
                   ERR_NONE);
  struct flow_create *a = create(g, false, "L1", 50000000), *b = create(g, false, "L2", 50000000);
  assert_true(str_eqc(a->payment.address, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"));
  assert_true(str_eqc(b->payment.address, "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"));
  assert_int_equal(b->payment.pay_amount.micro, 50000000);
}

static void custody_stays_with_the_addresses_given_out(void **state) {
  struct gateway *g = *state;
  int64_t id = g->project.id;
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, id, STR(XPUB), CUSTODY_MERCHANT), ERR_NONE);
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, id, STR(XPUB), CUSTODY_OPERATOR), ERR_NONE);
  assert_int_equal(create(g, false, "L1", 50000000)->job.result, ERR_NONE);
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, id, STR(XPUB), CUSTODY_MERCHANT),
                   ERR_XPUB_CUSTODY);
}

static void an_address_has_one_owner(void **state) {
  struct gateway *g = *state;
  struct project other;
  struct credentials keys[2];
  const struct project_new in = {STR("a@example.com"), STR("Other"), STR_NONE, STR_NONE};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &other, keys), ERR_NONE);
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"); // index 0 of the xpub
  struct str taken = STR("TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  assert_int_equal(admin_address_add(&g->env, &g->arena, other.id, taken), ERR_ADDRESS_TAKEN);
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, other.id, STR(XPUB), CUSTODY_MERCHANT),
                   ERR_NONE);
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, g->project.id, STR(XPUB), CUSTODY_MERCHANT),
                   ERR_XPUB_TAKEN);
  g->project = other;
  struct flow_create *f = create(g, false, "L1", 50000000); // the derived address that is taken is skipped
  assert_true(str_eqc(f->payment.address, "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"));
}

static void a_removed_address_stays_claimed_until_released(void **state) {
  struct gateway *g = *state;
  struct str address = STR("TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  add(g, address.p);
  assert_int_equal(create(g, false, "L1", 50000000)->job.result, ERR_NONE);
  assert_int_equal(admin_address_remove(&g->env, &g->arena, g->project.id, address), ERR_NONE);
  assert_int_equal(create(g, false, "L2", 50000000)->job.result, ERR_NO_ADDRESSES);
  assert_int_equal(admin_address_release(&g->env, &g->arena, g->project.id, address), ERR_ADDRESS_BUSY);
  add(g, address.p);
  assert_int_equal(create(g, false, "L2", 50000000)->job.result, ERR_NONE);
}

static void version_2_keys_are_remembered(void **state) {
  struct gateway *g = *state;
  struct flow_create *f[3];
  for (int i = 0; i < 3; i++) {
    f[i] = ARENA_NEW(&g->arena, struct flow_create);
    f[i]->project = &g->project;
    f[i]->is_test = true;
    f[i]->idempotency_key = STR("key-1");
    f[i]->request_hash[0] = i == 2; // the third is another request
    f[i]->request = (struct create_request){.order_id = STR("O1"), .amount = USDT(50), .scale = 2};
    assert_int_equal(flow_create_start(&g->env, &g->arena, f[i]), ERR_NONE);
  }
  while (store_run_queued(g->env.store, 100)) {
  }
  assert_int_equal(f[1]->job.result, ERR_NONE);
  assert_true(f[1]->replayed && str_eq(f[0]->answer, f[1]->answer));
  assert_int_equal(f[2]->job.result, ERR_IDEMPOTENCY_REUSE);
  g->now_us += 8 * DAY_US;
  assert_int_equal(flow_forget_answers(&g->env, &g->arena), 1);
}

static void paid_writes_its_webhook_in_the_same_breath(void **state) {
  struct gateway *g = *state;
  struct flow_create *a = create(g, true, "O1", 50000000);
  struct flow_action *paid = act(g, a->payment.id, ACTION_TEST_PAY);
  struct delivery_filter all = {.limit = 10};
  struct delivery_info *d;
  int n;
  assert_int_equal(paid->job.result, ERR_NONE);
  assert_int_equal(admin_delivery_list(&g->env, &g->arena, &all, &d, &n), ERR_NONE);
  assert_int_equal(n, 1);
  assert_int_equal(d[0].payment_id, a->payment.id);
  assert_true(str_eqc(d[0].event, "paid") && str_eqc(d[0].status, "pending"));
  assert_int_equal(act(g, a->payment.id, ACTION_TEST_PAY)->job.result, ERR_MOVE);
  assert_int_equal(act(g, a->payment.id, ACTION_CANCEL)->job.result, ERR_MOVE);
}

static void test_actions_need_test_mode(void **state) {
  struct gateway *g = *state;
  struct flow_create *a = create(g, true, "O1", 50000000);
  const struct change live = {STR("mode"), STR("live")};
  struct project p;
  assert_int_equal(admin_project_set(&g->env, &g->arena, g->project.id, &(struct changes){&live, 1, 0}, &p),
                   ERR_NONE);
  assert_int_equal(act(g, a->payment.id, ACTION_TEST_PAY)->job.result, ERR_NO_PAYMENT);
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  struct flow_create *b = create(g, false, "O2", 50000000);
  assert_int_equal(act(g, b->payment.id, ACTION_TEST_PAY)->job.result, ERR_NO_PAYMENT);
  assert_int_equal(act(g, 12345, ACTION_TEST_PAY)->job.result, ERR_NO_PAYMENT);
}

static void the_sweep_expires_test_payments_only(void **state) {
  struct gateway *g = *state;
  add(g, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH");
  struct flow_create *test = create(g, true, "O1", 50000000), *live = create(g, false, "O1", 50000000);
  struct payment p;
  assert_int_equal(flow_sweep(&g->env, &g->arena, 10), 0);
  g->now_us += HOUR_US;
  assert_int_equal(flow_sweep(&g->env, &g->arena, 10), 1);
  assert_int_equal(flow_sweep(&g->env, &g->arena, 10), 0);
  assert_int_equal(flow_payment_find(&g->env, &g->arena, test->payment.id, &p, NULL), ERR_NONE);
  assert_int_equal(p.status, PAY_EXPIRED);
  assert_int_equal(flow_payment_find(&g->env, &g->arena, live->payment.id, &p, NULL), ERR_NONE);
  assert_int_equal(p.status, PAY_PENDING);
}

static void one_website_one_project(void **state) {
  struct gateway *g = *state;
  struct project p;
  struct credentials keys[2];
  const struct project_new same = {STR("a@example.com"), STR("B"), STR("http://www.shop.example.com:8080/x"),
                                   STR_NONE};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &same, &p, keys), ERR_WEBSITE_TAKEN);
  const struct project_new none = {STR("a@example.com"), STR("B"), STR_NONE, STR_NONE};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &none, &p, keys), ERR_NONE);
  assert_int_equal(admin_project_add(&g->env, &g->arena, &none, &p, keys), ERR_NONE); // two without are fine
  const struct change website = {STR("website"), STR("https://shop.example.com")};
  assert_int_equal(admin_project_set(&g->env, &g->arena, p.id, &(struct changes){&website, 1, 0}, &p),
                   ERR_WEBSITE_TAKEN);
}

static void rotation_keeps_the_old_pair_for_the_overlap(void **state) {
  struct gateway *g = *state;
  struct credentials fresh;
  enum err e;
  assert_int_equal(
      admin_project_rotate(&g->env, &g->arena, &(struct rotation){g->project.id, MODE_TEST, HOUR_US}, &fresh),
      ERR_NONE);
  struct credential *old = key_find(&g->env, g->keys[MODE_TEST].api_key, g->now_us, &e);
  struct credential *new = key_find(&g->env, fresh.api_key, g->now_us, &e);
  assert_non_null(old);
  assert_non_null(new);
  key_drop(old);
  key_drop(new);
  assert_null(key_find(&g->env, g->keys[MODE_TEST].api_key, g->now_us + HOUR_US, &e));
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &(struct rotation){g->project.id, MODE_TEST, 0},
                                        &g->keys[MODE_TEST]),
                   ERR_NONE);
  assert_null(key_find(&g->env, fresh.api_key, g->now_us, &e));
}

static void pairs_in_force_have_an_end(void **state) {
  struct gateway *g = *state;
  struct credentials fresh;
  struct rotation r = {g->project.id, MODE_TEST, HOUR_US};
  for (int i = 1; i < KEY_PAIRS_MAX; i++)
    assert_int_equal(admin_project_rotate(&g->env, &g->arena, &r, &fresh), ERR_NONE);
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &r, &fresh), ERR_KEY_PAIRS);
  r.overlap_us = 0;
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &r, &fresh), ERR_NONE);
  r.overlap_us = HOUR_US;
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &r, &fresh), ERR_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_same_order_is_answered_as_it_is),
      TEST(a_create_takes_three_statements),
      TEST(one_key_serves_one_request),
      TEST(one_batch_sees_its_own_writes),
      TEST(an_expired_order_is_taken_over),
      TEST(another_amount_after_the_end_is_a_fresh_payment),
      TEST(a_payment_closed_by_its_successor_tells_that_it_expired),
      TEST(late_expires_first_and_pays_then),
      TEST(live_needs_addresses),
      TEST(plain_amounts_first_then_surcharges),
      TEST(a_full_pool_says_so_and_recovers),
      TEST(a_lower_cap_holds_for_what_was_remembered),
      TEST(each_derived_address_serves_one_order),
      TEST(custody_stays_with_the_addresses_given_out),
      TEST(an_address_has_one_owner),
      TEST(a_removed_address_stays_claimed_until_released),
      TEST(version_2_keys_are_remembered),
      TEST(paid_writes_its_webhook_in_the_same_breath),
      TEST(test_actions_need_test_mode),
      TEST(the_sweep_expires_test_payments_only),
      TEST(one_website_one_project),
      TEST(rotation_keeps_the_old_pair_for_the_overlap),
      TEST(pairs_in_force_have_an_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
