#include "http/rate.h"
#include "base/bug.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

// Room for 65 536 keys; a lookup reads one set of eight neighbours. 1.5 MiB, touched as it is used.
enum { SHARDS = 64, SETS = 128, WAYS = 8 };

// A bucket is kept as the time at which it will be full again: that one number holds level and age.
struct bucket {
  uint64_t tag; // 0: never used
  int64_t full_at_us;
};

struct shard {
  pthread_mutex_t mutex;
  struct bucket set[SETS][WAYS];
};

struct rate {
  struct rate_limit limits[RATE_KINDS];
  unsigned char key[crypto_shorthash_KEYBYTES];
  struct shard shard[SHARDS];
};

struct rate *rate_new(const struct world *w, const struct rate_limit limits[RATE_KINDS]) {
  struct rate *r = calloc(1, sizeof *r);
  BUG_IF(!r, "out of memory");
  world_random(w, r->key, sizeof r->key);
  for (int i = 0; i < RATE_KINDS; i++)
    r->limits[i] = limits[i];
  for (int i = 0; i < SHARDS; i++)
    pthread_mutex_init(&r->shard[i].mutex, NULL);
  return r;
}

void rate_free(struct rate *r) {
  if (!r)
    return;
  for (int i = 0; i < SHARDS; i++)
    pthread_mutex_destroy(&r->shard[i].mutex);
  free(r);
}

static uint64_t tag_of(const struct rate *r, enum rate_kind kind, struct str key) {
  uint64_t h;
  crypto_shorthash((unsigned char *)&h, (const unsigned char *)(key.p ? key.p : ""), key.n, r->key);
  h = (h + (uint64_t)kind) * 0x9E3779B97F4A7C15u; // kinds apart
  return h ? h : 1;
}

// The bucket of `tag`, or the one that gives way to it: the one that has been full longest, or is closest to
// full.
static struct bucket *find(struct bucket set[WAYS], uint64_t tag, int64_t now_us) {
  struct bucket *oldest = &set[0];
  for (int i = 0; i < WAYS; i++) {
    if (set[i].tag == tag)
      return &set[i];
    if (set[i].full_at_us < oldest->full_at_us)
      oldest = &set[i];
  }
  if (oldest->full_at_us <= now_us)
    oldest->full_at_us = now_us;
  oldest->tag = tag;
  return oldest;
}

int64_t rate_take(struct rate *r, enum rate_kind kind, struct str key, int64_t now_us) {
  const struct rate_limit *l = r ? &r->limits[kind] : NULL;
  if (!l || (l->per_s == 0 && l->every_s == 0))
    return 0;
  int64_t token_us = l->every_s ? l->every_s * 1000000 : 1000000 / l->per_s, room_us = token_us * l->burst;
  uint64_t tag = tag_of(r, kind, key);
  struct shard *shard = &r->shard[tag >> 58];
  pthread_mutex_lock(&shard->mutex);
  struct bucket *b = find(shard->set[tag % SETS], tag, now_us);
  int64_t full_at = (b->full_at_us > now_us ? b->full_at_us : now_us) + token_us;
  int64_t over_us = full_at - now_us - room_us;
  if (over_us <= 0)
    b->full_at_us = full_at;
  pthread_mutex_unlock(&shard->mutex);
  return over_us <= 0 ? 0 : (over_us + 999999) / 1000000;
}
