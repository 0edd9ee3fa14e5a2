#include "store/store.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/batch.h"
#include "store/migrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  BATCH_DEFAULT = 512,
  QUEUE_DEFAULT = 20000, // about a third of a second of work
  CHECKPOINT_FRAMES =
      40000, // p99 of a create stays at a few ms; SQLite's default of 1000 halves the throughput
  IDLE_MS = 200,
};

struct reader {
  struct db db;
  struct reader *next;
};

struct store {
  struct db writer;
  char *path, *vfs;
  const struct world *world;
  int batch_max, queue_max;
  int wal_frames; // since the last checkpoint; only the writing connection knows and uses it

  pthread_mutex_t lock; // guards what follows
  pthread_cond_t work;
  struct job *first, **last;
  _Atomic int64_t queued;         // changed under the lock, read without it too
  _Atomic bool running, stopping; // as well
  pthread_t thread;

  pthread_mutex_t readers_lock;
  struct reader *readers; // not in use now
};

static int count_frames(void *self, sqlite3 *db, const char *name, int frames) {
  (void)db;
  (void)name;
  ((struct store *)self)->wal_frames = frames;
  return SQLITE_OK;
}

// A reader that holds an old snapshot makes a checkpoint stop early; the next one goes on from there.
static void checkpoint(struct store *s) {
  int rc = sqlite3_wal_checkpoint_v2(s->writer.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  if (rc != SQLITE_OK && rc != SQLITE_BUSY)
    LOG(ERROR, "checkpoint failed", LOG_C("error", db_error_text(&s->writer)));
  s->wal_frames = 0;
}

struct store *store_open(const struct store_options *o, char *error, size_t error_size) {
  struct store *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->path = strdup(o->database);
  s->vfs = o->vfs ? strdup(o->vfs) : NULL;
  s->world = o->world;
  s->batch_max = o->batch_max ? o->batch_max : BATCH_DEFAULT;
  s->queue_max = o->queue_max ? o->queue_max : QUEUE_DEFAULT;
  s->last = &s->first;
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->readers_lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->work, &attr);
  pthread_condattr_destroy(&attr);
  if (!db_open(&s->writer, o->database, o->vfs, true)) {
    snprintf(error, error_size, "cannot open the database %s: %s", o->database, db_error_text(&s->writer));
  } else if (migrate(&s->writer, o->database, sql_files, error, error_size)) {
    sqlite3_wal_hook(s->writer.handle, count_frames, s);
    return s;
  }
  store_close(s);
  return NULL;
}

void store_close(struct store *s) {
  BUG_IF(s->running, "the writer still runs");
  while (s->readers) {
    struct reader *r = s->readers;
    s->readers = r->next;
    db_close(&r->db);
    free(r);
  }
  db_close(&s->writer);
  pthread_cond_destroy(&s->work);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->readers_lock);
  free(s->path);
  free(s->vfs);
  free(s);
}

enum err store_submit(struct store *s, struct job *j) {
  enum err e = ERR_NONE;
  pthread_mutex_lock(&s->lock);
  if (s->stopping)
    e = ERR_STOPPING;
  else if (s->queued >= s->queue_max)
    e = ERR_BUSY;
  else {
    j->next = NULL;
    *s->last = j;
    s->last = &j->next;
    if (s->queued++ == 0)
      pthread_cond_signal(&s->work);
  }
  pthread_mutex_unlock(&s->lock);
  return e;
}

int64_t store_queue_length(const struct store *s) {
  return s->queued;
}

// The lock is held.
static size_t take(struct store *s, struct job **jobs, size_t max) {
  size_t n = 0;
  while (s->first && n < max) {
    jobs[n++] = s->first;
    s->first = s->first->next;
  }
  if (!s->first)
    s->last = &s->first;
  s->queued -= (int64_t)n;
  return n;
}

// Waits for work; false when idle time has passed without any.
static bool wait_for_work(struct store *s) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += IDLE_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  while (!s->first && !s->stopping)
    if (pthread_cond_timedwait(&s->work, &s->lock, &until) != 0)
      return s->first != NULL;
  return true;
}

static void run_all(struct store *s, struct job **jobs, size_t n) {
  int64_t start_us = world_mono(s->world);
  batch_run(&s->writer, jobs, n);
  metric_observe_us(METRIC_BATCH_SECONDS, world_mono(s->world) - start_us);
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->done)
      jobs[i]->done(jobs[i]); // the job may be gone after this
}

