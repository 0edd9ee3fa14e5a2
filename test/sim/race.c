#include "race.h"
#include "wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum state { READY, WAITS, ENDED };
enum { NOBODY = -1 };

static struct {
  pthread_mutex_t lock;
  pthread_cond_t turn;
  struct rng *rng;
  int n, now; // who goes on
  enum state state[RACERS_MAX];
} race = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER, .now = NOBODY};

static _Thread_local int me = NOBODY;

// The lock is held.
static void choose(void) {
  int ready[RACERS_MAX], n = 0;
  for (int i = 0; i < race.n; i++)
    if (race.state[i] == READY)
      ready[n++] = i;
  race.now = n ? ready[rng_below(race.rng, n)] : NOBODY;
  pthread_cond_broadcast(&race.turn);
}

static void await_turn(void) {
  while (race.now != me)
    pthread_cond_wait(&race.turn, &race.lock);
}

void race_pass(void) {
  if (me == NOBODY)
    return;
  pthread_mutex_lock(&race.lock);
  choose();
  await_turn();
  pthread_mutex_unlock(&race.lock);
}

void race_wait(void) {
  if (me == NOBODY)
    return;
  pthread_mutex_lock(&race.lock);
  race.state[me] = WAITS;
  choose();
  pthread_mutex_unlock(&race.lock);
}

void race_go_on(void) {
  if (me == NOBODY)
    return;
  pthread_mutex_lock(&race.lock);
  race.state[me] = READY;
  if (race.now == NOBODY)
    choose();
  await_turn();
  pthread_mutex_unlock(&race.lock);
}

struct lane {
  struct racer *racer;
  int number;
};

static void *run_lane(void *self) {
  struct lane *l = self;
  me = l->number;
  wire_node = l->racer->node;
  pthread_mutex_lock(&race.lock);
  await_turn();
  pthread_mutex_unlock(&race.lock);
  l->racer->run(l->racer->self);
  pthread_mutex_lock(&race.lock);
  race.state[me] = ENDED;
  choose();
  pthread_mutex_unlock(&race.lock);
  return NULL;
}

void race_run(struct racer *racers, int n, struct rng *r) {
  pthread_t threads[RACERS_MAX];
  struct lane lanes[RACERS_MAX];
  race.rng = r;
  race.n = n;
  race.now = NOBODY;
  for (int i = 0; i < n; i++) {
    race.state[i] = READY;
    lanes[i] = (struct lane){&racers[i], i};
    if (pthread_create(&threads[i], NULL, run_lane, &lanes[i]) != 0) {
      fprintf(stderr, "no thread\n");
      abort();
    }
  }
  pthread_mutex_lock(&race.lock);
  choose();
  pthread_mutex_unlock(&race.lock);
  for (int i = 0; i < n; i++)
    pthread_join(threads[i], NULL);
}
