// Transfers that stand in blocks which are not final: nothing is credited for them.
#include "base/bug.h"
#include "flow/blocks.h"
#include "flow/change.h"
#include "flow/job_key.h"
#include "flow/match.h"
#include "flow/rows.h"
#include "flow/seen.h"

enum { UNSEEN_AT_ONCE = JOB_OPS_MAX / 2 }; // each takes two statements

enum stage { VANISHED, UNSEEN, OWNERS, ASK, PAYMENT, JUDGE, WRITTEN };

struct noted { // a payment that has changed
  struct payment payment;
  struct noted *next;
};

struct seen_job {
  struct job job;
  struct env *env;
  const struct chain_block *blocks;
  int n;
  int64_t first, last; // what was seen in these blocks has vanished; first 0: nothing has
  // inside
  enum stage stage;
  int64_t now_us;
  struct owners owners;
  struct matched matched;
  int at, n_written;
  bool stored; // the payment's row must come back
  struct noted *noted;
};

static void change(struct seen_job *s, const struct payment *p, const struct pay_effects *fx) {
  const struct project nobody = {0}; // a sighting is told to no webhook
  struct noted *n = ARENA_NEW(s->job.arena, struct noted);
  *n = (struct noted){*p, s->noted};
  s->noted = n;
  change_queue(&s->job, p, &nobody, fx, s->now_us);
}

static void ask_vanished(struct seen_job *s) {
  s->stage = VANISHED;
  JOB_OP(&s->job, Q_PAYMENT_SEEN_FROM, v_int(s->first), v_int(s->last), v_int(UNSEEN_AT_ONCE));
}

static void unsee(struct seen_job *s) {
  const struct rows *r = job_rows(&s->job, 0);
  s->n_written = r->n;
  s->stage = UNSEEN;
  for (int i = 0; i < r->n; i++) {
    struct payment p;
    struct pay_effects fx;
    row_to_payment(s->env, rows_at(r, i), &p);
    enum err e = payment_unseen(&p, &fx);
    BUG_IF(e != ERR_NONE, "a payment that was seen cannot be unseen");
    change(s, &p, &fx);
  }
}

static void begin_sighting(struct seen_job *s) {
  s->stage = OWNERS;
  if (s->first)
    JOB_OP(&s->job, Q_RESERVATION_KEPT_DROP, v_int(-s->last), v_int(-s->first));
}

// Two results stand for each payment: its row's is the first.
static enum err unseen(struct seen_job *s) {
  for (int i = 0; i < s->n_written; i++)
    if (job_rows(&s->job, 2 * i + CHANGE_STORED)->n == 0)
      return ERR_CHANGED;
  ask_vanished(s);
  return ERR_NONE;
}

// A pair that nobody has reserved is kept back: it must not be handed out to the next order.
static void note(struct seen_job *s, const struct owned *o) {
  struct pay_effects fx;
  struct payment *p = &s->matched.payment;
  match_judge(&s->matched, &s->job, s->env, o);
  bool credit = s->matched.match.reason == MATCH_CREDITED;
  s->stored = credit && payment_seen(p, o->block->number, s->matched.txid, &fx) == ERR_NONE;
  if (s->stored)
    change(s, p, &fx);
  if (!s->matched.exact)
    JOB_OP(&s->job, Q_RESERVATION_KEEP, v_int(o->address_id), v_int(o->transfer->value.micro),
           v_int(-o->block->number));
  s->stage = WRITTEN;
}

// One transfer after the other; queues, or has noted all.
static enum err note_next(struct seen_job *s) {
  while (s->job.n_ops == 0 && s->at < s->owners.n) {
    const struct owned *o = &s->owners.list[s->at];
    if (s->stage == ASK) {
      match_ask(&s->matched, &s->job, o);
      s->stage = PAYMENT;
    } else if (s->stage == PAYMENT && match_ask_payment(&s->matched, &s->job, o)) {
      s->stage = JUDGE;
    } else if (s->stage == JUDGE) {
      note(s, o);
    } else { // written, or final already
      if (s->stage == WRITTEN && s->stored && job_rows(&s->job, CHANGE_STORED)->n == 0)
        return ERR_CHANGED;
      s->at++;
      s->stage = ASK;
    }
  }
  return ERR_NONE;
}

static void begin(struct seen_job *s) {
  s->owners = (struct owners){.blocks = s->blocks, .n_blocks = s->n};
  s->noted = NULL;
  s->at = 0;
  if (s->first)
    ask_vanished(s);
  else
    begin_sighting(s);
}

static enum err seen_step(struct job *j) {
  struct seen_job *s = (struct seen_job *)j;
  if (j->round == 0) {
    begin(s);
    if (j->n_ops)
      return ERR_NONE;
  } else if (s->stage == UNSEEN) {
    return unseen(s);
  } else if (s->stage == VANISHED) {
    if (job_rows(j, 0)->n) {
      unsee(s);
      return ERR_NONE;
    }
    begin_sighting(s);
    return ERR_NONE;
  }
  if (s->stage == OWNERS) {
    owners_step(&s->owners, j);
    if (!s->owners.finished)
      return ERR_NONE;
    s->stage = ASK;
  }
  return note_next(s);
}

static void tell(const struct seen_job *s, const struct noted *n) {
  change_committed(s->env, &n->payment, n->payment.status);
}

static void seen_committed(struct job *j) {
  const struct seen_job *s = (struct seen_job *)j;
  for (const struct noted *n = s->noted; n; n = n->next)
    tell(s, n);
}

static enum err run(struct seen_job *s, struct env *env, struct arena *a) {
  s->job.step = seen_step;
  s->job.committed = seen_committed;
  s->job.arena = a;
  s->job.key = JOB_KEY_CHAIN;
  s->env = env;
  s->now_us = world_now(env->world);
  return store_call(env->store, &s->job);
}

static enum err any_step(struct job *j) {
  const struct seen_job *s = (struct seen_job *)j;
  if (j->round == 0)
    JOB_OP(j, Q_PAYMENT_SEEN_FROM, v_int(1), v_int(s->last), v_int(1));
  return ERR_NONE;
}

enum err seen_forget(struct env *env, struct arena *a, int64_t number) {
  struct seen_job any = {.job = {.step = any_step, .arena = a}, .last = number},
                  s = {.first = 1, .last = number};
  enum err e = store_read(env->store, &any.job);
  return e != ERR_NONE || job_rows(&any.job, 0)->n == 0 ? e : run(&s, env, a);
}

enum err flow_blocks_seen(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                          int64_t forked_from) {
  struct seen_job s = {.blocks = blocks, .n = n, .first = forked_from, .last = INT64_MAX};
  return run(&s, env, a);
}
