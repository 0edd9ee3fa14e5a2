// The blocks at the head, from the first node that serves: what is seen before it is final, and most of what
// becomes final, read once.
#include "node/chain_internal.h"

#include <string.h>

// The head is read once in a node's interval; several blocks where several must have come.
void ask_head(struct chain *c, struct round *r) {
  int64_t now_us = world_now(c->world), interval_us;
  int who = peers_first(c);
  struct stretch *s = &c->line;
  if (!c->has_cursor || c->behind || who < 0)
    return;
  interval_us = peer_interval_us(c, who);
  if (c->head_us > now_us + 2 * interval_us)
    c->head_us = now_us;
  if (c->head_us > now_us || !peer_askable(c, who) || s->bytes > STRETCH_BYTES_MAX)
    return;
  int64_t top = stretch_top(s), first = top + 1 - c->rewind, room = s->base.number + STRETCH_BLOCKS_MAX - top;
  const struct place *p = s->n_line > 0 ? stretch_place(s, top) : NULL;
  int64_t age_us = now_us - (p ? p->line->b.header.time_ms * 1000 : s->base.time_us);
  int64_t n = age_us / BLOCK_US > c->head_n ? age_us / BLOCK_US : c->head_n;
  int64_t fits = c->peers[who].roomy ? 1 : BATCH_BYTES / c->block_bytes;
  n = n > room ? room : n;
  n = n + c->rewind > fits ? fits : n + c->rewind;
  n = n > NODE_BLOCKS_AT_ONCE ? NODE_BLOCKS_AT_ONCE : n;
  if (room > 0 && round_add(c, r, &(struct want){WANT_HEAD, who, first, first + (n < 1 ? 1 : n), s}))
    c->head_us = c->head_us + interval_us > now_us ? c->head_us + interval_us : now_us + interval_us;
}

static void nothing_new(struct chain *c) {
  c->head_n = 1;
  c->rewind = 0;
  c->head_us += BLOCK_US / 6; // we came a moment too early: stay behind the blocks from now on
}

// They hang on something else than our line: is the fork further down, or is this another chain?
static void fork(struct chain *c, const struct want *w) {
  if (w->number == c->line.base.number + 1) {
    c->peers[w->peer].known = false;
    c->peers[w->peer].foreign = true;
    peer_blame(c, w->peer, STR("its chain does not go on from the block that the book stands at"));
    c->peers[w->peer].check_us = world_now(c->world) + LOOK_AGAIN_US;
    c->rewind = 0;
    return;
  }
  int64_t most = stretch_top(&c->line) - c->line.base.number;
  c->rewind = c->rewind ? 2 * c->rewind : 2;
  c->rewind = c->rewind > most ? most : c->rewind;
  c->head_us = world_now(c->world);
}

void line_cut(struct chain *c, int64_t from) {
  stretch_cut(&c->line, from, c->o.trust == TRUST_VERIFIED ? 1 : c->o.k);
}

static void tell(struct chain *c, int who, const struct block *blocks, int n) {
  int64_t solid = c->peers[who].solids[0].number;
  for (int i = 0; i < n; i++) {
    const struct chain_id *was = stretch_id(&c->line, blocks[i].header.number);
    if (was && memcmp(was->bytes, blocks[i].id, CHAIN_ID_N))
      line_cut(c, blocks[i].header.number);
    stretch_tell(&c->line, &blocks[i], who, blocks[i].header.number <= solid);
  }
}

void take_head(struct chain *c, const struct want *w, const struct ask *a) {
  struct peer *p = &c->peers[w->peer];
  struct block *blocks;
  int n = read_blocks(c, w, a, &blocks);
  if (n < 0)
    return;
  if (n == 0) {
    nothing_new(c);
    return;
  }
  const struct chain_id *parent = stretch_id(&c->line, w->number - 1);
  if (!parent)
    return; // the line was cut meanwhile
  if (memcmp(parent->bytes, blocks[0].header.parent, CHAIN_ID_N)) {
    fork(c, w);
    return;
  }
  c->rewind = 0;
  tell(c, w->peer, blocks, n);
  peer_settle(c, w->peer);
  if (blocks[n - 1].header.number > p->head) {
    p->head = blocks[n - 1].header.number;
    p->head_us = blocks[n - 1].header.time_ms * 1000;
  }
  bool full = n == w->end - w->number;
  c->head_n = full ? 2 * n : 1;
  if (full && n > 1 && peer_interval_us(c, w->peer) < BLOCK_US)
    c->head_us = world_now(c->world); // there may be more
}
