#include "flow/credit.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "flow/book.h"
#include "flow/change.h"

enum stage { ASK, PAYMENT, JUDGE, REST, WRITTEN };

static struct pay_transfer as_payment_sees(const struct credit *c) {
  return (struct pay_transfer){.txid = c->matched.txid,
                               .value = c->owned->transfer->value,
                               .block_us = c->owned->block->time_us,
                               .number = c->owned->block->number};
}

static struct str from_text(const struct credit *c, struct arena *a) {
  char text[ADDRESS_TEXT_N + 1];
  address_format(&c->owned->transfer->from, text);
  return str_copy(a, str_of(text));
}

// "TXID:INDEX VALUE", and why it was not credited, or what was said when it was attached.
static struct str detail(const struct credit *c, struct arena *a) {
  const struct chain_transfer *t = c->owned->transfer;
  struct str value = usdt_text(a, t->value, 6);
  struct str why = c->credited ? c->note : str_of(match_reason_name(c->matched.match.reason));
  return str_printf(a, "%.*s:%lld %.*s%s%.*s", STR_FMT(c->matched.txid), (long long)t->log_index,
                    STR_FMT(value), why.n ? " " : "", STR_FMT(why));
}

static bool is_for_review(enum match_reason r) {
  return r == MATCH_PAID || r == MATCH_CANCELLED || r == MATCH_REPLACED || r == MATCH_LATE;
}

static void add_transfer(struct credit *c, struct job *j) {
  const struct owned *o = c->owned;
  const struct match *m = &c->matched.match;
  int64_t payment = m->payment ? m->payment->row : 0;
  c->transfer_op = j->n_ops;
  JOB_OP(j, Q_TRANSFER_LIVE_ADD, v_text(c->matched.txid), v_int(o->transfer->log_index),
         v_int_or_null(c->credited ? payment : 0), v_int(o->transfer->value.micro), v_int(o->block->time_us),
         v_int(o->block->number), v_int(o->address_id), v_int(o->project_id), v_text(from_text(c, j->arena)),
         v_int_or_null(m->reason), v_int_or_null(c->credited ? 0 : payment));
}

static void take_transfer(struct credit *c, struct job *j) {
  c->transfer_op = j->n_ops;
  JOB_OP(j, Q_TRANSFER_ATTACH, v_int(c->attach_row), v_int(c->matched.payment.row));
}

static struct ledger_posting posting(const struct credit *c) {
  struct usdt value = c->owned->transfer->value;
  if (!c->credited)
    return ledger_suspend(value, c->owned->custody);
  return c->attach_row ? ledger_attach(value, c->owned->custody, c->env->fee_bps)
                       : ledger_credit(value, c->owned->custody, c->env->fee_bps);
}

// The rest of a part payment stays an exact amount, even when others share the address by then.
static void reserve_rest(struct credit *c, struct job *j) {
  const struct payment *p = &c->matched.payment;
  struct usdt rest = payment_rest(p);
  if (usdt_cmp(c->rest_before, rest) != 0 && usdt_cmp(c->rest_before, p->pay_amount) != 0)
    JOB_OP(j, Q_RESERVATION_DROP, v_int(p->address_id), v_int(c->rest_before.micro), v_int(p->row));
  c->rest_op = -1;
  if (rest.micro <= 0 || !p->due_us || p->sub == SUB_REVIEW || p->status == PAY_PAID)
    return;
  c->rest_op = j->n_ops;
  JOB_OP(j, Q_RESERVATION_PUT, v_int(p->address_id), v_int(rest.micro), v_int(p->row));
}

static enum err write(struct credit *c, struct job *j, struct pay_effects *fx) {
  fx->detail = detail(c, j->arena);
  if (c->changed)
    change_queue(j, &c->matched.payment, &c->matched.project, fx, c->now_us);
  if (c->attach_row)
    take_transfer(c, j);
  else
    add_transfer(c, j);
  if (c->credited)
    reserve_rest(c, j);
  c->posting = posting(c);
  book_balances(j, c->owned->project_id, &c->posting);
  c->stage = WRITTEN;
  return ERR_NONE;
}

static enum err review(struct credit *c, struct job *j) {
  struct pay_effects fx = {0};
  const struct pay_transfer t = as_payment_sees(c);
  c->changed = c->matched.match.payment && is_for_review(c->matched.match.reason);
  if (c->changed)
    payment_review(&c->matched.payment, &t, &fx);
  return write(c, j, &fx);
}

