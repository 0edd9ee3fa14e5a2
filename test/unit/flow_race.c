// Two gateways put the same blocks into one book while payers extend and cancel: each block once, each
// transfer once, nobody's change lost. On SQLite, where one process has the database, two threads of one
// gateway.
#include "../support/chain.h"

#include <pthread.h>

#define XPUB                                                                                                 \
  "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6D" \
  "ZMNZBCd"

enum { ORDERS = 60, BLOCKS = 20, PER_BLOCK = ORDERS / BLOCKS };

struct node {
  struct env *env, own;
  struct arena arena;
  const struct chain_block *blocks;
  int credited;
  const struct payment *payments;
  pthread_t thread;
};

static void *enter_all(void *self) {
  struct node *n = self;
  for (int i = 0; i < BLOCKS; i++) {
    struct blocks_done done;
    enum err e = flow_blocks(n->env, &n->arena, &(struct chain_run){&n->blocks[i], 1, STR_NONE}, &done);
    assert_true(e == ERR_NONE || e == ERR_CHANGED);
    n->credited += e == ERR_NONE;
    while (e != ERR_NONE) { // until whoever is at it is through
      struct chain_row row;
      assert_int_equal(flow_chain_load(n->env, &n->arena, &row), ERR_NONE);
      if (row.cursor.number >= n->blocks[i].number)
        break;
      sched_yield();
    }
  }
  return NULL;
}

static void acted(struct job *j) {
  atomic_fetch_add((_Atomic int *)j->user, 1);
}

static void *act_on_all(void *self) {
  struct node *n = self;
  _Atomic int ended = 0;
  for (int i = 0; i < ORDERS; i++) {
    struct flow_action *f = ARENA_NEW(&n->arena, struct flow_action);
    f->id = n->payments[i].id;
    f->action = i % 2 ? ACTION_EXTEND : ACTION_CANCEL;
    f->job.done = acted;
    f->job.user = &ended;
    assert_int_equal(flow_action_start(n->env, &n->arena, f), ERR_NONE);
  }
  while (atomic_load(&ended) < ORDERS)
    sched_yield();
  return NULL;
}

static void second_gateway(struct gateway *g, struct node *n) {
  char error[256];
  n->own = (struct env){.world = &g->world,
                        .bell = &g->bell,
                        .seal = &g->seal,
                        .base_url = g->env.base_url,
                        .store = database_open(&g->database, &g->world, 0),
                        .keys = key_cache_new(),
                        .pools = pools_new()};
  n->env = &n->own;
  assert_int_equal(env_load(n->env, error, sizeof error), ENV_LOADED);
  assert_true(store_writer_start(n->env->store));
}

static void close_second(struct node *n) {
  store_writer_stop(n->env->store);
  store_close(n->env->store);
  key_cache_free(n->env->keys);
  pools_free(n->env->pools);
}

static void blocks_are_entered_once_by_two_gateways(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct chain_block blocks[BLOCKS];
  struct payment payments[ORDERS];
  char name[16];
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, g->project.id, STR(XPUB), CUSTODY_OPERATOR),
                   ERR_NONE);
  chain_start(g, &c);
  for (int i = 0; i < ORDERS; i++) {
    snprintf(name, sizeof name, "O%d", i);
    payments[i] = create(g, false, name, 50000000)->payment;
  }
  for (int b = 0; b < BLOCKS; b++) {
    for (int i = 0; i < PER_BLOCK; i++)
      send(&c, payments[b * PER_BLOCK + i].address.p, 50000000);
    blocks[b] = mine(g, &c, NOW + SECOND_US * b);
  }
  assert_true(store_writer_start(g->env.store));
  struct node nodes[3] = {{.env = &g->env}, {.env = &g->env}, {.env = &g->env}};
  bool shared = store_shared(g->env.store);
  if (shared)
    second_gateway(g, &nodes[1]);
  nodes[2].env = nodes[1].env;
  for (int i = 0; i < 3; i++) {
    nodes[i].blocks = blocks;
    nodes[i].payments = payments;
    arena_init(&nodes[i].arena, 64 << 20);
    assert_int_equal(pthread_create(&nodes[i].thread, NULL, i < 2 ? enter_all : act_on_all, &nodes[i]), 0);
  }
  for (int i = 0; i < 3; i++)
    pthread_join(nodes[i].thread, NULL);
  assert_int_equal(nodes[0].credited + nodes[1].credited, BLOCKS);
  if (shared)
    close_second(&nodes[1]);
  store_writer_stop(g->env.store);
  audit(g);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM transfers"), ORDERS);
  // Whoever was cancelled in time has his money in review; everybody else is paid.
  assert_int_equal(sql_number(g,
                              "SELECT COUNT(*) FROM payments WHERE status = 1 OR (status = 3 AND 1 = (SELECT"
                              " COUNT(*) FROM transfers t WHERE t.review_payment_id = payments.id))"),
                   ORDERS);
  for (int i = 0; i < 3; i++)
    arena_free(&nodes[i].arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(blocks_are_entered_once_by_two_gateways)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
