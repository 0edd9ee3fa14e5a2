#include "flow/blocks.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "flow/credit.h"
#include "flow/job_key.h"
#include "flow/rows.h"

#include <string.h>

enum { COMPARED_MAX = 100000 }; // transfers of the book in the blocks of one job

enum stage { CURSOR, OWNERS, CREDITS, HEADERS, MOVE, MOVED };

struct blocks_job {
  struct job job;
  struct env *env;
  const struct chain_block *blocks;
  int n;
  struct str witnesses;
  bool again; // below the cursor, which stays where it is
  struct blocks_done *done;
  // inside
  enum stage stage;
  int64_t now_us;
  struct owners owners;
  struct credit *credits;
  int at, header_block, header;
  int64_t rescan_next, rescan_to;
  int missing; // in the chain, though in the book
};

static int64_t last_number(const struct blocks_job *b) {
  return b->blocks[b->n - 1].number;
}

static void begin(struct blocks_job *b) {
  b->stage = CURSOR;
  b->owners = (struct owners){.blocks = b->blocks, .n_blocks = b->n};
  b->credits = NULL;
  b->at = b->header_block = b->header = b->missing = 0;
  job_ops(&b->job, Q_CHAIN_GET, 0, NULL);
}

// Consecutive blocks, above the cursor or below it.
static enum err check_cursor(struct blocks_job *b) {
  const struct rows *r = job_rows(&b->job, 0);
  if (r->n == 0)
    return ERR_CHANGED;
  const struct val *v = rows_at(r, 0);
  b->rescan_next = v[14].i;
  b->rescan_to = v[15].i;
  if (b->again)
    return last_number(b) <= v[3].i ? ERR_NONE : ERR_CHANGED;
  return b->blocks[0].number == v[3].i + 1 && str_eq(v[4].s, chain_id_text(&b->blocks[0].parent))
             ? ERR_NONE
             : ERR_CHANGED;
}

static void prepare_credits(struct blocks_job *b) {
  b->credits = ARENA_ARRAY(b->job.arena, struct credit, b->owners.n);
  for (int i = 0; i < b->owners.n; i++)
    b->credits[i] = (struct credit){.env = b->env, .owned = &b->owners.list[i], .now_us = b->now_us};
}

// One after the other: each sees the state that the one before has left, whose last statements run in the
// same trip. Queues, or has credited all.
static enum err credit_next(struct blocks_job *b) {
  for (; b->at < b->owners.n; b->at++) {
    struct credit *c = &b->credits[b->at];
    enum err e = credit_step(c, &b->job);
    if (e != ERR_NONE || !c->finished)
      return e;
  }
  return ERR_NONE;
}

static bool has_credits(const struct blocks_job *b, const struct chain_block *block) {
  for (int i = 0; i < b->owners.n; i++)
    if (b->owners.list[i].block == block)
      return true;
  return false;
}

// What proves the transfers of these blocks; other blocks need no proof.
static void store_headers(struct blocks_job *b) {
  for (; b->header_block < b->n; b->header_block++, b->header = 0) {
    const struct chain_block *block = &b->blocks[b->header_block];
    if (block->n_headers == 0 || !has_credits(b, block))
      continue;
    for (; b->header < block->n_headers; b->header++) {
      const struct chain_header *h = &block->headers[b->header];
      if (b->job.n_ops == JOB_OPS_MAX)
        return;
      JOB_OP(&b->job, Q_HEADER_ADD, v_int(h->number), v_blob(h->raw), v_blob(h->signature));
    }
  }
}

// What was kept back for a block that is in the book now has its transfer.
static void move_cursor(struct blocks_job *b) {
  const struct chain_block *first = &b->blocks[0], *last = &b->blocks[b->n - 1];
  JOB_OP(&b->job, Q_CHAIN_MOVE, v_int(last->number), v_blob(chain_id_text(&last->id)), v_int(last->time_us),
         v_text(b->witnesses), v_int(first->number - 1), v_blob(chain_id_text(&first->parent)));
  JOB_OP(&b->job, Q_RESERVATION_KEPT_DROP, v_int(-last->number), v_int(-1));
}

static void move_rescan(struct blocks_job *b) {
  int64_t next = last_number(b) + 1;
  JOB_OP(&b->job, Q_TRANSFER_OF_BLOCKS, v_int(b->blocks[0].number), v_int(last_number(b)),
         v_int(COMPARED_MAX));
  if (b->rescan_next != b->blocks[0].number)
    return;
  bool over = next > b->rescan_to;
  JOB_OP(&b->job, Q_CHAIN_RESCAN, v_int(over ? 0 : next), v_int(over ? 0 : b->rescan_to),
         v_int(b->rescan_next));
}

