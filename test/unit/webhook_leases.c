// Two nodes send the webhooks of one PostgreSQL database: each delivery has one sender at a time, whoever was
// paused for longer than its leases begins and settles nothing, and nothing of a dead node is lost.
#include "../support/gateway.h"
#include "../support/postgres.h"
#include "base/metrics.h"
#include "daemon/webhook_worker.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ENDS_SOON_MS = 400, TURNS_MAX = 4000 };

// Receivers that answer 200, or hold what they got until told.
struct receivers {
  struct poster poster;
  struct post *held;
  _Atomic bool hold;
  _Atomic int posted;
};

struct node {
  struct gateway *gateway;
  struct env env;
  struct bell bell;
  struct world world;
  int64_t began_us, slept_us; // it sleeps while the database goes on
  struct receivers receivers;
  struct webhook_worker *worker;
};

static void take_post(struct poster *poster, struct post *p) {
  struct receivers *r = (struct receivers *)poster;
  p->next = r->held;
  r->held = p;
  r->posted++;
}

static void answer(struct receivers *r, enum post_error error) {
  struct post *p = r->held;
  r->held = NULL;
  for (struct post *next; p; p = next) {
    next = p->next;
    p->error = error;
    p->status = error == POST_OK ? 200 : 0;
    p->excerpt = STR("");
    p->done(p);
  }
}

static size_t run_posts(struct poster *poster, int timeout_ms) {
  struct receivers *r = (struct receivers *)poster;
  if (!r->hold)
    answer(r, POST_OK);
  usleep(timeout_ms ? 1000 : 0);
  return r->held != NULL;
}

static void no_wakeup(struct poster *p) {
  (void)p;
}

static int64_t node_mono(void *self) {
  return world_mono(&world_real) + ((struct node *)self)->slept_us;
}

static int64_t node_now(void *self) {
  const struct node *n = self;
  return n->gateway->now_us + node_mono(self) - n->began_us;
}

static struct node *node_new(struct gateway *g, int lease_ms) {
  struct node *n = calloc(1, sizeof *n);
  char error[256] = "";
  assert_non_null(n);
  n->gateway = g;
  n->began_us = world_mono(&world_real);
  n->world = g->world;
  n->world.self = n;
  n->world.mono_us = node_mono;
  n->world.now_us = node_now;
  n->env = (struct env){
      .world = &n->world, .bell = &n->bell, .seal = &g->seal, .base_url = STR("https://pay.example.com")};
  n->env.store = database_open(&g->database, &n->world, 0);
  n->env.keys = key_cache_new();
  n->env.pools = pools_new();
  assert_int_equal(env_load(&n->env, error, sizeof error), ENV_LOADED);
  n->receivers.poster = (struct poster){take_post, run_posts, no_wakeup};
  n->worker = webhook_worker_new(&(struct webhook_worker_options){.env = &n->env,
                                                                  .poster = &n->receivers.poster,
                                                                  .concurrency = 64,
                                                                  .per_host = 2,
                                                                  .lease_ms = lease_ms,
                                                                  .timeout_ms = 10});
  return n;
}

// As if killed: nothing is given back.
static void node_free(struct node *n) {
  answer(&n->receivers, POST_STOPPED);
  store_close(n->env.store);
  webhook_worker_free(n->worker);
  key_cache_free(n->env.keys);
  pools_free(n->env.pools);
  free(n);
}

static void turn(struct node *n) {
  webhook_worker_turn(n->worker, 0);
  while (store_run_queued(n->env.store, 100)) {
  }
}

static void turns(struct node *n, int times) {
  for (int i = 0; i < times; i++) {
    turn(n);
    usleep(500);
  }
}

static PGconn *look(struct gateway *g) {
  return postgres_connect(g->database.name);
}

static int64_t count(struct gateway *g, const char *what) {
  PGconn *c = look(g);
  int64_t n = postgres_order(c, "SELECT COUNT(*) FROM %s", what);
  PQfinish(c);
  return n;
}

static void end_leases(struct gateway *g) {
  PGconn *c = look(g);
  postgres_order(c, "UPDATE deliveries SET next_us = 1 WHERE status = 0");
  PQfinish(c);
}

// The setup's gateway makes the payments; it sends nothing.
static void pay(struct gateway *g, int n) {
  char order[32];
  for (int i = 0; i < n; i++) {
    snprintf(order, sizeof order, "ORDER-%d", i);
    assert_int_equal(act(g, create(g, true, order, 1000000)->payment.id, ACTION_TEST_PAY)->job.result,
                     ERR_NONE);
  }
}

static void wait_until_done(struct gateway *g, struct node *a, struct node *b) {
  for (int i = 0; i < TURNS_MAX && count(g, "deliveries WHERE status = 0"); i++) {
    turns(a, 1);
    if (b)
      turns(b, 1);
  }
  assert_int_equal(count(g, "deliveries WHERE status <> 1"), 0);
}

