#include "store/notify.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/str.h"
#include "base/world.h"
#include "store/pg.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Words of a message, between spaces. A word that is not known is of a newer program and is passed over.
#define CHANNEL            "cryptopay"
#define WORD_EVERYTHING    "everything"
#define WORD_CONFIGURATION "configuration"

enum {
  PAYLOAD_MAX = 7900, // the server's limit is 8000
  WORD_MAX = 48,      // row:version
  STOP_WITHIN_MS = 500,
  REST_MS = 100, // before the next try to connect, doubled each time
  REST_MAX_MS = 2000,
};

struct change {
  int64_t row, version;
};

struct notify {
  char *url;
  struct notify_hear hear;
  pthread_t thread;
  int wake; // readable when there is something to send, or at the end
  _Atomic bool stopping;

  pthread_mutex_t lock; // guards what is still to be told
  struct change queue[NOTIFY_QUEUE_MAX];
  int first, queued;
  bool everything, configuration;

  // the thread's own
  struct pg pg;
  bool busy, logged;         // a statement has no answer yet; the loss of the connection was logged
  char payload[PAYLOAD_MAX]; // told next, or being told
  bool loaded;               // there is one
  int64_t asked_ms, stop_ms; // when the last statement was sent; when the end began
};

static int64_t now_ms(void) {
  return world_mono(&world_real) / 1000;
}

// ---- what is to be told ------------------------------------------------------------------------

static bool is_quiet(const struct notify *n) {
  return !n->queued && !n->everything && !n->configuration;
}

static void ring_thread(struct notify *n) {
  BUG_IF(eventfd_write(n->wake, 1) != 0, "cannot wake the messenger");
}

void notify_payment(struct notify *n, int64_t row, int64_t version) {
  if (!n)
    return;
  pthread_mutex_lock(&n->lock);
  bool first = is_quiet(n);
  if (n->queued == NOTIFY_QUEUE_MAX) {
    n->everything = true;
    n->queued = 0;
  }
  if (!n->everything)
    n->queue[(n->first + n->queued++) % NOTIFY_QUEUE_MAX] = (struct change){row, version};
  pthread_mutex_unlock(&n->lock);
  if (first)
    ring_thread(n);
}

void notify_configuration(struct notify *n) {
  if (!n)
    return;
  pthread_mutex_lock(&n->lock);
  bool first = is_quiet(n);
  n->configuration = true;
  pthread_mutex_unlock(&n->lock);
  if (first)
    ring_thread(n);
}

// As much as fits. The lock is held.
static void take(struct notify *n) {
  size_t at = 0;
  if (n->everything)
    at += (size_t)snprintf(n->payload, WORD_MAX, WORD_EVERYTHING " ");
  else if (n->configuration)
    at += (size_t)snprintf(n->payload, WORD_MAX, WORD_CONFIGURATION " ");
  n->everything = n->configuration = false;
  for (; n->queued && at + WORD_MAX < PAYLOAD_MAX; n->queued--) {
    const struct change *c = &n->queue[n->first];
    at += (size_t)snprintf(n->payload + at, WORD_MAX, "%lld:%lld ", (long long)c->row, (long long)c->version);
    n->first = (n->first + 1) % NOTIFY_QUEUE_MAX;
  }
  n->payload[at] = 0;
}

// What was not answered before a connection was lost is told once more on the next.
static bool load(struct notify *n) {
  if (n->loaded)
    return true;
  pthread_mutex_lock(&n->lock);
  n->loaded = !is_quiet(n);
  if (n->loaded)
    take(n);
  pthread_mutex_unlock(&n->lock);
  return n->loaded;
}

// ---- what others tell --------------------------------------------------------------------------

static void hear_word(const struct notify *n, struct str word) {
  const char *colon = word.n ? memchr(word.p, ':', word.n) : NULL;
  const struct notify_hear *hear = &n->hear;
  int64_t row, version;
  if (str_eqc(word, WORD_EVERYTHING)) {
    hear->everything(hear->self);
  } else if (str_eqc(word, WORD_CONFIGURATION)) {
    hear->configuration(hear->self);
  } else if (colon) {
    size_t at = (size_t)(colon - word.p);
    if (str_to_i64((struct str){word.p, at}, &row) &&
        str_to_i64((struct str){colon + 1, word.n - at - 1}, &version))
      hear->payment(hear->self, row, version);
  }
}

static void hear_message(const struct notify *n, const char *text) {
  while (*text) {
    size_t length = strcspn(text, " ");
    hear_word(n, (struct str){text, length});
    text += length + (text[length] == ' ');
  }
}

static void hear_all(struct notify *n) {
  PGnotify *m;
  while ((m = PQnotifies(n->pg.c)) != NULL) {
    if (m->be_pid != PQbackendPID(n->pg.c))
      hear_message(n, m->extra);
    PQfreemem(m);
  }
}

// ---- the connection ----------------------------------------------------------------------------

static void log_loss(struct notify *n, const char *why) {
  if (!n->logged && !atomic_load(&n->stopping))
    LOG(WARN, "no messages between the nodes: waiting pages are answered later", LOG_C("error", why));
  n->logged = true;
}

