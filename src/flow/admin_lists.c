#include "flow/admin.h"
#include "flow/rows.h"
#include "flow/webhooks.h"

enum { PARAMS_MAX = 8 };

// One statement that reads.
struct read_one {
  struct job job;
  enum query query;
  int n;
  struct val params[PARAMS_MAX];
};

static enum err read_one_step(struct job *j) {
  struct read_one *f = (struct read_one *)j;
  if (j->round == 0)
    job_ops(j, f->query, f->n, f->params);
  return ERR_NONE;
}

static enum err read_one(struct env *env, struct read_one *f, struct arena *a) {
  f->job.step = read_one_step;
  f->job.arena = a;
  return store_read(env->store, &f->job);
}

static int64_t or_end(int64_t before_id) {
  return before_id > 0 ? before_id : INT64_MAX;
}

enum err admin_payment_list(struct env *env, struct arena *a, const struct payment_filter *filter,
                            struct payment **out, int *n) {
  struct read_one f = {.query = Q_PAYMENT_LIST,
                       .n = 4,
                       .params = {v_int(or_end(filter->before_id)), v_int(filter->app_id),
                                  v_int(filter->status), v_int(filter->limit)}};
  enum err e = read_one(env, &f, a);
  if (e != ERR_NONE)
    return e;
  *n = job_rows(&f.job, 0)->n;
  *out = ARENA_ARRAY(a, struct payment, *n);
  for (int i = 0; i < *n; i++)
    row_to_payment(env, rows_at(job_rows(&f.job, 0), i), &(*out)[i]);
  return ERR_NONE;
}

enum err admin_payment_events(struct env *env, struct arena *a, const struct payment *p,
                              struct payment_event **out, int *n) {
  struct read_one f = {.query = Q_EVENT_LIST, .n = 1, .params = {v_int(p->row)}};
  enum err e = read_one(env, &f, a);
  if (e != ERR_NONE)
    return e;
  *n = job_rows(&f.job, 0)->n;
  *out = ARENA_ARRAY(a, struct payment_event, *n);
  for (int i = 0; i < *n; i++) {
    const struct val *v = rows_at(job_rows(&f.job, 0), i);
    (*out)[i] = (struct payment_event){v[0].i, v[1].s, v[2].s};
  }
  return ERR_NONE;
}

static const char *const status_names[] = {"pending", "delivered", "failed"};

static void row_to_info(const struct env *env, const struct val *v, struct delivery_info *d) {
  *d = (struct delivery_info){
      .id = v[0].i,
      .payment_id = payment_id_from_row(&env->id_key, v[1].i),
      .app_id = v[2].i,
      .event = str_of(webhook_status((enum webhook_event)v[4].i)),
      .webhook_id = v[5].s,
      .url = v[6].s,
      .body = v[8].s,
      .status = str_of(status_names[v[9].i]),
      .attempts = (int)v[10].i,
      .created_us = v[12].i,
      .next_us = v[13].i,
      .delivered_us = v[14].i,
  };
}

static int64_t status_number(struct str name) {
  for (int i = 0; i < 3; i++)
    if (str_eqc(name, status_names[i]))
      return i;
  return -1;
}

enum err admin_delivery_list(struct env *env, struct arena *a, const struct delivery_filter *filter,
                             struct delivery_info **out, int *n) {
  int64_t row = 0;
  if (filter->payment_id && !payment_id_to_row(&env->id_key, filter->payment_id, &row))
    return ERR_NO_PAYMENT;
  struct read_one f = {.query = Q_DELIVERY_LIST,
                       .n = 5,
                       .params = {v_int(or_end(filter->before_id)), v_int(filter->app_id), v_int(row),
                                  v_int(status_number(filter->status)), v_int(filter->limit)}};
  enum err e = read_one(env, &f, a);
  if (e != ERR_NONE)
    return e;
  *n = job_rows(&f.job, 0)->n;
  *out = ARENA_ARRAY(a, struct delivery_info, *n);
  for (int i = 0; i < *n; i++)
    row_to_info(env, rows_at(job_rows(&f.job, 0), i), &(*out)[i]);
  return ERR_NONE;
}

enum err admin_delivery_find(struct env *env, struct arena *a, int64_t id, struct delivery_info *out) {
  struct read_one f = {.query = Q_DELIVERY_BY_ID, .n = 1, .params = {v_int(id)}};
  enum err e = read_one(env, &f, a);
  if (e != ERR_NONE)
    return e;
  if (job_rows(&f.job, 0)->n == 0)
    return ERR_NO_DELIVERY;
  row_to_info(env, rows_at(job_rows(&f.job, 0), 0), out);
  return ERR_NONE;
}

enum err admin_delivery_attempts(struct env *env, struct arena *a, int64_t id, struct attempt_info **out,
                                 int *n) {
  struct read_one f = {.query = Q_ATTEMPT_LIST, .n = 1, .params = {v_int(id)}};
  enum err e = read_one(env, &f, a);
  if (e != ERR_NONE)
    return e;
  *n = job_rows(&f.job, 0)->n;
  *out = ARENA_ARRAY(a, struct attempt_info, *n);
  for (int i = 0; i < *n; i++) {
    const struct val *v = rows_at(job_rows(&f.job, 0), i);
    (*out)[i] = (struct attempt_info){(int)v[0].i, v[1].i, v[2].i, (int)v[3].i, v[4].s, v[5].s};
  }
  return ERR_NONE;
}

enum { REPLAYED_AT_ONCE = 5000 }; // rows of one transaction: nobody else writes meanwhile

struct replay {
  struct job job;
  struct replay_range range;
  int64_t now_us, n;
};

static enum err replay_step(struct job *j) {
  struct replay *f = (struct replay *)j;
  if (j->round == 0 && f->range.id)
    JOB_OP(j, Q_DELIVERY_REPLAY, v_int(f->range.id), v_int(f->now_us));
  else if (j->round == 0)
    JOB_OP(j, Q_DELIVERY_REPLAY_RANGE, v_int(f->range.app_id), v_int(f->now_us), v_int(f->range.from_us),
           v_int(f->range.to_us), v_int(REPLAYED_AT_ONCE));
  else
    f->n = job_rows(j, 0)->n;
  return j->round == 1 && f->range.id && f->n == 0 ? ERR_NO_DELIVERY : ERR_NONE;
}

// The next part begins where this one has ended; what it has replayed already is told apart by its new time.
static void go_on_after(struct replay *f) {
  const struct rows *rows = job_rows(&f->job, 0);
  for (int i = 0; i < rows->n; i++)
    if (rows_at(rows, i)[0].i > f->range.from_us)
      f->range.from_us = rows_at(rows, i)[0].i;
}

enum err admin_delivery_replay(struct env *env, struct arena *a, const struct replay_range *range,
                               int64_t *n) {
  (void)a;
  struct arena part;
  struct replay f = {
      .job = {.step = replay_step, .arena = &part}, .range = *range, .now_us = world_now(env->world)};
  enum err e;
  arena_init(&part, 8 << 20);
  *n = 0;
  do {
    arena_reset(&part);
    e = store_call(env->store, &f.job);
    if (e == ERR_NONE && !f.range.id)
      go_on_after(&f);
    *n += e == ERR_NONE ? f.n : 0;
  } while (e == ERR_NONE && !f.range.id && f.n == REPLAYED_AT_ONCE);
  arena_free(&part);
  return e;
}
