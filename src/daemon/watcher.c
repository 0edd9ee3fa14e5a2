#include "daemon/watcher.h"
#include "base/bug.h"
#include "base/metrics.h"
#include "daemon/file.h"
#include "daemon/settings_chain.h"
#include "daemon/watcher_report.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"
#include "flow/lease.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  ARENA_MAX = 1 << 30, // blocks of one turn; what a node may send is limited where it is read
  LOOK_US = 1000000,   // at a rescan that was asked for; at what the watching node tells
  RETRY_US = 250000,
  SWEEP_LIMIT = 256,
  DISAGREED_US = 600000000, // said so long
  AGAIN_MAX = 20            // blocks of a rescan in one turn
};

struct watcher {
  struct watcher_options o;
  struct lease lease;
  int64_t lease_next_us;
  struct chain *chain;        // while the lease is ours
  struct arena state;         // texts that the chain was made with
  bool begun;                 // there is a cursor
  struct chain_cursor cursor; // as stored
  struct arena arena;         // of the turn below
  struct arena step;          // of one attempt to store something
  struct chain_turn turn;     // what nodes gave, until all of it is stored
  bool credited, shown;       // what of it is
  bool sweep;                 // the cursor has moved, or there was more to sweep
  int64_t look_next_us;
  int64_t rescan_next, rescan_to, rescan_wait_us; // as stored; not before
  struct watcher_report report;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool threaded, woken, stopping; // the last two are guarded by the mutex
  _Atomic bool watching;
};

static int64_t mono(const struct watcher *w) {
  return world_mono(w->o.env->world);
}

struct watcher *watcher_new(const struct watcher_options *o) {
  struct watcher *w = calloc(1, sizeof *w);
  BUG_IF(!w, "out of memory");
  w->o = *o;
  lease_init(&w->lease, o->env->world, STR("watch"), WATCH_LEASE_MS * INT64_C(1000));
  arena_init(&w->state, ARENA_MAX);
  arena_init(&w->arena, ARENA_MAX);
  arena_init(&w->step, ARENA_MAX);
  watcher_report_init(&w->report, o->env);
  pthread_mutex_init(&w->mutex, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&w->wake, &attr);
  pthread_condattr_destroy(&attr);
  return w;
}

struct watcher *watcher_make(const struct settings *s, struct env *env, struct arena *a, struct str *error) {
  struct str witnesses = STR_NONE;
  *error = STR_NONE;
  if (!s->node.n || !watcher_check(env, &s->chain, a, error))
    return NULL;
  if (*s->witness_file)
    witnesses = file_get(a, s->witness_file, WITNESS_FILE_MAX);
  if (*s->witness_file && !witnesses.p) {
    *error = str_printf(a, "cannot read the witness file %s", s->witness_file);
    return NULL;
  }
  struct fetcher *fetcher = fetcher_create(env->world);
  env->chain = chain_view_new();
  BUG_IF(!fetcher || !env->chain, "out of memory");
  return watcher_new(&(struct watcher_options){.env = env,
                                               .chain = &s->chain,
                                               .nodes = &s->node,
                                               .fetcher = fetcher,
                                               .start_block = s->start_block,
                                               .witness_file = witnesses});
}

// Whatever was being done is another's now, or is read anew.
static void let_go(struct watcher *w) {
  if (w->chain)
    chain_free(w->chain);
  w->chain = NULL;
  w->begun = false;
  w->turn = (struct chain_turn){0};
  w->credited = w->shown = true;
  arena_reset(&w->state);
  arena_reset(&w->arena);
}

static bool is_ours(struct watcher *w) {
  bool ours = lease_left_us(&w->lease, w->o.env) > 0;
  if (!ours && w->chain) {
    LOG(WARN, "another node watches the chain now, or the lease could not be renewed");
    let_go(w);
  }
  atomic_store(&w->watching, ours);
  return ours;
}

