// What the token's contract says of itself: at the start, daily, and when it told of a change.
#include "node/chain_internal.h"

#define WATCH_US       (INT64_C(86400) * 1000000)
#define WATCH_AGAIN_US (INT64_C(300) * 1000000)

static bool ask_one(struct chain *c, int who, struct token_state *out) {
  struct token_question q = {.fetcher = c->o.fetcher,
                             .node = c->peers[who].node,
                             .arena = &c->scratch,
                             .token = c->o.token,
                             .may_be_plain = c->o.network == NETWORK_CUSTOM};
  struct str why;
  *out = (struct token_state){0};
  enum outcome o = token_ask(&q, out, &why);
  arena_reset(&c->scratch);
  if (o == OUTCOME_ABSENT)
    *out = (struct token_state){.decimals = -1}; // no such token
  return o == OUTCOME_ANSWER || o == OUTCOME_ABSENT;
}

// K nodes say the same. False: not yet.
static bool agreed(struct chain *c, struct token_state *out) {
  struct token_state said[PEERS_MAX];
  int n = 0;
  for (int i = 0; i < c->n; i++) {
    if (!peer_askable(c, i) || !ask_one(c, i, &said[n]))
      continue;
    int same = 0;
    for (int j = 0; j <= n; j++)
      same += token_same(&said[j], &said[n]);
    *out = said[n++];
    if (same >= c->o.k)
      return true;
  }
  return false;
}

void token_watch(struct chain *c) {
  int64_t now_us = world_now(c->world);
  struct token_state t;
  if (c->token_us > now_us + WATCH_US)
    c->token_us = now_us; // the clock went back
  if (c->token_us > now_us || __builtin_popcount(peers_usable(c)) < c->o.k)
    return;
  c->token_us = now_us + WATCH_AGAIN_US;
  if (!agreed(c, &t))
    return;
  c->token_us = now_us + WATCH_US;
  c->token = t;
  c->token_trouble = token_trouble(&t);
}