static enum err credit(struct credit *c, struct job *j, bool rest_is_taken) {
  struct pay_effects fx;
  const struct pay_transfer t = as_payment_sees(c);
  const struct pay_policy *policy = &c->matched.project.policy;
  enum err e = c->attach_row ? payment_attach(&c->matched.payment, policy, &t, &fx)
                             : payment_transfer(&c->matched.payment, policy, &t, &fx);
  BUG_IF(e != ERR_NONE && !c->attach_row, "a transfer was matched to a payment that cannot take it");
  if (e != ERR_NONE)
    return e;
  c->credited = c->changed = true;
  if (rest_is_taken)
    payment_rest_is_taken(&c->matched.payment);
  return write(c, j, &fx);
}

// A part payment looks first whether its rest is free.
static enum err look_at_rest(struct credit *c, struct job *j) {
  const struct payment *p = &c->matched.payment;
  struct usdt rest;
  c->was = p->status;
  c->rest_before = payment_rest(p);
  if (payment_completes(p, &c->matched.project.policy, c->owned->transfer->value) ||
      !usdt_sub(c->rest_before, c->owned->transfer->value, &rest))
    return credit(c, j, false);
  c->stage = REST;
  JOB_OP(j, Q_RESERVATION_OF, v_int(p->address_id), v_int(rest.micro));
  return ERR_NONE;
}

static enum err judge(struct credit *c, struct job *j) {
  match_judge(&c->matched, j, c->env, c->owned);
  c->was = c->matched.payment.status;
  return c->matched.match.reason == MATCH_CREDITED ? look_at_rest(c, j) : review(c, j);
}

static enum err rest_known(struct credit *c, struct job *j) {
  const struct rows *r = job_rows(j, 0);
  int64_t whose = r->n ? rows_at(r, 0)[0].i : 0;
  return credit(c, j, whose > 0 && whose != c->matched.payment.row);
}

static enum err post(struct credit *c, struct job *j) {
  const struct rows *added = job_rows(j, c->transfer_op);
  bool reserved = !c->credited || c->rest_op < 0 || job_rows(j, c->rest_op)->n;
  if (added->n == 0 || !reserved || (c->changed && job_rows(j, CHANGE_STORED)->n == 0))
    return ERR_CHANGED;
  int64_t row = c->attach_row ? c->attach_row : rows_at(added, 0)[0].i;
  book_entries(j, c->owned->project_id, &c->posting, row, c->now_us);
  if (c->owned->transfer->proof.p)
    JOB_OP(j, Q_PROOF_ADD, v_int(row), v_blob(c->owned->transfer->proof));
  c->finished = true; // what was queued has no result to wait for
  return ERR_NONE;
}

// Does the book say what the chain says?
static bool agrees(const struct credit *c) {
  const struct val *v = c->matched.row;
  const struct owned *o = c->owned;
  return v[3].i == 0 && v[5].i == o->transfer->value.micro && v[6].i == o->block->time_us &&
         v[7].i == o->block->number && (v[8].i == o->address_id || o->handed_over);
}

enum err credit_step(struct credit *c, struct job *j) {
  switch ((enum stage)c->stage) {
  case ASK:
    if (c->attach_row)
      return look_at_rest(c, j);
    match_ask(&c->matched, j, c->owned);
    c->stage = PAYMENT;
    return ERR_NONE;
  case PAYMENT:
    c->stage = JUDGE;
    c->finished = c->known = !match_ask_payment(&c->matched, j, c->owned);
    c->differs = c->known && !agrees(c);
    return ERR_NONE;
  case JUDGE:
    return judge(c, j);
  case REST:
    return rest_known(c, j);
  case WRITTEN:
    return post(c, j);
  }
  BUG("unknown stage");
}

void credit_committed(const struct credit *c) {
  if (c->differs)
    LOG(ERROR, "a transfer differs from the chain", LOG_S("txid", c->matched.txid),
        LOG_I("log_index", c->owned->transfer->log_index), LOG_I("block", c->owned->block->number));
  if (!c->known && !c->attach_row)
    metric_add(c->credited ? METRIC_TRANSFERS_CREDITED : METRIC_TRANSFERS_UNMATCHED, 1);
  if (c->changed)
    change_committed(c->env, &c->matched.payment, c->was);
}
