// How fast a stopped gateway catches up, with everything but the network: blocks like main net's (250
// transactions, 124 transfers of the token, 5 of them to open payments) come from memory as a java-tron would
// send them, and are read, judged, credited and committed. Against a bare jansson parse of the same bytes.
//
// usage: catch_up DATA_FOLDER TRUST BLOCKS OPEN, the folder filled by `fill --live OPEN`; prints one line of
// JSON.
#include "base/log.h"
#include "base/metrics.h"
#include "daemon/instance.h"
#include "daemon/settings_chain.h"
#include "daemon/watcher.h"
#include "flow/chain_view.h"
#include "simnode/answers.h"
#include "test/bench/live_address.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { TXS = 250, TRANSFERS = 124, OURS = 5, HEAD = 10, TAIL = 40, WITNESSES = 27, ANSWERS_MAX = 1 << 30 };

struct memory_node { // serves from memory
  struct fetcher fetcher;
  struct sim_node sim;
  struct arena arena;
  struct str *blocks, *receipts; // by height
  int64_t n;
  int64_t requests;
};

static int64_t now_us(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct str ask(struct memory_node *m, struct arena *a, const char *path, struct str body) {
  struct sim_answer answer;
  sim_answer(&m->sim, &(struct sim_request){.method = "POST", .path = str_of(path), .body = body}, a,
             &answer);
  return answer.body;
}

static bool number_of(struct str body, const char *name, int64_t *out) {
  char pattern[32];
  snprintf(pattern, sizeof pattern, "\"%s\":", name);
  const char *at = body.p ? memmem(body.p, body.n, pattern, strlen(pattern)) : NULL;
  if (!at)
    return false;
  *out = strtoll(at + strlen(pattern), NULL, 10);
  return true;
}

static struct str join_blocks(struct memory_node *m, struct arena *a, int64_t from, int64_t to) {
  struct buf b;
  buf_init(&b, a, ANSWERS_MAX);
  buf_c(&b, "{\"block\":[");
  for (int64_t i = from; i < to && i < m->n; i++) {
    buf_c(&b, i > from ? "," : "");
    buf_str(&b, str_trim((struct str){m->blocks[i].p, m->blocks[i].n - 1}));
  }
  buf_c(&b, "]}\n");
  return buf_view(&b);
}

static struct str answer_to(struct memory_node *m, const struct fetch *f, const char *path) {
  int64_t from, to;
  if (strstr(path, "/getblockbylimitnext") && number_of(f->body, "startNum", &from) &&
      number_of(f->body, "endNum", &to))
    return join_blocks(m, f->arena, from, to);
  if (strstr(path, "/getblockbynum") && number_of(f->body, "num", &from) && from < m->n)
    return m->blocks[from];
  if (strstr(path, "/gettransactioninfobyblocknum") && number_of(f->body, "num", &from) && from < m->n)
    return m->receipts[from];
  return ask(m, f->arena, path, f->body);
}

static void run_fetches(struct fetcher *self, struct fetch *list, size_t n) {
  struct memory_node *m = (struct memory_node *)self;
  for (size_t i = 0; i < n; i++) {
    struct fetch *f = &list[i];
    char *url = str_c(f->arena, f->url);
    f->answer = answer_to(m, f, strchr(url + strlen("http://"), '/'));
    f->status = 200;
    f->error = FETCH_OK;
    m->requests++;
  }
}

static void stop_fetches(struct fetcher *f) {
  (void)f;
}

// ---- the chain -----------------------------------------------------------------------------------

static void fill_block(struct sim_chain *c, int64_t block, int64_t open) {
  struct tron_address other = {{1}};
  for (int i = 0; i < TXS; i++) {
    struct sim_payment p = {.amount = 1000000 + block * TXS + i,
                            .kind = i < TRANSFERS ? SIM_DIRECT : SIM_TRX};
    memcpy(other.account, &p.amount, sizeof p.amount);
    p.to = other;
    if (i < OURS) {
      live_address((block * OURS + i) * 7919 % open + 1, &p.to);
      p.amount = 50000000;
    }
    const char *why = NULL;
    if (!sim_pay(c, &p, &why)) {
      fprintf(stderr, "catch_up: %s\n", why ? why : "?");
      exit(1);
    }
  }
  sim_mine(c, 1);
}

static void make_chain(struct memory_node *m, int64_t blocks, int64_t open) {
  int64_t begin_ms = (now_us(CLOCK_REALTIME) / 1000 - (blocks + TAIL) * 3000) / 3000 * 3000;
  struct sim_chain *c = sim_new(&(struct sim_options){.witnesses = WITNESSES, .genesis_ms = begin_ms});
  m->sim = (struct sim_node){.chain = c};
  sim_mine(c, HEAD);
  for (int64_t i = 0; i < blocks; i++)
    fill_block(c, i, open);
  sim_mine(c, TAIL);
  m->n = sim_head(c)->number + 1;
  m->blocks = calloc((size_t)m->n, sizeof *m->blocks);
  m->receipts = calloc((size_t)m->n, sizeof *m->receipts);
  for (int64_t i = 0; i < m->n; i++) {
    struct str body = str_printf(&m->arena, "{\"num\":%lld}", (long long)i);
    m->blocks[i] = ask(m, &m->arena, "/wallet/getblockbynum", body);
    m->receipts[i] = ask(m, &m->arena, "/walletsolidity/gettransactioninfobyblocknum", body);
  }
}

static int64_t parse_all(const struct memory_node *m, int64_t *bytes) {
  int64_t start = now_us(CLOCK_MONOTONIC);
  for (int64_t i = 1; i < m->n; i++) {
    const struct str both[] = {m->blocks[i], m->receipts[i]};
    for (int k = 0; k < 2; k++) {
      json_t *tree = json_loadb(both[k].p, both[k].n, 0, NULL);
      if (!tree)
        exit(1);
      json_decref(tree);
      *bytes += (int64_t)both[k].n;
    }
  }
  return now_us(CLOCK_MONOTONIC) - start;
}

// ---- the gateway ---------------------------------------------------------------------------------

static struct settings *load_settings(struct arena *a, const char *folder, const char *trust) {
  struct settings *s = ARENA_NEW(a, struct settings);
  struct str error;
  const struct setting_flag flags[] = {
      {STR("data"), str_of(folder)},
      {STR("network"), STR("custom")},
      {STR("trust"), str_of(trust)},
      {STR("usdt-contract"), STR("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")}, // replaced below: the chain's own
      {STR("node"), STR("http://127.0.0.1:1 rate=10000")},
  };
  char *environment[] = {NULL};
  const struct settings_input in = {
      .flags = flags, .n_flags = sizeof flags / sizeof *flags, .environment = environment};
  if (settings_load(s, a, &in, &error))
    return s;
  fprintf(stderr, "catch_up: %.*s\n", STR_FMT(error));
  exit(1);
}

static int64_t follow(struct watcher *w, struct env *env, int64_t last) {
  int64_t start = now_us(CLOCK_MONOTONIC);
  struct arena a;
  struct chain_status s = {0};
  arena_init(&a, 1 << 20);
  for (int turns = 0; s.cursor.number < last; turns++) {
    int64_t wait_us = watcher_turn(w);
    arena_reset(&a);
    chain_view_get(env->chain, &a, &s);
    if (turns > 100000 || (s.trouble.p && turns > 1000)) {
      struct chain_node_status *list;
      int n = watcher_nodes(w, &a, &list);
      for (int i = 0; i < n; i++)
        fprintf(stderr, "catch_up: %.*s: head %lld, final %lld, %lld requests. %.*s\n", STR_FMT(list[i].name),
                (long long)list[i].head, (long long)list[i].solid, (long long)list[i].requests_today,
                STR_FMT(list[i].trouble));
      fprintf(stderr, "catch_up: stands at %lld: %.*s\n", (long long)s.cursor.number, STR_FMT(s.trouble));
      exit(1);
    }
    if (wait_us > 0 && s.cursor.number < last)
      nanosleep(&(struct timespec){.tv_nsec = wait_us > 1000000 ? 999999999 : wait_us * 1000}, NULL);
  }
  arena_free(&a);
  return now_us(CLOCK_MONOTONIC) - start;
}

int main(int argc, char **argv) {
  if (argc != 5)
    return 2;
  log_set_level(LOG_ERROR);
  int64_t blocks = atol(argv[3]), open = atol(argv[4]), bytes = 0;
  static struct memory_node m = {.fetcher = {run_fetches, stop_fetches, stop_fetches}};
  arena_init(&m.arena, (size_t)4 << 30);
  make_chain(&m, blocks, open);
  int64_t parse_us = parse_all(&m, &bytes);
  struct arena a;
  arena_init(&a, 1 << 26);
  struct settings *s = load_settings(&a, argv[1], argv[2]);
  s->chain.token = m.sim.chain->contracts.token;
  static struct instance g;
  struct str error = STR_NONE;
  if (instance_open(&g, s, false, &a, &error) != FOLDER_OPEN || !store_writer_start(g.env.store)) {
    fprintf(stderr, "catch_up: %.*s\n", STR_FMT(error));
    return 1;
  }
  g.env.chain = chain_view_new();
  struct watcher *w = watcher_new(&(struct watcher_options){
      .env = &g.env, .chain = &s->chain, .nodes = &s->node, .fetcher = &m.fetcher, .start_block = HEAD + 1});
  int64_t last = m.n - TAIL, cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
  int64_t follow_us = follow(w, &g.env, last);
  cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("{\"blocks\":%lld,\"bytes\":%lld,\"parse_us\":%lld,\"follow_us\":%lld,\"cpu_us\":%lld,"
         "\"requests\":%lld,\"paid\":%lld}\n",
         (long long)blocks, (long long)bytes, (long long)parse_us, (long long)follow_us, (long long)cpu,
         (long long)m.requests, (long long)metric_get(METRIC_PAID_LIVE));
  watcher_stop(w);
  store_writer_stop(g.env.store);
  watcher_free(w);
  chain_view_free(g.env.chain);
  instance_close(&g);
  return 0;
}
