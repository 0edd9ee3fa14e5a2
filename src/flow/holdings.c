#include "flow/holdings.h"

_Static_assert((int)HOLDINGS_PAGE <= (int)JOB_OPS_MAX, "one round");

struct holdings_job {
  struct job job;
  const struct holdings *page;
  struct holding *list;
  int n;
};

static void ask_sums(struct holdings_job *f) {
  for (int i = 0; i < f->n; i++)
    JOB_OP(&f->job, Q_HOLDING_SUM, v_int(f->list[i].id));
}

static void read_sums(struct holdings_job *f) {
  for (int i = 0; i < f->n; i++) {
    const struct val *v = rows_at(job_rows(&f->job, i), 0);
    f->list[i].received = (struct usdt){v[0].i};
    f->list[i].transfers = v[1].i;
  }
}

static void read_addresses(struct holdings_job *f, const struct rows *rows) {
  f->n = rows->n;
  f->list = ARENA_ARRAY(f->job.arena, struct holding, rows->n + 1);
  for (int i = 0; i < rows->n; i++) {
    const struct val *v = rows_at(rows, i);
    f->list[i] = (struct holding){
        .id = v[0].i, .address = v[1].s, .project_id = v[2].i, .custody = (enum custody)v[3].i};
  }
}

static enum err page_step(struct job *j) {
  struct holdings_job *f = (struct holdings_job *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_HOLDING_LIST, v_int(f->page->after_id), v_int(f->page->project_id), v_int(HOLDINGS_PAGE));
  } else if (j->round == 1) {
    read_addresses(f, job_rows(j, 0));
    ask_sums(f);
  } else {
    read_sums(f);
  }
  return ERR_NONE;
}

enum err flow_holdings(struct env *env, struct arena *a, struct holdings *page) {
  struct holdings_job f = {.job = {.step = page_step, .arena = a}, .page = page};
  enum err e = store_read(env->store, &f.job);
  page->list = f.list;
  page->n = f.n;
  return e;
}

static enum err one_step(struct job *j) {
  struct holdings_job *f = (struct holdings_job *)j;
  if (j->round == 0)
    ask_sums(f);
  else
    read_sums(f);
  return ERR_NONE;
}

enum err flow_holding(struct env *env, struct arena *a, struct holding *h) {
  struct holdings_job f = {.job = {.step = one_step, .arena = a}, .list = h, .n = 1};
  return store_read(env->store, &f.job);
}
