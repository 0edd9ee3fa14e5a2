#include "daemon/serve.h"
#include "base/metrics.h"
#include "daemon/cli.h"
#include "daemon/chain_health.h"
#include "daemon/control.h"
#include "daemon/instance.h"
#include "daemon/messages.h"
#include "daemon/watcher.h"
#include "daemon/webhook_worker.h"
#include "flow/chain_view.h"
#include "flow/lease.h"
#include "flow/payments.h"
#include "flow/webhooks.h"
#include "http/api_payments.h"
#include "http/app.h"
#include "http/auth.h"
#include "http/ops.h"
#include "http/limits.h"
#include "http/page.h"
#include "http/page_checkout.h"
#include "http/page_claim.h"
#include "http/page_proof.h"
#include "store/database_url.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
  SWEEP_LIMIT = 256,
  SWEEP_PAUSE_MS = 200,
  SWEEP_ASK_US = 1000000,
  SWEEP_LEASE_US = 10000000,
  WORKER_ARENA_MAX = 64 << 20,
  ERROR_MAX = 512
};
enum { DATABASE_WITHIN_S = 20, CLOCK_AHEAD_MAX_US = 1000000 }; // at the start

// Every address that the outside can ask, and who may. A test walks this table.
static const struct route routes[] = {
    {"POST", "/api/create-payment.php", ACCESS_SIGNED, "application/json", api_create_payment,
     "create_payment"},
    {"GET", "/api/payment-status.php", ACCESS_SIGNED, NULL, api_payment_status, "payment_status"},
    {"GET", "/static/*", ACCESS_PUBLIC, NULL, page_static, "static"},
    {"GET", "/pay", ACCESS_PUBLIC, NULL, page_checkout_bare, "checkout"},
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, page_checkout, "checkout"},
    {"GET", "/pay/status", ACCESS_PUBLIC, NULL, page_checkout_status, "checkout_status"},
    {"POST", "/pay/extend", ACCESS_PUBLIC, "application/x-www-form-urlencoded", page_checkout_extend,
     "checkout_extend"},
    {"POST", "/pay/cancel", ACCESS_PUBLIC, "application/x-www-form-urlencoded", page_checkout_cancel,
     "checkout_cancel"},
    {"GET", "/pay/proof", ACCESS_PUBLIC, NULL, page_proof, "checkout_proof"},
    {"POST", "/pay/claim", ACCESS_PUBLIC, "application/x-www-form-urlencoded", page_claim, "checkout_claim"},
    {"POST", "/pay/test", ACCESS_PUBLIC, "application/x-www-form-urlencoded", page_checkout_test,
     "checkout_test"},
    {0},
};

// All parts of the running gateway, in the order of their start.
struct gateway_server {
  const struct settings *settings;
  struct instance instance;
  struct messages *messages; // NULL where the database is this process's alone
  struct hmac_key *no_secret;
  struct app app;
  struct poster *poster;
  struct webhook_worker *webhooks;
  struct watcher *watcher; // NULL: no node is named
  struct control *control;
  struct server *public, *operations;
  struct ops ops;
  pthread_t sweeper;
  _Atomic bool stopping;
  bool writing, sweeping, watching;
};

static bool ready(void *self) {
  const struct gateway_server *g = self;
  return !atomic_load(&g->stopping) && store_reachable(g->instance.env.store);
}

static bool healthy(void *self, struct buf *json) {
  struct gateway_server *g = self;
  return chain_health(&g->instance.env, g->watcher, json);
}

static void measure_webhooks(struct env *env) {
  struct arena a;
  int64_t n, oldest_us;
  arena_init(&a, WORKER_ARENA_MAX);
  if (flow_deliveries_waiting(env, &a, &n, &oldest_us) == ERR_NONE) {
    metric_set(METRIC_WEBHOOKS_PENDING, n);
    metric_set(METRIC_WEBHOOK_OLDEST_S, oldest_us ? (world_now(env->world) - oldest_us) / 1000000 : 0);
  }
  arena_free(&a);
}

static void measure(void *self) {
  struct gateway_server *g = self;
  measure_webhooks(&g->instance.env);
  metric_set(METRIC_JOBS_WAITING, store_queue_length(g->instance.env.store));
  metric_set(METRIC_WAITING, live_waiting(g->app.live));
}

// Asks each second for the lease, where other nodes use the database too; then one of them sweeps.
static bool may_sweep(struct env *env, struct arena *a, struct lease *lease, int64_t *next_us) {
  int64_t now_us = world_mono(env->world);
  if (now_us >= *next_us) {
    *next_us = now_us + SWEEP_ASK_US;
    (void)(lease_take(lease, env, a) == ERR_NONE); // out of reach: what is left of it still counts
  }
  return lease_left_us(lease, env) > 0;
}

