// What K nodes say of each block: its id and its transfers, from their own final state.
#include "node/chain_internal.h"

#include <string.h>

enum { ABSENT_MAX = 5 };

bool block_holds(const struct block *b) {
  uint8_t id[BLOCK_ID_N];
  block_id(&b->header, id, NULL);
  return b->header.number == 0 || !memcmp(id, b->id, sizeof id); // the first one's maker is no address
}

// Up at once, down slowly.
static void note_bytes(int64_t *usual, int64_t bytes) {
  *usual = bytes > *usual ? bytes : (15 * *usual + bytes) / 16 + 1;
}

// The blocks that were asked for, consecutive from the first one on; 0: it has none; -1: it was blamed.
int read_blocks(struct chain *c, const struct want *w, const struct ask *a, struct block **out) {
  int max = (int)(w->end - w->number), n = 0;
  struct block *b = *out = ARENA_ARRAY(&c->parse, struct block, max);
  if (a->outcome == OUTCOME_ABSENT)
    return 0;
  enum said said =
      max > 1 ? blocks_read(&c->json, a->answer, b, max, &n) : block_read(&c->json, a->answer, b);
  n = max == 1 && said == SAID_THIS ? 1 : n;
  if (said != SAID_THIS && said != SAID_NOTHING) {
    peer_blame(c, w->peer, STR("its blocks cannot be read"));
    return -1;
  }
  for (int i = 0; i < n; i++)
    if (b[i].header.number != w->number + i ||
        (i > 0 && memcmp(b[i].header.parent, b[i - 1].id, BLOCK_ID_N) != 0)) {
      peer_blame(c, w->peer, STR("its blocks are not the ones that were asked for, in their order"));
      return -1;
    }
  for (int i = 0; i < n; i++)
    if (!block_holds(&b[i])) {
      peer_blame(c, w->peer, STR("its blocks are not what their ids say"));
      return -1;
    }
  if (n > 0)
    note_bytes(&c->block_bytes, (int64_t)a->answer.n / n);
  if (n > 0)
    c->peers[w->peer].roomy = false;
  return n;
}

// What it says of this block is no use: others are asked about it.
void refuse(struct chain *c, const struct want *w, struct str why) {
  struct place *p = w->s ? stretch_place(w->s, w->number) : NULL;
  if (p)
    p->refused |= (peers)1 << w->peer;
  if (w->kind == WANT_RECEIPTS && w->s->by_line) // or is it the line that is wrong? see doubt_line()
    c->peers[w->peer].quiet_us = world_now(c->world) + PATIENCE_US / 2;
  else
    peer_blame(c, w->peer, why);
}

// It does not have what it calls final. Behind one address there may be several nodes: try again soon.
static void absent(struct chain *c, const struct want *w) {
  struct peer *p = &c->peers[w->peer];
  p->quiet_us = world_now(c->world) + 1000000;
  if (++p->absent < ABSENT_MAX)
    return;
  p->absent = 0;
  refuse(c, w, STR("it does not have what it calls final"));
}

void take_blocks(struct chain *c, const struct want *w, const struct ask *a) {
  struct block *blocks;
  int n = read_blocks(c, w, a, &blocks);
  if (n < 0 && !is_verified(c, w->s) && stretch_place(w->s, w->number))
    stretch_place(w->s, w->number)->refused |= (peers)1 << w->peer;
  if (n == 0)
    absent(c, w);
  if (n > 0)
    c->peers[w->peer].absent = 0;
  for (int i = 0; i < n; i++) {
    enum told told = stretch_tell(w->s, &blocks[i], w->peer, true);
    if (told == TOLD_UNLINKED && blocks[i].header.number == w->s->base.number + 1)
      refuse(c, w, STR("its chain does not go on from the block that the book stands at"));
    if (told != TOLD_NEW && told != TOLD_KNOWN)
      return;
    struct version *v = stretch_told_by(w->s, blocks[i].header.number, w->peer);
    if (c->o.trust == TRUST_VERIFIED && !version_check(v)) {
      stretch_reject(w->s, blocks[i].header.number, v);
      peer_blame(c, w->peer, STR("a block is not what its id or its signature says"));
      return; // after its rest it may be asked again: there may be nobody else
    }
  }
}

// The block about which a node is asked: what it calls final itself, or what signatures do.
static struct version *final_version(struct chain *c, struct stretch *s, int64_t number, int who) {
  struct version *v;
  if (is_verified(c, s)) {
    struct place *p = stretch_place(s, number);
    return p && verified_final(c, number) ? p->line : NULL;
  }
  v = stretch_told_by(s, number, who);
  return v && v->final >> who & 1 ? v : NULL;
}

