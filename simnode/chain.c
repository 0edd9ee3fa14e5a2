#include "simnode/chain_internal.h"

#include "base/bug.h"
#include "simnode/pb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENESIS_MS INT64_C(1700000000000)
#define DAY_MS     86400000
#define ALL_TRX    INT64_C(99000000000000000)
#define GENESIS_SAY                                                                                          \
  "A new system must allow existing systems to be linked together without requiring any central control or " \
  "coordination"

void *sim_checked(void *p) {
  BUG_IF(!p, "out of memory");
  return p;
}

int64_t sim_number(const struct sim_chain *c, enum slot_kind kind, int64_t which) {
  struct tron_address a = sim_slot_number(which);
  return sim_state_get(c->state, (struct sim_slot){kind, &a, NULL});
}

static void set_number(struct sim_chain *c, enum slot_kind kind, int64_t which, int64_t v) {
  struct tron_address a = sim_slot_number(which);
  sim_state_set(c->state, (struct sim_slot){kind, &a, NULL}, v);
}

const struct sim_block *sim_head(const struct sim_chain *c) {
  return &c->blocks[c->n_blocks - 1];
}

int64_t sim_solid(const struct sim_chain *c) {
  return sim_number(c, SLOT_CHAIN, OF_CHAIN_SOLID);
}

int sim_active(const struct sim_chain *c, int place) {
  return (int)sim_number(c, SLOT_ACTIVE, place) - 1;
}

// The index of transactions.

static size_t place_of(struct tx *const *index, size_t cap, const uint8_t id[32]) {
  uint64_t h;
  memcpy(&h, id, sizeof h);
  size_t i = (size_t)h & (cap - 1);
  while (index[i] && memcmp(index[i]->id, id, 32) != 0)
    i = (i + 1) & (cap - 1);
  return i;
}

void sim_index_add(struct sim_chain *c, struct tx *t) {
  if ((c->n_index + 1) * 2 > c->cap_index) {
    size_t cap = c->cap_index ? c->cap_index * 2 : 1024;
    struct tx **index = sim_checked(calloc(cap, sizeof *index));
    for (size_t i = 0; i < c->cap_index; i++)
      if (c->index[i])
        index[place_of(index, cap, c->index[i]->id)] = c->index[i];
    free(c->index);
    c->index = index;
    c->cap_index = cap;
  }
  size_t at = place_of(c->index, c->cap_index, t->id);
  if (c->index[at] && c->index[at] != t)
    sim_tx_free(c->index[at]); // of a block that is gone, sent again
  else if (!c->index[at])
    c->n_index++;
  c->index[at] = t;
}

const struct tx *sim_tx(const struct sim_chain *c, const uint8_t id[32]) {
  return c->cap_index ? c->index[place_of(c->index, c->cap_index, id)] : NULL;
}

// Headers.

static void merkle(struct sim_block *b) {
  memset(b->root, 0, sizeof b->root);
  if (b->n == 0)
    return;
  uint8_t(*level)[64] = sim_checked(malloc(((size_t)b->n + 1) * 32));
  uint8_t *p = (uint8_t *)level;
  size_t n = (size_t)b->n;
  for (size_t i = 0; i < n; i++)
    memcpy(p + 32 * i, b->txs[i]->leaf, 32);
  for (; n > 1; n = (n + 1) / 2)
    for (size_t i = 0; i < n; i += 2)
      if (i + 1 < n) {
        uint8_t parent[32];
        sha256((struct str){(char *)p + 32 * i, 64}, parent);
        memcpy(p + 16 * i, parent, 32);
      } else
        memmove(p + 16 * i, p + 32 * i, 32);
  memcpy(b->root, p, 32);
  free(level);
}

static void identify(const struct sim_chain *c, struct sim_block *b) {
  struct arena a;
  struct buf raw;
  arena_init(&a, 1 << 20);
  buf_init(&raw, &a, 1024);
  sim_pb_int(&raw, 1, b->time_ms);
  sim_pb_message(&raw, 2, (struct str){(char *)b->root, 32});
  sim_pb_message(&raw, 3, (struct str){(char *)b->parent, 32});
  sim_pb_int(&raw, 7, b->number);
  if (b->witness < 0)
    sim_pb_message(&raw, 9, STR(GENESIS_SAY));
  else {
    uint8_t address[1 + ADDRESS_N] = {0x41};
    memcpy(address + 1, c->witnesses[b->witness].key.address.account, ADDRESS_N);
    sim_pb_message(&raw, 9, (struct str){(char *)address, sizeof address});
    sim_pb_int(&raw, 10, 32);
  }
  sha256(buf_view(&raw), b->hash);
  memcpy(b->id, b->hash, 32);
  for (int i = 0; i < 8; i++)
    b->id[i] = (uint8_t)((uint64_t)b->number >> (56 - 8 * i));
  arena_free(&a);
}

