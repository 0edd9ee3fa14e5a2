#include "flow/attach.h"
#include "base/hex.h"
#include "base/timefmt.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/rows.h"
#include "flow/transfers.h"

enum { REVIEWED_AT_ONCE = 100 }; // transfers that one acceptance takes

void attach_begin(struct attach *a, const struct val *v, const struct payment *p,
                  const struct project *project) {
  *a = (struct attach){
      .block = {.number = v[7].i, .time_us = v[6].i},
      .transfer = {.log_index = v[2].i, .value = {v[5].i}},
      .owned = {.address_id = v[8].i,
                .project_id = v[9].i,
                .custody = v[13].i == CUSTODY_OPERATOR ? CUSTODY_OPERATOR : CUSTODY_MERCHANT},
      .credit = {.attach_row = v[0].i, .matched = {.txid = v[1].s, .payment = *p, .project = *project}},
  };
  a->owned.block = &a->block;
  a->owned.transfer = &a->transfer;
  a->credit.owned = &a->owned;
}

// What both commands do: read the payment, read what belongs to it, credit one transfer after the other.
struct hand_job {
  struct job job;
  struct env *env;
  const struct transfer_order *order;
  enum err (*read)(struct hand_job *h);   // queues the second round
  enum err (*choose)(struct hand_job *h); // fills the list
  enum err (*finish)(struct hand_job *h); // queues what follows the last credit; may be NULL
  struct payment *out;
  // inside
  enum { FIND, READ, CREDIT, CHECK, END } stage;
  int64_t now_us;
  struct payment payment;
  struct project project;
  enum pay_status was;
  const struct val *list[REVIEWED_AT_ONCE];
  int n, at;
  struct attach attach;
  bool changed;
};

static void next_transfer(struct hand_job *h) {
  attach_begin(&h->attach, h->list[h->at], &h->payment, &h->project);
  h->attach.credit.env = h->env;
  h->attach.credit.now_us = h->now_us;
  h->attach.credit.note = h->order->reason.n
                              ? str_printf(h->job.arena, "by hand: %.*s", STR_FMT(h->order->reason))
                              : STR("by hand");
}

static enum err credit_next(struct hand_job *h) {
  while (h->at < h->n) {
    struct credit *c = &h->attach.credit;
    enum err e = credit_step(c, &h->job);
    if (e != ERR_NONE || !c->finished)
      return e;
    h->payment = c->matched.payment;
    h->changed = true;
    if (++h->at < h->n)
      next_transfer(h);
    if (h->job.n_ops) // an attached one writes at once
      return ERR_NONE;
  }
  h->stage = CHECK;
  return h->finish ? h->finish(h) : ERR_NONE;
}

static enum err found(struct hand_job *h) {
  const struct rows *r = job_rows(&h->job, 0);
  if (r->n == 0)
    return ERR_NO_PAYMENT;
  row_to_payment(h->env, rows_at(r, 0), &h->payment);
  if (h->payment.is_test)
    return ERR_MOVE;
  h->was = h->payment.status;
  h->stage = READ;
  JOB_OP(&h->job, Q_PROJECT_BY_ID, v_int(h->payment.project_id));
  return h->read(h);
}

static enum err hand_step(struct job *j) {
  struct hand_job *h = (struct hand_job *)j;
  int64_t row;
  enum err e;
  if (j->round == 0) {
    h->stage = FIND;
    h->n = h->at = 0;
    h->changed = false;
    if (!payment_id_to_row(&h->env->id_key, h->order->payment_id, &row))
      return ERR_NO_PAYMENT;
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(row));
    return ERR_NONE;
  }
  switch (h->stage) {
  case FIND:
    return found(h);
  case READ:
    row_to_project(rows_at(job_rows(j, 0), 0), &h->project);
    if ((e = h->choose(h)) != ERR_NONE)
      return e;
    h->stage = CREDIT;
    if (h->n)
      next_transfer(h);
    return credit_next(h);
  case CREDIT:
    return credit_next(h);
  case CHECK:
    h->stage = END;
    return job_rows(j, CHANGE_STORED)->n ? ERR_NONE : ERR_CHANGED;
  case END:
    return ERR_NONE;
  }
  return ERR_NONE;
}

