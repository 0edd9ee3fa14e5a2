#include "store/store.h"
#include "base/bug.h"
#include "base/metrics.h"
#include "store/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  BATCH_DEFAULT = 512,
  QUEUE_DEFAULT = 20000, // about a third of a second of work
  IDLE_MS = 200,
};

struct store {
  struct backend *backend;
  const struct world *world;
  int batch_max, queue_max;

  pthread_mutex_t lock; // guards what follows
  pthread_cond_t work;
  struct job *first, **last;
  _Atomic int64_t queued;         // changed under the lock, read without it too
  _Atomic bool running, stopping; // as well
  pthread_t thread;
};

struct store *store_open(const struct store_options *o, char *error, size_t error_size) {
  struct store *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->world = o->world;
  s->batch_max = o->batch_max ? o->batch_max : BATCH_DEFAULT;
  s->queue_max = o->queue_max ? o->queue_max : QUEUE_DEFAULT;
  s->last = &s->first;
  pthread_mutex_init(&s->lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->work, &attr);
  pthread_condattr_destroy(&attr);
  s->backend =
      store_is_url(o->database) ? pg_backend(o, error, error_size) : sqlite_backend(o, error, error_size);
  if (s->backend)
    return s;
  store_close(s);
  return NULL;
}

void store_close(struct store *s) {
  BUG_IF(s->running, "the writer still runs");
  if (s->backend)
    s->backend->calls->close(s->backend);
  pthread_cond_destroy(&s->work);
  pthread_mutex_destroy(&s->lock);
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
  batch_run(s->backend, jobs, n);
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
    s->backend->calls->rest(s->backend, !busy);
    pthread_mutex_lock(&s->lock);
  }
  s->running = false;
  pthread_mutex_unlock(&s->lock);
  free(jobs);
  return NULL;
}

bool store_writer_start(struct store *s) {
  const struct backend_calls *calls = s->backend->calls;
  s->stopping = false;
  if (calls->start && !calls->start(s->backend))
    return false;
  s->running = true;
  if (pthread_create(&s->thread, NULL, writer_main, s) == 0)
    return true;
  s->running = false;
  if (calls->stop)
    calls->stop(s->backend);
  return false;
}

void store_writer_stop(struct store *s) {
  pthread_mutex_lock(&s->lock);
  bool running = s->running;
  s->stopping = true;
  pthread_cond_signal(&s->work);
  pthread_mutex_unlock(&s->lock);
  if (running)
    pthread_join(s->thread, NULL);
  if (s->backend->calls->stop)
    s->backend->calls->stop(s->backend);
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

static void expect(struct waiting *w, struct job *j) {
  j->user = w;
  j->done = wake_caller;
}

static void wait_for_all(struct waiting *w) {
  pthread_mutex_lock(&w->lock);
  while (w->left)
    pthread_cond_wait(&w->done, &w->lock);
  pthread_mutex_unlock(&w->lock);
}

void store_call_all(struct store *s, struct job **jobs, size_t n) {
  struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n};
  if (!s->running) {
    batch_run(s->backend, jobs, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    struct job *j = jobs[i];
    expect(&w, j);
    enum err e = store_submit(s, j);
    if (e != ERR_NONE) {
      j->result = e;
      wake_caller(j);
    }
  }
  wait_for_all(&w);
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
  s->backend->calls->rest(s->backend, false);
  return n;
}

bool store_is_url(const char *database) {
  struct str s = str_of(database);
  return str_starts(s, STR("postgres://")) || str_starts(s, STR("postgresql://"));
}

enum engine store_engine(const struct store *s) {
  return s->backend->calls->engine;
}

bool store_shared(const struct store *s) {
  return store_engine(s) == ENGINE_POSTGRES;
}

bool store_reachable(const struct store *s) {
  return s->backend->calls->reachable(s->backend);
}

bool store_read_start(struct store *s, struct job *j) {
  return s->backend->calls->read_start(s->backend, j);
}

enum err store_read(struct store *s, struct job *j) {
  struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1};
  expect(&w, j);
  if (!store_read_start(s, j))
    wait_for_all(&w);
  return j->result;
}

enum err store_backup(struct store *s, const char *path, char *error, size_t error_size) {
  return s->backend->calls->backup(s->backend, path, error, error_size);
}