const struct sim_block *sim_block(struct sim_chain *c, int64_t number) {
  if (number < 0 || number >= c->n_blocks)
    return NULL;
  struct sim_block *b = &c->blocks[number];
  if (!b->is_signed && b->witness >= 0) {
    const struct sim_witness *w = &c->witnesses[b->witness];
    sim_sign(b->rotated ? &w->permission : &w->key, b->hash, 0, b->signature);
    b->is_signed = true;
  }
  return b;
}

static struct sim_block *block_add(struct sim_chain *c) {
  if (c->n_blocks == c->cap_blocks) {
    c->cap_blocks = c->cap_blocks ? c->cap_blocks * 2 : 256;
    c->blocks = sim_checked(realloc(c->blocks, (size_t)c->cap_blocks * sizeof *c->blocks));
  }
  struct sim_block *b = &c->blocks[c->n_blocks++];
  *b = (struct sim_block){.number = c->n_blocks - 1, .mark = sim_state_mark(c->state)};
  return b;
}

static void block_take(struct sim_block *b, struct tx *t) {
  b->txs = sim_checked(realloc(b->txs, ((size_t)b->n + 1) * sizeof(struct tx *)));
  b->txs[b->n++] = t;
  t->block = b->number;
}

// Witnesses.

static int64_t votes_of(const struct sim_chain *c, int w) {
  return sim_number(c, SLOT_VOTES, w);
}

static bool before(const struct sim_chain *c, int a, int b) {
  int64_t va = votes_of(c, a), vb = votes_of(c, b);
  return va != vb ? va > vb
                  : memcmp(&c->witnesses[a].key.address, &c->witnesses[b].key.address, ADDRESS_N) > 0;
}

static void elect(struct sim_chain *c) {
  int order[SIM_WITNESSES_MAX];
  for (int i = 0; i < c->n_witnesses; i++) {
    int k = i;
    for (; k > 0 && before(c, i, order[k - 1]); k--)
      order[k] = order[k - 1];
    order[k] = i;
  }
  for (int i = 0; i < c->options.witnesses; i++)
    set_number(c, SLOT_ACTIVE, i, order[i] + 1);
}

static void solidify(struct sim_chain *c) {
  int n = c->options.witnesses;
  int64_t latest[SIM_WITNESSES_MAX];
  for (int i = 0; i < n; i++) {
    int64_t v = sim_number(c, SLOT_LATEST, sim_active(c, i));
    int k = i;
    for (; k > 0 && latest[k - 1] > v; k--)
      latest[k] = latest[k - 1];
    latest[k] = v;
  }
  if (latest[n * 3 / 10] > sim_solid(c))
    set_number(c, SLOT_CHAIN, OF_CHAIN_SOLID, latest[n * 3 / 10]);
}

static void produced(struct sim_chain *c, const struct sim_block *b) {
  set_number(c, SLOT_LATEST, b->witness, b->number);
  set_number(c, SLOT_MADE, b->witness, sim_number(c, SLOT_MADE, b->witness) + 1);
  int64_t next = sim_number(c, SLOT_CHAIN, OF_CHAIN_NEXT_MAINTENANCE), every = c->options.maintenance_ms;
  if (b->time_ms >= next) {
    set_number(c, SLOT_CHAIN, OF_CHAIN_NEXT_MAINTENANCE, next + ((b->time_ms - next) / every + 1) * every);
    set_number(c, SLOT_CHAIN, OF_CHAIN_MAINTAINED, b->number);
    elect(c);
  }
  solidify(c);
}

void sim_vote(struct sim_chain *c, int witness, int64_t votes) {
  struct tron_address a = sim_slot_number(witness);
  sim_state_base(c->state, (struct sim_slot){SLOT_VOTES, &a, NULL}, votes);
}

void sim_rotate(struct sim_chain *c, int witness, bool permission) {
  c->witnesses[witness].rotated = permission;
}

static int64_t slot_of(const struct sim_chain *c, int64_t time_ms) {
  return (time_ms - c->options.genesis_ms) / c->options.slot_ms;
}

int64_t sim_next_slot(const struct sim_chain *c) {
  const struct sim_block *h = sim_head(c);
  bool rests = h->number > 0 && sim_number(c, SLOT_CHAIN, OF_CHAIN_MAINTAINED) == h->number;
  int64_t slot = slot_of(c, h->time_ms) + 1 + (rests ? 2 : 0) + c->skip;
  int64_t now = c->now_ms ? slot_of(c, c->now_ms) : 0;
  return slot > now ? slot : now;
}

