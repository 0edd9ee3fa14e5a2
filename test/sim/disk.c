// Runs on SQLite: files in memory, on a disk that fails (vfs.h).
#include "below.h"
#include "vfs.h"

#define DATABASE "/sim.db"

static void *bytes;
static size_t n_bytes;

static void setup(void) {
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_initialize();
  vfs_register();
  vfs_clear();
}

static void save(void) {
  vfs_save(DATABASE, &bytes, &n_bytes);
  vfs_clear();
}

static void begin(uint64_t seed) {
  vfs_clear();
  memset(vfs.fired, 0, sizeof vfs.fired);
  memset(vfs.begun, 0, sizeof vfs.begun);
  vfs.rng.state = seed ^ 0x5851F42D4C957F2Du;
  vfs_load(DATABASE, bytes, n_bytes);
}

static void on(int node) {
  (void)node;
}

static bool dead(int node) {
  (void)node;
  return vfs.dead;
}

static void revive(int node) {
  (void)node;
  vfs_revive();
}

static int64_t fired(int node) {
  (void)node;
  return vfs_fired();
}

static const char *trouble(int node, struct rng *r) {
  static const char *const names[] = {"read", "write", "sync", "full", "crash", "crash after a sync"};
  static const int most[] = {3, 8, 4, 6, 14, 2}, times[] = {1, 3, 3, 20, 1, 1};
  (void)node;
  enum vfs_fault kind = (enum vfs_fault)(
      rng_percent(r, 80) ? rng_below(r, FAULT_CRASH) : rng_between(r, FAULT_CRASH, FAULT_CRASH_SYNCED));
  if (kind == FAULT_CRASH && rng_percent(r, 30)) {
    vfs_crash();
    return "crash now";
  }
  vfs_fail(kind, (int)rng_between(r, 1, most[kind]), (int)rng_between(r, 1, times[kind]));
  return names[kind];
}

static void must(int node, bool crash) {
  (void)node;
  vfs_fail(crash ? FAULT_CRASH : FAULT_SYNC, 1, 1);
}

// Sometimes the machine stops while it recovers.
static void opening(int node, struct rng *r) {
  (void)node;
  if (rng_percent(r, 15))
    vfs_fail(FAULT_CRASH, (int)rng_between(r, 1, 6), 1);
  else if (rng_percent(r, 10))
    vfs_fail(FAULT_READ, (int)rng_between(r, 1, 30), 1);
}

static void tick(int64_t now_us) {
  vfs.now_us = now_us;
}

static void count(void (*add)(const char *group, const char *name, int64_t n)) {
  static const char *const names[] = {"read error", "write error", "sync error",
                                      "disk full",  "crash",       "crash after a sync"};
  for (int i = 0; i < VFS_FAULTS; i++)
    add("faults", names[i], vfs.begun[i]);
}

const struct below below_sqlite = {.database = DATABASE,
                                   .vfs = VFS_NAME,
                                   .nodes = 1,
                                   .setup = setup,
                                   .save = save,
                                   .begin = begin,
                                   .on = on,
                                   .dead = dead,
                                   .revive = revive,
                                   .fired = fired,
                                   .begun = vfs_begun,
                                   .calm = vfs_calm,
                                   .trouble = trouble,
                                   .must = must,
                                   .opening = opening,
                                   .tick = tick,
                                   .count = count};