static void two_nodes_send_each_once(void **state) {
  struct gateway *g = *state;
  struct node *a = node_new(g, 0), *b = node_new(g, 0);
  pay(g, 60);
  wait_until_done(g, a, b);
  assert_int_equal(a->receivers.posted + b->receivers.posted, 60);
  assert_int_equal(count(g, "attempts"), 60);
  assert_int_equal(count(g, "attempts WHERE number > 1"), 0);
  node_free(a);
  node_free(b);
}

static void hold(struct node *n, int posts) {
  n->receivers.hold = true;
  for (int i = 0; i < TURNS_MAX && n->receivers.posted < posts; i++)
    turns(n, 1);
  assert_int_equal(n->receivers.posted, posts);
}

static void a_node_that_was_paused_begins_and_settles_nothing(void **state) {
  struct gateway *g = *state;
  struct node *a = node_new(g, 0), *b = node_new(g, 0);
  int64_t overtaken = metric_get(METRIC_WEBHOOK_OVERTAKEN), over = metric_get(METRIC_WEBHOOK_LEASE_OVER);
  pay(g, 4);
  hold(a, 2); // two on their way, two more taken
  turns(b, 20);
  assert_int_equal(b->receivers.posted, 0); // all are leased
  a->slept_us += (WEBHOOK_LEASE_MS + 1) * INT64_C(1000);
  end_leases(g);
  wait_until_done(g, b, NULL);
  assert_int_equal(b->receivers.posted, 4);
  int64_t written = count(g, "attempts");

  answer(&a->receivers, POST_TIMEOUT);
  turns(a, 20);
  assert_int_equal(a->receivers.posted, 2);
  assert_int_equal(count(g, "attempts"), written);
  assert_int_equal(count(g, "deliveries WHERE status = 1 AND attempts = 1"), 4);
  assert_int_equal(metric_get(METRIC_WEBHOOK_OVERTAKEN) - overtaken, 2);
  assert_int_equal(metric_get(METRIC_WEBHOOK_LEASE_OVER) - over, 2);
  node_free(a);
  node_free(b);
}

// The other has it under way, its outcome is still to come.
static void a_late_outcome_does_not_disturb_the_next_holder(void **state) {
  struct gateway *g = *state;
  struct node *a = node_new(g, 0), *b = node_new(g, 0);
  pay(g, 1);
  hold(a, 1);
  end_leases(g);
  hold(b, 1);
  answer(&a->receivers, POST_OK);
  turns(a, 20);
  assert_int_equal(count(g, "attempts"), 0);
  assert_int_equal(count(g, "deliveries WHERE status = 0 AND attempts = 0"), 1);
  b->receivers.hold = false;
  wait_until_done(g, b, NULL);
  assert_int_equal(count(g, "attempts"), 1);
  node_free(a);
  node_free(b);
}

static void what_a_dead_node_had_comes_due_again(void **state) {
  struct gateway *g = *state;
  struct node *a = node_new(g, WEBHOOK_MARGIN_MS + 10 + ENDS_SOON_MS), *b = node_new(g, 0);
  pay(g, 4);
  hold(a, 2);
  node_free(a);
  turns(b, 20);
  assert_int_equal(b->receivers.posted, 0);
  wait_until_done(g, b, NULL); // the lease's end, and no longer than that
  assert_int_equal(b->receivers.posted, 4);
  node_free(b);
}

static void *let_go(void *self) {
  struct node *n = self;
  usleep(100 * 1000);
  n->receivers.hold = false;
  return NULL;
}

static void a_node_that_stops_leaves_the_rest_to_others_at_once(void **state) {
  struct gateway *g = *state;
  struct node *a = node_new(g, 0), *b = node_new(g, 0);
  pthread_t thread;
  pay(g, 4);
  assert_true(store_writer_start(a->env.store));
  a->receivers.hold = true;
  assert_true(webhook_worker_start(a->worker));
  while (a->receivers.posted < 2)
    usleep(1000);
  assert_int_equal(pthread_create(&thread, NULL, let_go, a), 0);
  webhook_worker_stop(a->worker); // waits for what is on its way
  pthread_join(thread, NULL);
  store_writer_stop(a->env.store);
  assert_int_equal(a->receivers.posted, 2);
  int64_t began_us = world_mono(&world_real);
  wait_until_done(g, b, NULL);
  assert_true(world_mono(&world_real) - began_us < WEBHOOK_LEASE_MS / 2 * 1000);
  assert_int_equal(b->receivers.posted, 2);
  assert_int_equal(count(g, "attempts"), 4);
  node_free(a);
  node_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(two_nodes_send_each_once),
      TEST(a_node_that_was_paused_begins_and_settles_nothing),
      TEST(a_late_outcome_does_not_disturb_the_next_holder),
      TEST(what_a_dead_node_had_comes_due_again),
      TEST(a_node_that_stops_leaves_the_rest_to_others_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
