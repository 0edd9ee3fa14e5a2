#include "store/batch.h"
#include "base/bug.h"
#include "base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  ROUNDS_MAX = 1000000, // a job that needs more is a bug
  COLLISIONS_MAX = 4,   // tries, before a batch is taken apart or a job given up
};

void job_ops(struct job *j, enum query q, int n, const struct val *params) {
  BUG_IF(j->n_ops == JOB_OPS_MAX || n > OP_PARAMS_MAX, "too many statements in a round");
  struct op *op = ARENA_NEW(j->arena, struct op);
  op->query = q;
  op->n_params = n;
  op->params = ARENA_ARRAY(j->arena, struct val, n);
  if (n)
    memcpy(op->params, params, sizeof *params * (size_t)n);
  j->ops[j->n_ops++] = op;
}

void job_begin(struct job *j) {
  j->round = j->n_ops = 0;
  j->wrote = j->ended = false;
  j->result = ERR_NONE;
}

bool job_advance(struct job *j) {
  BUG_IF(j->round == ROUNDS_MAX, "a job does not come to its end");
  j->n_ops = 0;
  j->result = j->step(j);
  j->ended = j->result != ERR_NONE || j->n_ops == 0;
  return !j->ended;
}

bool job_failed(const struct job *j) {
  return j->result != ERR_NONE && j->wrote;
}

void job_landed(struct job *j) {
  memcpy(j->results, j->ops, sizeof *j->ops * (size_t)j->n_ops);
  j->round++;
  metric_add(METRIC_STATEMENTS, j->n_ops);
}

static void tell_undone(struct job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->undone)
      jobs[i]->undone(jobs[i]);
}

static void tell_committed(struct job **jobs, size_t n) {
  metric_add(METRIC_COMMITS, 1);
  metric_add(METRIC_JOBS, (int64_t)n);
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->result == ERR_NONE && jobs[i]->committed)
      jobs[i]->committed(jobs[i]);
}

// The victim of a deadlock that comes back at once takes its locks before the other wakes: the same again.
static void step_aside(int tries) {
  uint16_t chance;
  world_random(&world_real, &chance, sizeof chance);
  nanosleep(&(struct timespec){.tv_nsec = 1000000L + chance % (4 * tries) * 1000000L}, NULL);
}

static enum outcome attempt(struct backend *b, struct job **jobs, size_t n) {
  enum outcome o = COLLISION;
  for (int i = 0; i < COLLISIONS_MAX && o == COLLISION; i++) {
    if (i)
      step_aside(i);
    o = b->calls->together(b, jobs, n);
    if (o == COMMITTED)
      tell_committed(jobs, n);
    else
      tell_undone(jobs, n);
  }
  for (size_t i = 0; o == OUT_OF_REACH && i < n; i++)
    jobs[i]->result = ERR_UNAVAILABLE;
  return o;
}

static void run_alone(struct backend *b, struct job *j) {
  enum outcome o = attempt(b, &j, 1);
  for (int i = 0; i < RERUNS_MAX && o == REFUSED && j->wrote && j->result == ERR_CHANGED; i++)
    o = attempt(b, &j, 1);
  if (o == COLLISION)
    j->result = ERR_BUSY;
  if (o == REFUSED && j->result == ERR_NONE)
    j->result = ERR_STORE;
}

// Those that have not failed stand first; order is kept among them. Gives their number.
static size_t set_failed_apart(struct job **jobs, size_t n) {
  struct job *failed = NULL;
  size_t good = 0;
  for (size_t i = 0; i < n; i++) {
    struct job *j = jobs[i];
    if (job_failed(j)) {
      j->next = failed;
      failed = j;
    } else {
      jobs[good++] = j;
    }
  }
  for (size_t i = n; failed; failed = failed->next)
    jobs[--i] = failed;
  return good;
}

static bool is_settled(enum outcome o) {
  return o == COMMITTED || o == OUT_OF_REACH;
}

static void run_together(struct backend *b, struct job **jobs, size_t n) {
  enum outcome o = n > 1 ? attempt(b, jobs, n) : REFUSED;
  if (is_settled(o))
    return;
  metric_add(METRIC_ROLLBACKS, n > 1);
  size_t good = n > 1 && o == REFUSED ? set_failed_apart(jobs, n) : n;
  // Where some have failed the others belong together once more; where nobody is to blame, each runs alone.
  bool settled = good > 0 && good < n && is_settled(attempt(b, jobs, good));
  size_t first = settled ? good : 0;
  for (size_t i = first; i < n; i++)
    run_alone(b, jobs[i]);
}

static int by_key(const void *a, const void *b) {
  const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->turn > y->turn) - (x->turn < y->turn);
}

// The first of each key goes to the front; gives their number. Behind them the rest, still in order.
static size_t first_of_each(struct job **jobs, size_t n) {
  struct job *rest = NULL, **last = &rest;
  size_t first = 0;
  uint64_t before = 0;
  for (size_t i = 0; i < n; i++) {
    struct job *j = jobs[i];
    bool same = j->key && j->key == before;
    before = j->key;
    j->next = NULL;
    if (same) {
      *last = j;
      last = &j->next;
    } else {
      jobs[first++] = j;
    }
  }
  for (size_t i = first; rest; rest = rest->next)
    jobs[i++] = rest;
  return first;
}

void batch_run(struct backend *b, struct job **jobs, size_t n) {
  if (b->calls->engine == ENGINE_SQLITE) { // a job has ended before the next begins
    run_together(b, jobs, n);
    return;
  }
  // Sorted, so that two nodes that change the same rows wait for each other in one direction only.
  for (size_t i = 0; i < n; i++)
    jobs[i]->turn = i;
  qsort(jobs, n, sizeof *jobs, by_key);
  while (n) {
    size_t now = first_of_each(jobs, n);
    run_together(b, jobs, now);
    jobs += now;
    n -= now;
  }
}
