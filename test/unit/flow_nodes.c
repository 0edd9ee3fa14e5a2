// Several nodes on one database: two writers with stores, caches and hints of their own. Nothing is given
// twice, nothing lost, and what one changes the other hears of. On SQLite a second process never has the
// database, so there the same tests run with two callers of one node.
#include "../support/gateway.h"

#include "base/log.h"
#include "flow/configuration.h"
#include "flow/lease.h"
#include "flow/webhooks.h"

#include <pthread.h>
#include <stdatomic.h>

#define XPUB                                                                                                 \
  "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6D" \
  "ZMNZBCd"
#define FIRST  "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"
#define SECOND "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"

enum { NODES = 2, ORDERS = 150, WAIT_MS = 60000 };

struct node {
  struct gateway *gateway;
  struct env *env, own;
  int number;
  bool is_test, same_orders, same_key;
  int64_t amounts; // so many different ones
  pthread_t thread;
  struct arena arena[ORDERS];
  struct flow_create flow[ORDERS];
};

static struct node nodes[NODES];
static _Atomic int done;

static int set_up_nodes(void **state) {
  int rc = set_up(state);
  struct gateway *g = *state;
  for (int i = 0; i < NODES; i++) {
    struct node *n = &nodes[i];
    *n = (struct node){.gateway = g, .number = i, .amounts = 1, .env = &g->env};
    if (i > 0 && store_shared(g->env.store)) {
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
    }
    if (n->env == &n->own || i == 0)
      assert_true(store_writer_start(n->env->store));
  }
  return rc;
}

static int tear_down_nodes(void **state) {
  for (int i = NODES - 1; i >= 0; i--) {
    struct node *n = &nodes[i];
    if (n->env == &n->own || i == 0)
      store_writer_stop(n->env->store);
    if (n->env == &n->own) {
      store_close(n->env->store);
      key_cache_free(n->env->keys);
      pools_free(n->env->pools);
    }
    for (int k = 0; k < ORDERS; k++)
      if (n->flow[k].env)
        arena_free(&n->arena[k]);
  }
  return tear_down(state);
}

static void created(struct job *j) { // on the writer's thread
  (void)j;
  atomic_fetch_add(&done, 1);
}

static void *create_main(void *self) {
  struct node *n = self;
  for (int i = 0; i < ORDERS; i++) {
    struct flow_create *f = &n->flow[i];
    struct arena *a = &n->arena[i];
    arena_init(a, 4 << 20);
    *f = (struct flow_create){.project = &n->gateway->project, .is_test = n->is_test};
    f->request =
        (struct create_request){.order_id = str_printf(a, "%d-%d", n->same_orders ? 0 : n->number, i),
                                .amount = {USDT(50).micro + i % n->amounts * USDT(1).micro},
                                .scale = 2};
    if (n->same_key)
      f->idempotency_key = str_printf(a, "key-%d", i);
    f->request_hash[0] = (uint8_t)(i % 2 && !n->same_orders ? n->number : 0);
    f->job.done = created;
    assert_int_equal(flow_create_start(n->env, a, f), ERR_NONE);
    if (i % 16 == 0)
      usleep(500); // more batches
  }
  return NULL;
}

static void create_at_all(void) {
  atomic_store(&done, 0);
  for (int i = 0; i < NODES; i++)
    assert_int_equal(pthread_create(&nodes[i].thread, NULL, create_main, &nodes[i]), 0);
  for (int i = 0; i < NODES; i++)
    pthread_join(nodes[i].thread, NULL);
  for (int i = 0; i < WAIT_MS && atomic_load(&done) < NODES * ORDERS; i++)
    usleep(1000);
  assert_int_equal(atomic_load(&done), NODES * ORDERS);
}

struct ask {
  struct job job;
  enum query query;
  struct val v[3];
  int n;
};

static enum err ask_step(struct job *j) {
  struct ask *a = (struct ask *)j;
  if (j->round == 0)
    job_ops(j, a->query, a->n, a->v);
  return ERR_NONE;
}

static const struct rows *ask(struct gateway *g, enum query q, int n, const struct val *v) {
  struct ask *a = ARENA_NEW(&g->arena, struct ask);
  *a = (struct ask){.job = {.step = ask_step, .arena = &g->arena}, .query = q, .n = n};
  memcpy(a->v, v, sizeof *v * (size_t)n);
  assert_int_equal(store_read(g->env.store, &a->job), ERR_NONE);
  return job_rows(&a->job, 0);
}

