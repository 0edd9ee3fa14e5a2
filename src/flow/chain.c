#include "flow/blocks.h"
#include "flow/job_key.h"
#include "flow/rows.h"

#include <string.h>

struct chain_job {
  struct job job;
  struct chain_row *out;
  const struct chain_row *row;
  const struct chain_status *status;
};

static void read_chain(const struct val *v, struct chain_row *c) {
  *c = (struct chain_row){
      .found = true,
      .network = v[0].s,
      .genesis = v[1].s,
      .token = v[2].s,
      .cursor = {.number = v[3].i, .time_us = v[5].i},
      .witnesses = v[6].s,
      .head = v[7].i,
      .head_us = v[8].i,
      .solid = v[9].i,
      .heard_us = v[10].i,
      .behind = v[11].i != 0,
      .level_us = v[12].i,
      .trouble = v[13].s,
      .rescan_next = v[14].i,
      .rescan_to = v[15].i,
  };
  if (v[4].s.n == sizeof c->cursor.id.bytes)
    memcpy(c->cursor.id.bytes, v[4].s.p, sizeof c->cursor.id.bytes);
}

static enum err load_step(struct job *j) {
  struct chain_job *c = (struct chain_job *)j;
  if (j->round == 0)
    job_ops(j, Q_CHAIN_GET, 0, NULL);
  else if (job_rows(j, 0)->n)
    read_chain(rows_at(job_rows(j, 0), 0), c->out);
  return ERR_NONE;
}

enum err flow_chain_load(struct env *env, struct arena *a, struct chain_row *out) {
  struct chain_job c = {.job = {.step = load_step, .arena = a}, .out = out};
  *out = (struct chain_row){0};
  return store_read(env->store, &c.job);
}

static enum err begin_step(struct job *j) {
  const struct chain_row *r = ((struct chain_job *)j)->row;
  if (j->round == 0) {
    JOB_OP(j, Q_CHAIN_ADD, v_text(r->network), v_text(r->genesis), v_text(r->token), v_int(r->cursor.number),
           v_blob(chain_id_text(&r->cursor.id)), v_int(r->cursor.time_us), v_text(r->witnesses));
    return ERR_NONE;
  }
  return job_rows(j, 0)->n ? ERR_NONE : ERR_CHANGED;
}

enum err flow_chain_begin(struct env *env, struct arena *a, const struct chain_row *row) {
  struct chain_job c = {.job = {.step = begin_step, .arena = a, .key = JOB_KEY_CHAIN}, .row = row};
  return store_call(env->store, &c.job);
}

static bool same_status(const struct chain_row *r, const struct chain_status *s) {
  return r->head == s->head && r->head_us == s->head_us && r->solid == s->solid &&
         r->heard_us == s->heard_us && r->behind == s->behind && r->level_us == s->level_us &&
         str_eq(r->trouble, s->trouble);
}

static enum err tell_step(struct job *j) {
  struct chain_job *c = (struct chain_job *)j;
  const struct chain_status *s = c->status;
  struct chain_row now;
  if (j->round == 0) {
    job_ops(j, Q_CHAIN_GET, 0, NULL);
  } else if (j->round == 1 && job_rows(j, 0)->n) {
    read_chain(rows_at(job_rows(j, 0), 0), &now);
    if (!same_status(&now, s))
      JOB_OP(j, Q_CHAIN_TELL, v_int(s->head), v_int(s->head_us), v_int(s->solid), v_int(s->heard_us),
             v_int(s->behind), v_int(s->level_us), v_text(s->trouble));
  }
  return ERR_NONE;
}

enum err flow_chain_tell(struct env *env, struct arena *a, const struct chain_status *s) {
  struct chain_job c = {.job = {.step = tell_step, .arena = a, .key = JOB_KEY_CHAIN}, .status = s};
  return store_call(env->store, &c.job);
}

struct rescan {
  struct job job;
  int64_t from;
  struct chain_row *out;
};

static enum err rescan_step(struct job *j) {
  struct rescan *r = (struct rescan *)j;
  struct chain_row *c = r->out;
  if (j->round == 0) {
    job_ops(j, Q_CHAIN_GET, 0, NULL);
    return ERR_NONE;
  }
  if (j->round == 2)
    return job_rows(j, 0)->n ? ERR_NONE : ERR_CHANGED;
  if (job_rows(j, 0)->n == 0)
    return ERR_NOT_FOUND;
  read_chain(rows_at(job_rows(j, 0), 0), c);
  if (r->from < 1 || r->from > c->cursor.number)
    return ERR_NOT_FOUND;
  int64_t before = c->rescan_next;
  c->rescan_next = before && before < r->from ? before : r->from;
  c->rescan_to = c->cursor.number;
  JOB_OP(j, Q_CHAIN_RESCAN, v_int(c->rescan_next), v_int(c->rescan_to), v_int(before));
  return ERR_NONE;
}

enum err flow_rescan(struct env *env, struct arena *a, int64_t from, struct chain_row *out) {
  struct rescan r = {
      .job = {.step = rescan_step, .arena = a, .key = JOB_KEY_CHAIN}, .from = from, .out = out};
  return store_call(env->store, &r.job);
}
