// Puts the gateway together as src/daemon/instance.c does, and takes it down in both ways.
#include "sim.h"
#include "flow/keys.h"
#include "flow/pool.h"
#include "stats.h"
#include "vfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DATABASE "/sim.db"
#define START_US INT64_C(1782900000000000) // 2026-07-01

static void *template_bytes;
static size_t template_n;

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
  return ((struct sim *)self)->now_us;
}

static int64_t mono_us(void *self) {
  return ((struct sim *)self)->mono_us;
}

static void draw(void *self, void *out, size_t n) {
  rng_bytes(&((struct sim *)self)->entropy, out, n);
}

void clock_tick(struct sim *s, int64_t us) {
  s->now_us += us;
  s->mono_us += us > 0 ? us : 1;
  vfs.now_us = s->now_us;
  if (s->oracle->max_now_us < s->now_us)
    s->oracle->max_now_us = s->now_us;
}

static bool open_store(struct sim *s) {
  char why[512] = "";
  struct store_options o = {.database = DATABASE, .vfs = VFS_NAME, .world = &s->world};
  s->env.store = store_open(&o, why, sizeof why);
  if (s->env.store && env_load(&s->env, why, sizeof why) == ENV_LOADED)
    return true;
  trace(s, "the database does not open: %s", why);
  if (s->env.store)
    store_close(s->env.store);
  s->env.store = NULL;
  return false;
}

static bool gateway_open(struct sim *s) {
  s->bell = (struct bell){0};
  s->env = (struct env){.world = &s->world,
                        .seal = &s->seal,
                        .keys = key_cache_new(),
                        .pools = pools_new(),
                        .bell = &s->bell,
                        .base_url = STR("https://pay.shop.test")};
  s->app = (struct app){.env = &s->env, .no_secret = hmac_key_create("none", 4)};
  s->running = open_store(s);
  if (s->running)
    s->worker = webhook_worker_new(&(struct webhook_worker_options){
        .env = &s->env, .poster = &s->receivers.poster, .concurrency = POSTS_MAX / 2, .per_host = 4});
  else {
    key_cache_free(s->env.keys);
    pools_free(s->env.pools);
    hmac_key_free((struct hmac_key *)(uintptr_t)s->app.no_secret);
  }
  return s->running;
}

static void gateway_close(struct sim *s) {
  webhook_worker_free(s->worker);
  store_close(s->env.store);
  key_cache_free(s->env.keys);
  pools_free(s->env.pools);
  hmac_key_free((struct hmac_key *)(uintptr_t)s->app.no_secret);
  s->running = false;
}

bool gateway_crashed(void) {
  return vfs.dead;
}

// What is under way ends with the program: requests, posts, jobs.
static void drop_all(struct sim *s) {
  receivers_abort(s);
  while (store_run_queued(s->env.store, 1000))
    ;
  calls_drop(s);
}

static void reopen(struct sim *s) {
  for (int tries = 0; !gateway_open(s); tries++) {
    if (tries > 20)
      violation(s->oracle, "the database does not open any more");
    vfs_calm();
    if (vfs.dead)
      vfs_revive();
  }
  if (vfs.dead) { // again, before anything was done
    gateway_recover(s);
    return;
  }
  s->fired_before = vfs_fired();
  s->restarts++;
  oracle_check(s->oracle, true);
}

void gateway_recover(struct sim *s) {
  trace(s, "crash");
  drop_all(s);
  gateway_close(s);
  vfs_revive();
  stats_count("starts", "after a crash");
  // sometimes the machine stops while it recovers
  if (rng_percent(&s->rng, 15))
    vfs_fail(FAULT_CRASH, (int)rng_between(&s->rng, 1, 6), 1);
  else if (rng_percent(&s->rng, 10))
    vfs_fail(FAULT_READ, (int)rng_between(&s->rng, 1, 30), 1);
  reopen(s);
}

void gateway_restart(struct sim *s) {
  trace(s, "restart");
  calls_run(s, 1000);
  if (vfs.dead) {
    gateway_recover(s);
    return;
  }
  receivers_abort(s);
  while (store_run_queued(s->env.store, 1000))
    ;
  gateway_close(s);
  if (vfs.dead)
    vfs_revive();
  stats_count("starts", "orderly");
  reopen(s);
}

void gateway_setup(void) {
  static struct sim s;
  static struct oracle o;
  vfs_clear();
  s.oracle = &o;
  s.world = (struct world){now_us, mono_us, draw, &s};
  s.now_us = START_US;
  char why[512];
  struct store *store = store_open(
      &(struct store_options){.database = DATABASE, .vfs = VFS_NAME, .world = &s.world}, why, sizeof why);
  if (!store) {
    fprintf(stderr, "no database: %s\n", why);
    exit(1);
  }
  store_close(store);
  vfs_save(DATABASE, &template_bytes, &template_n);
  vfs_clear();
}

void gateway_begin(struct sim *s) {
  s->world = (struct world){now_us, mono_us, draw, s};
  s->now_us = START_US;
  s->mono_us = 1;
  s->rng.state = s->seed * 2 + 1;
  s->entropy.state = ~s->seed;
  vfs_clear();
  memset(vfs.fired, 0, sizeof vfs.fired);
  memset(vfs.begun, 0, sizeof vfs.begun);
  vfs.rng.state = s->seed ^ 0x5851F42D4C957F2Du;
  vfs_load(DATABASE, template_bytes, template_n);
  s->oracle->seed = s->seed;
  s->oracle->id_key = &s->env.id_key;
  draw(s, s->seal.bytes, sizeof s->seal.bytes);
  receivers_init(s);
  if (!gateway_open(s))
    violation(s->oracle, "the template does not open");
  clock_tick(s, 1000);
  operator_add_projects(s);
}

void gateway_end(struct sim *s) {
  drop_all(s);
  gateway_close(s);
}
