#include "node/stretch.h"

#include <string.h>

enum { MIX_MAX = 192 };

// h = sha256(h, bytes): a digest of a list, item by item.
static void mix(uint8_t h[SHA256_N], const void *p, size_t n) {
  uint8_t both[SHA256_N + MIX_MAX];
  memcpy(both, h, SHA256_N);
  memcpy(both + SHA256_N, p, n);
  sha256((struct str){(const char *)both, SHA256_N + n}, h);
}

static uint8_t *put(uint8_t *at, const void *p, size_t n) {
  return (uint8_t *)memcpy(at, p, n) + n;
}

static void content_digest(const struct block *b, uint8_t out[SHA256_N]) {
  uint8_t item[MIX_MAX], *at = put(item, b->id, BLOCK_ID_N);
  at = put(at, b->header.parent, 32);
  at = put(at, &b->header.time_ms, sizeof b->header.time_ms);
  memset(out, 0, SHA256_N);
  mix(out, item, (size_t)(at - item));
  for (int i = 0; i < b->n; i++) {
    const struct block_tx *t = &b->txs[i];
    at = put(item, t->id, SHA256_N);
    *at++ = t->succeeded;
    *at++ = t->is_direct;
    at = put(at, t->from.account, ADDRESS_N);
    at = put(at, t->to.account, ADDRESS_N);
    at = put(at, t->amount, sizeof t->amount);
    at = put(at, t->leaf, SHA256_N);
    mix(out, item, (size_t)(at - item));
  }
}

void testimony_digest(const struct chain_block *b, uint8_t out[SHA256_N]) {
  uint8_t item[MIX_MAX], *at = put(item, b->id.bytes, CHAIN_ID_N);
  int64_t n = b->n_transfers;
  at = put(at, b->parent.bytes, CHAIN_ID_N);
  at = put(at, &b->number, sizeof b->number);
  at = put(at, &b->time_us, sizeof b->time_us);
  at = put(at, &n, sizeof n);
  memset(out, 0, SHA256_N);
  mix(out, item, (size_t)(at - item));
  for (int i = 0; i < b->n_transfers; i++) {
    const struct chain_transfer *t = &b->transfers[i];
    at = put(item, t->txid, TXID_N);
    at = put(at, &t->log_index, sizeof t->log_index);
    at = put(at, t->from.account, ADDRESS_N);
    at = put(at, t->to.account, ADDRESS_N);
    at = put(at, &t->value.micro, sizeof t->value.micro);
    mix(out, item, (size_t)(at - item));
  }
}

static bool id_same(const struct chain_id *a, const struct chain_id *b) {
  return !memcmp(a, b, sizeof *a);
}

static void note_fork(struct stretch *s, int64_t number) {
  if (!s->forked_from || number < s->forked_from)
    s->forked_from = number;
}

static void drop_version(struct stretch *s, struct version *v) {
  struct arena mem = v->mem;
  s->bytes -= mem.used;
  arena_free(&mem);
}

static void drop_testimony(struct stretch *s, struct testimony *t) {
  struct arena mem = t->mem;
  s->bytes -= mem.used;
  arena_free(&mem);
}

// Another block, or none, is the line's here: what was said of the old one is void.
static void line_left(struct stretch *s, struct place *p) {
  p->line = NULL;
  p->refused = 0;
  if (!s->by_line)
    return;
  for (struct testimony *t = p->heard, *next; t; t = next) {
    next = t->next;
    drop_testimony(s, t);
  }
  p->heard = NULL;
  p->testified = 0;
}

static void empty_place(struct stretch *s, struct place *p) {
  for (struct version *v = p->versions, *next; v; v = next) {
    next = v->next;
    drop_version(s, v);
  }
  for (struct testimony *t = p->heard, *next; t; t = next) {
    next = t->next;
    drop_testimony(s, t);
  }
  *p = (struct place){0};
}

void stretch_free(struct stretch *s) {
  for (int i = 0; i < STRETCH_BLOCKS_MAX; i++)
    empty_place(s, &s->places[i]);
}

void stretch_reset(struct stretch *s, const struct chain_cursor *base) {
  for (int i = 0; i < STRETCH_BLOCKS_MAX; i++) {
    if (s->places[i].line && s->places[i].line->shown)
      note_fork(s, s->base.number + 1 + i);
    empty_place(s, &s->places[i]);
  }
  s->n_line = 0;
  s->has_base = true;
  s->base = *base;
}

void stretch_from(struct stretch *s, int64_t first) {
  stretch_reset(s, &(struct chain_cursor){.number = first - 1});
  s->has_base = false;
}

struct place *stretch_place(struct stretch *s, int64_t number) {
  int64_t i = number - s->base.number - 1;
  return i < 0 || i >= STRETCH_BLOCKS_MAX ? NULL : &s->places[i];
}

int64_t stretch_top(const struct stretch *s) {
  return s->base.number + s->n_line;
}

