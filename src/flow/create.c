#include "base/bug.h"
#include "core/answer.h"
#include "flow/allocate.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/payments.h"
#include "flow/pool.h"
#include "flow/rows.h"
#include "wire/address.h"

enum { ANSWER_MAX_BYTES = 16384 };

// What the next call of the step does.
enum stage { DECIDE, AGAIN, ALLOCATE, LINK, CHECK, END };

static void read_order(struct flow_create *f) {
  struct job *j = &f->job;
  f->old = (struct payment){0};
  f->payment = (struct payment){0};
  f->allocation = NULL;
  f->stage = DECIDE;
  f->replayed = f->takes_over = false;
  JOB_OP(j, Q_ORDER_GET, v_int(f->project->id), v_int(f->is_test), v_text(f->request.order_id));
  if (f->idempotency_key.p)
    JOB_OP(j, Q_IDEMPOTENCY_GET, v_int(f->project->id), v_int(f->is_test), v_text(f->idempotency_key));
}

static void make_answer(struct flow_create *f) {
  struct buf b;
  buf_init(&b, f->job.arena, ANSWER_MAX_BYTES);
  answer_payment(&b, &f->payment, f->env->base_url, f->now_us);
  f->answer = buf_view(&b);
}

static struct str request_hash(const struct flow_create *f) {
  return (struct str){(const char *)f->request_hash, sizeof f->request_hash};
}

// A request with this Idempotency-Key was answered before: the stored answer, or a conflict.
static enum err replay_key(struct flow_create *f, const struct val *v) {
  if (!str_eq(v[0].s, request_hash(f)))
    return ERR_IDEMPOTENCY_REUSE;
  f->answer = v[1].s;
  f->replayed = true;
  return ERR_NONE;
}

static void replay_order(struct flow_create *f) {
  f->payment = f->old;
  f->replayed = true;
  make_answer(f);
  if (!f->idempotency_key.p)
    return;
  f->stage = CHECK;
  JOB_OP(&f->job, Q_IDEMPOTENCY_ADD, v_int(f->project->id), v_int(f->is_test), v_text(f->idempotency_key),
         v_blob(request_hash(f)), v_text(f->answer), v_int(f->now_us));
}

// What an order that has a payment already gets (spec "the same order again").
enum again { AGAIN_REPLAY, AGAIN_CONFLICT, AGAIN_TAKE_OVER, AGAIN_FRESH };

static enum again order_again(const struct flow_create *f) {
  const struct payment *old = &f->old;
  bool same = usdt_cmp(old->amount, f->request.amount) == 0;
  enum pay_status status = payment_status_at(old, f->now_us);
  if (status == PAY_PAID)
    return same ? AGAIN_REPLAY : AGAIN_CONFLICT;
  if (status == PAY_PENDING && (!same || f->now_us < old->expires_us))
    return same ? AGAIN_REPLAY : AGAIN_CONFLICT;
  // A live payment whose quarantine is over has no reservation to hand on.
  return same && (old->is_test || old->due_us) ? AGAIN_TAKE_OVER : AGAIN_FRESH;
}

static void fill(struct flow_create *f) {
  struct payment *p = &f->payment;
  const struct create_request *r = &f->request;
  p->project_id = f->project->id;
  p->is_test = f->is_test;
  p->order_id = r->order_id;
  p->amount = p->pay_amount = r->amount;
  p->scale = r->scale;
  p->description = r->description;
  p->success_url = r->success_url;
  p->fail_url = r->fail_url;
  payment_open(p, &f->project->policy, f->now_us);
}

static void add_payment(struct flow_create *f) {
  f->stage = LINK;
  job_add_payment(&f->job, &f->payment);
}

static enum err allocate(struct flow_create *f) {
  struct allocation *al = f->allocation;
  enum err e = allocation_step(al, &f->job);
  if (e != ERR_NONE || !al->finished)
    return e;
  f->payment.address_id = al->address_id;
  f->payment.address = al->address;
  f->payment.pay_amount = al->pay_amount;
  add_payment(f);
  return ERR_NONE;
}

static enum err start_new(struct flow_create *f, bool takes_over) {
  fill(f);
  f->takes_over = takes_over;
  if (!takes_over && !f->is_test) {
    f->allocation = ARENA_NEW(f->job.arena, struct allocation);
    *f->allocation = (struct allocation){
        .env = f->env, .project = f->project, .amount = f->request.amount, .looked = f->looked};
    f->stage = ALLOCATE;
    return allocate(f);
  }
  if (takes_over)
    payment_take_over(&f->payment, &f->old);
  else
    f->payment.address = f->test_address;
  add_payment(f);
  return ERR_NONE;
}

static enum err decide(struct flow_create *f) {
  const struct rows *order = job_rows(&f->job, 0);
  f->stage = END;
  if (f->idempotency_key.p && job_rows(&f->job, 1)->n)
    return replay_key(f, rows_at(job_rows(&f->job, 1), 0));
  if (order->n == 0)
    return start_new(f, false);
  f->stage = AGAIN;
  JOB_OP(&f->job, Q_PAYMENT_BY_ID, rows_at(order, 0)[0]);
  return ERR_NONE;
}