static bool is_in_chain(const struct blocks_job *b, const struct val *v) {
  for (int i = 0; i < b->owners.n; i++)
    if (str_eq(b->credits[i].matched.txid, v[0].s) && b->owners.list[i].transfer->log_index == v[1].i)
      return true;
  return false;
}

static void look_for_missing(struct blocks_job *b) {
  const struct rows *r = job_rows(&b->job, 0);
  for (int i = 0; i < r->n; i++) {
    const struct val *v = rows_at(r, i);
    if (is_in_chain(b, v))
      continue;
    b->missing++;
    LOG(ERROR, "a transfer of the book is not in the chain", LOG_S("txid", v[0].s),
        LOG_I("log_index", v[1].i));
  }
}

static enum err moved(struct blocks_job *b) {
  if (b->again)
    look_for_missing(b);
  else if (job_rows(&b->job, 0)->n == 0)
    return ERR_CHANGED;
  return ERR_NONE;
}

// The stages that may queue nothing go on to the next.
static enum err go_on(struct blocks_job *b) {
  struct job *j = &b->job;
  if (b->stage == OWNERS) {
    owners_step(&b->owners, j);
    if (!b->owners.finished)
      return ERR_NONE;
    prepare_credits(b);
    b->stage = CREDITS;
  }
  if (b->stage == CREDITS) {
    enum err e = credit_next(b);
    if (e != ERR_NONE || j->n_ops)
      return e;
    b->stage = HEADERS;
  }
  if (b->stage == HEADERS) {
    store_headers(b);
    if (j->n_ops)
      return ERR_NONE;
    b->stage = MOVE;
  }
  b->stage = MOVED;
  if (b->again)
    move_rescan(b);
  else
    move_cursor(b);
  return ERR_NONE;
}

static enum err blocks_step(struct job *j) {
  struct blocks_job *b = (struct blocks_job *)j;
  enum err e;
  if (j->round == 0) {
    begin(b);
    return ERR_NONE;
  }
  switch (b->stage) {
  case CURSOR:
    if ((e = check_cursor(b)) != ERR_NONE)
      return e;
    b->stage = OWNERS;
    return go_on(b);
  case OWNERS:
  case CREDITS:
  case HEADERS:
  case MOVE:
    return go_on(b);
  case MOVED:
    return moved(b);
  }
  BUG("unknown stage");
}

static void blocks_committed(struct job *j) {
  struct blocks_job *b = (struct blocks_job *)j;
  *b->done = (struct blocks_done){.differing = b->missing};
  for (int i = 0; i < b->owners.n; i++) {
    const struct credit *c = &b->credits[i];
    credit_committed(c);
    b->done->transfers += !c->known;
    b->done->unmatched += !c->known && !c->credited;
    b->done->paid += c->changed && c->was != PAY_PAID && c->matched.payment.status == PAY_PAID;
    b->done->differing += c->differs;
  }
  metric_add(METRIC_TRANSFERS_DIFFERING, b->done->differing);
}

static enum err run(struct blocks_job *b, struct env *env, struct arena *a) {
  BUG_IF(b->n < 1, "no blocks");
  for (int i = 1; i < b->n; i++)
    BUG_IF(b->blocks[i].number != b->blocks[i - 1].number + 1 ||
               memcmp(&b->blocks[i].parent, &b->blocks[i - 1].id, sizeof b->blocks[i].parent) != 0,
           "blocks that do not follow each other");
  *b->done = (struct blocks_done){0};
  b->job.step = blocks_step;
  b->job.committed = blocks_committed;
  b->job.arena = a;
  b->job.key = JOB_KEY_CHAIN;
  b->env = env;
  b->now_us = world_now(env->world);
  return store_call(env->store, &b->job);
}

enum err flow_blocks(struct env *env, struct arena *a, const struct chain_run *r, struct blocks_done *done) {
  struct blocks_job b = {.blocks = r->blocks, .n = r->n, .witnesses = r->witnesses, .done = done};
  return run(&b, env, a);
}

enum err flow_blocks_again(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                           struct blocks_done *done) {
  struct blocks_job b = {.blocks = blocks, .n = n, .again = true, .done = done};
  return run(&b, env, a);
}