static void *sweep_main(void *self) {
  struct gateway_server *g = self;
  struct env *env = &g->instance.env;
  struct arena a;
  struct lease lease;
  int64_t next_us = 0;
  arena_init(&a, WORKER_ARENA_MAX);
  lease_init(&lease, env->world, STR("sweep"), SWEEP_LEASE_US);
  const struct timespec pause = {.tv_nsec = SWEEP_PAUSE_MS * 1000000L};
  while (!atomic_load(&g->stopping)) {
    bool mine = may_sweep(env, &a, &lease, &next_us);
    int n = mine ? flow_sweep(env, &a, SWEEP_LIMIT) : 0;
    int forgotten = mine ? flow_forget_answers(env, &a) : 0; // a few: go on at once, to keep up
    arena_reset(&a);
    if (n < SWEEP_LIMIT && forgotten == 0)
      nanosleep(&pause, NULL);
  }
  lease_give(&lease, env, &a);
  arena_free(&a);
  return NULL;
}

static void run_command(void *user, struct arena *a, struct str request, struct buf *answer) {
  struct gateway_server *g = user;
  commands_run(&g->instance.gateway, a, request, answer);
}

// After the last listener has come to the bell, before anybody rings it.
static bool start_messages(struct gateway_server *g, char *error) {
  struct env *env = &g->instance.env;
  if (!store_shared(env->store))
    return true;
  g->messages = messages_start(env, g->app.live, g->instance.folder.url);
  if (g->messages)
    return true;
  snprintf(error, ERROR_MAX, "cannot start the threads that keep up with other nodes");
  return false;
}

// Before threads run: env->chain is for all.
static bool make_watcher(struct gateway_server *g, char *error) {
  struct str why;
  g->watcher = watcher_make(g->settings, &g->instance.env, g->instance.arena, &why);
  g->instance.gateway.watcher = g->watcher;
  snprintf(error, ERROR_MAX, "%.*s", STR_FMT(why));
  return g->watcher || !why.p;
}

static bool start_watcher(struct gateway_server *g, char *error) {
  g->watching = g->watcher && watcher_start(g->watcher);
  if (!g->watching && g->watcher)
    snprintf(error, ERROR_MAX, "cannot start the thread that follows the chain");
  return g->watching || !g->watcher;
}

static bool start_workers(struct gateway_server *g, char *error) {
  const struct settings *s = g->settings;
  struct env *env = &g->instance.env;
  g->writing = store_writer_start(env->store);
  if (!g->writing) {
    snprintf(error, ERROR_MAX, "cannot start the writer's thread");
    return false;
  }
  g->poster = poster_create(&(struct poster_options){
      .world = env->world,
      .user_agent = "cryptopay",
      .allow_http = s->allow_http_webhooks,
      .allow_private = s->allow_private_webhooks,
      .ca_file = *s->webhook_ca_file ? s->webhook_ca_file : NULL,
  });
  if (g->poster)
    g->webhooks = webhook_worker_new(&(struct webhook_worker_options){
        .env = env,
        .poster = g->poster,
        .concurrency = (int)s->webhook_concurrency,
        .per_host = (int)s->webhook_per_host,
    });
  if (!start_messages(g, error))
    return false;
  g->sweeping = g->webhooks && webhook_worker_start(g->webhooks) &&
                pthread_create(&g->sweeper, NULL, sweep_main, g) == 0;
  if (!g->sweeping)
    snprintf(error, ERROR_MAX, "cannot start the workers");
  return g->sweeping;
}

static bool start_listeners(struct gateway_server *g, char *error) {
  const struct settings *s = g->settings;
  const struct server_options public = {
      .listen = s->listen,
      .prefix = s->base.prefix,
      .host = s->base.authority,
      .routes = routes,
      .threads = (int)s->http_threads,
      .trusted_proxies = s->trusted_proxies,
      .admit = auth_admit,
      .error_page = page_error,
      .connections_per_address_max = s->rate_limit ? 0 : INT_MAX,
      .world = g->instance.env.world,
      .app = &g->app,
  };
  g->public = server_start(&public, error, ERROR_MAX);
  if (!g->public || !*s->ops_listen)
    return g->public != NULL;
  g->ops =
      (struct ops){.server = g->public, .ready = ready, .health = healthy, .measure = measure, .self = g};
  const struct server_options operations = {
      .listen = s->ops_listen,
      .prefix = STR(""),
      .host = str_of(s->ops_listen),
      .routes = ops_routes,
      .threads = 1,
      .world = g->instance.env.world,
      .app = &g->ops,
  };
  g->operations = server_start(&operations, error, ERROR_MAX);
  return g->operations != NULL;
}

