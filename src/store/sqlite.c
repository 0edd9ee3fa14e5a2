#include "store/sqlite.h"
#include "base/bug.h"
#include "base/log.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

// Page cache of a connection in KiB: the writer keeps the inner pages of the large trees, a reader a few.
#define WRITER_CACHE "PRAGMA cache_size=-16384;"
#define READER_CACHE "PRAGMA cache_size=-2048;"

static const char writer_setup[] = "PRAGMA page_size=4096;"
                                   "PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=FULL;"
                                   "PRAGMA wal_autocheckpoint=0;"
                                   "PRAGMA foreign_keys=OFF;" // kept by the use cases
                                   "PRAGMA mmap_size=0;" WRITER_CACHE;

static const char reader_setup[] = "PRAGMA query_only=1;"
                                   "PRAGMA wal_autocheckpoint=0;"
                                   "PRAGMA mmap_size=0;" READER_CACHE;

// Every connection is used by one thread at a time, so SQLite needs no lock around it, nor one around its
// count of memory in use. Once, before the first connection; where SQLite runs already (a simulated file
// system was registered) it stays as it is.
static void configure(void) {
  (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

bool db_open(struct db *db, const char *path, const char *vfs, bool writer) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, configure);
  memset(db, 0, sizeof *db);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);
  if (sqlite3_open_v2(path, &db->handle, flags, vfs) != SQLITE_OK)
    return false;
  sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, writer ? 0 : 1, NULL);
  if (writer) // room for the small objects of running statements, in place of malloc
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 1024, 512);
  sqlite3_busy_timeout(db->handle, 5000);
  return db_exec_quiet(db, writer ? writer_setup : reader_setup);
}

void db_close(struct db *db) {
  for (int q = 0; q < QUERIES; q++)
    sqlite3_finalize(db->statements[q].st);
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

static bool cut_ending(struct str *text, struct str ending) {
  bool has = str_ends(*text, ending);
  text->n -= has ? ending.n : 0;
  return has;
}

enum { SQL_BYTES_MAX = 4096 };

// SQLite numbers "$2" by where it first stands; "?2" is the second parameter wherever it stands.
static bool number_parameters(struct str text, char out[SQL_BYTES_MAX]) {
  if (text.n >= SQL_BYTES_MAX)
    return false;
  for (size_t i = 0; i < text.n; i++)
    out[i] = text.p[i] == '$' ? '?' : text.p[i];
  out[text.n] = 0;
  return true;
}

// RETURNING makes SQLite build and drop a table in memory at every run, a quarter of a create's cost. Where
// one row at most can come, and what it says is known without it, the statement runs without.
static bool prepare(struct db *db, struct statement *s, const char *sql) {
  char numbered[SQL_BYTES_MAX];
  struct str text = str_of(sql);
  if (str_starts(text, STR("INSERT")) && cut_ending(&text, STR(" RETURNING id")))
    s->answer = ANSWER_NEW_ID;
  else if (cut_ending(&text, STR(" RETURNING 1")))
    s->answer = ANSWER_CHANGED;
  BUG_IF(!number_parameters(text, numbered), "statement too long");
  return sqlite3_prepare_v3(db->handle, numbered, -1, SQLITE_PREPARE_PERSISTENT, &s->st, NULL) == SQLITE_OK;
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

static void add_answer(struct db *db, const struct statement *s, struct rows *r, struct arena *a) {
  if (s->answer == ANSWER_ROWS || sqlite3_changes(db->handle) == 0)
    return;
  int64_t value = s->answer == ANSWER_NEW_ID ? sqlite3_last_insert_rowid(db->handle) : 1;
  *r = (struct rows){1, 1, ARENA_NEW(a, struct val)};
  r->v[0] = v_int(value);
}

static int step_to_end(struct db *db, const struct statement *s, struct rows *r, struct arena *a) {
  int rc, room = 0;
  *r = (struct rows){.cols = sqlite3_column_count(s->st)};
  while ((rc = sqlite3_step(s->st)) == SQLITE_ROW)
    add_row(r, &room, s->st, a);
  if (rc == SQLITE_DONE)
    add_answer(db, s, r, a);
  return rc;
}

enum err db_run(struct db *db, struct op *op, struct arena *a) {
  struct statement *s = &db->statements[op->query];
  bool ok = s->st || prepare(db, s, query_text(op->query, ENGINE_SQLITE));
  BUG_IF(ok && sqlite3_bind_parameter_count(s->st) != op->n_params, "wrong number of parameters");
  for (int i = 0; ok && i < op->n_params; i++)
    ok = bind(s->st, i + 1, &op->params[i]);
  ok = ok && step_to_end(db, s, &op->rows, a) == SQLITE_DONE;
  if (!ok)
    log_failure(db, query_name(op->query));
  sqlite3_reset(s->st);
  return ok ? ERR_NONE : ERR_STORE;
}
