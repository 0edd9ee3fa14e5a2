// A store on a database of its own, for tests of the store alone; on both engines (database.h).
#pragma once
#include "database.h"

struct fixture {
  struct database database;
  struct store *store;
  struct arena arena;
};

static inline int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  arena_init(&f->arena, 64 << 20);
  database_make(&f->database);
  f->store = database_open(&f->database, &world_real, 64);
  *state = f;
  return 0;
}

static inline int tear_down(void **state) {
  struct fixture *f = *state;
  store_close(f->store);
  database_drop(&f->database);
  arena_free(&f->arena);
  free(f);
  return 0;
}