static int64_t reserved_for(struct gateway *g, const struct payment *p) {
  const struct rows *r =
      ask(g, Q_RESERVATION_LOOK, 3,
          (struct val[]){v_int(p->address_id), v_int(p->pay_amount.micro), v_int(p->project_id)});
  return r->n ? rows_at(r, 0)[1].i : 0;
}

// Each payment holds the reservation of its own address and amount; then no two can have the same.
static void check_reservations(struct gateway *g) {
  for (int i = 0; i < NODES; i++)
    for (int k = 0; k < ORDERS; k++) {
      const struct flow_create *f = &nodes[i].flow[k];
      assert_int_equal(f->job.result, ERR_NONE);
      assert_int_equal(reserved_for(g, &f->payment), f->payment.row);
    }
}

static void add(struct gateway *g, const char *address) {
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, str_of(address)), ERR_NONE);
}

static void one_pool_is_walked_by_two(void **state) {
  struct gateway *g = *state;
  add(g, FIRST);
  add(g, SECOND);
  create_at_all();
  check_reservations(g);
}

static void many_amounts_of_one_address(void **state) {
  struct gateway *g = *state;
  add(g, FIRST);
  for (int i = 0; i < NODES; i++)
    nodes[i].amounts = 7;
  create_at_all();
  check_reservations(g);
}

static int by_index(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

static void an_xpub_gives_each_index_once(void **state) {
  struct gateway *g = *state;
  int index[NODES * ORDERS], n = 0;
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, g->project.id, STR(XPUB), CUSTODY_MERCHANT),
                   ERR_NONE);
  create_at_all();
  check_reservations(g);
  struct address_info *list;
  const struct address_filter all = {.app_id = g->project.id, .limit = NODES * ORDERS + 1};
  assert_int_equal(admin_address_list(&g->env, &g->arena, &all, &list, &n), ERR_NONE);
  assert_int_equal(n, NODES * ORDERS);
  for (int i = 0; i < n; i++)
    index[i] = (int)list[i].hd_index;
  qsort(index, (size_t)n, sizeof *index, by_index);
  for (int i = 0; i < n; i++)
    assert_int_equal(index[i], i);
}

static void the_same_order_at_two_nodes_is_one_payment(void **state) {
  (void)state;
  for (int i = 0; i < NODES; i++)
    nodes[i].is_test = nodes[i].same_orders = nodes[i].same_key = true;
  create_at_all();
  for (int k = 0; k < ORDERS; k++) {
    const struct flow_create *a = &nodes[0].flow[k], *b = &nodes[1].flow[k];
    assert_int_equal(a->job.result, ERR_NONE);
    assert_int_equal(b->job.result, ERR_NONE);
    assert_true(a->replayed != b->replayed);
    assert_true(str_eq(a->answer, b->answer));
  }
}

// The same key again is answered with what the first one got, at whichever node; with another request it is
// refused.
static void the_same_key_at_two_nodes_is_one_request(void **state) {
  (void)state;
  for (int i = 0; i < NODES; i++)
    nodes[i].is_test = nodes[i].same_key = true;
  create_at_all();
  for (int k = 0; k < ORDERS; k++) {
    const struct flow_create *a = &nodes[0].flow[k], *b = &nodes[1].flow[k];
    if (k % 2 == 0) {
      assert_int_equal(a->job.result + b->job.result, ERR_NONE);
      assert_true(str_eq(a->answer, b->answer));
    } else {
      assert_int_equal(a->job.result + b->job.result, ERR_NONE + ERR_IDEMPOTENCY_REUSE);
    }
  }
}

// ---- an address that goes away ---------------------------------------------------------------------------

static void *release_main(void *self) {
  struct node *n = self;
  struct arena a;
  enum err e = ERR_ADDRESS_BUSY;
  arena_init(&a, 16 << 20);
  usleep(3000);
  assert_int_equal(admin_address_remove(n->env, &a, n->gateway->project.id, STR(SECOND)), ERR_NONE);
  for (int i = 0; i < 20 && e == ERR_ADDRESS_BUSY; i++)
    e = admin_address_release(n->env, &a, n->gateway->project.id, STR(SECOND));
  assert_true(e == ERR_ADDRESS_BUSY || e == ERR_NONE);
  arena_free(&a);
  return NULL;
}

