// Several nodes at once on one database: their statements are interleaved as the seed says (race.h). What
// they answer must be explained by some order of the requests, and what is stored by the same one.
#include "sim.h"
#include "order.h"
#include "race.h"
#include "stats.h"

#include <stdio.h>

enum { BATCH = 1000, TURNS = 3 };

static void run_queue(void *self) {
  struct node *n = self;
  while (!gateway_crashed(n) && store_run_queued(n->env.store, BATCH))
    ;
}

// A turn of the worker with what it gives to the store.
static void run_worker(void *self) {
  struct node *n = self;
  for (int i = 0; i < TURNS && !gateway_crashed(n); i++) {
    webhook_worker_turn(n->worker, 0);
    run_queue(n);
  }
}

static void recover_all(struct sim *s) {
  for (int i = 0; i < s->n_nodes; i++) {
    below->on(i);
    if (gateway_crashed(&s->nodes[i]))
      gateway_recover(&s->nodes[i]);
  }
}

// What waits is done before, one node after the other.
static bool is_ready(struct sim *s) {
  for (int i = 0; i < s->n_nodes; i++) {
    struct node *n = &s->nodes[i];
    below->on(i);
    calls_run(n, BATCH);
    if (gateway_crashed(n)) {
      gateway_recover(n);
      return false;
    }
  }
  return true;
}

static void race(struct sim *s, void (*what)(void *self)) {
  struct racer racers[GATEWAYS_MAX];
  struct heard list[HEARD_MAX];
  int n = 0;
  for (int i = 0; i < s->n_nodes; i++)
    racers[i] = (struct racer){what, &s->nodes[i], i};
  race_run(racers, s->n_nodes, &s->rng);
  for (int i = 0; i < s->n_nodes; i++)
    n += calls_take(&s->nodes[i], list + n);
  for (int i = 0; i < n; i++)
    list[i].op.at_once = true;
  s->oracle->hints_true = false;
  order_any(s->oracle, list, n, true);
}

enum wish { SAME_ORDER, SAME_POOL, SAME_PAYMENT, WORKERS, WISHES };

static void ask(struct sim *s, struct node *n, enum wish wish, int project, int payment) {
  switch (wish) {
  case SAME_ORDER:
    steps_create(n, project, s->n_orders, true);
    break;
  case SAME_POOL:
    steps_create(n, project, s->n_orders++, true);
    break;
  case SAME_PAYMENT:
    steps_action(n, payment);
    break;
  case WORKERS:
  case WISHES:
    break;
  }
}

void together_step(struct sim *s) {
  static const char *const names[] = {"creates of one order", "creates of one project",
                                      "actions on one payment", "webhook workers"};
  struct rng *r = &s->rng;
  enum wish wish = (enum wish)rng_below(r, WISHES);
  int project = (int)rng_below(r, PROJECTS), payments = s->oracle->n_payments;
  if (!is_ready(s) || (wish == SAME_PAYMENT && !payments))
    return;
  int payment = payments ? payments - 1 - (int)rng_below(r, payments < 8 ? payments : 8) : 0;
  trace(s, "together: %s", names[wish]);
  for (int i = 0; i < s->n_nodes; i++) {
    struct node *n = &s->nodes[i];
    below->on(i);
    for (int64_t times = rng_between(r, 1, 2); wish != WORKERS && times > 0; times--)
      if (!gateway_crashed(n))
        ask(s, n, wish, project, payment);
  }
  s->n_orders += wish == SAME_ORDER;
  stats_count("at once", names[wish]);
  race(s, wish == WORKERS ? run_worker : run_queue);
  recover_all(s);
}
