// A fresh database for a test, of the engine that the environment chooses: PostgreSQL where TEST_DATABASE is
// the URL of a server (test/postgres), SQLite otherwise. `make unit` runs every test that includes this on
// both.
#pragma once
#include "store/store.h"
#include "postgres.h"

#include <unistd.h>

struct database {
  char url[POSTGRES_URL_MAX]; // what store_open() takes
  char name[64];              // PostgreSQL: the database
  char folder[64];            // SQLite: of the file
};

static inline bool database_is_postgres(void) {
  return getenv("TEST_DATABASE") != NULL;
}

static inline void database_order(const char *order, const char *name, const char *rest) {
  PGconn *c = postgres_connect("postgres");
  postgres_order(c, "%s %s%s", order, name, rest);
  PQfinish(c);
}

static inline void database_make(struct database *d) {
  uint64_t number;
  *d = (struct database){0};
  if (database_is_postgres()) {
    world_random(&world_real, &number, sizeof number);
    snprintf(d->name, sizeof d->name, "cp_%016llx", (unsigned long long)number);
    database_order("CREATE DATABASE", d->name, " OWNER cryptopay");
    postgres_url(d->url, d->name);
  } else {
    strcpy(d->folder, "/tmp/cryptopay-test-XXXXXX");
    assert_non_null(mkdtemp(d->folder));
    snprintf(d->url, sizeof d->url, "%s/db", d->folder);
  }
}

static inline void database_drop(const struct database *d) {
  char command[128];
  if (d->name[0]) {
    database_order("DROP DATABASE", d->name, " WITH (FORCE)");
    return;
  }
  snprintf(command, sizeof command, "rm -rf %s", d->folder);
  assert_int_equal(system(command), 0);
}

static inline struct store *database_open(const struct database *d, const struct world *world,
                                          int queue_max) {
  char error[256] = "";
  struct store *s =
      store_open(&(struct store_options){.database = d->url, .world = world, .queue_max = queue_max}, error,
                 sizeof error);
  if (!s)
    fail_msg("%s", error);
  return s;
}