static void hand_committed(struct job *j) {
  const struct hand_job *h = (struct hand_job *)j;
  *h->out = h->payment;
  if (h->changed)
    change_committed(h->env, &h->payment, h->was);
}

static enum err run(struct hand_job *h, struct env *env, struct arena *a) {
  h->env = env;
  h->now_us = world_now(env->world);
  h->job.step = hand_step;
  h->job.committed = hand_committed;
  h->job.arena = a;
  h->job.key = JOB_KEY_CHAIN;
  return store_call(env->store, &h->job);
}

// ---- one transfer

static enum err read_transfer(struct hand_job *h) {
  JOB_OP(&h->job, Q_TRANSFER_OWNED, v_text(h->order->txid), v_int(h->order->log_index));
  return ERR_NONE;
}

static enum err choose_transfer(struct hand_job *h) {
  const struct rows *r = job_rows(&h->job, 1);
  if (r->n == 0 || rows_at(r, 0)[3].i)
    return ERR_NO_TRANSFER;
  const struct val *v = rows_at(r, 0);
  if (v[4].type != VAL_NULL)
    return ERR_ATTACHED;
  if (v[9].i != h->payment.project_id)
    return ERR_OTHER_PROJECT;
  h->list[h->n++] = v;
  return ERR_NONE;
}

enum err flow_transfer_attach(struct env *env, struct arena *a, const struct transfer_order *order,
                              struct payment *out) {
  struct hand_job h = {.order = order, .read = read_transfer, .choose = choose_transfer, .out = out};
  return run(&h, env, a);
}

// ---- all that waits for a decision on a payment

static enum err read_reviewed(struct hand_job *h) {
  const struct payment *p = &h->payment;
  JOB_OP(&h->job, Q_TRANSFER_REVIEWED, v_int(p->row), v_int(REVIEWED_AT_ONCE));
  JOB_OP(&h->job, Q_TRANSFER_LAST, v_int(p->address_id), v_int(p->project_id), v_text(p->order_id));
  return ERR_NONE;
}

static enum err choose_reviewed(struct hand_job *h) {
  const struct rows *r = job_rows(&h->job, 1), *last = job_rows(&h->job, 2);
  for (; h->n < r->n; h->n++)
    h->list[h->n] = rows_at(r, h->n);
  if (h->n == 0 && last->n) // nothing new: what counts already is taken for enough
    h->list[0] = rows_at(last, 0);
  return h->n || (last->n && h->payment.status != PAY_PAID) ? ERR_NONE : ERR_MOVE;
}

// Enough by the merchant's word, where the sum alone does not say so.
static enum err accept_sum(struct hand_job *h) {
  struct pay_effects fx;
  const struct val *v = h->list[h->n ? h->n - 1 : 0];
  const struct pay_transfer last = {.txid = v[1].s, .value = {v[5].i}, .block_us = v[6].i, .number = v[7].i};
  if (h->payment.status == PAY_PAID) {
    h->stage = END;
    return ERR_NONE;
  }
  enum err e = payment_accept(&h->payment, &last, &fx);
  if (e != ERR_NONE)
    return e;
  fx.detail = h->order->reason.n ? str_printf(h->job.arena, "accepted: %.*s", STR_FMT(h->order->reason))
                                 : STR("accepted");
  h->changed = true;
  change_queue(&h->job, &h->payment, &h->project, &fx, h->now_us);
  return ERR_NONE;
}

enum err flow_payment_accept(struct env *env, struct arena *a, const struct transfer_order *order,
                             struct payment *out) {
  struct hand_job h = {
      .order = order, .read = read_reviewed, .choose = choose_reviewed, .finish = accept_sum, .out = out};
  return run(&h, env, a);
}