// Where it was released nothing is reserved on it, where anything is it could not be.
static void an_address_is_not_released_under_a_payment(void **state) {
  struct gateway *g = *state;
  pthread_t releasing;
  add(g, FIRST);
  add(g, SECOND);
  assert_int_equal(pthread_create(&releasing, NULL, release_main, &nodes[1]), 0);
  create_at_all();
  pthread_join(releasing, NULL);
  check_reservations(g);
  for (int i = 0; i < NODES; i++)
    for (int k = 0; k < ORDERS; k++) {
      const struct payment *p = &nodes[i].flow[k].payment;
      assert_int_equal(ask(g, Q_ADDRESS_BY_TEXT, 1, (struct val[]){v_text(p->address)})->n, 1);
    }
}

struct releasing {
  struct node *node;
  enum err result;
  _Atomic bool ended;
};

static void *release_once(void *self) {
  struct releasing *r = self;
  struct arena a;
  arena_init(&a, 1 << 20);
  r->result = admin_address_release(r->node->env, &a, r->node->gateway->project.id, STR(FIRST));
  atomic_store(&r->ended, true);
  arena_free(&a);
  return NULL;
}

// A create of another node that has claimed five USDT on this address and not committed yet.
static PGconn *claim_elsewhere(const struct gateway *g, int64_t address_id) {
  PGconn *c = postgres_connect(g->database.name);
  postgres_order(c, "PREPARE claim (BIGINT, BIGINT, BIGINT) AS %s",
                 query_text(Q_RESERVATION_CLAIM, ENGINE_POSTGRES));
  postgres_order(c, "BEGIN");
  assert_int_equal(postgres_order(c, "EXECUTE claim (%lld, 5000000, %lld)", (long long)address_id,
                                  (long long)g->project.id),
                   1);
  return c;
}

static void a_release_waits_for_those_who_claim(void **state) {
  struct gateway *g = *state;
  struct releasing r = {.node = &nodes[1]};
  pthread_t thread;
  add(g, FIRST);
  int64_t id = rows_at(ask(g, Q_ADDRESS_BY_TEXT, 1, (struct val[]){v_text(STR(FIRST))}), 0)[0].i;
  PGconn *c = claim_elsewhere(g, id);
  assert_int_equal(admin_address_remove(&g->env, &g->arena, g->project.id, STR(FIRST)), ERR_NONE);
  assert_int_equal(pthread_create(&thread, NULL, release_once, &r), 0);
  usleep(50000);
  assert_false(atomic_load(&r.ended));
  postgres_order(c, "COMMIT");
  pthread_join(thread, NULL);
  assert_int_equal(r.result, ERR_ADDRESS_BUSY);
  PQfinish(c);
}

// A pair that is just being claimed is passed by: nobody waits for the other, or two could for each other.
static void a_pair_under_way_is_passed_by(void **state) {
  struct gateway *g = *state;
  struct flow_create f = {.project = &g->project, .request = {.order_id = STR("A"), .amount = USDT(5)}};
  add(g, FIRST);
  int64_t id = rows_at(ask(g, Q_ADDRESS_BY_TEXT, 1, (struct val[]){v_text(STR(FIRST))}), 0)[0].i;
  PGconn *c = claim_elsewhere(g, id);
  atomic_store(&done, 0);
  f.job.done = created;
  assert_int_equal(flow_create_start(&g->env, &g->arena, &f), ERR_NONE);
  for (int i = 0; i < WAIT_MS && !atomic_load(&done); i++)
    usleep(1000);
  assert_int_equal(f.job.result, ERR_NONE);
  assert_int_equal(f.payment.pay_amount.micro, 5010000);
  postgres_order(c, "ROLLBACK");
  PQfinish(c);
}

// What another node still has in its hints is not given out.
static void stale_hints_give_nothing_removed(void **state) {
  struct gateway *g = *state;
  struct flow_create f = {.project = &g->project, .request = {.order_id = STR("A"), .amount = USDT(5)}};
  add(g, FIRST);
  store_writer_stop(nodes[1].env->store);
  for (int i = 0; i < 2; i++) {
    if (i == 1)
      assert_int_equal(admin_address_remove(&g->env, &g->arena, g->project.id, STR(FIRST)), ERR_NONE);
    f.request.order_id = i ? STR("B") : STR("A");
    assert_int_equal(store_writer_start(nodes[1].env->store), true);
    assert_int_equal(flow_create_start(nodes[1].env, &g->arena, &f), ERR_NONE);
    store_writer_stop(nodes[1].env->store);
    assert_int_equal(f.job.result, i ? ERR_NO_ADDRESSES : ERR_NONE);
    f.job = (struct job){0};
  }
  assert_true(store_writer_start(nodes[1].env->store));
}

