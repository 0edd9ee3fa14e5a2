// The list of transfers, and which payments the unmatched ones may be for.
#include "flow/transfers.h"
#include "flow/rows.h"

enum {
  CLAIMED_MAX = 5,
  OF_ADDRESS_MAX = 50,
  RECENT_MAX = 500
}; // payments that are looked at for one transfer
#define SUGGEST_ARENA_MAX (16 << 20)

enum { CLAIMED, OF_ADDRESS, RECENT, REVIEWED }; // results

struct list_job {
  struct job job;
  const struct transfer_filter *filter;
};

static enum err list_step(struct job *j) {
  const struct transfer_filter *f = ((struct list_job *)j)->filter;
  if (j->round == 0)
    JOB_OP(j, f->unmatched ? Q_TRANSFER_UNMATCHED : Q_TRANSFER_LIST, v_int(f->before ? f->before : INT64_MAX),
           v_int(f->app_id), v_int(f->limit));
  return ERR_NONE;
}

static void row_to_info(const struct env *env, const struct val *v, struct transfer_info *t) {
  *t = (struct transfer_info){
      .row = v[0].i,
      .txid = v[1].s,
      .log_index = v[2].i,
      .payment_id = v[4].type == VAL_NULL ? 0 : payment_id_from_row(&env->id_key, v[4].i),
      .value = {v[5].i},
      .block_us = v[6].i,
      .block = v[7].i,
      .app_id = v[9].i,
      .from = v[10].s,
      .reason = v[11].i > 0 && v[11].i < MATCH_REASONS ? (enum match_reason)v[11].i : MATCH_CREDITED,
      .address = v[14].s,
  };
}

struct suggest_job {
  struct job job;
  const struct env *env;
  const struct transfer_info *transfer;
  int64_t address_id, review_row;
  struct rows found[REVIEWED + 1];
};

// What was for an order's old payment the merchant decides for the one that has taken its place.
static void follow_order(struct suggest_job *s) {
  const struct rows *r = &s->found[REVIEWED];
  struct payment p;
  if (r->n == 0)
    return;
  row_to_payment(s->env, rows_at(r, 0), &p);
  if (p.replaced_by)
    JOB_OP(&s->job, Q_PAYMENT_BY_ID, v_int(p.replaced_by));
}

static enum err suggest_step(struct job *j) {
  struct suggest_job *s = (struct suggest_job *)j;
  if (j->round > 0) {
    for (int i = 0; j->round == 1 && i < REVIEWED; i++)
      s->found[i] = *job_rows(j, i);
    s->found[REVIEWED] = *job_rows(j, j->round == 1 ? REVIEWED : 0);
    follow_order(s);
    return ERR_NONE;
  }
  JOB_OP(j, Q_CLAIM_OF_TXID, v_text(s->transfer->txid), v_int(CLAIMED_MAX));
  JOB_OP(j, Q_ADDRESS_PAYMENTS, v_int(s->address_id), v_int(OF_ADDRESS_MAX));
  JOB_OP(j, Q_PAYMENT_LIST, v_int(INT64_MAX), v_int(s->transfer->app_id), v_int(-1), v_int(RECENT_MAX));
  JOB_OP(j, Q_PAYMENT_BY_ID, v_int(s->review_row));
  return ERR_NONE;
}

// Keeps the likeliest, each payment once, for its best reason; of equal ones the newest that was asked first.
static void keep(struct transfer_info *t, struct arena *a, enum suggestion why, const struct payment *p) {
  int at = t->n_suggestions;
  for (int i = 0; i < t->n_suggestions; i++)
    if (t->suggestions[i].payment_id == p->id)
      return;
  while (at > 0 && t->suggestions[at - 1].why > why)
    at--;
  if (at == SUGGESTIONS_MAX)
    return;
  if (t->n_suggestions < SUGGESTIONS_MAX)
    t->n_suggestions++;
  for (int i = t->n_suggestions - 1; i > at; i--)
    t->suggestions[i] = t->suggestions[i - 1];
  t->suggestions[at] = (struct suggested){why, p->id, p->status, p->pay_amount, str_copy(a, p->order_id)};
}

static void look_through(struct transfer_info *t, struct arena *a, const struct env *env,
                         const struct rows *rows) {
  const struct unmatched_transfer u = {t->address, t->value, t->block_us};
  for (int i = 0; i < rows->n; i++) {
    struct payment p;
    row_to_payment(env, rows_at(rows, i), &p);
    enum suggestion why = suggest(&u, &p);
    if (why != SUGGEST_NOTHING)
      keep(t, a, why, &p);
  }
}

static void take(struct transfer_info *t, struct arena *a, const struct env *env, const struct rows *rows,
                 enum suggestion why) {
  for (int i = 0; i < rows->n; i++) {
    struct payment p;
    row_to_payment(env, rows_at(rows, i), &p);
    if (p.project_id == t->app_id && !p.is_test && !p.replaced_by)
      keep(t, a, why, &p);
  }
}

static enum err suggest_for(struct env *env, struct arena *a, const struct val *v, struct transfer_info *t) {
  struct arena scratch;
  arena_init(&scratch, SUGGEST_ARENA_MAX);
  struct suggest_job s = {.job = {.step = suggest_step, .arena = &scratch},
                          .env = env,
                          .transfer = t,
                          .address_id = v[8].i,
                          .review_row = v[12].i};
  t->suggestions = ARENA_ARRAY(a, struct suggested, SUGGESTIONS_MAX);
  enum err e = store_read(env->store, &s.job);
  if (e == ERR_NONE) {
    take(t, a, env, &s.found[REVIEWED], SUGGEST_REVIEW);
    take(t, a, env, &s.found[CLAIMED], SUGGEST_CLAIM);
    look_through(t, a, env, &s.found[OF_ADDRESS]);
    look_through(t, a, env, &s.found[RECENT]);
  }
  arena_free(&scratch);
  return e;
}

enum err flow_transfer_list(struct env *env, struct arena *a, const struct transfer_filter *filter,
                            struct transfer_info **out, int *n) {
  struct list_job l = {.job = {.step = list_step, .arena = a}, .filter = filter};
  enum err e = store_read(env->store, &l.job);
  if (e != ERR_NONE)
    return e;
  const struct rows *r = job_rows(&l.job, 0);
  *n = r->n;
  *out = ARENA_ARRAY(a, struct transfer_info, r->n);
  for (int i = 0; i < r->n; i++) {
    const struct val *v = rows_at(r, i);
    struct transfer_info *t = &(*out)[i];
    row_to_info(env, v, t);
    if (filter->unmatched && (e = suggest_for(env, a, v, t)) != ERR_NONE)
      return e;
  }
  return ERR_NONE;
}

struct row_job {
  struct job job;
  struct str txid;
  int64_t log_index;
};

static enum err row_step(struct job *j) {
  const struct row_job *r = (struct row_job *)j;
  if (j->round == 0)
    JOB_OP(j, Q_TRANSFER_BY_KEY, v_text(r->txid), v_int(r->log_index));
  return ERR_NONE;
}

enum err flow_transfer_row(struct env *env, struct arena *a, struct str txid, int64_t log_index,
                           int64_t *row) {
  struct row_job r = {.job = {.step = row_step, .arena = a}, .txid = txid, .log_index = log_index};
  enum err e = store_read(env->store, &r.job);
  if (e == ERR_NONE && job_rows(&r.job, 0)->n == 0)
    e = ERR_NO_TRANSFER;
  if (e == ERR_NONE)
    *row = rows_at(job_rows(&r.job, 0), 0)[0].i;
  return e;
}
