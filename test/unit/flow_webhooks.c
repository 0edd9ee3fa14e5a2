// Which webhooks are due, and which keys sign them.
#include "../support/gateway.h"
#include "flow/webhooks.h"

#include <stdatomic.h>

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

static void ended(struct job *j) {
  atomic_store((_Atomic bool *)j->user, true);
}

static void wait_for(struct gateway *g, _Atomic bool *over) {
  while (!atomic_load(over))
    if (!store_run_queued(g->env.store, 100))
      usleep(100);
}

// What is due now of all hosts but those that begin with "full", two of each at most; on PostgreSQL it is
// leased.
static struct flow_take *take(struct gateway *g) {
  struct flow_due_hosts hosts = {0};
  struct flow_take *t = ARENA_NEW(&g->arena, struct flow_take);
  _Atomic bool over = false;
  hosts.job = (struct job){.done = ended, .user = &over};
  if (!flow_due_hosts_start(&g->env, &g->arena, &hosts))
    wait_for(g, &over);
  assert_int_equal(hosts.job.result, ERR_NONE);
  int n = 0;
  for (int i = 0; i < hosts.n; i++) {
    hosts.list[n] = hosts.list[i];
    hosts.list[n].room = 2;
    n += hosts.list[n].next_us <= hosts.now_us && !str_starts(hosts.list[n].host, STR("full"));
  }
  atomic_store(&over, false);
  *t = (struct flow_take){.job = {.done = ended, .user = &over},
                          .hosts = hosts.list,
                          .hosts_n = n,
                          .limit = 1000,
                          .lease_us = MINUTE_US};
  if (!flow_take_start(&g->env, &g->arena, t))
    wait_for(g, &over);
  assert_int_equal(t->job.result, ERR_NONE);
  return t;
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
  struct flow_take *due = take(g);
  assert_int_equal(due->n, 4);
  for (int i = 0; i < 4; i++)
    assert_true(str_eqc(due->list[i].host, i < 2 ? "a.example.com:443" : "b.example.com:8443"));
}

static enum err fail_step(struct job *j) {
  if (j->round)
    return ERR_CHANGED;
  JOB_OP(j, Q_MERCHANT_ADD, v_text(STR("b@example.com")), v_text(STR("x")), v_int(1));
  return ERR_NONE;
}

// What the tries before have read is given up.
static void a_take_that_begins_again_needs_no_more_memory(void **state) {
  struct gateway *g = *state;
  struct due_host host = {.host = STR("a.example.com:443"), .room = 9};
  size_t used[2];
  if (!store_shared(g->env.store))
    return;
  pay(g, "https://a.example.com/", 9);
  for (int i = 0; i < 2; i++) {
    struct job failing = {.step = fail_step, .arena = &g->arena};
    struct arena own;
    arena_init(&own, 1 << 20);
    struct flow_take t = {.hosts = &host, .hosts_n = 1, .limit = 100, .lease_us = 1};
    if (i)
      assert_int_equal(store_submit(g->env.store, &failing), ERR_NONE);
    assert_false(flow_take_start(&g->env, &own, &t));
    assert_int_equal(store_run_queued(g->env.store, 100), 1 + i);
    assert_int_equal(t.job.result, ERR_NONE);
    assert_int_equal(t.n, 9);
    used[i] = own.used;
    arena_free(&own);
  }
  assert_int_equal(used[1], used[0]);
}

static void what_waits_follows_a_changed_webhook(void **state) {
  struct gateway *g = *state;
  pay(g, "https://wrong.example.com/", 1);
  pay(g, "https://right.example.com/", 0);
  struct flow_take *due = take(g);
  assert_int_equal(due->n, 1);
  assert_true(str_eqc(due->list[0].url, "https://right.example.com/"));
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
  assert_int_equal(take(g)->n, 2); // still no more than the host's share
}

static bool settle(struct gateway *g, const struct delivery *d, int http_status) {
  struct flow_settle *f = ARENA_NEW(&g->arena, struct flow_settle);
  *f = (struct flow_settle){.delivery = *d, .at_us = g->now_us, .http_status = http_status};
  assert_int_equal(flow_settle_start(&g->env, &g->arena, f), ERR_NONE);
  while (store_run_queued(g->env.store, 100)) {
  }
  assert_int_equal(f->job.result, ERR_NONE);
  return !f->overtaken;
}

static int attempts_of(struct gateway *g, int64_t id, struct delivery_info *d) {
  struct attempt_info *list;
  int n;
  assert_int_equal(admin_delivery_find(&g->env, &g->arena, id, d), ERR_NONE);
  assert_int_equal(admin_delivery_attempts(&g->env, &g->arena, id, &list, &n), ERR_NONE);
  assert_int_equal(d->attempts, n);
  return n;
}

// An outcome counts once, and not after the delivery has been replayed.
static void a_late_outcome_changes_nothing(void **state) {
  struct gateway *g = *state;
  struct delivery_info info;
  int64_t n;
  pay(g, "https://a.example.com/", 1);
  struct delivery d = take(g)->list[0];
  const struct replay_range one = {.id = d.id};
  assert_int_equal(admin_delivery_replay(&g->env, &g->arena, &one, &n), ERR_NONE);
  assert_false(settle(g, &d, 200));
  assert_int_equal(attempts_of(g, d.id, &info), 0);
  assert_true(str_eqc(info.status, "pending"));
  d = take(g)->list[0];
  assert_true(settle(g, &d, 500));
  assert_false(settle(g, &d, 200));
  assert_int_equal(attempts_of(g, d.id, &info), 1);
  assert_true(str_eqc(info.status, "pending"));
}

// More hosts than one statement takes or a round asks.
static void many_hosts(void **state) {
  struct gateway *g = *state;
  enum { HOSTS = 150 };
  char url[64];
  for (int i = 0; i < HOSTS; i++) {
    const struct project_new in = {STR("a@example.com"), STR("P"), STR_NONE, STR_NONE};
    assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &g->project, g->keys), ERR_NONE);
    snprintf(url, sizeof url, "https://h%d.example.com/", i);
    pay(g, url, 1);
  }
  struct flow_take *due = take(g);
  assert_int_equal(due->n, HOSTS);
  for (int i = 1; i < HOSTS; i++)
    assert_false(str_eq(due->list[i].host, due->list[i - 1].host));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_old_secret_signs_until_the_new_one_is_seen),
      TEST(the_overlap_ends_by_itself_or_at_once),
      TEST(each_host_gets_its_share),
      TEST(a_take_that_begins_again_needs_no_more_memory),
      TEST(what_waits_follows_a_changed_webhook),
      TEST(a_range_is_replayed_once_each),
      TEST(a_late_outcome_changes_nothing),
      TEST(many_hosts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
