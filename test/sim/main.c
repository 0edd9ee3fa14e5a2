// Runs seeds: sim [--first N] [--seeds N] [--step K]   or   sim --seed N [--trace] [--check]: look at the
// whole database after every step
#include "base/log.h"
#include "flow/payments.h"
#include "sim.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LIVENESS_ROUNDS = 12, ROUND_TURNS = 4, ARENA_MAX = 1 << 24 };
#define ROUND INT64_C(960000000) // microseconds; the rounds are a little more than three hours
#define HOUR  INT64_C(3600000000)

// One thing more that must be seen: a crash if there was none, any fault otherwise.
static void provoke(struct sim *s) {
  below->must((int)rng_below(&s->rng, s->n_nodes), s->restarts < 1);
  for (int i = 0; i < 5; i++)
    steps_one(s);
}

static void safety(struct sim *s) {
  int64_t steps = rng_between(&s->rng, STEPS_LEAST, STEPS_LEAST + 10);
  while (s->steps < steps) {
    steps_one(s);
    if (s->checked && !s->nodes[0].n_queued)
      oracle_check(s->oracle, false);
  }
  while (below->begun() < FAULTS_LEAST || s->restarts < 1)
    provoke(s);
  for (int i = 0; i < s->n_nodes; i++) {
    struct node *n = &s->nodes[i];
    below->on(n->number);
    calls_run(n, 1000);
    if (gateway_crashed(n))
      gateway_recover(n);
  }
}

static void turn(struct sim *s) {
  for (int i = 0; i < s->n_nodes; i++) {
    struct node *n = &s->nodes[i];
    below->on(n->number);
    gateway_follow(n);
    calls_run(n, 1000);
    webhook_worker_turn(n->worker, 0);
  }
  clock_tick(s, 2000000);
}

static void sweep(struct sim *s) {
  struct arena a;
  arena_init(&a, ARENA_MAX);
  for (int i = 0; i < s->n_nodes; i++) { // one of them has the lease
    below->on(i);
    (void)flow_sweep(&s->nodes[i].env, &a, 1000);
  }
  oracle_swept(s->oracle, s->now_us);
  arena_free(&a);
}

static void rounds(struct sim *s) {
  for (int i = 0; i < LIVENESS_ROUNDS; i++) {
    for (int j = 0; j < ROUND_TURNS; j++)
      turn(s);
    clock_tick(s, ROUND);
  }
}

// What is final is in the book, what has ended by its time has ended.
static void live_settle(struct sim *s) {
  if (!s->onchain)
    return;
  onchain_quiet(s);
  oracle_chain_quiet(s->oracle);
}

// Without faults, within three hours (the longest wait is one) everything that waits is done.
static void liveness(struct sim *s) {
  below->calm();
  s->calm = true;
  live_settle(s);
  rounds(s);
  oracle_check_quiet(s->oracle, 0);
  clock_tick(s, 49 * HOUR); // past every end, extended twice at most
  sweep(s);
  live_settle(s);
  rounds(s);
  for (int i = 0; i < s->n_nodes; i++)
    if (gateway_crashed(&s->nodes[i]))
      violation(s->oracle, "a fault in the liveness phase");
  oracle_check(s->oracle, false);
  oracle_check_quiet(s->oracle, s->now_us);
}

static void run(uint64_t seed, bool traced, bool checked) {
  static struct sim s;
  static struct oracle o;
  memset(&s, 0, sizeof s);
  oracle_clear(&o);
  s.seed = seed;
  s.trace = o.trace = traced;
  s.checked = checked;
  s.oracle = &o;
  gateway_begin(&s);
  safety(&s);
  liveness(&s);
  gateway_end(&s);
  below->count(stats_add);
  stats_add("runs", "seeds", 1);
  stats_add("runs", "on PostgreSQL", below->nodes > 1);
  stats_add("runs", "steps", s.steps);
  stats_add("runs", "restarts", s.restarts);
  stats_add("runs", "payments", o.n_payments);
  stats_add("runs", "webhooks", o.n_deliveries);
}

static void prepare(void) {
  const char *base = getenv("TEST_DATABASE");
  below = base && *base ? below_postgres(base) : &below_sqlite;
  log_set_level((enum log_level)(LOG_ERROR + 1)); // faults are what this is about
  gateway_setup();
}

enum { SEEDS_FOR_ALL = 1000, SEEDS_OF_NODES = 200 }; // so many must reach everything that is wanted

static int conclude(void) {
  stats_print(stdout);
  bool nodes = stats_get("runs", "on PostgreSQL") > 0;
  bool enough = stats_get("runs", "seeds") >= (nodes ? SEEDS_OF_NODES : SEEDS_FOR_ALL);
  int missing = enough ? stats_missing(stdout, nodes) : 0;
  printf("\n%lld seeds, %lld steps, %lld restarts: no violation\n", (long long)stats_get("runs", "seeds"),
         (long long)stats_get("runs", "steps"), (long long)stats_get("runs", "restarts"));
  return missing ? 1 : 0;
}

// Adds up what several processes have counted.
static int sum(int n, char **names) {
  for (int i = 0; i < n; i++) {
    FILE *in = fopen(names[i], "r");
    if (!in || !stats_load(in)) {
      fprintf(stderr, "%s cannot be read\n", names[i]);
      return 1;
    }
    fclose(in);
  }
  return conclude();
}

struct wish {
  uint64_t first, seeds, step;
  bool traced, checked;
  const char *counts;
};

static bool read_wish(int argc, char **argv, struct wish *w) {
  *w = (struct wish){.first = 1, .seeds = 1, .step = 1};
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (strcmp(argv[i], "--trace") == 0)
      w->traced = true;
    else if (strcmp(argv[i], "--check") == 0)
      w->checked = true;
    else if (more && (strcmp(argv[i], "--seed") == 0 || strcmp(argv[i], "--first") == 0))
      w->first = strtoull(argv[++i], NULL, 10);
    else if (more && strcmp(argv[i], "--seeds") == 0)
      w->seeds = strtoull(argv[++i], NULL, 10);
    else if (more && strcmp(argv[i], "--step") == 0)
      w->step = strtoull(argv[++i], NULL, 10);
    else if (more && strcmp(argv[i], "--counts") == 0)
      w->counts = argv[++i];
    else
      return false;
  }
  return true;
}

int main(int argc, char **argv) {
  struct wish w;
  if (argc > 2 && strcmp(argv[1], "--sum") == 0)
    return sum(argc - 2, argv + 2);
  if (!read_wish(argc, argv, &w)) {
    fprintf(
        stderr,
        "usage: sim --seed N [--trace] [--check]: one run; --check looks at the database after every step\n"
        "       sim [--first N] [--seeds N] [--step N] [--counts FILE]\n"
        "       sim --sum FILE...\n");
    return 2;
  }
  prepare();
  for (uint64_t i = 0; i < w.seeds; i++)
    run(w.first + i * w.step, w.traced, w.checked);
  if (!w.counts)
    return conclude();
  FILE *out = fopen(w.counts, "w");
  if (!out)
    return 1;
  stats_save(out);
  return fclose(out);
}