// Signed, but several others know another block at this height: then those who sign sign more than one, and
// the line goes another way.
static void outvoted(struct chain *c, const struct want *w, struct version *v) {
  struct place *p = stretch_place(w->s, w->number);
  int others = __builtin_popcount(p->refused & ~v->told);
  if (others < c->o.k || others < 2)
    return;
  verify_reject(c, v, STR("enough other nodes know another block"));
  p->refused = 0;
}

void take_receipts(struct chain *c, const struct want *w, const struct ask *a) {
  struct version *v = final_version(c, w->s, w->number, w->peer);
  struct receipts r = {0};
  if (!v)
    return; // taken back meanwhile
  if (a->outcome == OUTCOME_ABSENT) {
    absent(c, w);
    return;
  }
  note_bytes(&c->receipts_bytes, (int64_t)a->answer.n);
  c->peers[w->peer].roomy = false;
  enum said said = receipts_read(&c->json, a->answer, &v->b, &r);
  if (said != SAID_THIS || (is_verified(c, w->s) && !receipts_prove(v, &r)) ||
      !stretch_testify(w->s, w->number, v, &r, w->peer)) {
    refuse(c, w, STR("its receipts do not fit its block"));
    if (is_verified(c, w->s))
      outvoted(c, w, v);
    return;
  }
  c->peers[w->peer].absent = 0;
}

int64_t first_undecided(struct chain *c, struct stretch *s) {
  int64_t number = s->base.number + 1;
  while (stretch_agreed(s, number, c->o.k, NULL))
    number++;
  return number;
}

// Who should say something about this block: the active nodes; when all of them have and it is not enough,
// any.
static peers who_should(struct chain *c, struct stretch *s, int64_t number, peers active, peers usable) {
  const struct place *p = stretch_place(s, number);
  int best, need;
  peers set = active, chosen = 0;
  if (stretch_agreed(s, number, c->o.k, &best))
    return 0;
  peers done = p->testified | p->refused;
  if (!(active & ~done) || p->refused)
    set = usable;
  need = c->o.k - best;
  for (int i = 0; i < c->n && need > 0; i++)
    if (set >> i & 1 && !(done >> i & 1) && c->peers[i].solids[0].number >= number) {
      chosen |= (peers)1 << i;
      need--;
    }
  return chosen;
}

// Blocks that a node has not told yet: how many at once.
static int64_t batch(const struct chain *c, const struct stretch *s, int who, int64_t number, int64_t last) {
  int64_t n = c->peers[who].roomy ? 1 : BATCH_BYTES / c->block_bytes;
  int64_t end = c->peers[who].solids[0].number < last ? c->peers[who].solids[0].number + 1 : last + 1;
  if (s->bytes > STRETCH_BYTES_MAX)
    n = number == s->base.number + 1 ? 1 : 0;
  n = n > NODE_BLOCKS_AT_ONCE ? NODE_BLOCKS_AT_ONCE : n;
  return n < 1 && s->bytes <= STRETCH_BYTES_MAX ? 1 : n < end - number ? n : end - number;
}

// It told this block before it was final: a final head of its own in the line will show that it is.
static bool will_settle(const struct chain *c, const struct stretch *s, int who, int64_t number) {
  return s == &c->line && !c->behind && c->peers[who].solids[1].number < number;
}

// Every block up to `last` that is not decided: blocks first, then receipts, as much as a round takes.
void ask_words(struct chain *c, struct round *r, struct stretch *s, int64_t last) {
  peers active = peers_active(c), usable = peers_usable(c), asked = 0;
  int64_t first = first_undecided(c, s);
  for (int64_t number = first; number <= last && stretch_place(s, number); number++) {
    struct place *p = stretch_place(s, number);
    peers who = who_should(c, s, number, active, number == first ? usable : active);
    for (int i = 0; i < c->n; i++) {
      if (!(who >> i & 1) || asked >> i & 1 || !peer_askable(c, i))
        continue;
      const struct version *v = final_version(c, s, number, i), *told = stretch_told_by(s, number, i);
      struct want w = {.kind = WANT_RECEIPTS, .peer = i, .number = number, .s = s};
      if (v) {
        if (v->b.n == 0)
          stretch_testify(s, number, v, &(struct receipts){0}, i);
        else if (!round_add(c, r, &w))
          return;
        continue;
      }
      if (is_verified(c, s) ? p->line != NULL || !c->behind || i != peers_first(c)
                            : told && will_settle(c, s, i, number))
        continue;
      asked |= (peers)1 << i; // one question for blocks at a time
      w.kind = WANT_BLOCKS;
      w.end = number + batch(c, s, i, number, last);
      if (!(p->other >> i & 1) && w.end > number && !round_add(c, r, &w))
        return;
    }
    if (p->line == NULL && !p->versions && !(who & ~asked))
      return;
  }
}