// Takes the lease, or renews it; without an answer what is left of it still counts.
static bool may_watch(struct watcher *w) {
  int64_t now_us = mono(w);
  if (now_us >= w->lease_next_us || lease_left_us(&w->lease, w->o.env) <= 0) {
    struct arena a;
    arena_init(&a, 1 << 20);
    bool held = w->chain != NULL;
    (void)(lease_take(&w->lease, w->o.env, &a) == ERR_NONE);
    arena_free(&a);
    w->lease_next_us = now_us + (held ? WATCH_RENEW_MS * INT64_C(1000) : LOOK_US);
  }
  return is_ours(w);
}

static struct chain *make_chain(struct watcher *w, const struct chain_row *row) {
  const struct settings_chain *s = w->o.chain;
  bool known = row->found && row->genesis.n;
  return chain_new(&(struct chain_options){
      .world = w->o.env->world,
      .fetcher = w->o.fetcher,
      .nodes = w->o.nodes->list,
      .n_nodes = w->o.nodes->n,
      .trust = s->trust,
      .k = s->k,
      .network = s->network,
      .token = s->token,
      .genesis = known ? row->genesis : s->genesis,
      .witnesses = row->witnesses.n ? row->witnesses : STR_NONE,
      .witness_file = w->o.witness_file,
  });
}

// What the database says is where it begins, also after another node has moved the cursor.
static enum err open_chain(struct watcher *w) {
  struct chain_row row;
  let_go(w);
  enum err e = flow_chain_load(w->o.env, &w->state, &row);
  if (e)
    return e;
  w->chain = make_chain(w, &row);
  BUG_IF(!w->chain, "out of memory");
  w->cursor = row.cursor;
  w->begun = row.found;
  w->sweep = true;
  w->rescan_next = row.rescan_next;
  w->rescan_to = row.rescan_to;
  if (row.found)
    LOG(INFO, "following the chain", LOG_I("block", row.cursor.number));
  return ERR_NONE;
}

// The first start. ERR_BUSY: no node can say now where to begin.
static enum err begin(struct watcher *w) {
  char token[ADDRESS_TEXT_N + 1];
  struct chain_row row = {.network = str_of(settings_network_name(w->o.chain->network))};
  if (!chain_begin(w->chain, w->o.start_block, &w->step, &row.cursor))
    return ERR_BUSY;
  address_format(&w->o.chain->token, token);
  row.token = str_of(token);
  row.genesis = chain_genesis(w->chain);
  row.witnesses = chain_witnesses(w->chain, &w->step);
  enum err e = flow_chain_begin(w->o.env, &w->step, &row);
  if (e)
    return e;
  w->cursor = row.cursor;
  w->begun = true;
  LOG(INFO, "following the chain from here on", LOG_I("block", row.cursor.number));
  return ERR_NONE;
}

static struct chain_cursor cursor_of(const struct chain_block *b) {
  return (struct chain_cursor){.number = b->number, .id = b->id, .time_us = b->time_us};
}

static enum err credit(struct watcher *w) {
  const struct chain_turn *t = &w->turn;
  struct blocks_done done = {0};
  const struct chain_run run = {t->final, t->n_final, chain_witnesses(w->chain, &w->step)};
  enum err e = flow_blocks(w->o.env, &w->step, &run, &done);
  if (e)
    return e;
  w->cursor = cursor_of(&t->final[t->n_final - 1]);
  chain_credited(w->chain, &w->cursor);
  w->sweep = true;
  return ERR_NONE;
}

static enum err show(struct watcher *w) {
  const struct chain_turn *t = &w->turn;
  if (!t->n_seen && !t->forked)
    return ERR_NONE;
  enum err e = flow_blocks_seen(w->o.env, &w->step, t->seen, t->n_seen, t->forked ? t->forked_from : 0);
  if (!e && t->forked) {
    metric_add(METRIC_CHAIN_FORKS, 1);
    LOG(INFO, "blocks that were not final have vanished", LOG_I("from", t->forked_from));
  }
  return e;
}

