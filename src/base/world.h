// Time and randomness, the only way in. The simulator and tests put their own behind it.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct world {
  int64_t (*now_us)(void *self);  // microseconds since 1970, UTC
  int64_t (*mono_us)(void *self); // microseconds of a clock that never goes back, for durations
  void (*random)(void *self, void *out, size_t n); // unpredictable bytes
  void *self;
};

extern const struct world world_real;

static inline int64_t world_now(const struct world *w) {
  return w->now_us(w->self);
}
static inline int64_t world_mono(const struct world *w) {
  return w->mono_us(w->self);
}
static inline void world_random(const struct world *w, void *out, size_t n) {
  w->random(w->self, out, n);
}
