#include "http/recheck.h"
#include "base/bug.h"
#include "flow/payments.h"
#include "http/limits.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MAX = 1024, ARENA_BYTES_MAX = 4 << 20 };

struct recheck {
  struct env *env;
  struct live *live;
  int every_ms;
  pthread_t thread;
  pthread_mutex_t mutex; // guards what follows
  pthread_cond_t wake;
  bool asked, stopping;
};

// false: the database does not answer.
static bool look_at_some(struct recheck *c, struct arena *a, const struct live_wait *waits, size_t n) {
  struct payment_version *now = ARENA_ARRAY(a, struct payment_version, (int)n);
  for (size_t i = 0; i < n; i++)
    now[i] = (struct payment_version){waits[i].row, waits[i].version};
  bool answered = flow_payment_versions(c->env, a, now, n) == ERR_NONE;
  for (size_t i = 0; answered && i < n; i++)
    if (now[i].version > waits[i].version)
      live_ring(c->live, now[i].row, now[i].version);
  return answered;
}

static void look_at_all(struct recheck *c) {
  struct arena a;
  arena_init(&a, ARENA_BYTES_MAX);
  struct live_wait *waits = ARENA_ARRAY(&a, struct live_wait, LOOK_MAX);
  uint32_t from = 0;
  size_t n;
  bool answered = true;
  while (answered && (n = live_list(c->live, &from, waits, LOOK_MAX)) > 0) {
    struct arena round;
    arena_init(&round, ARENA_BYTES_MAX);
    answered = look_at_some(c, &round, waits, n);
    arena_free(&round);
  }
  arena_free(&a);
}

// false: the end.
static bool pause_before_next(struct recheck *c) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += c->every_ms / 1000;
  until.tv_nsec += c->every_ms % 1000 * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&c->mutex);
  while (!c->asked && !c->stopping && pthread_cond_timedwait(&c->wake, &c->mutex, &until) == 0) {
  }
  c->asked = false;
  bool go_on = !c->stopping;
  pthread_mutex_unlock(&c->mutex);
  return go_on;
}

static void *recheck_main(void *self) {
  struct recheck *c = self;
  while (pause_before_next(c))
    look_at_all(c);
  return NULL;
}

struct recheck *recheck_start(struct env *env, struct live *live, int every_ms) {
  struct recheck *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  c->env = env;
  c->live = live;
  c->every_ms = every_ms ? every_ms : RECHECK_MS;
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&c->wake, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&c->mutex, NULL);
  BUG_IF(pthread_create(&c->thread, NULL, recheck_main, c) != 0, "no thread for looking at payments");
  return c;
}

static void tell(struct recheck *c, bool *what) {
  pthread_mutex_lock(&c->mutex);
  *what = true;
  pthread_cond_signal(&c->wake);
  pthread_mutex_unlock(&c->mutex);
}

void recheck_now(struct recheck *c) {
  tell(c, &c->asked);
}

void recheck_stop(struct recheck *c) {
  tell(c, &c->stopping);
  pthread_join(c->thread, NULL);
  pthread_cond_destroy(&c->wake);
  pthread_mutex_destroy(&c->mutex);
  free(c);
}
