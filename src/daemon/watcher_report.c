#include "daemon/watcher_report.h"
#include "base/log.h"
#include "base/metrics.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"

enum {
  NODES_ARENA_MAX = 1 << 20,
  FOLLOW_ARENA_MAX = 4 << 20,
  TELL_US = 1000000,        // to the other gateways
  TELL_ALONE_US = 10000000, // for the next start
  PROGRESS_US = 30000000
};

void watcher_report_init(struct watcher_report *r, struct env *env) {
  *r = (struct watcher_report){.env = env};
  pthread_mutex_init(&r->mutex, NULL);
  arena_init(&r->arena, NODES_ARENA_MAX);
}

void watcher_report_free(struct watcher_report *r) {
  arena_free(&r->arena);
  pthread_mutex_destroy(&r->mutex);
}

static int64_t mono(const struct watcher_report *r) {
  return world_mono(r->env->world);
}

static int64_t blocks_behind(const struct chain_status *s) {
  return s->solid > s->cursor.number ? s->solid - s->cursor.number : 0;
}

static void measure(const struct watcher_report *r, const struct chain_status *s) {
  int64_t now_us = world_now(r->env->world);
  metric_set(METRIC_CHAIN_HEAD, s->head);
  metric_set(METRIC_CHAIN_SOLID, s->solid);
  metric_set(METRIC_CHAIN_CURSOR, s->cursor.number);
  metric_set(METRIC_CHAIN_LAG_BLOCKS, blocks_behind(s));
  metric_set(METRIC_CHAIN_LAG_S, s->cursor.number ? (now_us - s->cursor.time_us) / 1000000 : 0);
  metric_set(METRIC_CHAIN_BEHIND, s->behind);
  metric_set(METRIC_CHAIN_STALLED, s->trouble.p || now_us - s->heard_us > CHAIN_DELAYED_US);
}

static void say_progress(struct watcher_report *r, const struct chain_status *s) {
  int64_t left_s = s->level_us ? (s->level_us - world_now(r->env->world)) / 1000000 : -1;
  if (left_s > 0)
    LOG(INFO, "catching up with the chain", LOG_I("block", s->cursor.number),
        LOG_I("blocks_behind", blocks_behind(s)), LOG_I("level_in_s", left_s));
  else
    LOG(INFO, "catching up with the chain", LOG_I("block", s->cursor.number),
        LOG_I("blocks_behind", blocks_behind(s)));
  r->progress_next_us = mono(r) + PROGRESS_US;
}

static void say_behind(struct watcher_report *r, const struct chain_status *s) {
  if (s->behind && (!r->told_behind || mono(r) >= r->progress_next_us))
    say_progress(r, s);
  bool level = !s->behind && !s->trouble.p && s->solid && s->cursor.number >= s->solid;
  if (level && (r->told_behind || !r->level)) {
    LOG(INFO, "level with the chain", LOG_I("block", s->cursor.number), LOG_I("head", s->head));
    r->level = true;
    r->told_behind = false;
  }
  r->told_behind = r->told_behind || s->behind;
}

static void say_trouble(struct watcher_report *r, const struct chain_status *s) {
  bool changed = !str_eq(s->trouble, r->told.trouble);
  if (s->trouble.p && changed)
    LOG(WARN, "the chain cannot be followed", LOG_S("error", s->trouble), LOG_I("block", s->cursor.number));
  if (!s->trouble.p && r->told_trouble)
    LOG(INFO, "the chain is followed again", LOG_I("block", s->cursor.number));
  r->told_trouble = s->trouble.p != NULL;
}

// The next start and the other gateways may know it a little later; a change of trouble at once.
static void tell(struct watcher_report *r, const struct chain_status *s) {
  struct arena a;
  bool news = !str_eq(s->trouble, r->told.trouble) || s->behind != r->told.behind;
  if (!s->cursor.number || (!news && mono(r) < r->tell_next_us))
    return;
  arena_init(&a, FOLLOW_ARENA_MAX);
  if (flow_chain_tell(r->env, &a, s) == ERR_NONE)
    r->tell_next_us = mono(r) + (store_shared(r->env->store) ? TELL_US : TELL_ALONE_US);
  arena_free(&a);
}

void watcher_report_status(struct watcher_report *r, const struct chain_status *s) {
  chain_view_set(r->env->chain, s);
  measure(r, s);
  say_behind(r, s);
  say_trouble(r, s);
  tell(r, s);
  r->told = *s;
}

void watcher_report_rescan(struct watcher_report *r, const struct rescan_piece *p) {
  bool end = p->next > p->to;
  r->rescan_found += p->found;
  r->rescan_differing += p->differing;
  if (!end && mono(r) < r->rescan_next_us)
    return;
  r->rescan_next_us = mono(r) + PROGRESS_US;
  LOG(INFO, end ? "rescan done" : "rescan under way", LOG_I("block", p->next - 1), LOG_I("to", p->to),
      LOG_I("missing_transfers_found", r->rescan_found), LOG_I("differing_transfers", r->rescan_differing));
  if (end)
    r->rescan_found = r->rescan_differing = 0;
}

void watcher_report_follow(struct watcher_report *r) {
  struct arena a;
  struct chain_row row;
  arena_init(&a, FOLLOW_ARENA_MAX);
  if (flow_chain_load(r->env, &a, &row) == ERR_NONE) {
    struct chain_status s = chain_row_status(&row);
    s.configured = true;
    chain_view_set(r->env->chain, &s);
    measure(r, &s);
  }
  r->level = false;
  r->told = (struct chain_status){0};
  arena_free(&a);
}

void watcher_report_nodes(struct watcher_report *r, struct chain *c) {
  int64_t disagreements = 0;
  pthread_mutex_lock(&r->mutex);
  arena_reset(&r->arena);
  r->n_nodes = chain_nodes(c, &r->arena, &r->nodes);
  for (int i = 0; i < r->n_nodes; i++) {
    r->nodes[i].name = str_copy(&r->arena, r->nodes[i].name);
    r->nodes[i].trouble = str_copy(&r->arena, r->nodes[i].trouble);
    disagreements += r->nodes[i].disagreements;
  }
  pthread_mutex_unlock(&r->mutex);
  if (disagreements > r->disagreements) {
    metric_add(METRIC_NODE_DISAGREEMENTS, disagreements - r->disagreements);
    atomic_store(&r->disagreed_us, mono(r) + !mono(r));
  }
  r->disagreements = disagreements;
}

int watcher_report_get_nodes(struct watcher_report *r, struct arena *a, struct chain_node_status **out) {
  pthread_mutex_lock(&r->mutex);
  int n = r->n_nodes;
  *out = ARENA_ARRAY(a, struct chain_node_status, n + 1);
  for (int i = 0; i < n; i++) {
    (*out)[i] = r->nodes[i];
    (*out)[i].name = str_copy(a, r->nodes[i].name);
    (*out)[i].trouble = str_copy(a, r->nodes[i].trouble);
  }
  pthread_mutex_unlock(&r->mutex);
  return n;
}
