// PostgreSQL: a connection that writes, on the writer's thread, and one that reads, on a thread of its own.
//
// Every batch first writes its number into this writer's row of `writers`. When the answer to a COMMIT is
// missing, that row says whether it happened; and since the lost transaction holds the row until it has
// ended, whoever looks waits for it and never guesses.
#include "base/bug.h"
#include "base/log.h"
#include "store/batch.h"
#include "store/migrate.h"
#include "store/pg.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  READ_BATCH = 64,        // reading jobs in one go
  READ_QUEUE_MAX = 20000, // waiting ones before ERR_BUSY
  RETRY_MS = 250,         // between tries to connect
  ERROR_MAX = 512,
  WRITER_KEPT_DAYS = 7, // rows of writers that are gone
};

static const char begin_text[] = "BEGIN";
static const char hurry_text[] = "SET LOCAL lock_timeout = '200ms'";
static const char patience_text[] = "SET LOCAL lock_timeout = '5s'";
static const char mark_text[] =
    "INSERT INTO writers (id, batch, seen_us) VALUES ($1, $2, " PG_CLOCK ")"
    " ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, seen_us = excluded.seen_us";
static const char look_up_text[] =
    "INSERT INTO writers (id, batch, seen_us) VALUES ($1, 0, " PG_CLOCK ")"
    " ON CONFLICT (id) DO UPDATE SET seen_us = excluded.seen_us RETURNING batch";
static const char forget_text[] = "DELETE FROM writers WHERE id = $1 OR seen_us < " PG_CLOCK " - $2";

// A connection that is made again when it is lost, though not at every use.
struct line {
  struct pg pg;
  int64_t retry_us;
  _Atomic bool lost;
};

struct pg_backend {
  struct backend backend;
  char *url;
  struct line writer;
  int64_t writer_id, batch;
  _Atomic bool held; // by a COMMIT of ours that has not ended, for want of its standby: nothing can be stored

  pthread_mutex_t lock; // guards what follows
  pthread_cond_t work, idle;
  struct job *first, **last;
  int queued;
  bool running, stopping;
  bool reading; // somebody uses the reading connection
  struct line reader;
  pthread_t thread;
};

static struct pg_backend *self_of(struct backend *b) {
  return (struct pg_backend *)b;
}

// ---- connections -----------------------------------------------------------------------------------------

static const char *purpose(const struct pg_backend *s, const struct line *l) {
  return l == &s->writer ? "write" : "read";
}

static void lose(struct pg_backend *s, struct line *l, const char *why) {
  if (!atomic_exchange(&l->lost, true))
    LOG(ERROR, "the database cannot be reached", LOG_C("to", purpose(s, l)), LOG_C("error", why));
  pg_close(&l->pg);
}

static bool line_ready(struct pg_backend *s, struct line *l) {
  char why[ERROR_MAX];
  if (pg_alive(&l->pg))
    return true;
  pg_close(&l->pg);
  int64_t now_us = world_mono(&world_real);
  if (now_us < l->retry_us)
    return false;
  bool ok = pg_connect(&l->pg, s->url, why, sizeof why) && pg_prepare(&l->pg, why, sizeof why);
  if (!ok) {
    lose(s, l, why);
    l->retry_us = world_mono(&world_real) + RETRY_MS * INT64_C(1000);
  } else if (atomic_exchange(&l->lost, false)) {
    LOG(INFO, "the database is reached again", LOG_C("to", purpose(s, l)));
  }
  return ok;
}

// Each connection comes back at its own time; the writer's does so also when nobody asks.
static bool reachable(const struct backend *b) {
  const struct pg_backend *s = (const struct pg_backend *)b;
  return !atomic_load(&s->writer.lost) && !atomic_load(&s->held);
}

// ---- writing ---------------------------------------------------------------------------------------------

static bool any_wrote(struct job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->wrote)
      return true;
  return false;
}

static bool any_failed(struct job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (job_failed(jobs[i]))
      return true;
  return false;
}

static bool send_beginning(struct pg_backend *s) {
  struct pg *p = &s->writer.pg;
  const struct val mark[] = {v_int(s->writer_id), v_int(++s->batch)};
  bool held = atomic_load(&s->held);
  return pg_send(p, begin_text, 0, NULL) && (!held || pg_send(p, hurry_text, 0, NULL)) &&
         pg_send(p, mark_text, 2, mark) && (!held || pg_send(p, patience_text, 0, NULL)) && pg_sync(p);
}

static enum pg_fate end(struct pg *p, const char *how) {
  p->doubtful = p->committed = false;
  return pg_send(p, how, 0, NULL) && pg_sync(p) ? pg_finish(p, NULL) : PG_LOST;
}

