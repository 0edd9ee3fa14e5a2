// The watcher between a chain and a book that both are this test's: what is tried again, what is given up,
// and who may watch. (The real ones meet in test/e2e/chain.test.mjs.)
#include "../support/gateway.h"
#include "base/metrics.h"
#include "daemon/watcher.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"

enum { ASK_MAX = 100 };

// ---- the chain

struct chain {
  struct chain_options o;
  struct chain_cursor cursor; // as told by chain_credited()
  char genesis[65], witnesses[65];
};

static struct nodes {
  int64_t solid, head;
  int turns, made, freed, seen_turn;
  bool away;         // nobody can be asked
  int64_t *sleep_us; // this clock jumps by so much while nodes are asked
  int64_t slept_us;
  int64_t again_from[ASK_MAX];
  int again_n, again_refused;
} nodes;

struct chain *chain_new(const struct chain_options *o) {
  struct chain *c = calloc(1, sizeof *c);
  c->o = *o;
  snprintf(c->genesis, sizeof c->genesis, "%.*s", STR_FMT(o->genesis));
  snprintf(c->witnesses, sizeof c->witnesses, "%.*s", STR_FMT(o->witnesses));
  nodes.made++;
  return c;
}

void chain_free(struct chain *c) {
  nodes.freed++;
  free(c);
}

static struct chain_block block(int64_t number) {
  return (struct chain_block){.number = number, .id = {{(uint8_t)number}}, .time_us = number * 3000000};
}

void chain_turn(struct chain *c, const struct chain_cursor *cursor, struct arena *a, struct chain_turn *out) {
  (void)c;
  nodes.turns++;
  *out = (struct chain_turn){.wait_us = 3000000};
  if (nodes.sleep_us)
    *nodes.sleep_us += nodes.slept_us;
  int64_t n = nodes.solid - cursor->number < 3 ? nodes.solid - cursor->number : 3;
  out->final = ARENA_ARRAY(a, struct chain_block, 4);
  for (int64_t i = 0; i < n; i++)
    out->final[out->n_final++] = block(cursor->number + 1 + i);
  if (nodes.seen_turn == nodes.turns) {
    out->seen = ARENA_ARRAY(a, struct chain_block, 1);
    out->seen[out->n_seen++] = block(nodes.head);
    out->forked = true;
    out->forked_from = nodes.head;
  }
}

bool chain_begin(struct chain *c, int64_t start_block, struct arena *a, struct chain_cursor *out) {
  (void)c;
  (void)a;
  struct chain_block b = block(start_block ? start_block - 1 : nodes.solid);
  *out = (struct chain_cursor){b.number, b.id, b.time_us};
  return !nodes.away;
}

void chain_credited(struct chain *c, const struct chain_cursor *cursor) {
  c->cursor = *cursor;
}

struct str chain_witnesses(struct chain *c, struct arena *a) {
  (void)c;
  (void)a;
  return STR("set");
}

struct str chain_genesis(const struct chain *c) {
  (void)c;
  return STR("00aa");
}

void chain_status_get(const struct chain *c, struct chain_status *out) {
  *out = (struct chain_status){.configured = true,
                               .solid = nodes.solid,
                               .head = nodes.head,
                               .behind = nodes.solid - c->cursor.number > 10,
                               .trouble = nodes.away ? STR("nobody answers") : STR_NONE};
}

int chain_nodes(const struct chain *c, struct arena *a, struct chain_node_status **out) {
  (void)c;
  *out = ARENA_NEW(a, struct chain_node_status);
  **out = (struct chain_node_status){.name = STR("n1"), .usable = !nodes.away, .disagreements = 1};
  return 1;
}

bool chain_again(struct chain *c, struct chain_old *old, struct arena *a) {
  (void)c;
  if (nodes.again_n < ASK_MAX)
    nodes.again_from[nodes.again_n++] = old->from;
  old->blocks = ARENA_ARRAY(a, struct chain_block, old->max);
  old->n = 0;
  old->wait_us = 1;
  if (nodes.again_refused-- > 0)
    return false;
  while (old->n < old->max) {
    old->blocks[old->n] = block(old->from + old->n);
    old->n++;
  }
  return true;
}

// ---- the book

static struct book {
  struct chain_row row;
  enum err refuse; // what the next `refusals` calls are answered with
  int refusals, credits, shows, sweeps, tells, again;
  int64_t shown_forked;
} book;

static bool refused(void) {
  return book.refusals > 0 && book.refusals--;
}

