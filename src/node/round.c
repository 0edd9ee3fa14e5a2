#include "node/chain_internal.h"
#include "base/bug.h"

static enum ask_what ask_of(const struct want *w) {
  switch (w->kind) {
  case WANT_GENESIS:
    return ASK_BLOCK;
  case WANT_SOLID:
    return ASK_SOLID;
  case WANT_HEAD:
  case WANT_BLOCKS:
    return w->end - w->number == 1 ? ASK_BLOCK : ASK_BLOCKS;
  case WANT_RECEIPTS:
    return ASK_RECEIPTS;
  }
  BUG_IF(true, "a question of no kind");
  return ASK_HEAD;
}

// Four times what is foreseen; all that a node may answer where that was not enough.
static int64_t room_for(const struct chain *c, const struct want *w) {
  int64_t blocks = w->end > w->number ? w->end - w->number : 1;
  int64_t bytes = 4 * (w->kind == WANT_RECEIPTS ? c->receipts_bytes : blocks * c->block_bytes);
  if (c->peers[w->peer].roomy || bytes > NODE_BLOCK_BYTES)
    return NODE_BLOCK_BYTES;
  return bytes < ANSWER_BYTES ? ANSWER_BYTES : bytes;
}

// False: the round is full.
bool round_add(struct chain *c, struct round *r, const struct want *w) {
  int64_t bytes = room_for(c, w);
  if (r->n == ROUND_ASKS_MAX || (r->n > 0 && r->bytes + bytes > ROUND_BYTES))
    return false;
  r->bytes += bytes;
  r->asks[r->n] = (struct ask){.node = c->peers[w->peer].node,
                               .what = ask_of(w),
                               .number = w->number,
                               .end = w->end,
                               .max_bytes = bytes};
  r->wants[r->n++] = *w;
  return true;
}

void peer_blame(struct chain *c, int who, struct str why) {
  struct peer *p = &c->peers[who];
  int64_t rest_us = (INT64_C(1000000) << p->blames);
  p->wrong = why;
  p->blames += p->blames < BLAMES_MAX;
  node_blame(p->node, why);
  p->quiet_us = node_free_us(p->node);
  if (p->quiet_us < world_now(c->world) + rest_us)
    p->quiet_us = world_now(c->world) + rest_us;
}

static void take(struct chain *c, const struct want *w, const struct ask *a) {
  struct peer *p = &c->peers[w->peer];
  if (a->outcome == OUTCOME_REFUSED || a->outcome == OUTCOME_LATER) {
    p->quiet_us = a->until_us;
    if (a->error == FETCH_TOO_LARGE && p->roomy)
      refuse(c, w, STR("its answers are too large"));
    p->roomy = p->roomy || a->error == FETCH_TOO_LARGE;
    return;
  }
  switch (w->kind) {
  case WANT_GENESIS:
    take_genesis(c, w->peer, a);
    return;
  case WANT_SOLID:
    take_solid(c, w->peer, a);
    return;
  case WANT_HEAD:
    take_head(c, w, a);
    return;
  case WANT_BLOCKS:
    take_blocks(c, w, a);
    return;
  case WANT_RECEIPTS:
    take_receipts(c, w, a);
    return;
  }
}

// Final heads come last: what was read in the same round was not yet known to be final.
void round_run(struct chain *c, struct round *r) {
  node_ask(c->o.fetcher, r->asks, r->n, &c->scratch);
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < r->n; i++)
      if ((r->wants[i].kind == WANT_SOLID) == (pass == 1)) {
        take(c, &r->wants[i], &r->asks[i]);
        arena_reset(&c->parse);
      }
  arena_reset(&c->scratch);
  r->n = 0;
  r->bytes = 0;
}