// Has this batch been committed? Waits for a transaction that is still on its way. Its own COMMIT also waits
// until a synchronous standby has all that came before.
static enum outcome look_up(struct pg_backend *s) {
  struct pg *p = &s->writer.pg;
  int64_t until_us = world_mono(&world_real) + PG_SILENCE_MS * INT64_C(1000);
  do {
    int64_t found = -1;
    const struct val id[] = {v_int(s->writer_id)};
    enum pg_fate fate = line_ready(s, &s->writer) && pg_send(p, look_up_text, 1, id) && pg_sync(p)
                            ? pg_finish(p, &found)
                            : PG_LOST;
    if (fate == PG_FINE && found >= 0)
      return found == s->batch ? COMMITTED : COLLISION;
    if (fate == PG_LOST) { // an answer that came late would be taken for the next one's
      lose(s, &s->writer, pg_error_text(p));
      nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
  } while (world_mono(&world_real) < until_us);
  LOG(ERROR, "it is not known whether a batch was stored", LOG_I("batch", s->batch));
  atomic_store(&s->held, true); // as far as we know
  return OUT_OF_REACH;
}

static enum outcome commit(struct pg_backend *s) {
  struct pg *p = &s->writer.pg;
  enum pg_fate fate = end(p, "COMMIT");
  if (fate != PG_LOST && !p->doubtful)
    return p->committed ? COMMITTED : fate == PG_COLLISION ? COLLISION : REFUSED;
  lose(s, &s->writer, p->doubtful ? "the standby does not answer" : pg_error_text(p));
  return look_up(s);
}

// Whoever waits for our row waits for our own COMMIT: nobody shall, as long as that lasts.
static bool note_held(struct pg_backend *s, enum pg_fate fate) {
  bool held = fate == PG_COLLISION && s->writer.pg.ahead_refused;
  if (fate == PG_LOST || atomic_exchange(&s->held, held) == held)
    return held;
  if (held)
    LOG(ERROR, "nothing can be stored: a COMMIT has not ended, perhaps for want of its standby");
  else
    LOG(INFO, "the COMMIT that was waited for has ended");
  return held;
}

static enum outcome together(struct backend *b, struct job **jobs, size_t n) {
  struct pg_backend *s = self_of(b);
  struct pg *p = &s->writer.pg;
  if (!line_ready(s, &s->writer))
    return OUT_OF_REACH;
  enum pg_fate fate = send_beginning(s) ? pg_run(p, jobs, n, 1) : PG_LOST;
  bool held = note_held(s, fate);
  if (fate == PG_FINE && any_wrote(jobs, n) && !any_failed(jobs, n))
    return commit(s);
  bool read_only = fate == PG_FINE && !any_wrote(jobs, n);
  if (fate == PG_LOST || end(p, "ROLLBACK") != PG_FINE) {
    lose(s, &s->writer, pg_error_text(p));
    return COLLISION; // nothing was committed: the same again, on a new connection
  }
  return held ? OUT_OF_REACH : read_only ? COMMITTED : fate == PG_COLLISION ? COLLISION : REFUSED;
}

// Notices a database that is gone, or there again, also while nobody asks for anything.
static void rest(struct backend *b, bool idle) {
  struct pg_backend *s = self_of(b);
  if (idle && s->writer.pg.c && !pg_look(&s->writer.pg))
    lose(s, &s->writer, pg_error_text(&s->writer.pg));
  if (idle && line_ready(s, &s->writer) && atomic_load(&s->held))
    (void)together(b, NULL, 0); // a look whether it still is
}

// ---- reading ---------------------------------------------------------------------------------------------

// One job's refusal must not be another's: what failed together is read again, each alone.
static void read_each(struct pg_backend *s, struct job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    enum pg_fate fate = line_ready(s, &s->reader) ? pg_run(&s->reader.pg, &jobs[i], 1, 0) : PG_LOST;
    if (fate == PG_LOST)
      jobs[i]->result = ERR_UNAVAILABLE;
    else if (fate != PG_FINE)
      jobs[i]->result = ERR_STORE;
    if (fate == PG_LOST && s->reader.pg.c)
      lose(s, &s->reader, pg_error_text(&s->reader.pg));
  }
}

static void read_jobs(struct pg_backend *s, struct job **jobs, size_t n) {
  bool ready = line_ready(s, &s->reader);
  enum pg_fate fate = ready ? pg_run(&s->reader.pg, jobs, n, 0) : PG_LOST;
  if (ready && fate == PG_LOST)
    lose(s, &s->reader, pg_error_text(&s->reader.pg));
  if (fate != PG_FINE)
    read_each(s, jobs, n);
  for (size_t i = 0; i < n; i++)
    BUG_IF(jobs[i]->wrote && jobs[i]->result == ERR_NONE, "a reading job has written");
}

