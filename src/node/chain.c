#include "node/chain_internal.h"
#include "base/bug.h"
#include "base/hex.h"

#include <stdlib.h>
#include <string.h>

enum { SCRATCH_MAX = 256 * 1024 * 1024, FIRST_GUESS_BYTES = 256 * 1024 };

static struct str genesis_of(const struct chain_options *o) {
  if (o->genesis.p)
    return o->genesis;
  switch (o->network) {
  case NETWORK_MAIN:
    return STR("00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc");
  case NETWORK_NILE:
    return STR("0000000000000000d698d4192c56cb6be724a558448e2684802de4d6cd8690dc");
  case NETWORK_SHASTA:
    return STR("0000000000000000de1aa88295e1fcf982742f773e0419c5a9c134c994a9059e");
  case NETWORK_CUSTOM:
    break;
  }
  return STR_NONE;
}

struct chain *chain_new(const struct chain_options *o) {
  struct chain *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  c->o = *o;
  c->world = o->world;
  c->n = o->n_nodes > PEERS_MAX ? PEERS_MAX : o->n_nodes;
  c->o.k = o->trust == TRUST_ONE || o->k < 1 ? 1 : o->k;
  c->block_bytes = c->receipts_bytes = FIRST_GUESS_BYTES;
  c->head_n = 1;
  c->line.by_line = o->trust == TRUST_VERIFIED;
  arena_init(&c->scratch, SCRATCH_MAX);
  arena_init(&c->parse, SCRATCH_MAX);
  c->json = (struct block_json){.token = &c->o.token, .arena = &c->parse};
  for (int i = 0; i < c->n; i++)
    c->peers[i].node = node_new(&o->nodes[i], o->world);
  struct str genesis = genesis_of(o);
  c->has_genesis = genesis.p && hex_decode(genesis, c->genesis.bytes, CHAIN_ID_N);
  if (c->has_genesis)
    hex_encode(c->genesis.bytes, CHAIN_ID_N, c->genesis_hex);
  return c;
}

void chain_free(struct chain *c) {
  if (!c)
    return;
  for (int i = 0; i < c->n; i++)
    node_free(c->peers[i].node);
  stretch_free(&c->line);
  stretch_free(&c->again);
  arena_free(&c->scratch);
  arena_free(&c->parse);
  free(c);
}

// --- what a turn gives out ---

static struct chain_block copy_block(const struct chain_block *b, struct arena *a) {
  struct chain_block out = *b;
  out.transfers = ARENA_ARRAY(a, struct chain_transfer, b->n_transfers);
  for (int i = 0; i < b->n_transfers; i++) {
    out.transfers[i] = b->transfers[i];
    out.transfers[i].proof = str_copy(a, b->transfers[i].proof);
  }
  return out;
}

// Agreed blocks in order from the base, at most `max`; the nodes may agree on one that does not follow the
// one before, then it is not given and what was said of it is forgotten.
int give_agreed(struct chain *c, struct stretch *s, int max, struct arena *a, struct chain_block *out) {
  struct chain_id parent = s->base.id;
  bool linked = s->has_base;
  int n = 0;
  for (; n < max; n++) {
    int64_t number = s->base.number + 1 + n;
    const struct testimony *t = stretch_agreed(s, number, c->o.k, NULL);
    const struct version *v = stretch_place(s, number) ? stretch_place(s, number)->line : NULL;
    if (!t || (is_verified(c, s) && !verified_final(c, number)))
      break;
    if ((linked && memcmp(&t->block.parent, &parent, sizeof parent)) ||
        (is_verified(c, s) && memcmp(&v->id, &t->block.id, sizeof v->id))) {
      stretch_forget(s, number);
      break;
    }
    out[n] = copy_block(&t->block, a);
    if (is_verified(c, s))
      give_proofs(c, v, a, &out[n]);
    parent = t->block.id;
    linked = true;
  }
  return n;
}

// Direct calls of the token: what the block itself shows of a payment before it is final.
static struct chain_block seen_block(const struct version *v, struct arena *a) {
  struct chain_block out = {
      .number = v->b.header.number, .id = v->id, .parent = v->parent, .time_us = v->b.header.time_ms * 1000};
  out.transfers = ARENA_ARRAY(a, struct chain_transfer, v->b.n);
  for (int i = 0; i < v->b.n; i++) {
    const struct block_tx *t = &v->b.txs[i];
    int64_t value;
    if (!t->is_direct || !t->succeeded || !transfer_value(t->amount, &value))
      continue;
    struct chain_transfer *x = &out.transfers[out.n_transfers++];
    *x = (struct chain_transfer){.from = t->from, .to = t->to, .value.micro = value};
    memcpy(x->txid, t->id, TXID_N);
  }
  return out;
}

