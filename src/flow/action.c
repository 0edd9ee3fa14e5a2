#include "base/bug.h"
#include "base/hex.h"
#include "base/timefmt.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/payments.h"
#include "flow/rows.h"

enum { TEST_TXID_BYTES = 16 };

struct named {
  const char *name;
  enum payment_action action;
};

bool payment_action_parse(struct str name, enum payment_action *out) {
  static const struct named list[] = {
      {"pay", ACTION_TEST_PAY},   {"underpay", ACTION_TEST_UNDERPAY}, {"overpay", ACTION_TEST_OVERPAY},
      {"late", ACTION_TEST_LATE}, {"expire", ACTION_TEST_EXPIRE},     {"cancel", ACTION_CANCEL},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (str_eqc(name, list[i].name)) {
      *out = list[i].action;
      return true;
    }
  return false;
}

// A transfer on the simulated chain: confirmed at once, in a block of `block_us`.
static enum err test_transfer(struct flow_action *f, struct usdt value, int64_t block_us,
                              struct pay_effects *fx) {
  struct job *j = &f->job;
  uint8_t random[TEST_TXID_BYTES];
  char digits[2 * TEST_TXID_BYTES + 1];
  world_random(f->env->world, random, sizeof random);
  hex_encode(random, sizeof random, digits);
  const struct pay_transfer t = {
      .txid = str_printf(j->arena, "test_%s", digits), .value = value, .block_us = block_us};
  enum err e = payment_transfer(&f->payment, &f->project.policy, &t, fx);
  if (e == ERR_NONE)
    f->transfer = t;
  return e;
}

static enum err test_action(struct flow_action *f, struct pay_effects *fx) {
  struct payment *p = &f->payment;
  struct usdt rest = payment_rest(p), more;
  // The simulated chain makes the block that is needed: for "late" one after the payment's end.
  int64_t after_end_us = p->expires_us + 3 * SECOND_US;
  switch (f->action) {
  case ACTION_TEST_PAY:
    return test_transfer(f, rest, f->now_us, fx);
  case ACTION_TEST_UNDERPAY:
    return test_transfer(f, (struct usdt){rest.micro / 2}, f->now_us, fx);
  case ACTION_TEST_OVERPAY:
    return usdt_add(rest, USDT(1), &more) ? test_transfer(f, more, f->now_us, fx) : ERR_MOVE;
  case ACTION_TEST_LATE: // has expired by now, see expire_first()
    return test_transfer(f, rest, f->now_us > after_end_us ? f->now_us : after_end_us, fx);
  case ACTION_TEST_EXPIRE:
    return payment_expire(p, f->now_us > p->expires_us ? f->now_us : p->expires_us, fx);
  case ACTION_EXTEND:
    return payment_extend(p, &f->project.policy, f->now_us, fx);
  case ACTION_CANCEL:
    return payment_cancel(p, f->now_us, fx);
  }
  BUG("unknown action");
}

static bool needs_test_mode(const struct flow_action *f) {
  return f->test_chain || (f->action != ACTION_EXTEND && f->action != ACTION_CANCEL);
}

// "late" is two changes, as it is on the chain: the end passes, then a block brings the money.
static enum err expire_first(struct flow_action *f) {
  struct payment *p = &f->payment;
  struct pay_effects fx;
  if (f->action != ACTION_TEST_LATE || p->status != PAY_PENDING)
    return ERR_NONE;
  enum err e = payment_expire(p, f->now_us > p->expires_us ? f->now_us : p->expires_us, &fx);
  if (e == ERR_NONE)
    change_queue(&f->job, p, &f->project, &fx, f->now_us);
  return e;
}

static enum err apply(struct flow_action *f) {
  struct job *j = &f->job;
  struct pay_effects fx;
  row_to_project(rows_at(job_rows(j, 0), 0), &f->project);
  if (needs_test_mode(f) && (!f->payment.is_test || f->project.live))
    return ERR_NO_PAYMENT;
  if (f->moved_on)
    return ERR_MOVE;
  f->transfer = (struct pay_transfer){0};
  f->was = f->payment.status;
  enum err e = expire_first(f);
  if (e == ERR_NONE)
    e = test_action(f, &fx);
  if (e != ERR_NONE)
    return e;
  change_queue(j, &f->payment, &f->project, &fx, f->now_us);
  if (f->transfer.txid.p)
    JOB_OP(j, Q_TRANSFER_ADD, v_text(f->transfer.txid), v_int(0), v_int(1), v_int(f->payment.row),
           v_int(f->transfer.value.micro), v_int(f->transfer.block_us));
  return ERR_NONE;
}

// The payment, or the one that has taken its order and reservation over: money for the old one pays the new
// one. A newer payment of another amount has taken nothing over.
static enum err read_payment(struct flow_action *f) {
  struct job *j = &f->job;
  if (job_rows(j, 0)->n == 0)
    return ERR_NO_PAYMENT;
  struct usdt before = f->payment.amount;
  row_to_payment(f->env, rows_at(job_rows(j, 0), 0), &f->payment);
  f->moved_on = before.micro && usdt_cmp(before, f->payment.amount) != 0;
  bool to_successor =
      f->payment.replaced_by && !f->moved_on && f->action != ACTION_EXTEND && f->action != ACTION_CANCEL;
  if (to_successor)
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(f->payment.replaced_by));
  else {
    f->found = true;
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->payment.project_id));
  }
  return ERR_NONE;
}

static enum err action_step(struct job *j) {
  struct flow_action *f = (struct flow_action *)j;
  int64_t row;
  if (j->round == 0) {
    f->found = f->applied = false;
    f->payment = (struct payment){0};
    if (!payment_id_to_row(&f->env->id_key, f->id, &row))
      return ERR_NO_PAYMENT;
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(row));
    return ERR_NONE;
  }
  if (!f->found)
    return read_payment(f);
  if (!f->applied) {
    f->applied = true;
    return apply(f);
  }
  return job_rows(j, CHANGE_STORED)->n == 1 ? ERR_NONE : ERR_CHANGED;
}

static void action_committed(struct job *j) {
  struct flow_action *f = (struct flow_action *)j;
  change_committed(f->env, &f->payment, f->was);
}

enum err flow_action_start(struct env *env, struct arena *a, struct flow_action *f) {
  int64_t row;
  f->env = env;
  f->now_us = world_now(env->world);
  f->job.arena = a;
  f->job.step = action_step;
  f->job.key = payment_id_to_row(&env->id_key, f->id, &row) ? job_key_payment(row) : 0;
  f->job.committed = action_committed;
  return store_submit(env->store, &f->job);
}
