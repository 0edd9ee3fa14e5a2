#include "store/batch.h"
#include "base/bug.h"
#include "base/metrics.h"

#include <string.h>

enum { ROUNDS_MAX = 1000000 }; // a job that needs more is a bug

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

static enum err run_round(struct db *db, struct job *j) {
  for (int i = 0; i < j->n_ops; i++) {
    struct op *op = j->ops[i];
    j->wrote |= query_writes(op->query, ENGINE_SQLITE);
    enum err e = db_run(db, op, j->arena);
    if (e != ERR_NONE)
      return e;
    j->results[i] = op;
  }
  return ERR_NONE;
}

static enum err run_job(struct db *db, struct job *j) {
  j->wrote = false;
  for (j->round = 0; j->round < ROUNDS_MAX; j->round++) {
    j->n_ops = 0;
    enum err e = j->step(j);
    if (e != ERR_NONE || j->n_ops == 0)
      return e;
    if ((e = run_round(db, j)) != ERR_NONE)
      return e;
  }
  BUG("a job does not come to its end");
}

static void rollback(struct db *db) {
  if (!sqlite3_get_autocommit(db->handle))
    (void)db_exec(db, "ROLLBACK");
}

// false: nothing was committed and nothing is open.
static bool run_together(struct db *db, struct job **jobs, size_t n) {
  if (!db_exec(db, "BEGIN IMMEDIATE"))
    return false;
  for (size_t i = 0; i < n; i++) {
    struct job *j = jobs[i];
    j->result = run_job(db, j);
    // A refusal before the first write leaves nothing to undo.
    if (j->result == ERR_STORE || (j->result != ERR_NONE && j->wrote)) {
      rollback(db);
      return false;
    }
  }
  if (!db_exec(db, "COMMIT")) {
    rollback(db);
    return false;
  }
  metric_add(METRIC_COMMITS, 1);
  metric_add(METRIC_JOBS, (int64_t)n);
  return true;
}

static void tell_undone(struct job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->undone)
      jobs[i]->undone(jobs[i]);
}

static void run_alone(struct db *db, struct job *j) {
  j->result = ERR_NONE;
  if (run_together(db, &j, 1))
    return;
  if (j->result == ERR_NONE)
    j->result = ERR_STORE;
  tell_undone(&j, 1);
}

void batch_run(struct db *db, struct job **jobs, size_t n) {
  if (!run_together(db, jobs, n)) {
    metric_add(METRIC_ROLLBACKS, 1);
    tell_undone(jobs, n);
    for (size_t i = 0; i < n; i++)
      run_alone(db, jobs[i]);
  }
  for (size_t i = 0; i < n; i++)
    if (jobs[i]->result == ERR_NONE && jobs[i]->committed)
      jobs[i]->committed(jobs[i]);
}

enum err batch_read(struct db *db, struct job *j) {
  j->result = run_job(db, j);
  BUG_IF(j->wrote, "a reading job has written");
  return j->result;
}
