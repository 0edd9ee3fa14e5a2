#include "daemon/follower.h"
#include "base/bug.h"
#include "flow/configuration.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { EVERY_S = 1, ARENA_MAX = 1 << 20 };

struct follower {
  struct env *env;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  bool stopping; // under the lock
};

static void *follow_main(void *self) {
  struct follower *f = self;
  struct arena a;
  struct timespec next;
  arena_init(&a, ARENA_MAX);
  pthread_mutex_lock(&f->lock);
  while (!f->stopping) {
    pthread_mutex_unlock(&f->lock);
    configuration_follow(f->env, &a);
    arena_reset(&a);
    clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_sec += EVERY_S;
    pthread_mutex_lock(&f->lock);
    while (!f->stopping && pthread_cond_timedwait(&f->stop, &f->lock, &next) == 0) {
    }
  }
  pthread_mutex_unlock(&f->lock);
  arena_free(&a);
  return NULL;
}

static void forget(struct follower *f) {
  pthread_cond_destroy(&f->stop);
  pthread_mutex_destroy(&f->lock);
  free(f);
}

struct follower *follower_start(struct env *env) {
  struct follower *f = calloc(1, sizeof *f);
  pthread_condattr_t attr;
  BUG_IF(!f, "out of memory");
  f->env = env;
  pthread_mutex_init(&f->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&f->stop, &attr);
  pthread_condattr_destroy(&attr);
  if (pthread_create(&f->thread, NULL, follow_main, f) == 0)
    return f;
  forget(f);
  return NULL;
}

void follower_stop(struct follower *f) {
  pthread_mutex_lock(&f->lock);
  f->stopping = true;
  pthread_cond_signal(&f->stop);
  pthread_mutex_unlock(&f->lock);
  pthread_join(f->thread, NULL);
  forget(f);
}
