// What SQLite alone can do on this machine: rows of a payment's size with a unique order id, durable, N to a
// commit. No HTTP, no signature, one thread. Prints rows per second. usage: sqlite_insert DIRECTORY
// ROWS_PER_COMMIT [SECONDS]
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char schema[] =
    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
    "wal_autocheckpoint=40000;"
    "CREATE TABLE p(id INTEGER PRIMARY KEY, project INTEGER NOT NULL, order_id TEXT NOT NULL, amount INTEGER "
    "NOT NULL,"
    " pay_amount INTEGER NOT NULL, address TEXT NOT NULL, description TEXT, success_url TEXT, fail_url TEXT,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, due INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX p_order ON p(project, order_id); CREATE INDEX p_due ON p(due);";

static const char insert[] =
    "INSERT INTO p(project, order_id, amount, pay_amount, address, description, success_url, fail_url, "
    "created,"
    " expires, due) VALUES(1, printf('ORDER_%07d', ?1), ?1, ?1, 'TXk1gk9wA2oTVLmA2P3NqWhLg3gVZyS1aB', "
    "'Service payment',"
    " 'https://shop.example.com/success', 'https://shop.example.com/fail', ?1, ?1, ?1)";

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void need(int rc, sqlite3 *db) {
  if (rc == SQLITE_OK || rc == SQLITE_DONE)
    return;
  fprintf(stderr, "sqlite_insert: %s\n", sqlite3_errmsg(db));
  exit(1);
}

int main(int argc, char **argv) {
  char path[4096];
  sqlite3 *db;
  sqlite3_stmt *st;
  snprintf(path, sizeof path, "%s/insert.db", argc > 1 ? argv[1] : ".");
  int batch = argc > 2 ? atoi(argv[2]) : 1;
  need(sqlite3_open(path, &db), db);
  need(sqlite3_exec(db, schema, NULL, NULL, NULL), db);
  need(sqlite3_prepare_v2(db, insert, -1, &st, NULL), db);
  int64_t start = now_us(), end = start + (argc > 3 ? atoi(argv[3]) : 2) * (int64_t)1000000, now = start,
          n = 0;
  for (; now < end; now = now_us()) {
    need(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), db);
    for (int i = 0; i < batch; i++) {
      sqlite3_bind_int64(st, 1, ++n);
      need(sqlite3_step(st), db);
      sqlite3_reset(st);
    }
    need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
  }
  printf("%lld\n", (long long)(n * 1000000 / (now - start)));
  sqlite3_finalize(st);
  sqlite3_close(db);
  for (const char **s = (const char *[]){"", "-wal", "-shm", NULL}; *s; s++) {
    snprintf(path, sizeof path, "%s/insert.db%s", argc > 1 ? argv[1] : ".", *s);
    unlink(path);
  }
  return 0;
}
