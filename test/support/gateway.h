// A gateway without listeners on a real database, with a clock of the test's own: for tests of use cases.
#pragma once
#include "base/bell.h"
#include "base/timefmt.h"
#include "flow/admin.h"
#include "flow/keys.h"
#include "flow/payments.h"
#include "flow/pool.h"

#include "database.h"

#include <sched.h>
#include <stdatomic.h>

#define NOW INT64_C(1782930600000000)
struct gateway {
  struct database database;
  struct arena arena;
  struct world world;
  int64_t now_us;
  struct bell bell;
  struct seal_key seal;
  struct env env;
  struct project project;
  struct credentials keys[2];
};

static int64_t test_now(void *self) {
  return ((struct gateway *)self)->now_us;
}

static void real_random(void *self, void *out, size_t n) {
  (void)self;
  world_random(&world_real, out, n);
}

static inline int set_up(void **state) {
  struct gateway *g = calloc(1, sizeof *g);
  char error[256] = "";
  int64_t merchant;
  database_make(&g->database);
  arena_init(&g->arena, 256 << 20);
  g->now_us = NOW;
  g->world = (struct world){test_now, test_now, real_random, g};
  g->env = (struct env){
      .world = &g->world, .bell = &g->bell, .seal = &g->seal, .base_url = STR("https://pay.example.com")};
  g->env.store = database_open(&g->database, &g->world, 0);
  g->env.keys = key_cache_new();
  g->env.pools = pools_new();
  assert_int_equal(env_load(&g->env, error, sizeof error), ENV_LOADED);
  assert_int_equal(admin_merchant_add(&g->env, &g->arena, STR("a@example.com"), STR("x"), &merchant),
                   ERR_NONE);
  const struct project_new in = {STR("A@example.com"), STR("Shop"), STR("https://shop.example.com"),
                                 STR("https://shop.example.com/hook")};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &g->project, g->keys), ERR_NONE);
  *state = g;
  return 0;
}

static inline int tear_down(void **state) {
  struct gateway *g = *state;
  store_close(g->env.store);
  key_cache_free(g->env.keys);
  pools_free(g->env.pools);
  arena_free(&g->arena);
  database_drop(&g->database);
  free(g);
  return 0;
}

static inline void key_found(void *over) {
  atomic_store((_Atomic bool *)over, true);
}

// key_search_start(), waiting for its end.
static inline struct credential *key_find(struct env *env, struct str api_key, int64_t now_us, enum err *e) {
  _Atomic bool over = false;
  struct key_search s = {.now_us = now_us, .done = key_found, .user = &over};
  if (!key_search_start(env, api_key, &s))
    while (!atomic_load(&over))
      sched_yield();
  *e = s.job.result;
  return s.credential;
}

static inline struct flow_create *start_create(struct gateway *g, bool is_test, const char *order,
                                               int64_t micro) {
  struct flow_create *f = ARENA_NEW(&g->arena, struct flow_create);
  f->project = &g->project;
  f->is_test = is_test;
  f->request =
      (struct create_request){.order_id = str_copy(&g->arena, str_of(order)), .amount = {micro}, .scale = 2};
  assert_int_equal(flow_create_start(&g->env, &g->arena, f), ERR_NONE);
  return f;
}

static inline struct flow_create *create(struct gateway *g, bool is_test, const char *order, int64_t micro) {
  struct flow_create *f = start_create(g, is_test, order, micro);
  while (store_run_queued(g->env.store, 100)) {
  }
  return f;
}

static inline struct flow_action *act(struct gateway *g, int64_t id, enum payment_action action) {
  struct flow_action *f = ARENA_NEW(&g->arena, struct flow_action);
  f->id = id;
  f->action = action;
  assert_int_equal(flow_action_start(&g->env, &g->arena, f), ERR_NONE);
  while (store_run_queued(g->env.store, 100)) {
  }
  return f;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
