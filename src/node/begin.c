// Where to begin, and blocks that are below the cursor again.
#include "node/chain_internal.h"

#include <string.h>

enum { AGAIN_BLOCKS_MAX = 16 };

// Their chain and their final heads.
static void meet(struct chain *c) {
  struct round r = {0};
  for (int i = 0; i < 2; i++) {
    ask_genesis(c, &r);
    ask_solids(c, &r);
    if (r.n)
      round_run(c, &r);
  }
}

// The newest block that K nodes call final.
static int64_t newest_common(const struct chain *c) {
  int64_t best = 0;
  for (int i = 0; i < c->n; i++) {
    int64_t number = c->peers[i].solids[0].number;
    int n = 0;
    for (int j = 0; j < c->n; j++)
      n += peer_askable(c, j) && c->peers[j].solids[0].time_us && c->peers[j].solids[0].number >= number;
    if (peer_askable(c, i) && c->peers[i].solids[0].time_us && n >= c->o.k && number > best)
      best = number;
  }
  return best;
}

static bool read_one(struct chain *c, int who, int64_t number, struct chain_cursor *out) {
  struct ask ask = {.node = c->peers[who].node, .what = ASK_SOLID_BLOCK, .number = number};
  struct block b;
  node_ask(c->o.fetcher, &ask, 1, &c->scratch);
  bool good = ask.outcome == OUTCOME_ANSWER && block_read(&c->json, ask.answer, &b) == SAID_THIS &&
              b.header.number == number && block_holds(&b);
  if (good) {
    *out = (struct chain_cursor){.number = number, .time_us = b.header.time_ms * 1000};
    memcpy(out->id.bytes, b.id, CHAIN_ID_N);
  } else if (ask.outcome == OUTCOME_REFUSED || ask.outcome == OUTCOME_LATER) {
    c->peers[who].quiet_us = ask.until_us;
  }
  arena_reset(&c->scratch);
  arena_reset(&c->parse);
  return good;
}

bool chain_begin(struct chain *c, int64_t start_block, struct arena *a, struct chain_cursor *out) {
  struct chain_cursor said[PEERS_MAX];
  int n = 0;
  (void)a;
  meet(c);
  int64_t newest = newest_common(c), number = start_block > 0 ? start_block - 1 : newest;
  trouble_judge(c);
  if (newest == 0 && start_block <= 0)
    return false;
  if (number > newest) {
    c->trouble = STR("start_block is above the newest final block.");
    return false;
  }
  for (int i = 0; i < c->n; i++) {
    if (!peer_askable(c, i) || c->peers[i].solids[0].number < number || !read_one(c, i, number, &said[n]))
      continue;
    int same = 0;
    for (int j = 0; j <= n; j++)
      same += said[j].time_us == said[n].time_us && !memcmp(&said[j].id, &said[n].id, sizeof said[n].id);
    *out = said[n++];
    if (same >= c->o.k)
      return c->o.trust != TRUST_VERIFIED || witnesses_open(c, out);
  }
  return false;
}

bool chain_again(struct chain *c, struct chain_old *old, struct arena *a) {
  struct stretch *s = &c->again;
  struct round r = {0};
  int64_t from = old->from;
  int max = old->max > AGAIN_BLOCKS_MAX ? AGAIN_BLOCKS_MAX : old->max;
  if (s->base.number != from - 1)
    stretch_from(s, from);
  for (int i = 0; i < ROUNDS_MAX && first_undecided(c, s) < from + max; i++) {
    ask_genesis(c, &r);
    ask_solids(c, &r);
    ask_words(c, &r, s, from + max - 1);
    if (!r.n)
      break;
    round_run(c, &r);
  }
  old->blocks = ARENA_ARRAY(a, struct chain_block, max);
  old->n = give_agreed(c, s, max, a, old->blocks);
  old->wait_us = old->n > 0 ? 0 : BLOCK_US / 3;
  if (old->n == 0)
    return false;
  const struct chain_block *last = &old->blocks[old->n - 1];
  blame_dissenters(c, s, last->number);
  struct chain_cursor base = {last->number, last->id, last->time_us};
  stretch_move(s, &base);
  return true;
}
