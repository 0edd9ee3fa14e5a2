// Randomness of a simulated run: everything follows from the seed (SplitMix64).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rng {
  uint64_t state;
};

static inline uint64_t rng_next(struct rng *r) {
  uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static inline int64_t rng_below(struct rng *r, int64_t n) { // 0 … n - 1
  return (int64_t)(rng_next(r) % (uint64_t)n);
}

static inline int64_t rng_between(struct rng *r, int64_t least, int64_t most) {
  return least + rng_below(r, most - least + 1);
}

static inline bool rng_percent(struct rng *r, int percent) {
  return rng_below(r, 100) < percent;
}

static inline void rng_bytes(struct rng *r, void *out, size_t n) {
  for (unsigned char *p = out; n;) {
    uint64_t v = rng_next(r);
    size_t some = n < sizeof v ? n : sizeof v;
    memcpy(p, &v, some);
    p += some;
    n -= some;
  }
}
