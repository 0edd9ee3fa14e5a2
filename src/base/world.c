#include "base/world.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

// Random bytes are asked of the kernel this many at a time: a system call for each payment would be a
// measurable part of its cost. What has been handed out is wiped.
enum { RANDOM_AHEAD = 1024 };

static int64_t clock_us(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_now(void *self) {
  (void)self;
  return clock_us(CLOCK_REALTIME);
}

// It goes on while the machine sleeps: what was leased before may be over afterwards.
static int64_t real_mono(void *self) {
  (void)self;
  return clock_us(CLOCK_BOOTTIME);
}

static void real_random(void *self, void *out, size_t n) {
  static _Thread_local unsigned char pool[RANDOM_AHEAD];
  static _Thread_local size_t left;
  (void)self;
  if (n > RANDOM_AHEAD / 8) {
    randombytes_buf(out, n);
    return;
  }
  if (left < n) {
    randombytes_buf(pool, sizeof pool);
    left = sizeof pool;
  }
  left -= n;
  memcpy(out, pool + left, n);
  sodium_memzero(pool + left, n);
}

const struct world world_real = {real_now, real_mono, real_random, NULL};
