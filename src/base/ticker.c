#include "base/ticker.h"
#include "base/bug.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct ticker {
  ticker_fn *tick;
  void *self;
  int every_ms;
  pthread_t thread;
  pthread_mutex_t lock; // guards what follows
  pthread_cond_t wake;
  bool asked, stopping;
};

static struct timespec after_ms(int ms) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += ms % 1000 * 1000000L;
  t.tv_sec += t.tv_nsec / 1000000000L;
  t.tv_nsec %= 1000000000L;
  return t;
}

// false: the end.
static bool pause_before_next(struct ticker *t) {
  struct timespec until = after_ms(t->every_ms);
  pthread_mutex_lock(&t->lock);
  while (!t->asked && !t->stopping && pthread_cond_timedwait(&t->wake, &t->lock, &until) == 0) {
  }
  t->asked = false;
  bool go_on = !t->stopping;
  pthread_mutex_unlock(&t->lock);
  return go_on;
}

static void *ticker_main(void *self) {
  struct ticker *t = self;
  do
    t->tick(t->self);
  while (pause_before_next(t));
  return NULL;
}

static void forget(struct ticker *t) {
  pthread_cond_destroy(&t->wake);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

struct ticker *ticker_start(ticker_fn *tick, void *self, int every_ms) {
  struct ticker *t = calloc(1, sizeof *t);
  pthread_condattr_t attr;
  BUG_IF(!t, "out of memory");
  t->tick = tick;
  t->self = self;
  t->every_ms = every_ms;
  pthread_mutex_init(&t->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&t->wake, &attr);
  pthread_condattr_destroy(&attr);
  if (pthread_create(&t->thread, NULL, ticker_main, t) == 0)
    return t;
  forget(t);
  return NULL;
}

static void tell(struct ticker *t, bool *what) {
  pthread_mutex_lock(&t->lock);
  *what = true;
  pthread_cond_signal(&t->wake);
  pthread_mutex_unlock(&t->lock);
}

void ticker_now(struct ticker *t) {
  tell(t, &t->asked);
}

void ticker_stop(struct ticker *t) {
  tell(t, &t->stopping);
  pthread_join(t->thread, NULL);
  forget(t);
}