// One step after the other, each until it is done.
static enum err settle(struct watcher *w) {
  enum err e = ERR_NONE;
  if (!w->credited && w->turn.n_final)
    e = credit(w);
  w->credited = w->credited || !e;
  if (e || w->shown)
    return e;
  e = show(w);
  w->shown = !e;
  return e;
}

static void look(struct watcher *w) {
  struct chain_row row;
  if (mono(w) < w->look_next_us || flow_chain_load(w->o.env, &w->step, &row) != ERR_NONE)
    return;
  w->look_next_us = mono(w) + LOOK_US;
  w->rescan_next = row.rescan_next;
  w->rescan_to = row.rescan_to;
}

// A piece of a rescan, while the head is followed as well.
static enum err go_over(struct watcher *w) {
  struct chain_old old = {.from = w->rescan_next, .max = AGAIN_MAX};
  struct blocks_done done = {0};
  if (w->rescan_to - w->rescan_next < old.max)
    old.max = (int)(w->rescan_to - w->rescan_next) + 1;
  if (!chain_again(w->chain, &old, &w->step)) {
    w->rescan_wait_us = mono(w) + (old.wait_us > RETRY_US ? old.wait_us : RETRY_US);
    return ERR_NONE;
  }
  enum err e = flow_blocks_again(w->o.env, &w->step, old.blocks, old.n, &done);
  if (e == ERR_CHANGED) { // it was asked for anew meanwhile
    w->look_next_us = 0;
    return ERR_NONE;
  }
  if (e)
    return e;
  watcher_report_rescan(&w->report, &(struct rescan_piece){.next = w->rescan_next + old.n,
                                                           .to = w->rescan_to,
                                                           .found = done.transfers,
                                                           .differing = done.differing});
  w->rescan_next += old.n;
  if (w->rescan_next > w->rescan_to)
    w->rescan_next = w->rescan_to = 0;
  return ERR_NONE;
}

static bool has_rescan(const struct watcher *w) {
  return w->rescan_to && mono(w) >= w->rescan_wait_us;
}

static enum err ask_and_settle(struct watcher *w) {
  if (w->credited && w->shown) {
    chain_turn(w->chain, &w->cursor, &w->arena, &w->turn);
    w->credited = w->shown = false;
  }
  if (!is_ours(w))
    return ERR_CHANGED;
  return settle(w);
}

static enum err work(struct watcher *w) {
  enum err e = w->begun ? ERR_NONE : begin(w);
  if (!e)
    e = ask_and_settle(w);
  if (e)
    return e;
  if (w->sweep)
    w->sweep = flow_blocks_sweep(w->o.env, &w->step, w->cursor.time_us, SWEEP_LIMIT) == SWEEP_LIMIT;
  look(w);
  return has_rescan(w) ? go_over(w) : ERR_NONE;
}

static void report(struct watcher *w, enum err e) {
  struct chain_status s;
  chain_status_get(w->chain, &s);
  s.configured = true;
  s.cursor = w->cursor;
  if (e && e != ERR_BUSY && e != ERR_CHANGED)
    s.trouble = STR("the database does not take what was received");
  watcher_report_nodes(&w->report, w->chain);
  watcher_report_status(&w->report, &s);
}

// A swap missed: was it the cursor that another node has moved? Then all is read anew.
static void look_at_cursor(struct watcher *w) {
  struct chain_row row;
  if (w->chain && flow_chain_load(w->o.env, &w->step, &row) == ERR_NONE &&
      row.cursor.number == w->cursor.number &&
      memcmp(&row.cursor.id, &w->cursor.id, sizeof row.cursor.id) == 0)
    return;
  let_go(w);
}

static int64_t watch(struct watcher *w) {
  arena_reset(&w->step);
  enum err e = w->chain ? ERR_NONE : open_chain(w);
  if (!e)
    e = work(w);
  if (w->chain)
    report(w, e);
  if (e == ERR_CHANGED)
    look_at_cursor(w);
  bool more = w->turn.n_final || w->sweep || has_rescan(w);
  int64_t wait_us = more ? 0 : w->turn.wait_us;
  if (w->credited && w->shown) { // all of the turn is stored
    arena_reset(&w->arena);
    w->turn = (struct chain_turn){0};
  }
  if (e)
    return RETRY_US;
  return wait_us < LOOK_US ? wait_us : LOOK_US;
}

