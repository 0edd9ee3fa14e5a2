// Several nodes at once: each task on a thread of its own, but only one at a time goes on. Who goes on is
// chosen by the seed, at each message to the database; who waits for a lock there waits here too.
#pragma once
#include "random.h"

enum { RACERS_MAX = 4 };

struct racer {
  void (*run)(void *self);
  void *self;
  int node;
};

void race_run(struct racer *racers, int n, struct rng *r); // returns when all have ended

// From wire.c; nothing outside of a race.
void race_pass(void);  // another one may go on
void race_wait(void);  // the database does not answer: another one goes on
void race_go_on(void); // it has answered