static void close_connection(struct notify *n) {
  pg_close(&n->pg);
  n->busy = false;
}

static bool open_connection(struct notify *n) {
  char error[512] = "";
  // A message that a crash of the server loses is not needed afterwards: no commit here waits for the disk.
  if (pg_connect(&n->pg, n->url, error, sizeof error) &&
      pg_exec_soon(&n->pg, "SET synchronous_commit = off; LISTEN " CHANNEL) &&
      PQsetnonblocking(n->pg.c, 1) == 0) {
    if (n->logged)
      LOG(INFO, "messages between the nodes arrive again");
    n->logged = false;
    return true;
  }
  log_loss(n, error[0] ? error : pg_error_text(&n->pg));
  close_connection(n);
  return false;
}

// An empty message is a look whether the connection still carries any.
static bool send_next(struct notify *n) {
  int64_t now = now_ms(), pause = now - n->asked_ms;
  if (n->busy || pause < NOTIFY_EVERY_MS || (!load(n) && pause < NOTIFY_LOOK_MS))
    return true;
  const char *const value[] = {n->loaded ? n->payload : ""};
  n->busy = true;
  n->asked_ms = now;
  return PQsendQueryParams(n->pg.c, "SELECT pg_notify('" CHANNEL "', $1)", 1, NULL, value, NULL, NULL, 1);
}

static bool take_answers(struct notify *n) {
  if (!PQconsumeInput(n->pg.c) || PQflush(n->pg.c) < 0)
    return false;
  while (n->busy && !PQisBusy(n->pg.c)) {
    PGresult *r = PQgetResult(n->pg.c);
    n->busy = r != NULL;
    n->loaded &= n->busy;
    bool ok = !r || PQresultStatus(r) == PGRES_TUPLES_OK;
    PQclear(r);
    if (!ok)
      return false;
  }
  hear_all(n);
  return !n->busy || now_ms() - n->asked_ms < NOTIFY_ANSWER_MS;
}

static void drain(struct notify *n) {
  eventfd_t count;
  (void)!eventfd_read(n->wake, &count);
}

// Until when may it sleep, if nothing comes from either side?
static int sleep_ms(struct notify *n) {
  int64_t next = n->asked_ms + (n->busy ? NOTIFY_ANSWER_MS : load(n) ? NOTIFY_EVERY_MS : NOTIFY_LOOK_MS);
  int64_t left = next - now_ms();
  return left < 0 ? 0 : atomic_load(&n->stopping) && left > NOTIFY_EVERY_MS ? NOTIFY_EVERY_MS : (int)left;
}

// Has the thread nothing more to do, or no more time?
static bool may_end(struct notify *n) {
  if (!atomic_load(&n->stopping))
    return false;
  if (!n->stop_ms)
    n->stop_ms = now_ms() + STOP_WITHIN_MS;
  return (!n->busy && !load(n)) || now_ms() > n->stop_ms;
}

static void carry(struct notify *n) {
  n->asked_ms = now_ms() - NOTIFY_EVERY_MS;
  n->hear.everything(n->hear.self);
  while (!may_end(n) && send_next(n) && take_answers(n)) {
    struct pollfd fd[2] = {{.fd = PQsocket(n->pg.c), .events = POLLIN}, {.fd = n->wake, .events = POLLIN}};
    if (n->busy && PQflush(n->pg.c) == 1)
      fd[0].events |= POLLOUT;
    if (poll(fd, 2, sleep_ms(n)) > 0 && fd[1].revents)
      drain(n);
  }
  log_loss(n, PQerrorMessage(n->pg.c));
  close_connection(n);
}

static void rest(struct notify *n, int ms) {
  struct pollfd fd = {.fd = n->wake, .events = POLLIN};
  int64_t until = now_ms() + ms, left;
  while (!atomic_load(&n->stopping) && (left = until - now_ms()) > 0)
    if (poll(&fd, 1, (int)left) > 0)
      drain(n);
}

static void *notify_main(void *self) {
  struct notify *n = self;
  int rest_ms = REST_MS;
  while (!atomic_load(&n->stopping)) {
    if (open_connection(n)) {
      carry(n);
      rest_ms = REST_MS;
    }
    rest(n, rest_ms);
    rest_ms = rest_ms * 2 < REST_MAX_MS ? rest_ms * 2 : REST_MAX_MS;
  }
  return NULL;
}

struct notify *notify_start(const char *url, const struct notify_hear *hear) {
  struct notify *n = calloc(1, sizeof *n);
  BUG_IF(!n, "out of memory");
  n->url = strdup(url);
  n->hear = *hear;
  n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  BUG_IF(!n->url || n->wake < 0, "no memory or no descriptor");
  pthread_mutex_init(&n->lock, NULL);
  if (pthread_create(&n->thread, NULL, notify_main, n) == 0)
    return n;
  close(n->wake);
  free(n->url);
  free(n);
  return NULL;
}

void notify_stop(struct notify *n) {
  atomic_store(&n->stopping, true);
  ring_thread(n);
  pthread_join(n->thread, NULL);
  pthread_mutex_destroy(&n->lock);
  close(n->wake);
  free(n->url);
  free(n);
}