const struct chain_id *stretch_id(struct stretch *s, int64_t number) {
  if (number == s->base.number)
    return s->has_base ? &s->base.id : NULL;
  struct place *p = stretch_place(s, number);
  return p && p->line ? &p->line->id : NULL;
}

// Of the versions that hang on `parent` the one that was the line, otherwise the one that most have told.
static struct version *choose(const struct place *p, const struct chain_id *parent) {
  struct version *best = NULL;
  for (struct version *v = p->versions; v; v = v->next) {
    if (parent && !id_same(&v->parent, parent))
      continue;
    if (v == p->line)
      return v;
    if (!best || __builtin_popcount(v->told) > __builtin_popcount(best->told))
      best = v;
  }
  return best;
}

static void relink(struct stretch *s) {
  const struct chain_id *parent = s->has_base ? &s->base.id : NULL;
  bool linked = true;
  s->n_line = 0;
  for (int i = 0; i < STRETCH_BLOCKS_MAX; i++) {
    struct place *p = &s->places[i];
    struct version *was = p->line;
    struct version *now = linked ? choose(p, parent) : NULL;
    if (was && now != was)
      line_left(s, p);
    p->line = now;
    if (was && was->shown && p->line != was) {
      was->shown = false;
      note_fork(s, s->base.number + 1 + i);
    }
    linked = p->line;
    if (linked) {
      parent = &p->line->id;
      s->n_line = i + 1;
    }
  }
}

static struct version *version_of(struct stretch *s, const struct block *b, const uint8_t content[SHA256_N]) {
  size_t need = sizeof(struct version) + sizeof(struct block_tx) * (size_t)b->n;
  for (int i = 0; i < b->n; i++)
    need += b->txs[i].bytes.n + 32;
  if (need > VERSION_BYTES_MAX || s->bytes + need > STRETCH_BYTES_MAX + VERSION_BYTES_MAX)
    return NULL;
  struct arena mem;
  arena_init(&mem, 2 * need + 1024);
  struct version *v = ARENA_NEW(&mem, struct version);
  v->b = *b;
  v->b.txs = ARENA_ARRAY(&mem, struct block_tx, b->n);
  for (int i = 0; i < b->n; i++) {
    v->b.txs[i] = b->txs[i];
    v->b.txs[i].bytes = str_copy(&mem, b->txs[i].bytes);
  }
  memcpy(v->id.bytes, b->id, CHAIN_ID_N);
  memcpy(v->parent.bytes, b->header.parent, CHAIN_ID_N);
  memcpy(v->content, content, SHA256_N);
  v->mem = mem;
  s->bytes += mem.used;
  return v;
}

struct version *stretch_told_by(struct stretch *s, int64_t number, int who) {
  struct place *p = stretch_place(s, number);
  for (struct version *v = p ? p->versions : NULL; v; v = v->next)
    if (v->told >> who & 1)
      return v;
  return NULL;
}

// A node says one thing at a time: what it said before is no longer its word.
static void take_back(struct stretch *s, struct place *p, int who) {
  for (struct version **at = &p->versions; *at;) {
    struct version *v = *at;
    v->told &= ~((peers)1 << who);
    v->final &= v->told;
    if (v->told) {
      at = &v->next;
      continue;
    }
    *at = v->next;
    if (p->line == v) {
      if (v->shown)
        note_fork(s, v->b.header.number);
      line_left(s, p);
    }
    drop_version(s, v);
  }
}

static struct version *find_version(struct place *p, const uint8_t content[SHA256_N]) {
  struct version *v = p->versions;
  while (v && memcmp(v->content, content, SHA256_N))
    v = v->next;
  return v;
}

enum told stretch_tell(struct stretch *s, const struct block *b, int who, bool is_final) {
  struct place *p = stretch_place(s, b->header.number);
  if (!p)
    return TOLD_FULL;
  peers bit = (peers)1 << who;
  bool is_first = p == s->places;
  const struct chain_id *parent = stretch_id(s, b->header.number - 1);
  if (parent ? memcmp(parent->bytes, b->header.parent, CHAIN_ID_N) != 0 : !is_first)
    return TOLD_UNLINKED;
  uint8_t content[SHA256_N];
  content_digest(b, content);
  struct version *v = find_version(p, content);
  if (!v && p->line && !is_first) {
    p->other |= bit;
    return TOLD_OTHER;
  }
  enum told told = v ? TOLD_KNOWN : TOLD_NEW;
  if (!v || !(v->told & bit))
    take_back(s, p, who);
  if (!v && (v = version_of(s, b, content))) {
    v->next = p->versions;
    p->versions = v;
  }
  if (!v) {
    relink(s);
    return TOLD_FULL;
  }
  v->told |= bit;
  v->final |= is_final ? bit : 0;
  p->other &= ~bit;
  relink(s);
  return told;
}