static void *writer_main(void *self) {
  struct store *s = self;
  struct job **jobs = calloc((size_t)s->batch_max, sizeof *jobs);
  BUG_IF(!jobs, "out of memory");
  pthread_mutex_lock(&s->lock);
  while (s->first || !s->stopping) {
    bool busy = wait_for_work(s);
    size_t n = take(s, jobs, (size_t)s->batch_max);
    pthread_mutex_unlock(&s->lock);
    if (n)
      run_all(s, jobs, n);
    if (s->wal_frames > (busy ? CHECKPOINT_FRAMES : 0))
      checkpoint(s);
    pthread_mutex_lock(&s->lock);
  }
  s->running = false;
  pthread_mutex_unlock(&s->lock);
  free(jobs);
  return NULL;
}

bool store_writer_start(struct store *s) {
  s->stopping = false;
  s->running = true;
  if (pthread_create(&s->thread, NULL, writer_main, s) != 0)
    s->running = false;
  return s->running;
}

void store_writer_stop(struct store *s) {
  pthread_mutex_lock(&s->lock);
  bool running = s->running;
  s->stopping = true;
  pthread_cond_signal(&s->work);
  pthread_mutex_unlock(&s->lock);
  if (running)
    pthread_join(s->thread, NULL);
}

struct waiting {
  pthread_mutex_t lock;
  pthread_cond_t done;
  size_t left;
};

static void wake_caller(struct job *j) {
  struct waiting *w = j->user;
  pthread_mutex_lock(&w->lock);
  if (--w->left == 0)
    pthread_cond_signal(&w->done);
  pthread_mutex_unlock(&w->lock);
}

void store_call_all(struct store *s, struct job **jobs, size_t n) {
  struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n};
  if (!s->running) {
    batch_run(&s->writer, jobs, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    struct job *j = jobs[i];
    j->user = &w;
    j->done = wake_caller;
    enum err e = store_submit(s, j);
    if (e != ERR_NONE) {
      j->result = e;
      wake_caller(j);
    }
  }
  pthread_mutex_lock(&w.lock);
  while (w.left)
    pthread_cond_wait(&w.done, &w.lock);
  pthread_mutex_unlock(&w.lock);
}

enum err store_call(struct store *s, struct job *j) {
  store_call_all(s, &j, 1);
  return j->result;
}

size_t store_run_queued(struct store *s, size_t max) {
  struct job *jobs[BATCH_DEFAULT];
  BUG_IF(s->running, "the writer runs");
  pthread_mutex_lock(&s->lock); // there is no writer, but other threads may submit
  size_t n = take(s, jobs, max < BATCH_DEFAULT ? max : BATCH_DEFAULT);
  pthread_mutex_unlock(&s->lock);
  if (n)
    run_all(s, jobs, n);
  if (s->wal_frames > CHECKPOINT_FRAMES)
    checkpoint(s);
  return n;
}

static struct reader *reader_take(struct store *s) {
  pthread_mutex_lock(&s->readers_lock);
  struct reader *r = s->readers;
  if (r)
    s->readers = r->next;
  pthread_mutex_unlock(&s->readers_lock);
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

static void reader_give(struct store *s, struct reader *r) {
  pthread_mutex_lock(&s->readers_lock);
  r->next = s->readers;
  s->readers = r;
  pthread_mutex_unlock(&s->readers_lock);
}

enum err store_read(struct store *s, struct job *j) {
  struct reader *r = reader_take(s);
  if (!r)
    return j->result = ERR_STORE;
  enum err e = batch_read(&r->db, j);
  reader_give(s, r);
  return e;
}

enum err store_backup(struct store *s, const char *path, char *error, size_t error_size) {
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

bool store_is_url(const char *database) {
  struct str s = str_of(database);
  return str_starts(s, STR("postgres://")) || str_starts(s, STR("postgresql://"));
}

enum engine store_engine(const struct store *s) {
  (void)s;
  return ENGINE_SQLITE;
}

bool store_shared(const struct store *s) {
  return store_engine(s) == ENGINE_POSTGRES;
}

bool store_reachable(const struct store *s) {
  (void)s;
  return true;
}

bool store_read_start(struct store *s, struct job *j) {
  (void)store_read(s, j);
  return true;
}
