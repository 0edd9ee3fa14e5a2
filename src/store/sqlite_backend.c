// SQLite: one writing connection, a pool of reading ones, checkpoints between batches.
#include "base/bug.h"
#include "base/log.h"
#include "store/batch.h"
#include "store/migrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// p99 of a create stays at a few ms; SQLite's default of 1000 halves the throughput
enum { CHECKPOINT_FRAMES = 40000 };

struct reader {
  struct db db;
  struct reader *next;
};

struct sqlite_backend {
  struct backend backend;
  struct db writer;
  char *path, *vfs;
  int wal_frames; // since the last checkpoint; only the writing connection knows and uses it
  pthread_mutex_t lock;
  struct reader *readers; // not in use now
};

static struct sqlite_backend *self_of(struct backend *b) {
  return (struct sqlite_backend *)b;
}

// ---- jobs ------------------------------------------------------------------------------------------------

static enum err run_job(struct db *db, struct job *j) {
  job_begin(j);
  while (job_advance(j)) {
    for (int i = 0; i < j->n_ops; i++) {
      j->wrote |= query_writes(j->ops[i]->query, ENGINE_SQLITE);
      if (db_run(db, j->ops[i], j->arena) != ERR_NONE)
        return j->result = ERR_STORE;
    }
    job_landed(j);
  }
  return j->result;
}

static enum outcome roll_back(struct db *db) {
  if (!sqlite3_get_autocommit(db->handle))
    (void)db_exec(db, "ROLLBACK");
  return REFUSED;
}

static enum outcome together(struct backend *b, struct job **jobs, size_t n) {
  struct db *db = &self_of(b)->writer;
  for (size_t i = 0; i < n; i++)
    job_begin(jobs[i]); // those that do not get their turn have not failed
  if (!db_exec(db, "BEGIN IMMEDIATE"))
    return REFUSED;
  for (size_t i = 0; i < n; i++) {
    enum err e = run_job(db, jobs[i]);
    jobs[i]->wrote |= e == ERR_STORE; // whatever it was, the transaction cannot go on
    if (job_failed(jobs[i]))
      return roll_back(db);
  }
  return db_exec(db, "COMMIT") ? COMMITTED : roll_back(db);
}

// ---- checkpoints -----------------------------------------------------------------------------------------

static int count_frames(void *self, sqlite3 *db, const char *name, int frames) {
  (void)db;
  (void)name;
  ((struct sqlite_backend *)self)->wal_frames = frames;
  return SQLITE_OK;
}

// A reader that holds an old snapshot makes a checkpoint stop early; the next one goes on from there.
static void rest(struct backend *b, bool idle) {
  struct sqlite_backend *s = self_of(b);
  if (s->wal_frames <= (idle ? 0 : CHECKPOINT_FRAMES))
    return;
  int rc = sqlite3_wal_checkpoint_v2(s->writer.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY)
    LOG(ERROR, "checkpoint failed", LOG_C("error", db_error_text(&s->writer)));
  s->wal_frames = 0;
}

// ---- reading ---------------------------------------------------------------------------------------------

static struct reader *reader_take(struct sqlite_backend *s) {
  pthread_mutex_lock(&s->lock);
  struct reader *r = s->readers;
  if (r)
    s->readers = r->next;
  pthread_mutex_unlock(&s->lock);
  if (r)
    return r;
  r = calloc(1, sizeof *r);
  BUG_IF(!r, "out of memory");
  if (db_open(&r->db, s->path, s->vfs, false))
    return r;
  LOG(ERROR, "cannot open a reading connection", LOG_C("error", db_error_text(&r->db)));
  db_close(&r->db);
  free(r);
  return NULL;
}

static void reader_give(struct sqlite_backend *s, struct reader *r) {
  pthread_mutex_lock(&s->lock);
  r->next = s->readers;
  s->readers = r;
  pthread_mutex_unlock(&s->lock);
}

// Each of its statements sees the newest committed state.
static bool read_start(struct backend *b, struct job *j) {
  struct sqlite_backend *s = self_of(b);
  struct reader *r = reader_take(s);
  j->result = ERR_STORE;
  if (!r)
    return true;
  (void)run_job(&r->db, j);
  BUG_IF(j->wrote, "a reading job has written");
  reader_give(s, r);
  return true;
}

static bool reachable(const struct backend *b) {
  (void)b;
  return true;
}

static enum err backup(struct backend *b, const char *path, char *error, size_t error_size) {
  struct sqlite_backend *s = self_of(b);
  struct reader *r = reader_take(s);
  char *text = sqlite3_mprintf("VACUUM INTO '%q'", path);
  bool ok = r && text && db_exec_quiet(&r->db, "PRAGMA query_only=0") && db_exec_quiet(&r->db, text);
  if (!ok)
    snprintf(error, error_size, "cannot write the copy %s: %s", path,
             r ? db_error_text(&r->db) : "no connection");
  sqlite3_free(text);
  if (r) {
    (void)db_exec_quiet(&r->db, "PRAGMA query_only=1");
    reader_give(s, r);
  }
  return ok ? ERR_NONE : ERR_STORE;
}

// ---- opening ---------------------------------------------------------------------------------------------

static void close_backend(struct backend *b) {
  struct sqlite_backend *s = self_of(b);
  while (s->readers) {
    struct reader *r = s->readers;
    s->readers = r->next;
    db_close(&r->db);
    free(r);
  }
  db_close(&s->writer);
  pthread_mutex_destroy(&s->lock);
  free(s->path);
  free(s->vfs);
  free(s);
}

static const struct backend_calls calls = {
    .engine = ENGINE_SQLITE,
    .together = together,
    .rest = rest,
    .read_start = read_start,
    .reachable = reachable,
    .backup = backup,
    .close = close_backend,
};

struct backend *sqlite_backend(const struct store_options *o, char *error, size_t error_size) {
  struct sqlite_backend *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->backend.calls = &calls;
  s->path = strdup(o->database);
  s->vfs = o->vfs ? strdup(o->vfs) : NULL;
  pthread_mutex_init(&s->lock, NULL);
  if (!db_open(&s->writer, s->path, s->vfs, true)) {
    snprintf(error, error_size, "cannot open the database %s: %s", s->path, db_error_text(&s->writer));
  } else if (migrate(&s->writer, s->path, sql_files, error, error_size)) {
    sqlite3_wal_hook(s->writer.handle, count_frames, s);
    return &s->backend;
  }
  close_backend(&s->backend);
  return NULL;
}
