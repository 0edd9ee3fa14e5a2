// The nodes as the chain sees them: which can be asked, which comes first, how often.
#include "node/chain_internal.h"
#include "base/hex.h"

#include <string.h>

bool peer_usable(const struct chain *c, int who) {
  const struct peer *p = &c->peers[who];
  return p->known && p->quiet_us <= world_now(c->world) + PATIENCE_US;
}

bool peer_askable(const struct chain *c, int who) {
  const struct peer *p = &c->peers[who];
  return p->known && p->quiet_us <= world_now(c->world);
}

peers peers_usable(const struct chain *c) {
  peers set = 0;
  for (int i = 0; i < c->n; i++)
    set |= peer_usable(c, i) ? (peers)1 << i : 0;
  return set;
}

int64_t peers_final(const struct chain *c) {
  int64_t best = 0;
  for (int i = 0; i < c->n; i++) {
    int64_t number = c->peers[i].solids[0].number;
    int n = 0;
    for (int j = 0; j < c->n; j++)
      n += peer_usable(c, j) && c->peers[j].solids[0].number >= number;
    best = peer_usable(c, i) && n >= c->o.k && number > best ? number : best;
  }
  return best;
}

// A head that one node claims is no reason to leave all others: the newest that as many as needed have
// reached.
static int64_t common_time_us(const struct chain *c) {
  int64_t times[PEERS_MAX];
  int n = 0;
  for (int i = 0; i < c->n; i++)
    if (peer_usable(c, i) && c->peers[i].solids[0].time_us) {
      int at = n++;
      for (; at > 0 && times[at - 1] < c->peers[i].solids[0].time_us; at--)
        times[at] = times[at - 1];
      times[at] = c->peers[i].solids[0].time_us;
    }
  return n == 0 ? 0 : times[n < c->o.k ? n - 1 : c->o.k - 1];
}

peers peers_active(const struct chain *c) {
  int64_t newest_us = common_time_us(c);
  peers usable = peers_usable(c), set = 0;
  int n = 0;
  for (int lagging = 0; lagging < 2; lagging++)
    for (int i = 0; i < c->n && n < c->o.k; i++) {
      bool lags = c->peers[i].solids[0].time_us < newest_us - LAG_US;
      if (lags == (lagging == 1) && usable >> i & 1 && !(set >> i & 1)) {
        set |= (peers)1 << i;
        n++;
      }
    }
  return set;
}

int peers_first(const struct chain *c) {
  peers active = peers_active(c);
  return active ? __builtin_ctz(active) : -1;
}

// A look each second where that costs nobody anything. With an end to a day's requests: what its blocks and
// receipts leave of them, spread over the day.
int64_t peer_interval_us(struct chain *c, int who) {
  enum { DAY_S = 86400, DAY_BLOCKS = DAY_S / 3 };
  struct node_state s;
  bool active = peers_active(c) >> who & 1 || !c->peers[who].known;
  if (c->behind || !active)
    return c->stuck_us || c->short_us || is_disputed(c) ? BLOCK_US : 10 * (int64_t)BLOCK_US;
  node_state_get(c->peers[who].node, &s);
  if (s.per_day == 0)
    return 1000000;
  int64_t left = s.per_day / 10 * 9 - DAY_BLOCKS;
  int64_t us = left > 0 ? DAY_S * (int64_t)2000000 / left : 60 * (int64_t)1000000;
  return us < BLOCK_US ? BLOCK_US : us > 60 * (int64_t)1000000 ? 60 * (int64_t)1000000 : us;
}

void ask_genesis(struct chain *c, struct round *r) {
  int64_t now_us = world_now(c->world);
  for (int i = 0; i < c->n; i++) {
    struct peer *p = &c->peers[i];
    if (p->check_us > now_us + LOOK_AGAIN_US) // a clock that went back
      p->check_us = now_us;
    if (!p->known && p->check_us <= now_us && p->quiet_us <= now_us &&
        round_add(c, r, &(struct want){.kind = WANT_GENESIS, .peer = i}))
      p->check_us = now_us + PATIENCE_US;
  }
}

void take_genesis(struct chain *c, int who, const struct ask *a) {
  struct peer *p = &c->peers[who];
  struct block b;
  if (a->outcome != OUTCOME_ANSWER || block_read(&c->json, a->answer, &b) != SAID_THIS ||
      b.header.number != 0) {
    peer_blame(c, who, STR("it does not show the first block"));
    return;
  }
  if (!c->has_genesis) {
    memcpy(c->genesis.bytes, b.id, CHAIN_ID_N);
    c->has_genesis = true;
    hex_encode(b.id, CHAIN_ID_N, c->genesis_hex);
  }
  p->known = !memcmp(c->genesis.bytes, b.id, CHAIN_ID_N);
  p->foreign = !p->known;
  p->wrong = p->known ? STR_NONE : STR("it follows another chain");
  p->check_us = world_now(c->world) + LOOK_AGAIN_US;
  p->due_us = 0;
}

void ask_solids(struct chain *c, struct round *r) {
  int64_t now_us = world_now(c->world);
  for (int i = 0; i < c->n; i++) {
    struct peer *p = &c->peers[i];
    int64_t interval_us = peer_interval_us(c, i);
    if (p->due_us > now_us + interval_us)
      p->due_us = now_us; // a clock that went back, or a quicker pace
    if (peer_askable(c, i) && p->due_us <= now_us &&
        round_add(c, r, &(struct want){.kind = WANT_SOLID, .peer = i}))
      p->due_us = p->due_us + interval_us > now_us ? p->due_us + interval_us : now_us + interval_us;
  }
}

static void show_head(struct peer *p, const struct block *b) {
  if (b->header.number > p->head) {
    p->head = b->header.number;
    p->head_us = b->header.time_ms * 1000;
  }
}

// Where one of the final heads that it told is in the line, everything below is final for it.
void peer_settle(struct chain *c, int who) {
  struct peer *p = &c->peers[who];
  if (c->o.trust == TRUST_VERIFIED)
    return; // signatures say what is final
  for (int i = 0; i < SOLIDS_KEPT; i++) {
    const struct solid *s = &p->solids[i];
    if (!s->time_us || s->number <= c->line.base.number || s->number > stretch_top(&c->line))
      continue;
    if (!memcmp(stretch_id(&c->line, s->number), &s->id, sizeof s->id))
      stretch_final(&c->line, s->number, who);
    else if (stretch_told_by(&c->line, s->number, who) == stretch_place(&c->line, s->number)->line)
      line_cut(c, c->line.base.number + 1); // it has left the fork on which it stood
    return;
  }
}

void take_solid(struct chain *c, int who, const struct ask *a) {
  struct peer *p = &c->peers[who];
  struct block b;
  if (a->outcome != OUTCOME_ANSWER || block_read(&c->json, a->answer, &b) != SAID_THIS ||
      b.header.time_ms <= 0 || !block_holds(&b)) {
    peer_blame(c, who, STR("its newest final block cannot be read"));
    return;
  }
  struct solid s = {.number = b.header.number, .time_us = b.header.time_ms * 1000};
  memcpy(s.id.bytes, b.id, CHAIN_ID_N);
  if (s.number != p->solids[0].number || memcmp(&s.id, &p->solids[0].id, sizeof s.id)) {
    memmove(p->solids + 1, p->solids, sizeof p->solids - sizeof p->solids[0]);
    p->solids[0] = s;
  }
  show_head(p, &b);
  if (c->o.trust == TRUST_VERIFIED)
    return;
  if (c->has_cursor && !c->behind)
    stretch_tell(&c->line, &b, who, true);
  peer_settle(c, who);
}