// ---- a long list, and a database that fails
// -----------------------------------------------------------------

struct fill {
  struct job job;
  int64_t project_id;
  int n;
};

static enum err fill_step(struct job *j) {
  struct fill *f = (struct fill *)j;
  if (j->round == 0)
    f->n = 0;
  for (int i = 0; i < JOB_OPS_MAX && f->n < POOL_ADDRESSES_MAX; i++)
    JOB_OP(j, Q_ADDRESS_ADD, v_int(f->project_id), v_text(str_printf(j->arena, "T%033d", f->n++)), v_null(),
           v_null());
  return ERR_NONE;
}

struct saboteur {
  struct job job;
  PGconn *admin;
  int rounds; // before it ends all sessions
  int kills;
};

static enum err sabotage_step(struct job *j) {
  struct saboteur *s = (struct saboteur *)j;
  if (j->round == s->rounds && s->kills-- > 0)
    postgres_order(s->admin, "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity"
                             " WHERE datname = current_database() AND application_name = 'cryptopay'");
  if (j->round <= s->rounds)
    JOB_OP(j, Q_META_GET, v_text(STR("changes")));
  return ERR_NONE;
}

// However often it begins again, a request needs no more memory than it may have; of many only one reads the
// list.
static void a_long_list_is_read_again_and_again(void **state) {
  enum { CREATES = 100 };
  struct gateway *g = *state;
  log_set_level(LOG_ERROR + 1);
  struct fill fill = {.job = {.step = fill_step, .arena = &g->arena}, .project_id = g->project.id};
  struct saboteur s = {.job = {.step = sabotage_step, .arena = &g->arena},
                       .admin = postgres_connect(g->database.name),
                       .rounds = 5,
                       .kills = 3};
  struct node *n = &nodes[0];
  assert_int_equal(store_call(g->env.store, &fill.job), ERR_NONE);
  struct env alone = g->env; // without a writer's thread: all in one batch
  alone.store = database_open(&g->database, &g->world, 0);
  alone.pools = pools_new();
  for (int i = 0; i < CREATES; i++) {
    struct flow_create *f = &n->flow[i];
    arena_init(&n->arena[i], 4 << 20);
    *f = (struct flow_create){.project = &g->project};
    f->request = (struct create_request){.order_id = str_printf(&n->arena[i], "%d", i), .amount = USDT(5)};
    assert_int_equal(flow_create_start(&alone, &n->arena[i], f), ERR_NONE);
  }
  assert_int_equal(store_submit(alone.store, &s.job), ERR_NONE);
  assert_int_equal(store_run_queued(alone.store, CREATES + 1), CREATES + 1);
  size_t most = 0;
  for (int i = 0; i < CREATES; i++) {
    assert_int_equal(n->flow[i].job.result, ERR_NONE);
    most = n->arena[i].used > most ? n->arena[i].used : most;
  }
  assert_true(most < 256 * 1024);
  assert_true(s.kills < 0);
  PQfinish(s.admin);
  store_close(alone.store);
  pools_free(alone.pools);
}

// ---- one payment, two hands ------------------------------------------------------------------------------

struct hand {
  struct node *node;
  int64_t id;
  enum payment_action action;
  struct flow_action flow;
  struct arena arena;
  pthread_t thread;
};

static void *hand_main(void *self) {
  struct hand *h = self;
  arena_init(&h->arena, 4 << 20);
  h->flow.id = h->id;
  h->flow.action = h->action;
  h->flow.job.done = created;
  assert_int_equal(flow_action_start(h->node->env, &h->arena, &h->flow), ERR_NONE);
  return NULL;
}

static bool moved(const struct hand *h) {
  return h->flow.job.result == ERR_NONE;
}

