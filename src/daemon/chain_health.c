#include "daemon/chain_health.h"
#include "base/timefmt.h"
#include "flow/chain_view.h"

// Level, the last block in the book is about a minute old: 19 of 27 witnesses, 3 s each.
enum { LAG_MAX_US = 180 * 1000000, ARENA_MAX = 1 << 20 };

static void time_member(struct jsonw *j, struct arena *a, const char *name, int64_t us) {
  jsonw_kstr(j, name, us ? time_sql(a, us) : STR_NONE);
}

void chain_health_members(struct jsonw *j, struct arena *a, const struct chain_status *s) {
  int64_t behind = s->solid > s->cursor.number ? s->solid - s->cursor.number : 0;
  jsonw_ki64(j, "block", s->cursor.number);
  time_member(j, a, "block_time", s->cursor.time_us);
  jsonw_ki64(j, "head", s->head);
  jsonw_ki64(j, "solid", s->solid);
  jsonw_ki64(j, "blocks_behind", behind);
  jsonw_kbool(j, "catching_up", s->behind);
  time_member(j, a, "level_at", s->level_us);
  time_member(j, a, "heard_at", s->heard_us);
  jsonw_kstr(j, "trouble", s->trouble);
}

void chain_health_nodes(struct jsonw *j, struct arena *a, struct watcher *w) {
  struct chain_node_status *nodes;
  int n = watcher_nodes(w, a, &nodes);
  jsonw_key(j, "nodes");
  jsonw_open(j, '[');
  for (int i = 0; i < n; i++) {
    jsonw_open(j, '{');
    jsonw_kstr(j, "node", nodes[i].name);
    jsonw_kbool(j, "usable", nodes[i].usable);
    jsonw_kstr(j, "trouble", nodes[i].trouble);
    jsonw_ki64(j, "head", nodes[i].head);
    jsonw_ki64(j, "solid", nodes[i].solid);
    jsonw_ki64(j, "seconds_behind", nodes[i].behind_s);
    jsonw_ki64(j, "requests_today", nodes[i].requests_today);
    jsonw_ki64(j, "disagreements", nodes[i].disagreements);
    jsonw_close(j, '}');
  }
  jsonw_close(j, ']');
}

// NULL: it is followed as it should be.
static const char *what_is_wrong(const struct chain_status *s, bool disagreed, int64_t now_us) {
  if (s->trouble.p)
    return "the chain cannot be followed";
  if (s->behind)
    return "catching up: live payments are confirmed late";
  if (!s->cursor.number)
    return "nothing is followed yet";
  if (chain_is_delayed(s, now_us))
    return "nothing new was heard of the chain";
  if (now_us - s->cursor.time_us > LAG_MAX_US)
    return "the last block in the book is old";
  return disagreed ? "nodes have disagreed" : NULL;
}

static bool chain_part(struct jsonw *j, struct arena *a, struct env *env, struct watcher *w) {
  struct chain_status s;
  chain_view_get(env->chain, a, &s);
  const char *wrong = what_is_wrong(&s, watcher_disagreed(w), world_now(env->world));
  jsonw_kstr(j, "status", wrong ? STR("trouble") : STR("ok"));
  jsonw_key(j, "chain");
  jsonw_open(j, '{');
  jsonw_kstr(j, "status", str_of(wrong ? wrong : "ok"));
  chain_health_members(j, a, &s);
  jsonw_kbool(j, "watching", watcher_is_watching(w));
  chain_health_nodes(j, a, w);
  jsonw_close(j, '}');
  return !wrong;
}

bool chain_health(struct env *env, struct watcher *w, struct buf *json) {
  struct jsonw j;
  struct arena a;
  bool reachable = store_reachable(env->store), well = false;
  arena_init(&a, ARENA_MAX);
  jsonw_init(&j, json);
  jsonw_open(&j, '{');
  if (w && env->chain) {
    well = chain_part(&j, &a, env, w);
  } else { // payments work, but nothing live is confirmed or expires
    jsonw_kstr(&j, "status", STR("trouble"));
    jsonw_kstr(&j, "chain", STR("no node is configured: live payments are neither confirmed nor expired"));
  }
  jsonw_kstr(&j, "database",
             reachable ? STR("ok") : STR("cannot be reached: requests that need it are answered 503"));
  jsonw_close(&j, '}');
  arena_free(&a);
  return well && reachable;
}