int64_t watcher_turn(struct watcher *w) {
  if (may_watch(w))
    return watch(w);
  watcher_report_follow(&w->report);
  return LOOK_US;
}

// False: the end.
static bool pause_thread(struct watcher *w, int64_t wait_us) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  int64_t ns = t.tv_nsec + wait_us % 1000000 * 1000;
  t.tv_sec += wait_us / 1000000 + ns / 1000000000;
  t.tv_nsec = ns % 1000000000;
  pthread_mutex_lock(&w->mutex);
  while (wait_us > 0 && !w->woken && !w->stopping && pthread_cond_timedwait(&w->wake, &w->mutex, &t) == 0) {
  }
  if (w->woken)
    w->look_next_us = 0;
  w->woken = false;
  bool go_on = !w->stopping;
  pthread_mutex_unlock(&w->mutex);
  return go_on;
}

static void *watch_main(void *self) {
  struct watcher *w = self;
  while (pause_thread(w, watcher_turn(w))) {
  }
  return NULL;
}

static void tell(struct watcher *w, bool *what) {
  pthread_mutex_lock(&w->mutex);
  *what = true;
  pthread_cond_signal(&w->wake);
  pthread_mutex_unlock(&w->mutex);
}

void watcher_wake(struct watcher *w) {
  tell(w, &w->woken);
}

bool watcher_start(struct watcher *w) {
  w->threaded = pthread_create(&w->thread, NULL, watch_main, w) == 0;
  return w->threaded;
}

void watcher_stop(struct watcher *w) {
  struct arena a;
  w->o.fetcher->stop(w->o.fetcher);
  tell(w, &w->stopping);
  if (w->threaded)
    pthread_join(w->thread, NULL);
  arena_init(&a, 1 << 20);
  lease_give(&w->lease, w->o.env, &a);
  arena_free(&a);
}

void watcher_free(struct watcher *w) {
  let_go(w);
  w->o.fetcher->free(w->o.fetcher);
  watcher_report_free(&w->report);
  arena_free(&w->state);
  arena_free(&w->arena);
  arena_free(&w->step);
  pthread_cond_destroy(&w->wake);
  pthread_mutex_destroy(&w->mutex);
  free(w);
}

bool watcher_is_watching(const struct watcher *w) {
  return atomic_load(&w->watching);
}

int watcher_nodes(struct watcher *w, struct arena *a, struct chain_node_status **out) {
  *out = NULL;
  return watcher_is_watching(w) ? watcher_report_get_nodes(&w->report, a, out) : 0;
}

bool watcher_disagreed(const struct watcher *w) {
  int64_t at_us = atomic_load(&w->report.disagreed_us);
  return at_us && mono(w) - at_us < DISAGREED_US;
}

bool watcher_check(struct env *env, const struct settings_chain *c, struct arena *a, struct str *error) {
  struct chain_row row;
  char token[ADDRESS_TEXT_N + 1];
  const char *network = settings_network_name(c->network);
  address_format(&c->token, token);
  if (flow_chain_load(env, a, &row) != ERR_NONE) {
    *error = STR("the database does not answer");
    return false;
  }
  if (!row.found)
    return true;
  bool genesis = !c->genesis.p || str_eq(c->genesis, row.genesis);
  if (str_eqc(row.network, network) && str_eqc(row.token, token) && genesis)
    return true;
  *error = str_printf(
      a,
      "this database follows network %.*s (genesis %.*s), token %.*s; the settings say network %s, "
      "token %s: it follows one chain for ever, another one needs another database",
      STR_FMT(row.network), STR_FMT(row.genesis), STR_FMT(row.token), network, token);
  return false;
}
