// Level with the chain or behind it, and what is wrong.
#include "node/chain_internal.h"

enum {
  PACE_US = 20 * 1000000,
  SHORT_US = 30 * 1000000,
  LEFT_MAX = 1000 * 1000 * 1000 /* blocks: a lifetime */
};

void level_judge(struct chain *c) {
  int64_t best = peers_final(c), now_us = world_now(c->world);
  if (!best || !c->has_cursor)
    return;
  int64_t behind = best - c->line.base.number;
  if (!c->behind && behind > BEHIND_BLOCKS) {
    c->behind = true;
    c->behind_since_us = now_us;
    c->behind_from = c->line.base.number;
  } else if (c->behind && behind <= LEVEL_BLOCKS) {
    c->behind = false;
    c->head_us = 0;
  }
}

// Blocks in a day that the first node's budget allows, when that is what holds us up; 0: it does not.
static int64_t blocks_a_day(const struct chain *c) {
  int who = peers_first(c);
  struct node_state s;
  if (who < 0)
    return 0;
  node_state_get(c->peers[who].node, &s);
  return s.per_day / 10 * 9;
}

// At the pace so far, less what is added to the chain meanwhile; no faster than the day's budget in the long
// run.
int64_t level_estimate_us(const struct chain *c) {
  int64_t best = peers_final(c), now_us = world_now(c->world), took_us = now_us - c->behind_since_us;
  int64_t done = c->line.base.number - c->behind_from, day = blocks_a_day(c);
  if (!c->behind || !best || took_us < PACE_US || done <= 0)
    return 0;
  int64_t left = best - c->line.base.number, each_us = took_us / done;
  if (day > 0 && left > day / 4 && each_us < 86400 * (int64_t)1000000 / day)
    each_us = 86400 * (int64_t)1000000 / day;
  if (each_us >= BLOCK_US || left > LEFT_MAX)
    return 0; // not at this pace
  int64_t blocks = left * each_us / (BLOCK_US - each_us);
  return blocks > LEFT_MAX ? 0 : now_us + blocks * BLOCK_US;
}

static int count(peers set) {
  return __builtin_popcount(set);
}

// Those who were asked about the next block where they were not enough; otherwise none.
static peers asked_in_vain(struct chain *c) {
  const struct place *p = c->has_cursor ? stretch_place(&c->line, first_undecided(c, &c->line)) : NULL;
  peers done = p ? p->testified | p->refused : 0;
  return count(done) >= c->o.k ? done : 0;
}

bool is_disputed(struct chain *c) {
  return asked_in_vain(c) != 0;
}

// And nobody else is left to ask.
static bool disagree(struct chain *c) {
  peers done = asked_in_vain(c);
  return done && !(peers_usable(c) & ~done);
}

static void since(int64_t *at_us, bool holds, int64_t now_us) {
  *at_us = !holds ? 0 : *at_us ? *at_us : now_us;
}

static struct str trouble_of(const struct chain *c, int64_t now_us) {
  int64_t head_us = 0, foreign = 0;
  for (int i = 0; i < c->n; i++) {
    head_us = c->peers[i].head_us > head_us ? c->peers[i].head_us : head_us;
    foreign += c->peers[i].foreign;
  }
  if (c->stuck_us)
    return STR("The nodes disagree about a block: nothing is credited until enough of them agree.");
  if (foreign == c->n)
    return STR("No node follows the chain that the book rests on.");
  if (verify_trouble(c).p)
    return verify_trouble(c);
  if (c->short_us && now_us - c->short_us > SHORT_US)
    return count(peers_usable(c)) > 0 ? STR("Too few nodes answer for the trust level that is set.")
                                      : STR("No node answers.");
  if (head_us && now_us - head_us > STILL_US)
    return STR("The nodes show no new block.");
  return c->token_trouble;
}

void trouble_judge(struct chain *c) {
  int64_t now_us = world_now(c->world);
  since(&c->stuck_us, disagree(c), now_us);
  since(&c->short_us, count(peers_usable(c)) < c->o.k, now_us);
  if (c->stuck_us && now_us - c->stuck_us > STUCK_US) {
    stretch_forget(&c->line, first_undecided(c, &c->line)); // they may have mended themselves
    c->stuck_us = now_us;
  }
  c->trouble = trouble_of(c, now_us);
}
