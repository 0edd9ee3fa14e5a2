// Moves a SQLite database that nobody has open into an empty PostgreSQL database.
//
// The source is opened for reading only. What has arrived in the target is the beginning of each table, in
// the order of its primary key, in whole chunks: so a move that was killed at any point goes on where it
// stopped, without notes of its own. As long as it is unfinished the target's `meta` has a row
// MOVE_UNFINISHED and no gateway opens that database.
#pragma once
#include "base/str.h"

#define MOVE_UNFINISHED "move_unfinished" // row of `meta`: which state of the source is being moved

enum { MOVE_CHUNK_BYTES = 4 << 20, MOVE_ROW_BYTES_MAX = 16 << 20 };

enum move_phase { MOVE_COPY, MOVE_VERIFY };

struct move_progress {
  enum move_phase phase;
  const char *table;
  int64_t done, total; // rows of all tables
  int64_t before;      // of those done: had arrived before this run
};

struct move_options {
  const char *source;                                          // database file
  const char *target;                                          // postgres://…
  void (*progress)(void *self, const struct move_progress *p); // after each chunk; may be NULL
  void *self;
};

enum move_state {
  MOVE_FRESH, // the target is empty
  MOVE_BEGUN, // a move of this very gateway is unfinished there
  MOVE_DONE,  // the target is this gateway already, in use or ready to be
};

struct move_sum {
  const char *column, *sum; // of an integer column, decimal; it may be longer than 64 bits
};

struct move_table { // what was found equal on both sides
  const char *name;
  int64_t rows;
  int n_sums;
  const struct move_sum *sums;
};

struct move;

// Opens both sides; the target gets its schema. Never NULL. All of these are for one thread; false:
// move_error() says why, and what to do.
struct move *move_new(const struct move_options *o, struct arena *a);
bool move_open(struct move *m);
enum move_state move_state(const struct move *m);

// Copies what is missing. A move that was begun from another state of the source begins again.
bool move_copy(struct move *m);
// Compares each row of both sides, counts and sums, and where new rows will be numbered from; makes all that
// arrived durable.
bool move_verify(struct move *m);
const struct move_table *move_tables(const struct move *m, int *n); // after move_verify()
// From now on gateways may open the target.
bool move_finish(struct move *m);

const char *move_error(const struct move *m);
bool move_unreachable(const struct move *m); // the error is that the target does not answer
void move_free(struct move *m);
