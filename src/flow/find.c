#include "flow/configuration.h"
#include "flow/keys.h"
#include "flow/payments.h"
#include "flow/projects.h"
#include "flow/rows.h"

static enum err take_payment(struct flow_find *f) {
  struct job *j = &f->job;
  if (job_rows(j, 0)->n == 0)
    return ERR_NO_PAYMENT;
  const struct val *v = rows_at(job_rows(j, 0), 0);
  if (f->whole)
    row_to_payment(f->env, v, &f->payment);
  else
    row_to_payment_state(f->env, v, &f->payment);
  struct projects *kept = key_cache_projects(f->env->keys);
  f->generation = projects_generation(kept);
  bool known = !f->with_project || (configuration_is_fresh(f->env) &&
                                    projects_get(kept, j->arena, f->payment.project_id, &f->project));
  f->reads_project = !known;
  f->reads_proof = f->with_proof && f->payment.status == PAY_PAID && !f->payment.is_test;
  if (f->reads_project)
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->payment.project_id));
  if (f->reads_proof)
    JOB_OP(j, Q_PROOF_IS, v_int(f->row), v_text(f->payment.txid));
  return ERR_NONE;
}

static enum err take_beside(struct flow_find *f) {
  struct job *j = &f->job;
  if (f->reads_proof)
    f->proven = job_rows(j, f->reads_project ? 1 : 0)->n > 0;
  if (!f->reads_project)
    return ERR_NONE;
  if (job_rows(j, 0)->n == 0)
    return ERR_NO_PAYMENT;
  row_to_project(rows_at(job_rows(j, 0), 0), &f->project);
  projects_put(key_cache_projects(f->env->keys), &f->project, f->generation);
  return ERR_NONE;
}

static enum err find_step(struct job *j) {
  struct flow_find *f = (struct flow_find *)j;
  if (j->round == 0)
    JOB_OP(j, f->whole ? Q_PAYMENT_BY_ID : Q_PAYMENT_STATE, v_int(f->row));
  else if (j->round == 1)
    return take_payment(f);
  else
    return take_beside(f);
  return ERR_NONE;
}

static bool find_prepare(struct env *env, struct arena *a, struct flow_find *f) {
  f->env = env;
  f->job.step = find_step;
  f->job.arena = a;
  if (payment_id_to_row(&env->id_key, f->id, &f->row))
    return true;
  f->job.result = ERR_NO_PAYMENT;
  return false;
}

bool flow_payment_find_start(struct env *env, struct arena *a, struct flow_find *f) {
  return !find_prepare(env, a, f) || store_read_start(env->store, &f->job);
}

enum err flow_payment_find(struct env *env, struct arena *a, int64_t id, struct payment *payment,
                           struct project *project) {
  struct flow_find f = {.id = id, .whole = true, .with_project = project != NULL};
  if (find_prepare(env, a, &f))
    (void)store_read(env->store, &f.job);
  *payment = f.payment;
  if (project)
    *project = f.project;
  return f.job.result;
}

// ---- versions ----------------------------------------------------------------------------------

enum { ROWS_OF_A_STATEMENT = 32, ROWS_OF_A_ROUND = ROWS_OF_A_STATEMENT * JOB_OPS_MAX };

struct versions {
  struct job job;
  struct payment_version *list;
  size_t n, asked; // of the list, by this round and those before
};

static void ask(struct versions *f) {
  struct val id[ROWS_OF_A_STATEMENT];
  for (int i = 0; i < ROWS_OF_A_STATEMENT; i++) // the last statement asks for its last payment several times
    id[i] = v_int(f->list[f->asked < f->n ? f->asked++ : f->n - 1].row);
  job_ops(&f->job, Q_PAYMENT_VERSIONS, ROWS_OF_A_STATEMENT, id);
}

static void take_version(struct payment_version *part, size_t n, int64_t row, int64_t version) {
  for (size_t i = 0; i < n; i++)
    if (part[i].row == row)
      part[i].version = version;
}

static void take_versions(struct versions *f, size_t from) {
  for (int op = 0; from < f->asked; op++) {
    const struct rows *rows = job_rows(&f->job, op);
    size_t n = f->asked - from < ROWS_OF_A_STATEMENT ? f->asked - from : ROWS_OF_A_STATEMENT;
    for (int i = 0; i < rows->n; i++)
      take_version(f->list + from, n, rows_at(rows, i)[0].i, rows_at(rows, i)[1].i);
    from += n;
  }
}

static enum err versions_step(struct job *j) {
  struct versions *f = (struct versions *)j;
  if (j->round == 0)
    f->asked = 0;
  else
    take_versions(f, (size_t)(j->round - 1) * ROWS_OF_A_ROUND);
  for (int op = 0; op < JOB_OPS_MAX && f->asked < f->n; op++)
    ask(f);
  return ERR_NONE;
}

enum err flow_payment_versions(struct env *env, struct arena *a, struct payment_version *list, size_t n) {
  struct versions f = {.job = {.step = versions_step, .arena = a}, .list = list, .n = n};
  return store_read(env->store, &f.job);
}
