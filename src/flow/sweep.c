#include "base/timefmt.h"
#include "flow/blocks.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/payments.h"
#include "flow/pool.h"
#include "flow/rows.h"
#include "flow/seen.h"

enum { IDEMPOTENCY_DAYS = 7 }; // stored answers of payments are kept so long

// One payment whose time has come: expire it, or give its reservation back.
struct due {
  struct job job;
  struct env *env;
  int64_t row;
  int64_t time_us; // the clock's, or the chain's
  int64_t now_us;
  struct payment payment;
  struct project project;
  enum pay_status was;
  bool released;
};

static enum err due_apply(struct due *d) {
  struct job *j = &d->job;
  struct payment *p = &d->payment;
  struct pay_effects fx = {0};
  row_to_project(rows_at(job_rows(j, 0), 0), &d->project);
  d->was = p->status;
  d->released = d->was != PAY_PENDING;
  if (!d->released && payment_expire(p, d->time_us, &fx) != ERR_NONE)
    return ERR_CHANGED;
  if (d->released)
    payment_release(p);
  change_queue(j, p, &d->project, &fx, d->now_us);
  if (d->released && p->address_id) {
    JOB_OP(j, Q_RESERVATION_DROP, v_int(p->address_id), v_int(p->pay_amount.micro), v_int(p->row));
    JOB_OP(j, Q_RESERVATION_DROP, v_int(p->address_id), v_int(payment_rest(p).micro), v_int(p->row));
    JOB_OP(j, Q_ADDRESS_RELEASED, v_int(p->address_id), v_int(d->now_us));
  }
  return ERR_NONE;
}

static enum err due_step(struct job *j) {
  struct due *d = (struct due *)j;
  switch (j->round) {
  case 0:
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(d->row));
    return ERR_NONE;
  case 1: {
    row_to_payment(d->env, rows_at(job_rows(j, 0), 0), &d->payment);
    if (!d->payment.due_us || d->payment.due_us > d->time_us)
      return ERR_CHANGED; // somebody was faster
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(d->payment.project_id));
    return ERR_NONE;
  }
  case 2:
    return due_apply(d);
  default:
    return job_rows(j, CHANGE_STORED)->n == 1 ? ERR_NONE : ERR_CHANGED;
  }
}

static void due_committed(struct job *j) {
  struct due *d = (struct due *)j;
  if (d->released && d->payment.address_id)
    pools_released(d->env->pools, &d->project, d->payment.address_id, d->payment.pay_amount);
  change_committed(d->env, &d->payment, d->was);
}

struct due_list {
  struct job job;
  bool is_test;
  int64_t time_us;
  int limit;
};

static enum err due_list_step(struct job *j) {
  struct due_list *l = (struct due_list *)j;
  if (j->round == 0)
    JOB_OP(j, Q_PAYMENT_DUE, v_int(l->is_test), v_int(l->time_us), v_int(l->limit));
  return ERR_NONE;
}

static int sweep(struct env *env, struct due_list *l, struct arena *a) {
  l->job.step = due_list_step;
  l->job.arena = a;
  if (store_read(env->store, &l->job) != ERR_NONE)
    return 0;
  const struct rows *rows = job_rows(&l->job, 0);
  struct job **jobs = ARENA_ARRAY(a, struct job *, rows->n);
  for (int i = 0; i < rows->n; i++) {
    struct due *d = ARENA_NEW(a, struct due);
    int64_t row = rows_at(rows, i)[0].i;
    *d = (struct due){
        .job = {.step = due_step, .committed = due_committed, .arena = a, .key = job_key_payment(row)},
        .env = env,
        .row = row,
        .time_us = l->time_us,
        .now_us = world_now(env->world)};
    jobs[i] = &d->job;
  }
  store_call_all(env->store, jobs, (size_t)rows->n);
  int n = 0;
  for (int i = 0; i < rows->n; i++)
    n += jobs[i]->result == ERR_NONE;
  return n;
}

int flow_sweep(struct env *env, struct arena *a, int limit) {
  struct due_list l = {.is_test = true, .time_us = world_now(env->world), .limit = limit};
  return sweep(env, &l, a);
}

int flow_blocks_sweep(struct env *env, struct arena *a, int64_t cursor_us, int limit) {
  struct due_list l = {.is_test = false, .time_us = cursor_us, .limit = limit};
  struct chain_row chain;
  if (flow_chain_load(env, a, &chain) != ERR_NONE || seen_forget(env, a, chain.cursor.number) != ERR_NONE)
    return 0;
  return sweep(env, &l, a);
}

struct forget {
  struct job job;
  int64_t before_us;
  int limit, n;
};

static enum err forget_step(struct job *j) {
  struct forget *f = (struct forget *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_IDEMPOTENCY_OLD, v_int(f->before_us), v_int(f->limit));
  } else if (j->round == 1) {
    const struct rows *rows = job_rows(j, 0);
    f->n = rows->n;
    for (int i = 0; i < rows->n; i++) {
      const struct val *v = rows_at(rows, i);
      JOB_OP(j, Q_IDEMPOTENCY_DROP, v_int(v[0].i), v_int(v[1].i), v_text(v[2].s));
    }
  }
  return ERR_NONE;
}

int flow_forget_answers(struct env *env, struct arena *a) {
  struct forget f = {.job = {.step = forget_step, .arena = a},
                     .before_us = world_now(env->world) - IDEMPOTENCY_DAYS * DAY_US,
                     .limit = JOB_OPS_MAX};
  return store_call(env->store, &f.job) == ERR_NONE ? f.n : 0;
}
