#include "store/sqlite.h"
#include "base/bug.h"
#include "base/log.h"

#include <limits.h>
#include <string.h>

// Page cache of a connection in KiB: the writer keeps the inner pages of the large trees, a reader a few.
#define WRITER_CACHE "PRAGMA cache_size=-16384;"
#define READER_CACHE "PRAGMA cache_size=-2048;"

static const char writer_setup[] = "PRAGMA page_size=4096;"
                                   "PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=FULL;"
                                   "PRAGMA wal_autocheckpoint=0;"
                                   "PRAGMA foreign_keys=OFF;" // kept by the use cases, checked by `doctor`
                                   "PRAGMA mmap_size=0;" WRITER_CACHE;

static const char reader_setup[] = "PRAGMA query_only=1;"
                                   "PRAGMA wal_autocheckpoint=0;"
                                   "PRAGMA mmap_size=0;" READER_CACHE;

bool db_open(struct db *db, const char *path, const char *vfs, bool writer) {
  memset(db, 0, sizeof *db);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);
  if (sqlite3_open_v2(path, &db->handle, flags, vfs) != SQLITE_OK)
    return false;
  sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, writer ? 0 : 1, NULL);
  sqlite3_busy_timeout(db->handle, 5000);
  return db_exec_quiet(db, writer ? writer_setup : reader_setup);
}

void db_close(struct db *db) {
  for (int q = 0; q < QUERIES; q++)
    sqlite3_finalize(db->statements[q]);
  sqlite3_close(db->handle);
  memset(db, 0, sizeof *db);
}

const char *db_error_text(const struct db *db) {
  return db->handle ? sqlite3_errmsg(db->handle) : "out of memory";
}

static void log_failure(const struct db *db, const char *what) {
  LOG(ERROR, "database error", LOG_C("statement", what), LOG_C("error", db_error_text(db)),
      LOG_I("code", sqlite3_extended_errcode(db->handle)));
}

bool db_exec_quiet(struct db *db, const char *text) {
  return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK;
}

bool db_exec(struct db *db, const char *text) {
  bool ok = db_exec_quiet(db, text);
  if (!ok)
    log_failure(db, text);
  return ok;
}

static sqlite3_stmt *statement(struct db *db, enum query q) {
  sqlite3_stmt **st = &db->statements[q];
  if (!*st && sqlite3_prepare_v3(db->handle, query_text(q), -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
    return NULL;
  return *st;
}

static bool bind(sqlite3_stmt *st, int at, const struct val *v) {
  BUG_IF(v->s.n > INT_MAX, "value too long");
  switch (v->type) {
  case VAL_NULL:
    return sqlite3_bind_null(st, at) == SQLITE_OK;
  case VAL_INT:
    return sqlite3_bind_int64(st, at, v->i) == SQLITE_OK;
  case VAL_TEXT:
    return sqlite3_bind_text(st, at, v->s.p, (int)v->s.n, SQLITE_STATIC) == SQLITE_OK;
  case VAL_BLOB:
    return sqlite3_bind_blob(st, at, v->s.p, (int)v->s.n, SQLITE_STATIC) == SQLITE_OK;
  }
  return false;
}

static struct val column(sqlite3_stmt *st, int i, struct arena *a) {
  switch (sqlite3_column_type(st, i)) {
  case SQLITE_INTEGER:
    return v_int(sqlite3_column_int64(st, i));
  case SQLITE_TEXT: {
    const char *p = (const char *)sqlite3_column_text(st, i);
    return v_text(str_copy(a, (struct str){p, (size_t)sqlite3_column_bytes(st, i)}));
  }
  case SQLITE_BLOB: {
    const char *p = sqlite3_column_blob(st, i);
    return v_blob(str_copy(a, (struct str){p ? p : "", (size_t)sqlite3_column_bytes(st, i)}));
  }
  default:
    return v_null();
  }
}

// Rows come one after another; their number is not known before.
static void add_row(struct rows *r, int *room, sqlite3_stmt *st, struct arena *a) {
  if (r->n == *room) {
    int more = *room ? *room * 4 : 1;
    struct val *v = ARENA_ARRAY(a, struct val, more * r->cols);
    if (r->n)
      memcpy(v, r->v, sizeof *v * (size_t)(r->n * r->cols));
    r->v = v;
    *room = more;
  }
  for (int i = 0; i < r->cols; i++)
    r->v[r->n * r->cols + i] = column(st, i, a);
  r->n++;
}

enum err db_run(struct db *db, struct op *op, struct arena *a) {
  sqlite3_stmt *st = statement(db, op->query);
  bool ok = st != NULL;
  for (int i = 0; ok && i < op->n_params; i++)
    ok = bind(st, i + 1, &op->params[i]);
  int rc = SQLITE_ERROR, room = 0;
  if (ok) {
    BUG_IF(sqlite3_bind_parameter_count(st) != op->n_params, "wrong number of parameters");
    op->rows = (struct rows){.cols = sqlite3_column_count(st)};
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
      add_row(&op->rows, &room, st, a);
  }
  if (rc != SQLITE_DONE)
    log_failure(db, query_name(op->query));
  if (st)
    sqlite3_reset(st);
  return rc == SQLITE_DONE ? ERR_NONE : ERR_STORE;
}
