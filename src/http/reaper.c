#include "http/reaper.h"
#include "base/bug.h"
#include "base/metrics.h"
#include "base/ticker.h"
#include "http/limits.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// Connections are counted by a keyed hash of the address. Two clients share a slot once in 65 536; nobody can
// choose to.
enum { SLOTS = 65536, NO_SLOT = UINT32_MAX };

struct reaper {
  const struct world *world;
  const struct proxy_list *trusted;
  int connections_max, per_address_max;
  unsigned char key[crypto_shorthash_KEYBYTES];
  _Atomic int connections;
  struct ticker *ticker;
  pthread_mutex_t mutex; // of the list
  struct conn *first;
  _Atomic int slot[SLOTS];
};

static uint32_t slot_of(const struct reaper *r, const struct address *peer) {
  if (address_is_loopback(peer) || proxy_list_has(r->trusted, peer))
    return NO_SLOT;
  struct str key = address_limit_key(peer);
  uint64_t h;
  crypto_shorthash((unsigned char *)&h, (const unsigned char *)key.p, key.n, r->key);
  return (uint32_t)(h % SLOTS);
}

bool reaper_admits(struct reaper *r, const struct address *peer) {
  if (atomic_load(&r->connections) >= r->connections_max)
    return false;
  uint32_t slot = slot_of(r, peer);
  return slot == NO_SLOT || atomic_load(&r->slot[slot]) < r->per_address_max;
}

static int64_t now_ms(const struct reaper *r) {
  return world_mono(r->world) / 1000;
}

struct conn *reaper_open(struct reaper *r, int fd, const struct address *peer) {
  struct conn *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  c->peer = *peer;
  c->fd = fd;
  c->slot = slot_of(r, peer);
  conn_enter(c, PHASE_FRESH, now_ms(r));
  if (c->slot != NO_SLOT)
    atomic_fetch_add(&r->slot[c->slot], 1);
  atomic_fetch_add(&r->connections, 1);
  pthread_mutex_lock(&r->mutex);
  c->next = r->first;
  if (c->next)
    c->next->prev = c;
  r->first = c;
  pthread_mutex_unlock(&r->mutex);
  return c;
}

void reaper_close(struct reaper *r, struct conn *c) {
  pthread_mutex_lock(&r->mutex);
  if (c->prev)
    c->prev->next = c->next;
  else
    r->first = c->next;
  if (c->next)
    c->next->prev = c->prev;
  pthread_mutex_unlock(&r->mutex);
  if (c->slot != NO_SLOT)
    atomic_fetch_sub(&r->slot[c->slot], 1);
  atomic_fetch_sub(&r->connections, 1);
  free(c);
}

int reaper_connections(const struct reaper *r) {
  return atomic_load(&r->connections);
}

void conn_enter(struct conn *c, enum phase phase, int64_t now) {
  if (phase == PHASE_HEAD)
    atomic_store_explicit(&c->request_ms, now, memory_order_relaxed);
  if (phase == PHASE_BODY)
    atomic_store_explicit(&c->body_bytes, 0, memory_order_relaxed);
  atomic_store_explicit(&c->since_ms, now, memory_order_relaxed);
  atomic_store_explicit(&c->phase, (int)phase, memory_order_release);
}

int reaper_working(struct reaper *r) {
  int n = 0;
  pthread_mutex_lock(&r->mutex);
  for (struct conn *c = r->first; c; c = c->next)
    n += atomic_load(&c->phase) == PHASE_WORK;
  pthread_mutex_unlock(&r->mutex);
  return n;
}

static bool body_is_late(const struct conn *c, int64_t now, int64_t since) {
  int64_t spent = now - since;
  if (now - atomic_load_explicit(&c->request_ms, memory_order_relaxed) > REQUEST_WITHIN_MS)
    return true;
  int64_t bytes = atomic_load_explicit(&c->body_bytes, memory_order_relaxed);
  return spent > BODY_GRACE_MS && bytes * 1000 < spent * BODY_BYTES_PER_S_MIN;
}

bool conn_is_late(const struct conn *c, int64_t now) {
  enum phase phase = (enum phase)atomic_load_explicit(&c->phase, memory_order_acquire);
  int64_t since = atomic_load_explicit(&c->since_ms, memory_order_relaxed);
  switch (phase) {
  case PHASE_FRESH:
  case PHASE_HEAD:
    return now - since > HEAD_WITHIN_MS;
  case PHASE_BODY:
    return body_is_late(c, now, since);
  case PHASE_WORK:
  case PHASE_ENDED:
    return false;
  case PHASE_ANSWER:
    return now - since > ANSWER_WITHIN_MS;
  case PHASE_IDLE:
    return now - since > IDLE_WITHIN_MS;
  }
  return false;
}

// When nearly all places are taken, those that have sent nothing for a second make room.
static bool makes_room(const struct conn *c, int64_t now) {
  enum phase phase = (enum phase)atomic_load_explicit(&c->phase, memory_order_acquire);
  return (phase == PHASE_FRESH || phase == PHASE_HEAD || phase == PHASE_IDLE) &&
         now - atomic_load_explicit(&c->since_ms, memory_order_relaxed) > 1000;
}

static void sweep(void *self) {
  struct reaper *r = self;
  int64_t now = now_ms(r);
  bool crowded = atomic_load(&r->connections) > r->connections_max - r->connections_max / 10;
  pthread_mutex_lock(&r->mutex);
  for (struct conn *c = r->first; c; c = c->next)
    if (conn_is_late(c, now) || (crowded && makes_room(c, now))) {
      shutdown(c->fd, SHUT_RDWR);
      metric_add(METRIC_CONNECTIONS_SLOW, atomic_load(&c->phase) != PHASE_IDLE);
      conn_enter(c, PHASE_ENDED, now);
    }
  pthread_mutex_unlock(&r->mutex);
}

struct reaper *reaper_start(const struct reaper_options *o) {
  struct reaper *r = calloc(1, sizeof *r);
  BUG_IF(!r, "out of memory");
  r->world = o->world;
  r->trusted = o->trusted;
  r->connections_max = o->connections_max ? o->connections_max : CONNECTIONS_MAX;
  r->per_address_max = o->per_address_max ? o->per_address_max : CONNECTIONS_PER_ADDRESS_MAX;
  world_random(o->world, r->key, sizeof r->key);
  pthread_mutex_init(&r->mutex, NULL);
  r->ticker = ticker_start(sweep, r, REAPER_TICK_MS);
  BUG_IF(!r->ticker, "no thread for the reaper");
  return r;
}

void reaper_stop(struct reaper *r) {
  ticker_stop(r->ticker);
  BUG_IF(r->first, "connections left");
  pthread_mutex_destroy(&r->mutex);
  free(r);
}
