// Many threads on one gateway: the writer's queue, the read connections and the key cache lose and mix
// nothing up. `make tsan` runs it under the thread sanitizer.
#include "../support/gateway.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CREATORS = 4, ORDERS = 60, READERS = 3, CHANGES = 12 };

static _Atomic int done, wrong, found;
static _Atomic bool over;

static int set_up_writing(void **state) {
  done = wrong = found = 0;
  over = false;
  int rc = set_up(state);
  assert_true(store_writer_start(((struct gateway *)*state)->env.store));
  return rc;
}

static int tear_down_writing(void **state) {
  store_writer_stop(((struct gateway *)*state)->env.store);
  return tear_down(state);
}

struct creator {
  struct gateway *gateway;
  int number;
  pthread_t thread;
  struct arena arena[ORDERS];
  struct flow_create flow[ORDERS];
};

static void created(struct job *j) { // on the writer's thread
  (void)j;
  atomic_fetch_add(&done, 1);
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
    f->job.done = created;
    if (flow_create_start(&g->env, &c->arena[i], f) != ERR_NONE)
      atomic_fetch_add(&wrong, 1);
  }
  return NULL;
}

// A key is found all the time, whoever empties the cache meanwhile.
static void *key_main(void *self) {
  struct gateway *g = self;
  while (!atomic_load(&over)) {
    enum err e;
    struct credential *c = key_find(&g->env, g->keys[MODE_TEST].api_key, g->now_us, &e);
    if (!c || c->project.id != g->project.id || c->mode != MODE_TEST)
      atomic_fetch_add(&wrong, 1);
    key_drop(c);
    atomic_fetch_add(&found, 1);
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
  for (int i = 0; i < 10000 && atomic_load(&done) < CREATORS * ORDERS; i++)
    usleep(1000);
  atomic_store(&over, true);
  for (int i = 0; i < READERS; i++)
    pthread_join(readers[i], NULL);
  assert_int_equal(atomic_load(&done), CREATORS * ORDERS);
  assert_int_equal(atomic_load(&wrong), 0);
  assert_true(atomic_load(&found) > 0);
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
  assert_int_equal(atomic_load(&done), ORDERS);
  check(g, &c);
  struct flow_create late = {
      .project = &g->project, .is_test = true, .request = {.order_id = STR("LATE"), .amount = USDT(1)}};
  assert_int_equal(flow_create_start(&g->env, &g->arena, &late), ERR_STOPPING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(nothing_is_lost_or_mixed_up, set_up_writing, tear_down_writing),
      cmocka_unit_test_setup_teardown(stopping_runs_what_waits, set_up_writing, tear_down_writing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