int64_t sim_slot_time(const struct sim_chain *c, int64_t slot) {
  return c->options.genesis_ms + slot * c->options.slot_ms;
}

// Blocks.

static void fill(struct sim_chain *c, struct sim_block *b, struct arena *a) {
  struct sim_verdict no;
  struct tx **waiting = c->pending;
  int n = c->n_pending;
  c->pending = NULL;
  c->n_pending = 0;
  c->n_blocks--; // the checks are about the parent
  for (int i = 0; i < n; i++) {
    struct tx *t = waiting[i];
    if (!sim_fits(c, t, &no) || !sim_asks_well(c, t, &no) || !sim_run(c, t, b->time_ms))
      continue; // it stays known by its id, and is never in a block
    sim_tx_leaf(t, a);
    block_take(b, t);
  }
  c->n_blocks++;
  free(waiting);
}

static void mine_one(struct sim_chain *c) {
  struct arena a;
  arena_init(&a, 64 << 20);
  int64_t slot = sim_next_slot(c);
  const struct sim_block *parent = sim_head(c);
  bool rests = parent->number == 0 || sim_number(c, SLOT_CHAIN, OF_CHAIN_MAINTAINED) == parent->number;
  int64_t place = (slot - (rests ? 2 : 0)) % c->options.witnesses;
  struct sim_block *b = block_add(c);
  b->witness = sim_active(c, (int)(place < 0 ? place + c->options.witnesses : place));
  b->rotated = c->witnesses[b->witness].rotated;
  b->time_ms = sim_slot_time(c, slot);
  memcpy(b->parent, c->blocks[b->number - 1].id, 32);
  fill(c, b, &a);
  merkle(b);
  identify(c, b);
  produced(c, b);
  c->skip = 0;
  if (c->n_blocks > SIM_UNDO_BLOCKS)
    sim_state_forget(c->state, c->blocks[c->n_blocks - SIM_UNDO_BLOCKS].mark);
  arena_free(&a);
}

void sim_mine(struct sim_chain *c, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    mine_one(c);
}

void sim_clock(struct sim_chain *c, int64_t now_ms) {
  c->now_ms = now_ms;
}

void sim_skip(struct sim_chain *c, int64_t slots) {
  c->skip += slots;
}

bool sim_fork(struct sim_chain *c, int64_t depth, enum sim_fork how) {
  if (depth < 1 || sim_head(c)->number - depth < sim_solid(c) || depth >= SIM_UNDO_BLOCKS - 1)
    return false;
  int64_t first = c->n_blocks - depth;
  sim_state_undo(c->state, c->blocks[first].mark);
  struct tx **waiting = c->pending, **old = NULL;
  int n = c->n_pending, n_old = 0;
  c->pending = NULL;
  c->n_pending = 0;
  for (int64_t i = first; i < c->n_blocks; i++) {
    struct sim_block *b = &c->blocks[i];
    for (int k = 0; k < b->n; k++) {
      b->txs[k]->block = -1;
      old = sim_checked(realloc(old, ((size_t)n_old + 1) * sizeof(struct tx *)));
      old[n_old++] = b->txs[k];
    }
    free(b->txs);
  }
  c->n_blocks = first;
  sim_skip(c, 1); // so that none of them is what it was
  for (int i = 0; i < n_old && how == FORK_KEEP; i++)
    sim_pend(c, old[i]);
  sim_mine(c, depth + 1);
  for (int i = 0; i < n_old && how == FORK_LATE; i++)
    sim_pend(c, old[i]);
  for (int i = 0; i < n; i++)
    sim_pend(c, waiting[i]);
  free(waiting);
  free(old);
  return true;
}

// Constant calls and looking.

static void look_at(struct sim_chain *c, bool solid) {
  int64_t above = sim_solid(c) + 1;
  if (solid && above < c->n_blocks)
    sim_state_as_of(c->state, c->blocks[above].mark);
}

void sim_constant(struct sim_chain *c, const struct sim_call *call, bool solid, struct sim_receipt *out) {
  uint64_t mark = sim_state_mark(c->state);
  look_at(c, solid);
  sim_contracts_call(&c->contracts, call, out);
  sim_state_as_of(c->state, UINT64_MAX);
  sim_state_undo(c->state, mark);
}

int64_t sim_value(struct sim_chain *c, struct sim_slot at, bool solid) {
  look_at(c, solid);
  int64_t v = sim_state_get(c->state, at);
  sim_state_as_of(c->state, UINT64_MAX);
  return v;
}

// Beginning and end.