enum err flow_chain_load(struct env *env, struct arena *a, struct chain_row *out) {
  (void)env;
  (void)a;
  *out = book.row;
  return ERR_NONE;
}

enum err flow_chain_begin(struct env *env, struct arena *a, const struct chain_row *row) {
  (void)env;
  (void)a;
  book.row = *row;
  book.row.found = true;
  book.row.genesis = STR("00aa");
  book.row.witnesses = STR("set");
  book.row.token = STR("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
  return ERR_NONE;
}

enum err flow_blocks(struct env *env, struct arena *a, const struct chain_run *run,
                     struct blocks_done *done) {
  const struct chain_block *blocks = run->blocks;
  int n = run->n;
  (void)env;
  (void)a;
  assert_true(str_eqc(run->witnesses, "set"));
  if (refused())
    return book.refuse;
  if (blocks[0].number != book.row.cursor.number + 1)
    return ERR_CHANGED;
  for (int i = 1; i < n; i++)
    assert_int_equal(blocks[i].number, blocks[0].number + i);
  const struct chain_block *last = &blocks[n - 1];
  book.row.cursor = (struct chain_cursor){last->number, last->id, last->time_us};
  book.credits += n;
  *done = (struct blocks_done){.transfers = 3, .paid = 1, .unmatched = 1};
  return ERR_NONE;
}

enum err flow_blocks_seen(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                          int64_t forked_from) {
  (void)env;
  (void)a;
  if (refused())
    return book.refuse;
  assert_int_equal(n, 1);
  assert_int_equal(blocks[0].number, nodes.head);
  book.shows++;
  book.shown_forked = forked_from;
  return ERR_NONE;
}

enum err flow_blocks_again(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                           struct blocks_done *done) {
  (void)env;
  (void)a;
  (void)done;
  if (refused())
    return book.refuse;
  if (blocks[0].number != book.row.rescan_next)
    return ERR_CHANGED;
  book.again += n;
  book.row.rescan_next += n;
  if (book.row.rescan_next > book.row.rescan_to)
    book.row.rescan_next = book.row.rescan_to = 0;
  return ERR_NONE;
}

int flow_blocks_sweep(struct env *env, struct arena *a, int64_t cursor_us, int limit) {
  (void)env;
  (void)a;
  (void)limit;
  assert_int_equal(cursor_us, book.row.cursor.time_us);
  book.sweeps++;
  return 0;
}

enum err flow_chain_tell(struct env *env, struct arena *a, const struct chain_status *s) {
  (void)env;
  (void)a;
  book.tells++;
  book.row.head = s->head;
  book.row.trouble = s->trouble;
  return ERR_NONE;
}

// ---- a watcher of each

static void no_run(struct fetcher *f, struct fetch *list, size_t n) {
  (void)f;
  (void)list;
  (void)n;
}

static void no_stop(struct fetcher *f) {
  (void)f;
}

static struct fetcher fetcher = {no_run, no_stop, no_stop};
static struct chain_node node_list[1];
static struct settings_nodes named = {node_list, 1};
static struct settings_chain asked = {.network = NETWORK_MAIN, .trust = TRUST_ONE, .k = 1};

static struct watcher *make(struct env *env, int64_t start_block) {
  assert_true(address_parse(STR("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"), &asked.token));
  env->chain = chain_view_new();
  return watcher_new(&(struct watcher_options){
      .env = env, .chain = &asked, .nodes = &named, .fetcher = &fetcher, .start_block = start_block});
}

static void end(struct watcher *w, struct env *env) {
  watcher_stop(w);
  watcher_free(w);
  chain_view_free(env->chain);
  assert_int_equal(nodes.made, nodes.freed);
}

static void begin_at(int64_t solid) {
  nodes = (struct nodes){.solid = solid, .head = solid + 19};
  book = (struct book){.refuse = ERR_STORE};
}

static void follows_in_order(void **state) {
  struct gateway *g = *state;
  struct chain_status s;
  begin_at(1000);
  struct watcher *w = make(&g->env, 995);
  assert_int_equal(watcher_turn(w), 0); // more is there
  assert_int_equal(book.row.cursor.number, 997);
  watcher_turn(w);
  assert_int_equal(watcher_turn(w), 1000000); // level: nothing before it looks at what was asked for
  assert_int_equal(book.row.cursor.number, 1000);
  assert_int_equal(book.credits, 6);
  assert_int_equal(book.sweeps, 2);
  chain_view_get(g->env.chain, &g->arena, &s);
  assert_int_equal(s.cursor.number, 1000);
  assert_true(s.configured);
  assert_int_equal(metric_get(METRIC_CHAIN_LAG_BLOCKS), 0);
  assert_true(book.tells > 0);
  end(w, &g->env);
}

static void what_is_not_stored_is_tried_again(void **state) {
  struct gateway *g = *state;
  struct chain_status s;
  begin_at(1000);
  struct watcher *w = make(&g->env, 0);
  watcher_turn(w);
  nodes.solid = 1002;
  nodes.seen_turn = nodes.turns + 1;
  book.refusals = 2;
  int turns = nodes.turns;
  assert_int_equal(watcher_turn(w), 250000);
  chain_view_get(g->env.chain, &g->arena, &s);
  assert_true(s.trouble.p != NULL);
  assert_int_equal(watcher_turn(w), 250000);
  assert_int_equal(nodes.turns, turns + 1); // the same blocks: nodes are not asked again
  assert_int_equal(book.credits, 0);
  book.refusals = 0;
  watcher_turn(w);
  assert_int_equal(book.credits, 2);
  assert_int_equal(book.shows, 1);
  assert_int_equal(book.shown_forked, nodes.head);
  chain_view_get(g->env.chain, &g->arena, &s);
  assert_null(s.trouble.p);
  // a sighting alone
  nodes.seen_turn = nodes.turns + 1;
  book.refusals = 1;
  assert_int_equal(watcher_turn(w), 250000);
  assert_int_equal(book.shows, 1);
  watcher_turn(w);
  assert_int_equal(book.shows, 2);
  assert_int_equal(book.credits, 2);
  end(w, &g->env);
}

static void a_cursor_that_another_moved_is_read_again(void **state) {
  struct gateway *g = *state;
  begin_at(1000);
  struct watcher *w = make(&g->env, 0);
  watcher_turn(w);
  struct chain_block b = block(1005);
  book.row.cursor = (struct chain_cursor){b.number, b.id, b.time_us};
  nodes.solid = 1007;
  assert_int_equal(watcher_turn(w), 250000);
  assert_int_equal(book.credits, 0);
  assert_int_equal(nodes.freed, 1);
  watcher_turn(w);
  assert_int_equal(book.row.cursor.number, 1007);
  assert_int_equal(book.credits, 2);
  end(w, &g->env);
}

// A swap that missed for another reason.
static void a_cursor_that_nobody_moved_is_kept(void **state) {
  struct gateway *g = *state;
  begin_at(1000);
  struct watcher *w = make(&g->env, 0);
  watcher_turn(w);
  nodes.solid = 1001;
  book.refuse = ERR_CHANGED;
  book.refusals = 1;
  int turns = nodes.turns;
  assert_int_equal(watcher_turn(w), 250000);
  watcher_turn(w);
  assert_int_equal(nodes.freed, 0);
  assert_int_equal(nodes.turns, turns + 1);
  assert_int_equal(book.credits, 1);
  end(w, &g->env);
}

static void nobody_can_be_asked(void **state) {
  struct gateway *g = *state;
  struct chain_status s;
  begin_at(1000);
  nodes.away = true;
  struct watcher *w = make(&g->env, 0);
  assert_int_equal(watcher_turn(w), 250000);
  chain_view_get(g->env.chain, &g->arena, &s);
  assert_true(str_eqc(s.trouble, "nobody answers"));
  assert_false(book.row.found);
  struct chain_node_status *list;
  assert_int_equal(watcher_nodes(w, &g->arena, &list), 1);
  assert_false(list[0].usable);
  assert_true(watcher_disagreed(w));
  nodes.away = false;
  watcher_turn(w);
  assert_true(book.row.found);
  assert_int_equal(book.row.cursor.number, 1000);
  g->now_us += 601000000;
  assert_false(watcher_disagreed(w));
  end(w, &g->env);
}

static void a_rescan_goes_on_in_pieces(void **state) {
  struct gateway *g = *state;
  begin_at(1000);
  struct watcher *w = make(&g->env, 0);
  watcher_turn(w);
  book.row.rescan_next = 951;
  book.row.rescan_to = 1000;
  g->now_us += 1000000;
  nodes.again_refused = 1;
  watcher_turn(w);
  assert_int_equal(nodes.again_n, 1);
  watcher_turn(w); // not yet
  assert_int_equal(nodes.again_n, 1);
  g->now_us += 1000000;
  book.refusals = 1;
  watcher_turn(w);
  assert_int_equal(book.again, 0);
  for (int i = 0; i < 5; i++)
    watcher_turn(w);
  assert_int_equal(book.again, 50);
  assert_int_equal(book.row.rescan_to, 0);
  const int64_t from[] = {951, 951, 951, 971, 991};
  assert_int_equal(nodes.again_n, 5);
  assert_memory_equal(nodes.again_from, from, sizeof from);
  end(w, &g->env);
}

static void another_chain_is_refused(void **state) {
  struct gateway *g = *state;
  struct str error = STR_NONE;
  begin_at(1000);
  struct watcher *w = make(&g->env, 0);
  assert_true(watcher_check(&g->env, &asked, &g->arena, &error));
  watcher_turn(w);
  assert_true(watcher_check(&g->env, &asked, &g->arena, &error));
  struct settings_chain other = asked;
  other.genesis = STR("00bb");
  assert_false(watcher_check(&g->env, &other, &g->arena, &error));
  other = asked;
  other.network = NETWORK_NILE;
  assert_false(watcher_check(&g->env, &other, &g->arena, &error));
  other = asked;
  other.token.account[3] ^= 1;
  assert_false(watcher_check(&g->env, &other, &g->arena, &error));
  assert_non_null(memmem(error.p, error.n, "follows network main", 20));
  end(w, &g->env);
}

static int64_t own_now(void *self) {
  return *(int64_t *)self;
}

static void one_node_watches(void **state) {
  struct gateway *g = *state;
  struct chain_status s;
  if (!store_shared(g->env.store))
    return;
  begin_at(1000);
  int64_t now_us = NOW;
  struct world world = {own_now, own_now, real_random, &now_us};
  struct env other = g->env;
  other.world = &world;
  struct watcher *first = make(&g->env, 0), *second = make(&other, 0);
  watcher_turn(first);
  assert_int_equal(watcher_turn(second), 1000000);
  assert_true(watcher_is_watching(first));
  assert_false(watcher_is_watching(second));
  assert_int_equal(nodes.made, 1);
  chain_view_get(other.chain, &g->arena, &s);
  assert_int_equal(s.head, 1019);
  // The first one is paused for longer than its lease while it asks: what it got is not credited.
  nodes.solid = 1002;
  nodes.sleep_us = &g->now_us;
  nodes.slept_us = 2 * WATCH_LEASE_MS * INT64_C(1000);
  watcher_turn(first);
  assert_int_equal(book.credits, 0);
  assert_int_equal(nodes.freed, 1);
  nodes.sleep_us = NULL;
  watcher_turn(first); // nobody has taken it
  assert_int_equal(book.credits, 2);
  // It stops: the other one goes on where it was.
  watcher_stop(first);
  nodes.solid = 1004;
  now_us += 2000000;
  watcher_turn(second);
  assert_true(watcher_is_watching(second));
  assert_int_equal(book.row.cursor.number, 1004);
  assert_int_equal(book.credits, 4);
  watcher_free(first);
  chain_view_free(g->env.chain);
  end(second, &other);
}

// With a thread: others look and ask while it works, and it ends at once.
static void works_beside_others(void **state) {
  struct gateway *g = *state;
  struct env env = g->env; // a clock that moves
  struct chain_status s = {0};
  struct chain_node_status *list;
  begin_at(1000);
  env.world = &world_real;
  assert_true(store_writer_start(env.store));
  struct watcher *w = make(&env, 900);
  assert_true(watcher_start(w));
  int64_t until_us = world_mono(&world_real) + 10000000;
  while (s.cursor.number < 1000 && world_mono(&world_real) < until_us) {
    watcher_wake(w);
    chain_view_get(env.chain, &g->arena, &s);
    watcher_nodes(w, &g->arena, &list);
    watcher_disagreed(w);
    arena_reset(&g->arena);
    sched_yield();
  }
  watcher_stop(w);
  assert_int_equal(s.cursor.number, 1000);
  assert_int_equal(book.credits, 101);
  store_writer_stop(env.store);
  watcher_free(w);
  chain_view_free(env.chain);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(follows_in_order),
                                     TEST(what_is_not_stored_is_tried_again),
                                     TEST(a_cursor_that_another_moved_is_read_again),
                                     TEST(a_cursor_that_nobody_moved_is_kept),
                                     TEST(nobody_can_be_asked),
                                     TEST(a_rescan_goes_on_in_pieces),
                                     TEST(another_chain_is_refused),
                                     TEST(one_node_watches),
                                     TEST(works_beside_others)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
