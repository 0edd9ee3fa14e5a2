#include "simnode/state.h"

#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

struct key {
  uint8_t bytes[1 + 2 * ADDRESS_N];
};

struct entry {
  struct key key;
  bool used;
  int64_t v;
};

struct undo {
  struct key key;
  int64_t old;
};

struct sim_state {
  struct entry *table;
  size_t cap, n;
  struct undo *undo;
  size_t undo_cap, undo_n;
  uint64_t forgotten; // undo[0] is this one of all
  uint64_t as_of;
};

static void *grown(void *p, size_t bytes) {
  p = realloc(p, bytes);
  BUG_IF(!p, "out of memory");
  return p;
}

struct sim_state *sim_state_new(void) {
  struct sim_state *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->cap = 1024;
  s->table = calloc(s->cap, sizeof *s->table);
  BUG_IF(!s->table, "out of memory");
  s->as_of = UINT64_MAX;
  return s;
}

void sim_state_free(struct sim_state *s) {
  free(s->table);
  free(s->undo);
  free(s);
}

static struct key key_of(struct sim_slot at) {
  struct key k = {{(uint8_t)at.kind}};
  if (at.a)
    memcpy(k.bytes + 1, at.a->account, ADDRESS_N);
  if (at.b)
    memcpy(k.bytes + 1 + ADDRESS_N, at.b->account, ADDRESS_N);
  return k;
}

static struct entry *find(struct entry *table, size_t cap, const struct key *k) {
  size_t i = str_hash((struct str){(const char *)k->bytes, sizeof k->bytes}) & (cap - 1);
  while (table[i].used && memcmp(&table[i].key, k, sizeof *k) != 0)
    i = (i + 1) & (cap - 1);
  return &table[i];
}

static void grow(struct sim_state *s) {
  size_t cap = s->cap * 2;
  struct entry *table = calloc(cap, sizeof *table);
  BUG_IF(!table, "out of memory");
  for (size_t i = 0; i < s->cap; i++)
    if (s->table[i].used)
      *find(table, cap, &s->table[i].key) = s->table[i];
  free(s->table);
  s->table = table;
  s->cap = cap;
}

static void put(struct sim_state *s, const struct key *k, int64_t v) {
  struct entry *e = find(s->table, s->cap, k);
  if (!e->used) {
    *e = (struct entry){.key = *k, .used = true, .v = v};
    if (++s->n * 2 > s->cap)
      grow(s);
    return;
  }
  e->v = v;
}

int64_t sim_state_get(const struct sim_state *s, struct sim_slot at) {
  struct key k = key_of(at);
  if (s->as_of != UINT64_MAX)
    for (size_t i = (size_t)(s->as_of > s->forgotten ? s->as_of - s->forgotten : 0); i < s->undo_n; i++)
      if (memcmp(&s->undo[i].key, &k, sizeof k) == 0)
        return s->undo[i].old;
  const struct entry *e = find(s->table, s->cap, &k);
  return e->used ? e->v : 0;
}

void sim_state_set(struct sim_state *s, struct sim_slot at, int64_t v) {
  struct key k = key_of(at);
  struct entry *e = find(s->table, s->cap, &k);
  int64_t old = e->used ? e->v : 0;
  if (old == v)
    return;
  if (s->undo_n == s->undo_cap) {
    s->undo_cap = s->undo_cap ? s->undo_cap * 2 : 256;
    s->undo = grown(s->undo, s->undo_cap * sizeof *s->undo);
  }
  s->undo[s->undo_n++] = (struct undo){k, old};
  put(s, &k, v);
}

void sim_state_base(struct sim_state *s, struct sim_slot at, int64_t v) {
  struct key k = key_of(at);
  put(s, &k, v);
}

uint64_t sim_state_mark(const struct sim_state *s) {
  return s->forgotten + s->undo_n;
}

void sim_state_undo(struct sim_state *s, uint64_t mark) {
  BUG_IF(mark < s->forgotten, "what is forgotten cannot be undone");
  while (s->forgotten + s->undo_n > mark) {
    const struct undo *u = &s->undo[--s->undo_n];
    put(s, &u->key, u->old);
  }
}

void sim_state_forget(struct sim_state *s, uint64_t mark) {
  if (mark <= s->forgotten)
    return;
  size_t n = (size_t)(mark - s->forgotten);
  if (n * 2 < s->undo_n) // moving all of it for a few is not worth it
    return;
  memmove(s->undo, s->undo + n, (s->undo_n - n) * sizeof *s->undo);
  s->undo_n -= n;
  s->forgotten = mark;
}

void sim_state_as_of(struct sim_state *s, uint64_t mark) {
  s->as_of = mark;
}

struct tron_address sim_slot_number(int64_t n) {
  struct tron_address a = {{0}};
  for (int i = 0; i < 8; i++)
    a.account[ADDRESS_N - 1 - i] = (uint8_t)((uint64_t)n >> (8 * i));
  return a;
}
