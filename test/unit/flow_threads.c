// Many threads on one gateway: the writer's queue, the read connections and the key cache lose and mix
// nothing up. `make tsan` runs it under the thread sanitizer.
#include "base/bell.h"
#include "flow/admin.h"
#include "flow/keys.h"
#include "flow/payments.h"
#include "flow/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CREATORS = 4, ORDERS = 60, READERS = 3, CHANGES = 12 };

struct gateway {
  char folder[64], path[96];
  struct arena arena;
  struct bell bell;
  struct seal_key seal;
  struct env env;
  struct project project;
  struct credentials keys[2];
  _Atomic int done, wrong, found;
  _Atomic bool over;
};

static int set_up(void **state) {
  struct gateway *g = calloc(1, sizeof *g);
  char error[256] = "";
  int64_t merchant;
  strcpy(g->folder, "/tmp/cryptopay-threads-XXXXXX");
  assert_non_null(mkdtemp(g->folder));
  snprintf(g->path, sizeof g->path, "%s/db", g->folder);
  arena_init(&g->arena, 64 << 20);
  g->env = (struct env){
      .world = &world_real, .bell = &g->bell, .seal = &g->seal, .base_url = STR("https://pay.example.com")};
  g->env.store = store_open(&(struct store_options){.path = g->path, .batch_max = 16, .world = &world_real},
                            error, sizeof error);
  if (!g->env.store)
    fail_msg("%s", error);
  g->env.keys = key_cache_new();
  g->env.pools = pools_new();
  assert_true(env_load(&g->env, error, sizeof error));
  assert_int_equal(admin_merchant_add(&g->env, &g->arena, STR("a@example.com"), STR("x"), &merchant),
                   ERR_NONE);
  const struct project_new in = {STR("a@example.com"), STR("Shop"), STR("https://shop.example.com"),
                                 STR_NONE};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &g->project, g->keys), ERR_NONE);
  assert_true(store_writer_start(g->env.store));
  *state = g;
  return 0;
}

static int tear_down(void **state) {
  struct gateway *g = *state;
  char command[128];
  store_writer_stop(g->env.store);
  store_close(g->env.store);
  key_cache_free(g->env.keys);
  pools_free(g->env.pools);
  arena_free(&g->arena);
  snprintf(command, sizeof command, "rm -rf %s", g->folder);
  int rc = system(command);
  free(g);
  return rc;
}

struct creator {
  struct gateway *gateway;
  int number;
  pthread_t thread;
  struct arena arena[ORDERS];
  struct flow_create flow[ORDERS];
};

static void created(struct job *j) { // on the writer's thread
  struct gateway *g = j->user;
  atomic_fetch_add(&g->done, 1);
}

static void *create_main(void *self) {
  struct creator *c = self;
  struct gateway *g = c->gateway;
  for (int i = 0; i < ORDERS; i++) {
    struct flow_create *f = &c->flow[i];
    arena_init(&c->arena[i], 1 << 20);
    *f = (struct flow_create){.project = &g->project, .is_test = true};
    f->request = (struct create_request){
        .order_id = str_printf(&c->arena[i], "ORDER-%d-%d", c->number, i), .amount = USDT(i + 1), .scale = 2};
    f->job.user = g;
    f->job.done = created;
    if (flow_create_start(&g->env, &c->arena[i], f) != ERR_NONE)
      atomic_fetch_add(&g->wrong, 1);
  }
  return NULL;
}

// A key is found all the time, whoever empties the cache meanwhile.
static void *key_main(void *self) {
  struct gateway *g = self;
  while (!atomic_load(&g->over)) {
    enum err e;
    struct credential *c = key_find(&g->env, g->keys[MODE_TEST].api_key, world_now(&world_real), &e);
    if (!c || c->project.id != g->project.id || c->mode != MODE_TEST)
      atomic_fetch_add(&g->wrong, 1);
    key_drop(c);
    atomic_fetch_add(&g->found, 1);
  }
  return NULL;
}

// As every change of a project or its keys does.
static void change_keys(struct gateway *g) {
  for (int i = 0; i < CHANGES; i++) {
    key_cache_clear(g->env.keys);
    usleep(2000);
  }
}

// Each order was answered with a payment of its own, and that is what is stored.
static void check(struct gateway *g, struct creator *c) {
  for (int i = 0; i < ORDERS; i++) {
    struct payment p;
    assert_int_equal(c->flow[i].job.result, ERR_NONE);
    assert_int_equal(flow_payment_find(&g->env, &g->arena, c->flow[i].payment.id, &p, NULL), ERR_NONE);
    assert_true(str_eq(p.order_id, c->flow[i].request.order_id));
    assert_int_equal(p.amount.micro, USDT(i + 1).micro);
    arena_free(&c->arena[i]);
  }
}

static void nothing_is_lost_or_mixed_up(void **state) {
  struct gateway *g = *state;
  static struct creator creators[CREATORS];
  pthread_t readers[READERS];
  for (int i = 0; i < READERS; i++)
    assert_int_equal(pthread_create(&readers[i], NULL, key_main, g), 0);
  for (int i = 0; i < CREATORS; i++) {
    creators[i].gateway = g;
    creators[i].number = i;
    assert_int_equal(pthread_create(&creators[i].thread, NULL, create_main, &creators[i]), 0);
  }
  change_keys(g);
  for (int i = 0; i < CREATORS; i++)
    pthread_join(creators[i].thread, NULL);
  for (int i = 0; i < 10000 && atomic_load(&g->done) < CREATORS * ORDERS; i++)
    usleep(1000);
  atomic_store(&g->over, true);
  for (int i = 0; i < READERS; i++)
    pthread_join(readers[i], NULL);
  assert_int_equal(atomic_load(&g->done), CREATORS * ORDERS);
  assert_int_equal(atomic_load(&g->wrong), 0);
  assert_true(atomic_load(&g->found) > 0);
  for (int i = 0; i < CREATORS; i++)
    check(g, &creators[i]);
}

// What waits when the writer is told to stop is run; what comes afterwards is refused.
static void stopping_runs_what_waits(void **state) {
  struct gateway *g = *state;
  static struct creator c;
  c = (struct creator){.gateway = g};
  create_main(&c);
  store_writer_stop(g->env.store);
  assert_int_equal(atomic_load(&g->done), ORDERS);
  check(g, &c);
  struct flow_create late = {
      .project = &g->project, .is_test = true, .request = {.order_id = STR("LATE"), .amount = USDT(1)}};
  assert_int_equal(flow_create_start(&g->env, &g->arena, &late), ERR_STOPPING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(nothing_is_lost_or_mixed_up, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stopping_runs_what_waits, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