void stretch_cut(struct stretch *s, int64_t from, int k) {
  for (int i = 0; i < STRETCH_BLOCKS_MAX; i++)
    if (s->base.number + 1 + i >= from)
      for (int who = 0; who < PEERS_MAX; who++) {
        struct version *v = stretch_told_by(s, s->base.number + 1 + i, who);
        if (v && (!(v->final >> who & 1) || __builtin_popcount(v->final) < k))
          take_back(s, &s->places[i], who);
      }
  relink(s);
}

void stretch_final(struct stretch *s, int64_t number, int who) {
  peers bit = (peers)1 << who;
  for (int i = 0; i < s->n_line && s->base.number + 1 + i <= number; i++)
    s->places[i].line->final |= s->places[i].line->told & bit;
}

void stretch_reject(struct stretch *s, int64_t number, struct version *v) {
  struct place *p = stretch_place(s, number);
  peers told = v->told;
  for (int who = 0; who < PEERS_MAX; who++)
    if (told >> who & 1)
      take_back(s, p, who);
  relink(s);
}

static struct testimony *testimony_of(const struct version *v, const struct receipts *r) {
  struct arena mem;
  arena_init(&mem, sizeof(struct testimony) + sizeof(struct chain_transfer) * (size_t)r->n + 1024);
  struct testimony *t = ARENA_NEW(&mem, struct testimony);
  t->block = (struct chain_block){.number = v->b.header.number,
                                  .id = v->id,
                                  .parent = v->parent,
                                  .time_us = v->b.header.time_ms * 1000,
                                  .n_transfers = r->n};
  t->block.transfers = ARENA_ARRAY(&mem, struct chain_transfer, r->n);
  for (int i = 0; i < r->n; i++) {
    const struct transfer_log *l = &r->transfers[i];
    struct chain_transfer *out = &t->block.transfers[i];
    *out = (struct chain_transfer){
        .log_index = l->log_index, .from = l->from, .to = l->to, .value.micro = l->value};
    memcpy(out->txid, v->b.txs[l->tx].id, TXID_N);
  }
  t->token_events = r->token_events;
  testimony_digest(&t->block, t->digest);
  t->mem = mem;
  return t;
}

bool stretch_testify(struct stretch *s, int64_t number, const struct version *v, const struct receipts *r,
                     int who) {
  struct place *p = stretch_place(s, number);
  if (!p || r->n > TESTIMONY_TRANSFERS_MAX || s->bytes > STRETCH_BYTES_MAX + VERSION_BYTES_MAX)
    return false;
  struct testimony *t = testimony_of(v, r), *same = p->heard;
  while (same && memcmp(same->digest, t->digest, SHA256_N))
    same = same->next;
  s->bytes += t->mem.used;
  if (same) {
    drop_testimony(s, t);
  } else {
    t->next = p->heard;
    p->heard = same = t;
  }
  same->by |= (peers)1 << who;
  p->testified |= (peers)1 << who;
  return true;
}

struct testimony *stretch_agreed(struct stretch *s, int64_t number, int k, int *best) {
  struct place *p = stretch_place(s, number);
  struct testimony *most = NULL;
  int n = 0;
  for (struct testimony *t = p ? p->heard : NULL; t; t = t->next)
    if (__builtin_popcount(t->by) > n) {
      most = t;
      n = __builtin_popcount(t->by);
    }
  if (best)
    *best = n;
  return n >= k ? most : NULL;
}

void stretch_forget(struct stretch *s, int64_t number) {
  struct place *p = stretch_place(s, number);
  if (!p)
    return;
  if (p->line && p->line->shown)
    note_fork(s, number);
  empty_place(s, p);
  relink(s);
}

// The place above a new base: what hangs on another block is of no use.
static void settle_first(struct stretch *s) {
  struct place *p = &s->places[0];
  bool wrong = false;
  for (struct version *v = p->versions; v; v = v->next)
    wrong |= !id_same(&v->parent, &s->base.id);
  p->other = 0;
  p->refused = 0;
  if (wrong)
    stretch_forget(s, s->base.number + 1);
}

void stretch_move(struct stretch *s, const struct chain_cursor *base) {
  int64_t by = base->number - s->base.number;
  if (!by && s->has_base && id_same(&base->id, &s->base.id))
    return;
  if (by <= 0 || by > STRETCH_BLOCKS_MAX || !s->has_base) {
    stretch_reset(s, base);
    return;
  }
  for (int64_t i = 0; i < by; i++) {
    const struct version *line = s->places[i].line;
    if (i == by - 1 && line && line->shown && !id_same(&line->id, &base->id))
      note_fork(s, base->number);
    empty_place(s, &s->places[i]);
  }
  memmove(s->places, s->places + by, sizeof(struct place) * (size_t)(STRETCH_BLOCKS_MAX - by));
  memset(s->places + STRETCH_BLOCKS_MAX - by, 0, sizeof(struct place) * (size_t)by);
  s->base = *base;
  settle_first(s);
  relink(s);
}