// Paid here and expired there: one of them comes first, and there is one webhook of what is final.
static void paying_and_expiring_at_two_nodes(void **state) {
  struct gateway *g = *state;
  static struct hand hands[NODES];
  nodes[0].is_test = true;
  atomic_store(&done, 0);
  create_main(&nodes[0]);
  while (atomic_load(&done) < ORDERS)
    usleep(1000);
  for (int k = 0; k < 40; k++) {
    int64_t id = nodes[0].flow[k].payment.id;
    struct payment p;
    atomic_store(&done, 0);
    for (int i = 0; i < NODES; i++) {
      hands[i] = (struct hand){&nodes[i], id, i ? ACTION_TEST_EXPIRE : ACTION_TEST_PAY, .thread = 0};
      assert_int_equal(pthread_create(&hands[i].thread, NULL, hand_main, &hands[i]), 0);
    }
    for (int i = 0; i < NODES; i++)
      pthread_join(hands[i].thread, NULL);
    while (atomic_load(&done) < NODES)
      usleep(200);
    assert_int_equal(flow_payment_find(&g->env, &g->arena, id, &p, NULL), ERR_NONE);
    assert_true(moved(&hands[0]) || moved(&hands[1]));
    assert_int_equal(p.status, moved(&hands[0]) ? PAY_PAID : PAY_EXPIRED);
    assert_int_equal(p.version, 1 + moved(&hands[0]) + moved(&hands[1]));
    assert_int_equal(p.received.micro, moved(&hands[0]) ? p.amount.micro : 0);
    for (int i = 0; i < NODES; i++)
      arena_free(&hands[i].arena);
  }
}

// ---- keys ------------------------------------------------------------------------------------------------

static void *rotate_main(void *self) {
  struct node *n = self;
  struct arena a;
  arena_init(&a, 16 << 20);
  for (int i = 0; i < KEY_PAIRS_MAX; i++) {
    const struct rotation in = {n->gateway->project.id, MODE_TEST, 3600 * SECOND_US};
    struct credentials c;
    enum err e = admin_project_rotate(n->env, &a, &in, &c);
    assert_true(e == ERR_NONE || e == ERR_KEY_PAIRS);
    atomic_fetch_add(&done, e == ERR_NONE);
  }
  arena_free(&a);
  return NULL;
}

static void two_rotations_keep_to_the_number_of_pairs(void **state) {
  struct gateway *g = *state;
  struct key_info *list;
  int n, of_test = 0;
  atomic_store(&done, 0);
  for (int i = 0; i < NODES; i++)
    assert_int_equal(pthread_create(&nodes[i].thread, NULL, rotate_main, &nodes[i]), 0);
  for (int i = 0; i < NODES; i++)
    pthread_join(nodes[i].thread, NULL);
  assert_int_equal(admin_project_keys(&g->env, &g->arena, g->project.id, &list, &n), ERR_NONE);
  for (int i = 0; i < n; i++)
    of_test += list[i].mode == MODE_TEST;
  assert_int_equal(of_test, KEY_PAIRS_MAX);
  assert_int_equal(atomic_load(&done), KEY_PAIRS_MAX - 1);
}

static bool key_works(struct node *n) {
  enum err e;
  struct credential *c = key_find(n->env, n->gateway->keys[MODE_TEST].api_key, n->gateway->now_us, &e);
  assert_int_equal(e, ERR_NONE);
  key_drop(c);
  return c != NULL;
}

// A revoked key ends at the other node when it looks, and without looking it soon trusts its memory no more.
static void a_revoked_key_ends_at_every_node(void **state) {
  struct gateway *g = *state;
  struct node *other = &nodes[1];
  struct credentials c;
  const struct rotation now = {g->project.id, MODE_TEST, 0};
  configuration_follow(other->env, &g->arena);
  assert_true(key_works(other));
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &now, &c), ERR_NONE);
  if (store_shared(g->env.store))
    assert_true(key_works(other)); // from memory, for at most a second
  configuration_follow(other->env, &g->arena);
  assert_false(key_works(other));
  g->keys[MODE_TEST] = c;
  assert_true(key_works(other));
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &now, &c), ERR_NONE);
  g->now_us += CONFIGURATION_STALE_US;
  assert_false(key_works(other));
}

// X-Signature of a node's webhook worker.
static struct str signature(struct node *n, struct signers *s, struct arena *a) {
  struct webhook_signers keys;
  const struct gateway *g = n->gateway;
  struct delivery d = {.project_id = g->project.id, .is_test = true};
  assert_int_equal(signers_find(s, n->env, &d, g->now_us, &keys), ERR_NONE);
  char *hex = arena_alloc(a, HMAC_HEX_N + 1);
  hmac_sign_hex(keys.api, STR("{}"), hex);
  return str_of(hex);
}

