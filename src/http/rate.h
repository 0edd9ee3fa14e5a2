// Limits on how often: token buckets in a table of fixed size, by kind and by API key or client address. Any
// thread; each shard has a mutex. When a shard is full the bucket that has been full longest gives way, which
// forgets nothing that matters; where all are in use, the newcomer shares the one closest to full.
#pragma once
#include "base/str.h"
#include "base/world.h"

enum rate_kind {
  RATE_KEY,     // requests signed with an API key's secret
  RATE_ADDRESS, // requests without an API key
  RATE_FAILURE, // wrong keys and signatures, per address
  RATE_CLAIM,   // transactions named on the checkout, per address and per payment
  RATE_KINDS
};

struct rate_limit {
  int64_t per_s;   // refill, whole requests a second; 0: this kind has no limit
  int64_t burst;   // size of the bucket
  int64_t every_s; // instead of per_s: a request each so many seconds
};

struct rate;

struct rate *rate_new(const struct world *w, const struct rate_limit limits[RATE_KINDS]);
void rate_free(struct rate *r);

// Takes one token. 0: go on; otherwise seconds after which it is worth coming back (Retry-After), at least 1.
// `now_us` is a clock that does not go back. A NULL table (rate_limit = off) lets everything through.
int64_t rate_take(struct rate *r, enum rate_kind kind, struct str key, int64_t now_us);