static bool start(struct gateway_server *g, char *error) {
  const struct settings *s = g->settings;
  struct env *env = &g->instance.env;
  const struct rate_limit limits[RATE_KINDS] = {
      [RATE_KEY] = {.per_s = s->rate_per_key, .burst = 2 * s->rate_per_key},
      [RATE_ADDRESS] = {.per_s = s->rate_per_address, .burst = 5 * s->rate_per_address},
      [RATE_FAILURE] = {.per_s = 1, .burst = 20},
      [RATE_CLAIM] = {.every_s = CLAIM_EVERY_S, .burst = CLAIM_BURST},
  };
  g->no_secret = hmac_key_create("", 0);
  g->app = (struct app){
      .env = env,
      .live = live_start(env->world, 0),
      .rate = s->rate_limit ? rate_new(env->world, limits) : NULL,
      .no_secret = g->no_secret,
  };
  bell_listen(env->bell, live_ring, g->app.live);
  if (!make_watcher(g, error) || !start_workers(g, error) || !start_watcher(g, error))
    return false;
  g->control = control_start(g->instance.folder.socket, run_command, g, error, ERROR_MAX);
  return g->control && start_listeners(g, error);
}

// The order matters: first nobody may ask for anything new, then what was asked is finished, then the
// database is closed.
static void stop(struct gateway_server *g) {
  atomic_store(&g->stopping, true);
  if (g->app.live)
    live_quiet(g->app.live);
  if (g->public)
    server_stop(g->public, (int)g->settings->stop_grace_s * 1000);
  if (g->control)
    control_stop(g->control);
  if (g->watching)
    watcher_stop(g->watcher);
  if (g->webhooks)
    webhook_worker_stop(g->webhooks);
  if (g->sweeping)
    pthread_join(g->sweeper, NULL);
  if (g->writing)
    store_writer_stop(g->instance.env.store);
  if (g->messages)
    messages_stop(g->messages);
  if (g->webhooks)
    webhook_worker_free(g->webhooks);
  if (g->poster)
    poster_free(g->poster);
  if (g->operations)
    server_stop(g->operations, 0);
  if (g->app.live)
    live_free(g->app.live);
  if (g->app.rate)
    rate_free(g->app.rate);
  hmac_key_free(g->no_secret);
  if (g->watcher)
    watcher_free(g->watcher);
  chain_view_free(g->instance.env.chain);
  instance_close(&g->instance);
}

static void wait_for_signal(const sigset_t *signals) {
  int which;
  while (sigwait(signals, &which) != 0) {
  }
  LOG(INFO, "stopping", LOG_I("signal", which));
}

static struct str database_name(const struct gateway_server *g) {
  const struct data_folder *f = &g->instance.folder;
  return f->url ? database_url_shown(f->url, g->instance.arena) : str_of(f->database);
}

static int run(struct gateway_server *g, const sigset_t *signals) {
  char error[ERROR_MAX] = "";
  bool ok = start(g, error);
  if (ok) {
    instance_note_base_url(&g->instance);
    LOG(INFO, "ready", LOG_S("base_url", g->settings->base.text), LOG_C("listen", g->settings->listen),
        LOG_C("data", g->settings->data), LOG_S("database", database_name(g)));
    wait_for_signal(signals);
  } else {
    LOG(ERROR, "cannot start", LOG_C("error", error));
  }
  stop(g);
  if (ok)
    LOG(INFO, "stopped");
  return ok ? EXIT_DONE : EXIT_REFUSED;
}

// At the start of a machine the database may come up later than this; a failover takes its time too. False: a
// signal came.
static bool pause_for_database(const sigset_t *signals, struct str error, bool first) {
  if (first)
    LOG(WARN, "waiting for the database", LOG_S("error", error), LOG_I("seconds", DATABASE_WITHIN_S));
  return sigtimedwait(signals, NULL, &(struct timespec){.tv_sec = 1}) < 0;
}

static enum folder_state open_instance(struct gateway_server *g, const sigset_t *signals, struct arena *a,
                                       struct str *error) {
  int64_t until_us = world_mono(&world_real) + DATABASE_WITHIN_S * INT64_C(1000000);
  enum folder_state state = instance_open_server(&g->instance, g->settings, a, error);
  for (bool first = true; state == FOLDER_AWAY && world_mono(&world_real) < until_us; first = false) {
    if (!pause_for_database(signals, *error, first))
      break;
    state = instance_open_server(&g->instance, g->settings, a, error);
  }
  return state;
}

static void warn_of_clock(const struct instance *g) {
  if (g->clock_ahead_us > CLOCK_AHEAD_MAX_US || g->clock_ahead_us < -CLOCK_AHEAD_MAX_US)
    LOG(WARN, "this machine's clock and the database's differ: keep both right with NTP",
        LOG_I("database_ahead_ms", g->clock_ahead_us / 1000));
}

int serve_run(const struct settings *settings) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL); // every thread inherits it; one place waits for them
  signal(SIGPIPE, SIG_IGN);
  log_set_level(settings->level);
  settings_warn(settings);
  struct arena a;
  arena_init(&a, WORKER_ARENA_MAX);
  struct str error = STR_NONE;
  static struct gateway_server g; // large; there is one in a process
  g.settings = settings;
  int status = EXIT_REFUSED;
  if (open_instance(&g, &signals, &a, &error) == FOLDER_OPEN) {
    warn_of_clock(&g.instance);
    status = run(&g, &signals);
  } else {
    LOG(ERROR, "cannot start", LOG_S("error", error));
  }
  arena_free(&a);
  return status;
}
