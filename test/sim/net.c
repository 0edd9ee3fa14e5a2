// Runs on PostgreSQL: a database of this process's own, connections that fail (wire.h), and a clock of the
// server that is the simulated one: a schema in front of the system's has a clock_timestamp() of its own.
#include "look.h"
#include "wire.h"

#include <stdlib.h>
#include <unistd.h>

enum { URL_MAX = 300, NAME_MAX_BYTES = 64, RESET_MAX = 4096, CLEAN_EVERY = 40 };

static char base[URL_MAX], url[URL_MAX + NAME_MAX_BYTES + 32], name[NAME_MAX_BYTES];
static char reset[RESET_MAX], clean[RESET_MAX];
static int64_t clock_us, clock_told_us;
static const struct oracle nobody;

static void tell_clock(void) {
  char text[96];
  if (clock_told_us == clock_us)
    return;
  clock_told_us = clock_us;
  snprintf(text, sizeof text, "UPDATE sim.clock SET us = %lld", (long long)clock_us);
  look_run(text);
}

static void terminate(int port) {
  char text[128];
  snprintf(text, sizeof text,
           "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE client_port = %d", port);
  look_run(text);
}

static bool waits(int port) {
  char text[128];
  snprintf(text, sizeof text,
           "SELECT COUNT(*) FROM pg_stat_activity WHERE client_port = %d AND wait_event_type = 'Lock'", port);
  return look_count(text) > 0;
}

static void drop(void) {
  char text[128];
  wire_deliver();
  look_at(base, "postgres");
  snprintf(text, sizeof text, "DROP DATABASE %s WITH (FORCE)", name);
  look_run(text);
  look_at(NULL, NULL);
}

static int port_of(const char *text) {
  const char *colon = strrchr(text, ':');
  return colon ? atoi(colon + 1) : 5432;
}

static void setup(void) {
  static const struct wire_calls calls = {terminate, waits, tell_clock};
  char text[256];
  snprintf(name, sizeof name, "cp_sim_%d", (int)getpid());
  look_at(base, "postgres");
  snprintf(text, sizeof text, "CREATE DATABASE %s", name);
  look_run(text);
  snprintf(text, sizeof text, "ALTER DATABASE %s SET search_path = public, sim, pg_catalog", name);
  look_run(text);
  snprintf(url, sizeof url, "%s/%s?sslmode=disable", base, name);
  look_at(base, name);
  look_run("SET synchronous_commit = off;"
           "CREATE SCHEMA sim; CREATE TABLE sim.clock (us BIGINT NOT NULL); INSERT INTO sim.clock VALUES (0);"
           "CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
           " 'SELECT TIMESTAMPTZ ''epoch'' + us * INTERVAL ''1 microsecond'' FROM sim.clock'");
  atexit(drop);
  wire_setup(port_of(base), &calls);
}

// What empties the database again: deleting few rows is faster than TRUNCATE, which makes new files.
static void save(void) {
  struct found *f;
  char *p = reset, *q = clean + sprintf(clean, "VACUUM sim.clock");
  look_run("CREATE TABLE sim.meta AS SELECT * FROM meta");
  p += sprintf(p, "DELETE FROM meta; INSERT INTO meta SELECT * FROM sim.meta;");
  look_begin(&nobody);
  f = look_ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'meta'");
  while (look_next(f)) {
    p += sprintf(p, "DELETE FROM %s;", look_text(f, 0));
    q += sprintf(q, ", %s", look_text(f, 0));
  }
  f = look_ask("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'");
  while (look_next(f))
    p += sprintf(p, "ALTER SEQUENCE %s RESTART;", look_text(f, 0));
  look_end();
}

static void begin(uint64_t seed) {
  static int runs;
  (void)seed;
  wire_begin();
  look_run(reset);
  if (++runs % CLEAN_EVERY == 0)
    look_run(clean);
}

static void on(int node) {
  wire_node = node;
  wire_pass_time(300000);
}

static const char *trouble(int node, struct rng *r) {
  static const struct {
    const char *name;
    int in, times;
  } all[WIRE_FAULTS] = {{"cut", 12, 2},
                        {"unanswered", 12, 2},
                        {"terminated", 12, 1},
                        {"commit cut", 2, 2},
                        {"commit unanswered", 2, 2},
                        {"commit late", 2, 1},
                        {"refused", 8, 1},
                        {"crash", 14, 1},
                        {"crash after a commit", 2, 1}};
  enum wire_fault kind = (enum wire_fault)(rng_percent(r, 80) ? rng_below(r, WIRE_CRASH)
                                                              : rng_between(r, WIRE_CRASH, WIRE_FAULTS - 1));
  if (kind == WIRE_CRASH && rng_percent(r, 30)) {
    wire_crash(node);
    return "crash now";
  }
  wire_fail(node, kind, (int)rng_between(r, 1, all[kind].in), (int)rng_between(r, 1, all[kind].times));
  return all[kind].name;
}

static void must(int node, bool crash) {
  wire_fail(node, crash ? WIRE_CRASH : WIRE_COMMIT_UNANSWERED, 1, 1);
}

static void opening(int node, struct rng *r) {
  if (rng_percent(r, 15))
    wire_fail(node, WIRE_CRASH, (int)rng_between(r, 1, 6), 1);
  else if (rng_percent(r, 10))
    wire_fail(node, WIRE_UNANSWERED, (int)rng_between(r, 1, 8), 1);
}

static void tick(int64_t now_us) {
  clock_us = now_us;
}

static int64_t begun(void) {
  int64_t n = 0;
  for (int i = 0; i < WIRE_FAULTS; i++)
    n += wire_begun((enum wire_fault)i);
  return n;
}

static void count(void (*add)(const char *group, const char *name, int64_t n)) {
  static const char *const names[] = {"connection cut",
                                      "answer lost",
                                      "session terminated",
                                      "COMMIT cut",
                                      "COMMIT unanswered",
                                      "COMMIT late",
                                      "refused",
                                      "crash",
                                      "crash after a COMMIT"};
  for (int i = 0; i < WIRE_FAULTS; i++)
    add("faults", names[i], wire_begun((enum wire_fault)i));
}

static const struct below net = {.database = url,
                                 .nodes = GATEWAYS_MAX,
                                 .setup = setup,
                                 .save = save,
                                 .begin = begin,
                                 .on = on,
                                 .dead = wire_dead,
                                 .revive = wire_revive,
                                 .fired = wire_fired,
                                 .begun = begun,
                                 .calm = wire_calm,
                                 .trouble = trouble,
                                 .must = must,
                                 .opening = opening,
                                 .tick = tick,
                                 .count = count};

const struct below *below_postgres(const char *base_url) {
  snprintf(base, sizeof base, "%s", base_url);
  return &net;
}
