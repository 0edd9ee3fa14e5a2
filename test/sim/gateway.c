// Puts the gateway together as src/daemon/instance.c does, and takes it down in both ways.
#include "sim.h"
#include "flow/configuration.h"
#include "flow/keys.h"
#include "flow/pool.h"
#include "stats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STALE_US INT64_C(5000000)          // so long a node may rely on what it has looked for
#define START_US INT64_C(1782900000000000) // 2026-07-01

const struct below *below;

void trace(const struct sim *s, const char *format, ...) {
  va_list args;
  if (!s->trace)
    return;
  fprintf(stderr, "%6lld %14.3f  ", (long long)s->steps, (double)(s->now_us - START_US) / 1e6);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

static int64_t now_us(void *self) {
  return ((struct node *)self)->sim->now_us;
}

static int64_t mono_us(void *self) {
  return ((struct node *)self)->sim->mono_us;
}

static void draw(void *self, void *out, size_t n) {
  rng_bytes(&((struct node *)self)->sim->entropy, out, n);
}

void clock_tick(struct sim *s, int64_t us) {
  s->now_us += us;
  s->mono_us += us > 0 ? us : 1;
  below->tick(s->now_us);
  if (s->oracle->max_now_us < s->now_us)
    s->oracle->max_now_us = s->now_us;
}

static struct store *store_of(const struct world *world, char *why, size_t size) {
  return store_open(&(struct store_options){.database = below->database, .vfs = below->vfs, .world = world},
                    why, size);
}

static bool open_store(struct node *n) {
  char why[512] = "";
  n->env.store = store_of(&n->world, why, sizeof why);
  if (n->env.store && env_load(&n->env, why, sizeof why))
    return true;
  trace(n->sim, "the database does not open: %s", why);
  if (n->env.store)
    store_close(n->env.store);
  n->env.store = NULL;
  return false;
}

static void drop_memory(struct node *n) {
  key_cache_free(n->env.keys);
  pools_free(n->env.pools);
  hmac_key_free((struct hmac_key *)(uintptr_t)n->app.no_secret);
}

static void forget_views(struct node *n) {
  memset(n->views, 0, sizeof n->views);
}

static bool gateway_open(struct node *n) {
  below->on(n->number);
  n->bell = (struct bell){0};
  n->env = (struct env){.world = &n->world,
                        .seal = &n->sim->seal,
                        .keys = key_cache_new(),
                        .pools = pools_new(),
                        .bell = &n->bell,
                        .base_url = STR("https://pay.shop.test")};
  n->app = (struct app){.env = &n->env, .no_secret = hmac_key_create("none", 4)};
  n->running = open_store(n);
  n->looked_us = 0;
  n->seq = n->sim->oracle->seq;
  forget_views(n);
  if (n->running)
    n->worker = webhook_worker_new(&(struct webhook_worker_options){
        .env = &n->env, .poster = receivers_courier(n), .concurrency = POSTS_MAX / 2, .per_host = 4});
  else
    drop_memory(n);
  n->sim->oracle->heads[n->number] = 0;
  if (n->running)
    onchain_attach(n);
  return n->running;
}

bool gateway_is_fresh(const struct node *n) {
  return !n->looked_us || n->sim->mono_us - n->looked_us < STALE_US;
}

void gateway_follow(struct node *n) {
  struct arena a;
  int64_t fired = gateway_faults(n);
  if (!store_shared(n->env.store))
    return;
  arena_init(&a, 1 << 16);
  configuration_follow(&n->env, &a);
  arena_free(&a);
  bool looked = atomic_load(&n->env.configuration.looked_us) == n->sim->mono_us;
  if (!looked && below->fired(n->number) == fired)
    violation(n->sim->oracle, "node %d has not looked for changes", n->number);
  if (!looked)
    return;
  if (n->seq != n->sim->oracle->seq)
    forget_views(n);
  n->looked_us = n->sim->mono_us;
  n->seq = n->sim->oracle->seq;
  trace(n->sim, "node %d has looked", n->number);
}

// What it was told when it read the project last; if it has forgotten that, it reads now.
struct view *gateway_view(struct node *n, int project, int mode, const struct o_key *key) {
  const struct o_project *p = &n->sim->oracle->projects[project];
  struct view *v = &n->views[project][mode][key - p->keys[mode]];
  int64_t generation = key_cache_generation(n->env.keys);
  if (!v->known || v->generation != generation || !gateway_is_fresh(n))
    *v = (struct view){.known = true,
                       .live = p->live,
                       .enabled = p->enabled,
                       .require_v2 = p->require_v2,
                       .generation = generation,
                       .cap = p->cap,
                       .expires_us = key->expires_us,
                       .policy = p->policy,
                       .events = p->webhook[0] ? p->events : 0};
  else if (v->live != p->live || v->enabled != p->enabled || v->cap != p->cap ||
           v->expires_us != key->expires_us)
    stats_count("nodes", "answers by an old configuration");
  return v;
}

static void gateway_close(struct node *n) {
  onchain_detach(n, false);
  webhook_worker_free(n->worker);
  store_close(n->env.store);
  drop_memory(n);
  n->running = false;
}

bool gateway_crashed(const struct node *n) {
  return below->dead(n->number);
}

int64_t gateway_faults(const struct node *n) {
  return below->fired(n->number) - !store_reachable(n->env.store);
}

// What is under way ends with the program: requests, posts, jobs.
static void drop_all(struct node *n) {
  receivers_abort(n);
  while (store_run_queued(n->env.store, 1000))
    ;
  calls_drop(n);
}

static void reopen(struct node *n) {
  struct sim *s = n->sim;
  for (int tries = 0; !gateway_open(n); tries++) {
    if (tries > 20)
      violation(s->oracle, "the database does not open any more");
    below->calm();
    if (gateway_crashed(n))
      below->revive(n->number);
  }
  if (gateway_crashed(n)) { // again, before anything was done
    gateway_recover(n);
    return;
  }
  gateway_follow(n);
  n->fired_before = below->fired(n->number);
  s->restarts++;
  oracle_check(s->oracle, true);
}

void gateway_recover(struct node *n) {
  struct sim *s = n->sim;
  trace(s, "crash of node %d", n->number);
  drop_all(n);
  gateway_close(n);
  below->revive(n->number);
  stats_count("starts", "after a crash");
  below->opening(n->number, &s->rng);
  reopen(n);
}

void gateway_restart(struct node *n) {
  trace(n->sim, "restart of node %d", n->number);
  calls_run(n, 1000);
  if (gateway_crashed(n)) {
    gateway_recover(n);
    return;
  }
  receivers_abort(n);
  while (store_run_queued(n->env.store, 1000))
    ;
  onchain_detach(n, true);
  gateway_close(n);
  if (gateway_crashed(n))
    below->revive(n->number);
  stats_count("starts", "orderly");
  reopen(n);
}

static void set_world(struct sim *s) {
  s->now_us = START_US;
  s->mono_us = 1;
  for (int i = 0; i < GATEWAYS_MAX; i++) {
    struct node *n = &s->nodes[i];
    n->sim = s;
    n->number = i;
    n->world = (struct world){now_us, mono_us, draw, n};
  }
}

void gateway_setup(void) {
  static struct sim s;
  static struct oracle o;
  char why[512];
  below->setup();
  s.oracle = &o;
  set_world(&s);
  below->on(0);
  below->tick(s.now_us);
  struct store *store = store_of(&s.nodes[0].world, why, sizeof why);
  if (!store) {
    fprintf(stderr, "no database: %s\n", why);
    exit(1);
  }
  store_close(store);
  below->save();
}

void gateway_begin(struct sim *s) {
  set_world(s);
  s->rng.state = s->seed * 2 + 1;
  s->entropy.state = ~s->seed;
  below->begin(s->seed);
  s->oracle->seed = s->seed;
  s->oracle->id_key = &s->id_key;
  rng_bytes(&s->entropy, s->seal.bytes, sizeof s->seal.bytes);
  receivers_init(s);
  s->n_nodes = 1 + (int)(s->seed % (uint64_t)below->nodes);
  s->onchain = s->oracle->onchain = onchain_new(s);
  for (int i = 0; i < s->n_nodes; i++)
    if (!gateway_open(&s->nodes[i]))
      violation(s->oracle, "the template does not open");
  s->id_key = s->nodes[0].env.id_key;
  for (int i = 0; i < s->n_nodes; i++)
    gateway_follow(&s->nodes[i]);
  clock_tick(s, 1000);
  operator_add_projects(&s->nodes[0]);
}

void gateway_end(struct sim *s) {
  for (int i = 0; i < s->n_nodes; i++) {
    drop_all(&s->nodes[i]);
    gateway_close(&s->nodes[i]);
  }
  onchain_free(s->onchain);
}
