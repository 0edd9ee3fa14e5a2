// One SQLite connection with its prepared statements. Only files of store/ use it.
#pragma once
#include "store/job.h"

#include <sqlite3.h>

enum answer { ANSWER_ROWS, ANSWER_NEW_ID, ANSWER_CHANGED }; // see db_run()

struct statement {
  sqlite3_stmt *st; // prepared when first used
  enum answer answer;
};

struct db {
  sqlite3 *handle;
  struct statement statements[QUERIES];
};

// The writer may write and is the only one that ever checkpoints; readers may not (design: the WAL-reset bug
// of SQLite before 3.51.3 needs a second connection that checkpoints). false: db_error_text() says why.
bool db_open(struct db *db, const char *path, const char *vfs, bool writer);
void db_close(struct db *db);

enum err db_run(struct db *db, struct op *op, struct arena *a) MUST_CHECK; // ERR_STORE, logged
bool db_exec(struct db *db, const char *sql);                              // false: logged
bool db_exec_quiet(struct db *db, const char *sql);
const char *db_error_text(const struct db *db);