static void a_node_that_was_paused_signs_with_no_revoked_key(void **state) {
  struct gateway *g = *state;
  struct node *other = &nodes[1];
  struct signers *s = signers_new(), *fresh = signers_new();
  struct credentials c;
  const struct rotation now = {g->project.id, MODE_TEST, 0};
  configuration_follow(other->env, &g->arena);
  struct str old = signature(other, s, &g->arena);
  assert_int_equal(admin_project_rotate(&g->env, &g->arena, &now, &c), ERR_NONE);
  g->now_us += CONFIGURATION_STALE_US;
  struct str new = signature(other, s, &g->arena);
  assert_false(str_eq(new, old));
  assert_true(str_eq(new, signature(other, fresh, &g->arena)));
  signers_free(s);
  signers_free(fresh);
}

// ---- leases ----------------------------------------------------------------------------------------------

static void take(struct lease *l, struct node *n) {
  assert_int_equal(lease_take(l, n->env, &n->gateway->arena), ERR_NONE);
}

static void a_lease_is_held_where_nobody_else_is(void **state) {
  struct gateway *g = *state;
  struct lease l;
  lease_init(&l, &world_real, STR("watch"), 200000);
  assert_true(lease_left_us(&l, &g->env) <= 0);
  take(&l, &nodes[0]);
  assert_true(lease_left_us(&l, &g->env) > 0);
  lease_give(&l, &g->env, &g->arena);
  assert_true(lease_left_us(&l, &g->env) <= 0);
}

static void a_lease_has_one_holder(void **state) {
  struct gateway *g = *state;
  struct lease a, b;
  lease_init(&a, &world_real, STR("watch"), 200000);
  lease_init(&b, &world_real, STR("watch"), 200000);
  take(&a, &nodes[0]);
  assert_true(lease_left_us(&a, &g->env) > 0);
  take(&b, &nodes[1]);
  assert_int_equal(lease_left_us(&b, nodes[1].env), 0);
  take(&a, &nodes[0]);
  assert_int_equal(a.fence, 1);
  usleep(250000);
  g->now_us += 250000;
  assert_true(lease_left_us(&a, &g->env) <= 0); // it knows, without asking anybody
  take(&b, &nodes[1]);
  assert_int_equal(b.fence, 2);
  assert_true(lease_left_us(&b, nodes[1].env) > 0);
  take(&a, &nodes[0]);
  assert_true(lease_left_us(&a, &g->env) <= 0);
  lease_give(&b, nodes[1].env, &g->arena);
  take(&a, &nodes[0]);
  assert_int_equal(a.fence, 3);
  assert_true(lease_left_us(&a, &g->env) > 0);
}

#define NODE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_nodes, tear_down_nodes)

int main(void) {
  const struct CMUnitTest both[] = {
      NODE_TEST(one_pool_is_walked_by_two),
      NODE_TEST(many_amounts_of_one_address),
      NODE_TEST(an_xpub_gives_each_index_once),
      NODE_TEST(the_same_order_at_two_nodes_is_one_payment),
      NODE_TEST(the_same_key_at_two_nodes_is_one_request),
      NODE_TEST(an_address_is_not_released_under_a_payment),
      NODE_TEST(paying_and_expiring_at_two_nodes),
      NODE_TEST(two_rotations_keep_to_the_number_of_pairs),
      NODE_TEST(a_revoked_key_ends_at_every_node),
      NODE_TEST(a_node_that_was_paused_signs_with_no_revoked_key),
      NODE_TEST(a_lease_is_held_where_nobody_else_is),
  };
  const struct CMUnitTest of_postgres[] = {
      NODE_TEST(a_release_waits_for_those_who_claim),
      NODE_TEST(a_pair_under_way_is_passed_by),
      NODE_TEST(stale_hints_give_nothing_removed),
      NODE_TEST(a_long_list_is_read_again_and_again),
      NODE_TEST(a_lease_has_one_holder),
  };
  int failed = cmocka_run_group_tests(both, NULL, NULL);
  return failed + (database_is_postgres() ? cmocka_run_group_tests(of_postgres, NULL, NULL) : 0);
}
