#include "base/bug.h"
#include "base/hex.h"
#include "flow/attach.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/rows.h"
#include "flow/transfers.h"

enum { LOGS_MAX = 16 }; // of one transaction, that a claim looks at

enum stage { PAYMENT, READ, CREDIT };
enum { PROJECT, KNOWN, COUNT, TRANSFERS, USERS, HANDED_OVER }; // results of the second round

struct claim_state {
  enum stage stage;
  int64_t now_us;
  struct project project;
  enum pay_status was;
  struct attach attach;
  bool credits;
};

static void read_all(struct flow_claim *f) {
  struct job *j = &f->job;
  const struct payment *p = &f->payment;
  JOB_OP(j, Q_PROJECT_BY_ID, v_int(p->project_id));
  JOB_OP(j, Q_CLAIM_GET, v_int(p->row), v_text(f->txid));
  JOB_OP(j, Q_CLAIM_COUNT, v_int(p->row));
  JOB_OP(j, Q_TRANSFER_OF_TXID, v_text(f->txid), v_int(LOGS_MAX));
  JOB_OP(j, Q_ADDRESS_USERS, v_int(p->address_id));
  JOB_OP(j, Q_ADDRESS_HANDED_OVER, v_text(p->address));
}

static enum err found(struct flow_claim *f) {
  struct claim_state *s = f->inside;
  if (job_rows(&f->job, 0)->n == 0)
    return ERR_NO_PAYMENT;
  row_to_payment(f->env, rows_at(job_rows(&f->job, 0), 0), &f->payment);
  s->was = f->payment.status;
  if (f->payment.is_test || f->payment.status == PAY_PAID)
    return ERR_MOVE;
  s->stage = READ;
  read_all(f);
  return ERR_NONE;
}

// Only what came after the quarantine, for a payment that would have taken it before, at an address that
// nobody else can mean. Everything else the merchant decides.
static const struct val *creditable(const struct flow_claim *f) {
  const struct claim_state *s = f->inside;
  const struct payment *p = &f->payment;
  const struct rows *users = job_rows(&f->job, USERS), *r = job_rows(&f->job, TRANSFERS);
  bool alone = users->n && !rows_at(users, 0)[1].i && job_rows(&f->job, HANDED_OVER)->n == 0;
  bool open = p->status == PAY_PENDING || p->status == PAY_EXPIRED;
  if (!alone || !open || p->replaced_by || !s->project.policy.accept_late)
    return NULL;
  for (int i = 0; i < r->n; i++) {
    const struct val *v = rows_at(r, i);
    if (!v[3].i && v[4].type == VAL_NULL && v[8].i == p->address_id && v[11].i == MATCH_TOO_LATE)
      return v;
  }
  return NULL;
}

// Of this payment alone.
static enum claim_answer known_of(const struct flow_claim *f) {
  const struct rows *r = job_rows(&f->job, TRANSFERS);
  enum claim_answer answer = CLAIM_NOTED;
  for (int i = 0; i < r->n; i++) {
    const struct val *v = rows_at(r, i);
    if (v[4].type != VAL_NULL && v[4].i == f->payment.row)
      return CLAIM_COUNTS;
    if (v[4].type == VAL_NULL && v[12].type != VAL_NULL && v[12].i == f->payment.row)
      answer = CLAIM_REVIEWED;
  }
  return answer;
}

static enum err decide(struct flow_claim *f) {
  struct job *j = &f->job;
  struct claim_state *s = f->inside;
  row_to_project(rows_at(job_rows(j, PROJECT), 0), &s->project);
  bool known = job_rows(j, KNOWN)->n > 0;
  if (!known && rows_at(job_rows(j, COUNT), 0)[0].i >= CLAIMS_MAX)
    return ERR_CLAIMS;
  const struct val *v = creditable(f);
  s->stage = CREDIT;
  f->answer = known_of(f);
  if (v) {
    attach_begin(&s->attach, v, &f->payment, &s->project);
    s->attach.credit.env = f->env;
    s->attach.credit.now_us = s->now_us;
    s->attach.credit.note = STR("claimed by the payer");
    s->credits = true;
  }
  if (known)
    return ERR_NONE;
  JOB_OP(j, Q_CLAIM_ADD, v_int(f->payment.row), v_text(f->txid), v_int(s->now_us));
  JOB_OP(j, Q_EVENT_ADD, v_int(f->payment.row), v_int(s->now_us), v_text(STR("claimed")), v_text(f->txid));
  return ERR_NONE;
}

static enum err credit(struct flow_claim *f) {
  struct claim_state *s = f->inside;
  struct credit *c = &s->attach.credit;
  if (!s->credits || c->finished)
    return ERR_NONE;
  enum err e = credit_step(c, &f->job);
  if (e == ERR_NONE && c->finished) {
    f->payment = c->matched.payment;
    f->answer = CLAIM_CREDITED;
  }
  return e;
}

static enum err claim_step(struct job *j) {
  struct flow_claim *f = (struct flow_claim *)j;
  struct claim_state *s = f->inside;
  int64_t row;
  enum err e;
  if (j->round == 0) {
    s->stage = PAYMENT;
    s->credits = false;
    f->answer = CLAIM_NOTED;
    if (!payment_id_to_row(&f->env->id_key, f->id, &row))
      return ERR_NO_PAYMENT;
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(row));
    return ERR_NONE;
  }
  switch (s->stage) {
  case PAYMENT:
    return found(f);
  case READ:
    e = decide(f);
    return e != ERR_NONE || j->n_ops ? e : credit(f);
  case CREDIT:
    return credit(f);
  }
  BUG("unknown stage");
}

static void claim_committed(struct job *j) {
  const struct flow_claim *f = (struct flow_claim *)j;
  if (f->answer == CLAIM_CREDITED)
    change_committed(f->env, &f->payment, f->inside->was);
}

enum err flow_claim_start(struct env *env, struct arena *a, struct flow_claim *f) {
  uint8_t bytes[TXID_N];
  char text[2 * TXID_N + 1];
  int64_t row;
  if (!hex_decode(f->txid, bytes, sizeof bytes))
    return ERR_TXID;
  hex_encode(bytes, sizeof bytes, text);
  f->txid = str_copy(a, str_of(text));
  f->env = env;
  f->inside = ARENA_NEW(a, struct claim_state);
  f->inside->now_us = world_now(env->world);
  f->job.arena = a;
  f->job.step = claim_step;
  f->job.committed = claim_committed;
  f->job.key = payment_id_to_row(&env->id_key, f->id, &row) ? job_key_payment(row) : 0;
  return store_submit(env->store, &f->job);
}