static enum err decide_again(struct flow_create *f) {
  f->stage = END;
  row_to_payment(f->env, rows_at(job_rows(&f->job, 0), 0), &f->old);
  switch (order_again(f)) {
  case AGAIN_CONFLICT:
    return ERR_ORDER_AMOUNT;
  case AGAIN_REPLAY:
    replay_order(f);
    return ERR_NONE;
  case AGAIN_TAKE_OVER:
    return start_new(f, true);
  case AGAIN_FRESH:
    return start_new(f, false);
  }
  BUG("unknown answer");
}

static void close_old(struct flow_create *f) {
  struct pay_effects fx;
  f->old_was = f->old.status;
  payment_replace(&f->old, f->payment.row, f->takes_over, &fx);
  change_queue(&f->job, &f->old, f->project, &fx, f->now_us);
}

// Nobody else knows a derived address yet; an address and amount of a list have been claimed.
static void reserve(struct flow_create *f) {
  const struct payment *p = &f->payment;
  if (f->takes_over)
    JOB_OP(&f->job, Q_RESERVATION_MOVE, v_int(p->address_id), v_int(p->pay_amount.micro), v_int(p->row),
           v_int(f->old.row));
  else
    JOB_OP(&f->job, f->allocation->xpub_row ? Q_RESERVATION_ADD : Q_RESERVATION_BIND, v_int(p->address_id),
           v_int(p->pay_amount.micro), v_int(p->row));
}

// What a part payment has left to pay is reserved too, unless that pair was taken.
static void hand_rest_on(struct flow_create *f) {
  const struct payment *p = &f->payment;
  struct usdt rest = payment_rest(p);
  if (f->takes_over && !p->is_test && usdt_cmp(rest, p->pay_amount) != 0)
    JOB_OP(&f->job, Q_RESERVATION_MOVE, v_int(p->address_id), v_int(rest.micro), v_int(p->row),
           v_int(f->old.row));
}

// The statements that need the new row's number; those that must give a row stand first.
static enum err link_rows(struct flow_create *f) {
  struct job *j = &f->job;
  struct payment *p = &f->payment;
  p->row = rows_at(job_rows(j, 0), 0)[0].i;
  p->id = payment_id_from_row(&f->env->id_key, p->row);
  make_answer(f);
  if (f->old.row)
    JOB_OP(j, Q_ORDER_MOVE, v_int(p->project_id), v_int(p->is_test), v_text(p->order_id), v_int(p->row),
           v_int(f->old.row));
  else
    JOB_OP(j, Q_ORDER_ADD, v_int(p->project_id), v_int(p->is_test), v_text(p->order_id), v_int(p->row));
  if (!p->is_test)
    reserve(f);
  if (f->idempotency_key.p)
    JOB_OP(j, Q_IDEMPOTENCY_ADD, v_int(p->project_id), v_int(p->is_test), v_text(f->idempotency_key),
           v_blob(request_hash(f)), v_text(f->answer), v_int(f->now_us));
  if (f->old.row)
    close_old(f);
  hand_rest_on(f);
  f->stage = CHECK;
  return ERR_NONE;
}

// Each compare-and-swap must have hit. Another node may have been faster with the same order, key or old
// payment: run again, the job finds what it has made.
static enum err check(struct flow_create *f) {
  int must = f->replayed ? 1 : 1 + !f->payment.is_test + (f->idempotency_key.p != NULL) + (f->old.row != 0);
  for (int i = 0; i < must; i++)
    if (job_rows(&f->job, i)->n == 0)
      return ERR_CHANGED;
  f->stage = END;
  return ERR_NONE;
}

static enum err create_step(struct job *j) {
  struct flow_create *f = (struct flow_create *)j;
  if (j->round == 0) {
    read_order(f);
    return ERR_NONE;
  }
  switch ((enum stage)f->stage) {
  case DECIDE:
    return decide(f);
  case AGAIN:
    return decide_again(f);
  case ALLOCATE:
    return allocate(f);
  case LINK:
    return link_rows(f);
  case CHECK:
    return check(f);
  case END:
    return ERR_NONE;
  }
  BUG("unknown stage");
}

static void create_committed(struct job *j) {
  struct flow_create *f = (struct flow_create *)j;
  if (f->old.row && f->old.replaced_by)
    change_committed(f->env, &f->old, f->old_was);
}

// A test payment's address is its own; it looks like one, but no wallet accepts its checksum.
static struct str test_address(struct flow_create *f) {
  struct tron_address random;
  char text[ADDRESS_TEXT_N + 1];
  world_random(f->env->world, random.account, sizeof random.account);
  address_test_format(&random, text);
  return str_copy(f->job.arena, str_of(text));
}

// What the hints have seen taken may be free again.
static void create_undone(struct job *j) {
  struct flow_create *f = (struct flow_create *)j;
  if (!f->allocation)
    return;
  pools_read_end(f->env->pools, j);
  pools_forget(f->env->pools, f->project->id);
  f->looked = f->allocation->looked;
}

enum err flow_create_start(struct env *env, struct arena *a, struct flow_create *f) {
  f->env = env;
  f->now_us = world_now(env->world);
  f->job.arena = a;
  f->job.step = create_step;
  f->job.key = job_key_order(f->project->id, f->is_test, f->request.order_id);
  f->job.committed = create_committed;
  f->job.undone = create_undone;
  if (f->is_test)
    f->test_address = test_address(f); // here and not in a step: the writer has enough to do
  return store_submit(env->store, &f->job);
}
