// The two sides of a move. Only files move*.c use it. False: move_fail() was called.
#pragma once
#include "store/move.h"
#include "store/pg.h"

#include <sqlite3.h>

enum { MOVE_COLUMNS_MAX = 64, MOVE_TABLES_MAX = 64, MOVE_COPY_BEGINNING = 19 };

typedef __int128 move_wide; // sums of 64-bit numbers

struct column {
  const char *name;
  bool integer, text;
  int key; // place in the primary key, from 1; 0: not in it
};

struct table {
  const char *name;
  int n_columns, n_keys;
  struct column *columns;
  int keys[MOVE_COLUMNS_MAX]; // columns of the primary key, in its order
  const char *list;           // names of all columns, with commas
  const char *key_list;       // of those in the key
  int64_t rows;
  int64_t last_number; // where the key is a number: the highest ever given out; 0: none
};

struct move {
  struct move_options o;
  struct arena *a;
  enum move_state state;
  char error[2048];
  bool unreachable;
  // source
  sqlite3 *db;
  struct table *tables;
  int n_tables;
  int64_t total;           // rows
  const char *fingerprint; // of the files' present state
  sqlite3_stmt *meta;      // being walked through
  // target
  struct pg pg;
  int64_t done, before; // rows, in this phase
  struct move_table *results;
};

// Notes the first thing that went wrong. Gives false.
bool move_fail(struct move *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void move_tell(struct move *m, enum move_phase phase, const struct table *t);

// ---- move_source.c

bool move_source_open(struct move *m);
void move_source_close(struct move *m);
int move_source_version(struct move *m);                       // of its schema; 0: none
struct str move_source_meta(struct move *m, const char *name); // absent where there is no such row
// The rows of meta that go along, one after the other; false: there are no more, or move_fail().
bool move_source_meta_next(struct move *m, bool first, struct str *name, struct str *value);

// The rows of a table in the order of its key, as COPY's binary format has them.
struct cursor {
  struct move *move;
  const struct table *table;
  sqlite3_stmt *st;
};
// After the row with this key, in COPY's form, one value after the other; absent: from the beginning.
bool move_cursor_open(struct cursor *c, struct move *m, const struct table *t, const struct str *after);
// Adds the next row. *more false: there is none.
bool move_cursor_next(struct cursor *c, struct buf *out, bool *more);
void move_cursor_close(struct cursor *c);
struct str move_cursor_key(const struct cursor *c); // of the last row, for people
int64_t move_cursor_number(const struct cursor *c, int column);

// ---- move_target.c

bool move_target_open(struct move *m); // connected, alone, with its schema; sets the state
void move_target_close(struct move *m);
bool move_target_run(struct move *m, const char *text);
bool move_target_fail(struct move *m, const char *what); // with what the server or the connection says
// First value of the first row, as text; absent where there is none.
bool move_target_text(struct move *m, const char *text, struct str *out);
bool move_target_meta(struct move *m, struct str name, struct str *out);
// What numbers the table's new rows; absent where nothing does.
bool move_target_sequence(struct move *m, const struct table *t, struct str *out);
bool move_target_claim(struct move *m); // empties it and notes whose it is
// The key of the last row that has arrived, as move_cursor_open() takes it; *after NULL: none has.
bool move_target_last(struct move *m, const struct table *t, struct str *after, bool *any);
bool move_target_put(struct move *m, const struct table *t, struct str rows); // one chunk
