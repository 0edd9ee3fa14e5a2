// Which webhooks are due, and which keys sign them.
#include "../support/gateway.h"
#include "flow/webhooks.h"

static const char body[] = "{}";

static struct str signed_by(struct gateway *g, const struct credentials *c) {
  struct hmac_key *key = hmac_key_create(c->api_secret.p, c->api_secret.n);
  char *hex = arena_alloc(&g->arena, HMAC_HEX_N + 1);
  hmac_sign_hex(key, str_of(body), hex);
  hmac_key_free(key);
  return str_of(hex);
}

// X-Signature as the worker would make it now, and the number of signatures in webhook-signature.
static struct str signature_now(struct gateway *g, struct signers *s, size_t *n) {
  struct webhook_signers keys;
  struct delivery d = {.project_id = g->project.id, .is_test = true};
  assert_int_equal(signers_find(s, &g->env, &d, g->now_us, &keys), ERR_NONE);
  char *hex = arena_alloc(&g->arena, HMAC_HEX_N + 1);
  hmac_sign_hex(keys.api, str_of(body), hex);
  *n = keys.standard_n;
  return str_of(hex);
}

static void rotate(struct gateway *g, int64_t overlap_us, struct credentials *out) {
  const struct rotation in = {g->project.id, MODE_TEST, overlap_us};
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &in, out), ERR_NONE);
}

static void use(struct gateway *g, const struct credentials *c) {
  enum err e;
  struct credential *found = key_find(&g->env, c->api_key, g->now_us, &e);
  assert_non_null(found);
  key_mark_used(&g->env, found);
  key_drop(found);
  while (store_run_queued(g->env.store, 10)) {
  }
}

static void the_old_secret_signs_until_the_new_one_is_seen(void **state) {
  struct gateway *g = *state;
  struct signers *s = signers_new();
  struct credentials *old = &g->keys[MODE_TEST], new, newer;
  size_t n;
  use(g, old);
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, old)));
  assert_int_equal(n, 1);
  rotate(g, HOUR_US, &new);
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, old)));
  assert_int_equal(n, 2);
  rotate(g, HOUR_US, &newer); // twice: the shop still uses the first
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, old)));
  assert_int_equal(n, 2);
  use(g, &newer);
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, &newer)));
  g->now_us += 2 * HOUR_US;
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, &newer)));
  assert_int_equal(n, 1);
  signers_free(s);
}

static void the_overlap_ends_by_itself_or_at_once(void **state) {
  struct gateway *g = *state;
  struct signers *s = signers_new();
  struct credentials *old = &g->keys[MODE_TEST], new, newest;
  size_t n;
  use(g, old);
  rotate(g, HOUR_US, &new);
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, old)));
  g->now_us += HOUR_US;
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, &new)));
  rotate(g, 0, &newest);
  assert_true(str_eq(signature_now(g, s, &n), signed_by(g, &newest)));
  assert_int_equal(n, 1);
  signers_free(s);
}

static int room(void *self, struct str host) {
  (void)self;
  return str_eqc(host, "full.example.com:443") ? 0 : 2;
}

// `n` payments of a project with this webhook, all paid.
static void pay(struct gateway *g, const char *webhook, int n) {
  struct change url = {STR("webhook"), str_of(webhook)};
  struct changes all = {&url, 1, 0};
  struct project p;
  char order[32];
  assert_int_equal(admin_project_set(&g->env, &g->arena, g->project.id, &all, &p), ERR_NONE);
  for (int i = 0; i < n; i++) {
    snprintf(order, sizeof order, "%s-%d", webhook + 8, i);
    assert_int_equal(act(g, create(g, true, order, 1000000)->payment.id, ACTION_TEST_PAY)->job.result,
                     ERR_NONE);
  }
}

static void each_host_gets_its_share(void **state) {
  struct gateway *g = *state;
  struct project p;
  struct credentials keys[2];
  const char *hosts[] = {"https://a.example.com/", "https://b.example.com:8443/",
                         "https://full.example.com/"};
  for (int i = 0; i < 3; i++) { // one project each: a changed webhook takes along what waits
    const struct project_new in = {STR("a@example.com"), STR("P"), STR_NONE, STR_NONE};
    assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &p, keys), ERR_NONE);
    g->project = p;
    pay(g, hosts[i], 5);
  }
  struct deliveries_due due = {.room = room, .limit = 100};
  assert_int_equal(flow_deliveries_due(&g->env, &g->arena, &due), ERR_NONE);
  assert_int_equal(due.n, 4);
  for (int i = 0; i < 4; i++)
    assert_true(str_eqc(due.list[i].host, i < 2 ? "a.example.com:443" : "b.example.com:8443"));
  assert_int_equal(due.next_us, INT64_MAX);
}

static void what_waits_follows_a_changed_webhook(void **state) {
  struct gateway *g = *state;
  pay(g, "https://wrong.example.com/", 1);
  pay(g, "https://right.example.com/", 0);
  struct deliveries_due due = {.room = room, .limit = 100};
  assert_int_equal(flow_deliveries_due(&g->env, &g->arena, &due), ERR_NONE);
  assert_int_equal(due.n, 1);
  assert_true(str_eqc(due.list[0].url, "https://right.example.com/"));
}

static void a_range_is_replayed_once_each(void **state) {
  struct gateway *g = *state;
  int64_t n;
  pay(g, "https://a.example.com/", 5);
  const struct replay_range all = {.app_id = g->project.id, .from_us = 0, .to_us = INT64_MAX};
  const struct replay_range none = {.app_id = g->project.id, .from_us = 0, .to_us = g->now_us};
  g->now_us += HOUR_US;
  assert_int_equal(admin_delivery_replay(&g->env, &g->arena, &none, &n), ERR_NONE);
  assert_int_equal(n, 0);
  assert_int_equal(admin_delivery_replay(&g->env, &g->arena, &all, &n), ERR_NONE);
  assert_int_equal(n, 5);
  struct deliveries_due due = {.room = room, .limit = 100};
  assert_int_equal(flow_deliveries_due(&g->env, &g->arena, &due), ERR_NONE);
  assert_int_equal(due.n, 2); // still no more than the host's share
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_old_secret_signs_until_the_new_one_is_seen),
      TEST(the_overlap_ends_by_itself_or_at_once),
      TEST(each_host_gets_its_share),
      TEST(what_waits_follows_a_changed_webhook),
      TEST(a_range_is_replayed_once_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
