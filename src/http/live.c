#include "http/live.h"
#include "base/bug.h"
#include "base/metrics.h"
#include "base/ticker.h"
#include "http/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BUCKETS = 4096, LOCKS = 64, TICK_MS = 250, GONE_TICKS = 8 };

struct waiter { // in the request's arena
  struct waiter *next, *prev;
  struct request *request;
  int64_t row, version, until_us;
};

struct live {
  const struct world *world;
  int64_t wait_us;
  pthread_mutex_t lock[LOCKS];
  struct waiter *bucket[BUCKETS];
  uint32_t rings[BUCKETS]; // guarded like the bucket
  _Atomic int waiting;
  _Atomic bool quiet;
  uint32_t ticks;
  struct ticker *ticker;
};

static uint32_t bucket_of(int64_t row) {
  return (uint32_t)(((uint64_t)row * 0x9E3779B97F4A7C15u) >> 52);
}

static pthread_mutex_t *lock_of(struct live *l, uint32_t bucket) {
  return &l->lock[bucket % LOCKS];
}

static void link_waiter(struct live *l, struct waiter *w) {
  struct waiter **first = &l->bucket[bucket_of(w->row)];
  w->next = *first;
  if (w->next)
    w->next->prev = w;
  *first = w;
  atomic_fetch_add(&l->waiting, 1);
  metric_add(METRIC_WAITING, 1);
}

static void unlink_waiter(struct live *l, struct waiter *w) {
  if (w->prev)
    w->prev->next = w->next;
  else
    l->bucket[bucket_of(w->row)] = w->next;
  if (w->next)
    w->next->prev = w->prev;
  atomic_fetch_sub(&l->waiting, 1);
  metric_add(METRIC_WAITING, -1);
}

// Pages that began to wait together (a restart, a campaign) do not all ask again together: ten thousand
// answers at once would cost twice the memory and stop everybody else for a moment.
static int64_t spread_us(const struct live *l, int64_t row) {
  return (int64_t)((uint64_t)row * 0x9E3779B97F4A7C15u % (uint64_t)(l->wait_us / 4 + 1));
}

uint32_t live_rings(struct live *l, int64_t row) {
  uint32_t b = bucket_of(row);
  pthread_mutex_lock(lock_of(l, b));
  uint32_t n = l->rings[b];
  pthread_mutex_unlock(lock_of(l, b));
  return n;
}

static struct waiter *new_waiter(const struct live *l, struct request *r, const struct live_wait *wait) {
  struct waiter *w = ARENA_NEW(r->arena, struct waiter);
  w->request = r;
  w->row = wait->row;
  w->version = wait->version;
  w->until_us = world_mono(l->world) +
                (wait->within_ms ? wait->within_ms * (int64_t)1000 : l->wait_us + spread_us(l, wait->row));
  return w;
}

void live_park(struct live *l, struct request *r, const struct live_wait *wait, request_fn *then) {
  uint32_t b = bucket_of(wait->row);
  struct waiter *w = new_waiter(l, r, wait);
  pthread_mutex_lock(lock_of(l, b));
  bool waits =
      l->rings[b] == wait->rings && !atomic_load(&l->quiet) && atomic_load(&l->waiting) < LIVE_WAITERS_MAX;
  if (waits) {
    link_waiter(l, w);
    request_hold(r, then);
  }
  pthread_mutex_unlock(lock_of(l, b));
  if (!waits)
    then(r);
}

// The lock is held. A woken request, and the waiter in its arena, may be gone the moment it is resumed.
static void wake(struct live *l, struct waiter *w) {
  unlink_waiter(l, w);
  request_resume(w->request);
}

void live_ring(void *self, int64_t row, int64_t version) {
  struct live *l = self;
  uint32_t b = bucket_of(row);
  pthread_mutex_lock(lock_of(l, b));
  l->rings[b]++;
  for (struct waiter *w = l->bucket[b], *next; w; w = next) {
    next = w->next;
    if (w->row == row && w->version < version)
      wake(l, w);
  }
  pthread_mutex_unlock(lock_of(l, b));
}

// The bucket's lock is held. Returns how many are in the list now; what is beyond `max` is left out.
static size_t list_bucket(const struct waiter *w, struct live_wait *out, size_t n, size_t max) {
  for (size_t first = n; w; w = w->next) {
    struct live_wait *last = n > first ? &out[n - 1] : NULL; // those of one payment mostly stand together
    if (last && last->row == w->row)
      last->version = w->version < last->version ? w->version : last->version;
    else if (n < max)
      out[n++] = (struct live_wait){.row = w->row, .version = w->version};
  }
  return n;
}

size_t live_list(struct live *l, uint32_t *from, struct live_wait *out, size_t max) {
  size_t n = 0;
  for (; *from < BUCKETS && n < max / 2 && atomic_load(&l->waiting); (*from)++) {
    pthread_mutex_lock(lock_of(l, *from));
    n = list_bucket(l->bucket[*from], out, n, max);
    pthread_mutex_unlock(lock_of(l, *from));
  }
  return n;
}

// Sends home whose time has come and, each bucket at every GONE_TICKS-th tick, whose client has left.
static void wake_late(struct live *l, int64_t now_us, uint32_t tick) {
  for (uint32_t b = 0; b < BUCKETS && atomic_load(&l->waiting); b++) {
    bool ask = (b + tick) % GONE_TICKS == 0;
    pthread_mutex_lock(lock_of(l, b));
    for (struct waiter *w = l->bucket[b], *next; w; w = next) {
      next = w->next;
      if (w->until_us <= now_us || (ask && request_is_gone(w->request)))
        wake(l, w);
    }
    pthread_mutex_unlock(lock_of(l, b));
  }
}

static void tick(void *self) {
  struct live *l = self;
  wake_late(l, world_mono(l->world), l->ticks++);
}

struct live *live_start(const struct world *w, int wait_ms) {
  struct live *l = calloc(1, sizeof *l);
  BUG_IF(!l, "out of memory");
  l->world = w;
  l->wait_us = (wait_ms ? wait_ms : WAIT_MS) * (int64_t)1000;
  for (int i = 0; i < LOCKS; i++)
    pthread_mutex_init(&l->lock[i], NULL);
  l->ticker = ticker_start(tick, l, TICK_MS);
  BUG_IF(!l->ticker, "no thread for live updates");
  return l;
}

void live_quiet(struct live *l) {
  atomic_store(&l->quiet, true);
  wake_late(l, INT64_MAX, 0);
}

void live_free(struct live *l) {
  ticker_stop(l->ticker);
  BUG_IF(atomic_load(&l->waiting), "somebody still waits");
  for (int i = 0; i < LOCKS; i++)
    pthread_mutex_destroy(&l->lock[i]);
  free(l);
}

int live_waiting(const struct live *l) {
  return atomic_load(&l->waiting);
}