static void genesis_gift(struct sim_chain *c, struct sim_block *b, const struct tron_address *to,
                         int64_t amount) {
  struct arena a;
  struct buf value, any, contract, raw;
  const char *why;
  uint8_t address[1 + ADDRESS_N] = {0x41};
  arena_init(&a, 1 << 20);
  buf_init(&value, &a, 1024);
  buf_init(&any, &a, 1024);
  buf_init(&contract, &a, 1024);
  buf_init(&raw, &a, 1024);
  memcpy(address + 1, to->account, ADDRESS_N);
  sim_pb_message(&value, 1, STR("0x000000000000000000000"));
  sim_pb_message(&value, 2, (struct str){(char *)address, sizeof address});
  sim_pb_int(&value, 3, amount);
  sim_pb_message(&any, 1, STR("type.googleapis.com/protocol.TransferContract"));
  sim_pb_message(&any, 2, buf_view(&value));
  sim_pb_int(&contract, 1, TX_TRANSFER);
  sim_pb_message(&contract, 2, buf_view(&any));
  sim_pb_message(&raw, 11, buf_view(&contract));
  struct tx *t = sim_tx_new(buf_view(&raw), NULL, 0, &why);
  t->genesis = true;
  sim_tx_leaf(t, &a);
  block_take(b, t);
  sim_index_add(c, t);
  arena_free(&a);
}

static void begin(struct sim_chain *c) {
  struct sim_block *b = block_add(c);
  b->witness = -1;
  b->is_signed = true;
  b->time_ms = c->options.genesis_ms;
  sha256(str_of(c->options.seed), b->parent); // another seed is another chain
  genesis_gift(c, b, &c->bank.address, ALL_TRX);
  genesis_gift(c, b, &c->owner.address, RICH);
  genesis_gift(c, b, &c->contracts.upgraded, 0);
  merkle(b);
  identify(c, b);
  sim_endow(c, &c->bank.address, ALL_TRX, RICH * 1000);
  sim_endow(c, &c->owner.address, RICH, RICH * 1000);
  struct tron_address supply = sim_slot_number(OF_TOKEN_SUPPLY),
                      next = sim_slot_number(OF_CHAIN_NEXT_MAINTENANCE);
  sim_state_base(c->state, (struct sim_slot){SLOT_TOKEN, &supply, NULL}, RICH * 1000000);
  int64_t every = c->options.maintenance_ms;
  sim_state_base(c->state, (struct sim_slot){SLOT_CHAIN, &next, NULL}, c->options.genesis_ms + every);
  elect(c);
}

static struct tron_address contract_address(const char *name) {
  struct sim_key k;
  sim_key_make("contract", name, &k); // the same on every chain: it can be written into settings
  return k.address;
}

struct sim_chain *sim_new(const struct sim_options *o) {
  struct sim_chain *c = sim_checked(calloc(1, sizeof *c));
  c->options = *o;
  c->options.seed = strdup(o->seed ? o->seed : "1");
  c->options.witnesses = o->witnesses ? o->witnesses : 27;
  c->n_witnesses = o->candidates > c->options.witnesses ? o->candidates : c->options.witnesses;
  BUG_IF(c->n_witnesses > SIM_WITNESSES_MAX, "too many witnesses");
  c->options.genesis_ms = o->genesis_ms ? o->genesis_ms : GENESIS_MS;
  c->options.slot_ms = o->slot_ms ? o->slot_ms : 3000;
  c->options.maintenance_ms = o->maintenance_ms ? o->maintenance_ms : 21600000;
  c->state = sim_state_new();
  c->contracts = (struct contracts){.state = c->state, .plain = o->plain_token};
  c->contracts.token = contract_address("token");
  c->contracts.upgraded = contract_address("upgraded token");
  c->contracts.fake = contract_address("counterfeit");
  c->contracts.sender = contract_address("sender");
  sim_key_make(c->options.seed, "bank", &c->bank);
  sim_key_make(c->options.seed, "owner", &c->owner);
  c->contracts.owner = c->owner.address;
  for (int i = 0; i < c->n_witnesses; i++) {
    char name[32];
    snprintf(name, sizeof name, "witness/%d", i);
    sim_key_make(c->options.seed, name, &c->witnesses[i].key);
    snprintf(name, sizeof name, "permission/%d", i);
    sim_key_make(c->options.seed, name, &c->witnesses[i].permission);
    sim_endow(c, &c->witnesses[i].key.address, RICH, 0);
    sim_vote(c, i, 100000100 - i);
  }
  begin(c);
  return c;
}

void sim_free(struct sim_chain *c) {
  for (size_t i = 0; i < c->cap_index; i++)
    if (c->index[i])
      sim_tx_free(c->index[i]);
  for (int64_t i = 0; i < c->n_blocks; i++)
    free(c->blocks[i].txs);
  free(c->blocks);
  free(c->pending);
  free(c->index);
  sim_state_free(c->state);
  free((char *)c->options.seed);
  free(c);
}