static void give_seen(struct chain *c, struct arena *a, struct chain_turn *out) {
  struct stretch *s = &c->line;
  out->forked = s->forked_from > 0;
  out->forked_from = s->forked_from;
  s->forked_from = 0;
  if (c->behind)
    return;
  out->seen = ARENA_ARRAY(a, struct chain_block, s->n_line);
  for (int i = 0; i < s->n_line; i++)
    if (!s->places[i].line->shown) {
      s->places[i].line->shown = true;
      out->seen[out->n_seen++] = seen_block(s->places[i].line, a);
    }
}

static int64_t sooner(int64_t a_us, int64_t b_us) {
  return a_us < b_us ? a_us : b_us;
}

static int64_t wait_us(const struct chain *c) {
  int64_t now_us = world_now(c->world), at_us = now_us + BLOCK_US;
  for (int i = 0; i < c->n; i++) {
    const struct peer *p = &c->peers[i];
    if (p->quiet_us > now_us)
      at_us = sooner(at_us, p->quiet_us);
    else
      at_us = sooner(at_us, p->known ? p->due_us : p->check_us);
  }
  int who = peers_first(c);
  if (c->has_cursor && !c->behind && who >= 0 && peer_askable(c, who))
    at_us = sooner(at_us, c->head_us);
  return at_us <= now_us ? 0 : at_us - now_us;
}

// --- turns ---

static void follow(struct chain *c, const struct chain_cursor *cursor) {
  if (!c->has_cursor)
    stretch_reset(&c->line, cursor);
  c->has_cursor = true;
  stretch_move(&c->line, cursor);
}

// Questions in rounds until nothing can be asked now, or enough is there to be credited.
static void ask_all(struct chain *c) {
  int64_t began_us = world_mono(c->world);
  struct round r = {0};
  for (int i = 0; i < ROUNDS_MAX && world_mono(c->world) - began_us < TURN_US; i++) {
    level_judge(c);
    ask_genesis(c, &r);
    ask_solids(c, &r);
    ask_head(c, &r);
    if (c->has_cursor)
      ask_words(c, &r, &c->line, c->line.base.number + STRETCH_BLOCKS_MAX);
    if (!r.n)
      break;
    round_run(c, &r);
    verify_line(c);
    doubt_line(c);
    witnesses_answer(c);
    if (c->has_cursor && first_undecided(c, &c->line) > c->line.base.number + FINAL_BLOCKS_MAX)
      break;
  }
  token_watch(c);
}

void chain_turn(struct chain *c, const struct chain_cursor *cursor, struct arena *a, struct chain_turn *out) {
  *out = (struct chain_turn){0};
  follow(c, cursor);
  if (c->o.trust == TRUST_VERIFIED)
    witnesses_open(c, cursor);
  ask_all(c);
  trouble_judge(c);
  out->final = ARENA_ARRAY(a, struct chain_block, FINAL_BLOCKS_MAX);
  out->n_final = give_agreed(c, &c->line, FINAL_BLOCKS_MAX, a, out->final);
  if (out->n_final > 0 && c->has_witnesses)
    out->n_final = verify_given(c, out->final[out->n_final - 1].number) ? out->n_final : 0;
  give_seen(c, a, out);
  out->wait_us = out->n_final > 0 ? 0 : wait_us(c);
}

// Those who said something else than enough others.
void blame_dissenters(struct chain *c, struct stretch *s, int64_t last) {
  for (int64_t number = s->base.number + 1; number <= last; number++) {
    const struct testimony *agreed = stretch_agreed(s, number, c->o.k, NULL);
    const struct place *p = stretch_place(s, number);
    if (agreed && agreed->token_events)
      c->token_us = 0;
    for (int i = 0; agreed && i < c->n; i++)
      if (agreed->by >> i & 1)
        c->peers[i].blames = 0;
    for (const struct testimony *t = agreed ? p->heard : NULL; t; t = t->next)
      for (int i = 0; t != agreed && i < c->n; i++)
        if (t->by >> i & 1) {
          c->peers[i].disagreements++;
          peer_blame(c, i, STR("it said something else of a block than enough others"));
        }
  }
}

void chain_credited(struct chain *c, const struct chain_cursor *cursor) {
  if (c->has_cursor && cursor->number - c->line.base.number <= STRETCH_BLOCKS_MAX)
    blame_dissenters(c, &c->line, cursor->number);
  if (c->has_witnesses)
    verify_credited(c, cursor);
  follow(c, cursor);
}