static void *read_main(void *self) {
  struct pg_backend *s = self;
  pthread_mutex_lock(&s->lock);
  while (s->first || !s->stopping) {
    struct job *jobs[READ_BATCH];
    size_t n = 0;
    while (s->reading || (!s->first && !s->stopping))
      pthread_cond_wait(s->reading ? &s->idle : &s->work, &s->lock);
    while (s->first && n < READ_BATCH) {
      jobs[n++] = s->first;
      s->first = s->first->next;
    }
    if (!s->first)
      s->last = &s->first;
    s->queued -= (int)n;
    s->reading = n > 0;
    pthread_mutex_unlock(&s->lock);
    if (n)
      read_jobs(s, jobs, n);
    for (size_t i = 0; i < n; i++)
      jobs[i]->done(jobs[i]); // the job may be gone after this
    pthread_mutex_lock(&s->lock);
    s->reading = false;
    pthread_cond_broadcast(&s->idle);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

// Where no thread reads, the caller does.
static void read_here(struct pg_backend *s, struct job *j) {
  while (s->reading)
    pthread_cond_wait(&s->idle, &s->lock);
  s->reading = true;
  pthread_mutex_unlock(&s->lock);
  read_jobs(s, &j, 1);
  pthread_mutex_lock(&s->lock);
  s->reading = false;
  pthread_cond_broadcast(&s->idle);
}

static bool read_start(struct backend *b, struct job *j) {
  struct pg_backend *s = self_of(b);
  bool ended = true;
  pthread_mutex_lock(&s->lock);
  if (!s->running) {
    read_here(s, j);
  } else if (s->queued >= READ_QUEUE_MAX) {
    j->result = ERR_BUSY;
  } else {
    j->next = NULL;
    *s->last = j;
    s->last = &j->next;
    ended = false;
    if (s->queued++ == 0)
      pthread_cond_signal(&s->work);
  }
  pthread_mutex_unlock(&s->lock);
  return ended;
}

// ---- beginning and end -----------------------------------------------------------------------------------

static bool start(struct backend *b) {
  struct pg_backend *s = self_of(b);
  pthread_mutex_lock(&s->lock);
  s->stopping = false;
  s->running = pthread_create(&s->thread, NULL, read_main, s) == 0;
  bool ok = s->running;
  pthread_mutex_unlock(&s->lock);
  return ok;
}

static void stop(struct backend *b) {
  struct pg_backend *s = self_of(b);
  pthread_mutex_lock(&s->lock);
  bool running = s->running;
  s->running = false;
  s->stopping = true;
  pthread_cond_signal(&s->work);
  pthread_mutex_unlock(&s->lock);
  if (running)
    pthread_join(s->thread, NULL);
}

static enum err backup(struct backend *b, const char *path, char *error, size_t error_size) {
  (void)b;
  snprintf(error, error_size, "%s: a PostgreSQL database is copied with pg_dump or pg_basebackup", path);
  return ERR_STORE;
}

static void close_backend(struct backend *b) {
  struct pg_backend *s = self_of(b);
  if (pg_alive(&s->writer.pg)) {
    const struct val mine[] = {v_int(s->writer_id), v_int(WRITER_KEPT_DAYS * INT64_C(86400000000))};
    (void)(pg_send(&s->writer.pg, forget_text, 2, mine) && pg_sync(&s->writer.pg) &&
           pg_finish(&s->writer.pg, NULL));
  }
  pg_close(&s->writer.pg);
  pg_close(&s->reader.pg);
  pthread_cond_destroy(&s->work);
  pthread_cond_destroy(&s->idle);
  pthread_mutex_destroy(&s->lock);
  free(s->url);
  free(s);
}

static const struct backend_calls calls = {
    .engine = ENGINE_POSTGRES,
    .together = together,
    .rest = rest,
    .start = start,
    .stop = stop,
    .read_start = read_start,
    .reachable = reachable,
    .backup = backup,
    .close = close_backend,
};

// No simulated chance: two writers of one number would take each other's batches for their own.
static int64_t random_id(void) {
  int64_t id;
  world_random(&world_real, &id, sizeof id);
  return id & INT64_MAX;
}

struct backend *pg_backend(const struct store_options *o, char *error, size_t error_size) {
  struct pg_backend *s = calloc(1, sizeof *s);
  char why[ERROR_MAX] = "";
  BUG_IF(!s, "out of memory");
  s->backend.calls = &calls;
  s->url = strdup(o->database);
  s->writer_id = random_id();
  s->last = &s->first;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->work, NULL);
  pthread_cond_init(&s->idle, NULL);
  struct pg *p = &s->writer.pg;
  if (pg_connect(p, s->url, why, sizeof why) && pg_migrate(p, sql_files, why, sizeof why) &&
      pg_prepare(p, why, sizeof why))
    return &s->backend;
  snprintf(error, error_size, "the PostgreSQL database cannot be used: %s", why);
  close_backend(&s->backend);
  return NULL;
}
