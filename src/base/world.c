#include "base/world.h"

#include <sodium.h>
#include <time.h>

static int64_t clock_us(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_now(void *self) {
  (void)self;
  return clock_us(CLOCK_REALTIME);
}

static int64_t real_mono(void *self) {
  (void)self;
  return clock_us(CLOCK_MONOTONIC);
}

static void real_random(void *self, void *out, size_t n) {
  (void)self;
  randombytes_buf(out, n);
}

const struct world world_real = {real_now, real_mono, real_random, NULL};
