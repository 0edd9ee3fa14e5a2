// A chain of the test's own: transfers are sent, blocks are mined, and flow_blocks() puts them into the book.
#pragma once
#include "flow/blocks.h"

#include "book.h"

enum { TRANSFERS_MAX = 256 };

struct chain {
  struct chain_cursor top;
  int forks; // of the same height: other ids
  uint64_t transactions;
  struct chain_transfer sent[TRANSFERS_MAX]; // for the next block
  int n;
};

static inline void id_of(const struct chain *c, int64_t number, struct chain_id *out) {
  memset(out, c->forks, sizeof *out);
  memcpy(out->bytes, &number, sizeof number);
}

// The book begins behind block 1000.
static inline void chain_start(struct gateway *g, struct chain *c) {
  *c = (struct chain){.top = {.number = 1000, .time_us = g->now_us - 60 * SECOND_US}};
  id_of(c, c->top.number, &c->top.id);
  const struct chain_row row = {
      .network = STR("custom"), .genesis = STR("00"), .token = STR("T"), .cursor = c->top};
  assert_int_equal(flow_chain_begin(&g->env, &g->arena, &row), ERR_NONE);
}

static inline struct chain_transfer *send_log(struct chain *c, const char *to, int64_t micro, int64_t log) {
  struct chain_transfer *t = &c->sent[c->n++];
  assert_true(c->n < TRANSFERS_MAX);
  *t = (struct chain_transfer){.log_index = log, .value = {micro}};
  memcpy(t->txid, &c->transactions, sizeof c->transactions);
  memset(t->from.account, 9, sizeof t->from.account);
  assert_true(address_parse(str_of(to), &t->to));
  return t;
}

static inline struct chain_transfer *send(struct chain *c, const char *to, int64_t micro) {
  c->transactions++;
  return send_log(c, to, micro, 0);
}

static inline struct chain_block mine(struct gateway *g, struct chain *c, int64_t at_us) {
  struct chain_block b = {
      .number = c->top.number + 1, .parent = c->top.id, .time_us = at_us, .n_transfers = c->n};
  id_of(c, b.number, &b.id);
  b.transfers = ARENA_ARRAY(&g->arena, struct chain_transfer, c->n);
  memcpy(b.transfers, c->sent, sizeof *b.transfers * (size_t)c->n);
  c->top = (struct chain_cursor){b.number, b.id, at_us};
  c->n = 0;
  return b;
}

static inline struct blocks_done enter(struct gateway *g, const struct chain_block *b, int n) {
  struct blocks_done done;
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){b, n, STR_NONE}, &done), ERR_NONE);
  audit(g);
  return done;
}

// What was sent stands in a final block of this time now.
static inline struct blocks_done confirm(struct gateway *g, struct chain *c, int64_t at_us) {
  const struct chain_block b = mine(g, c, at_us);
  return enter(g, &b, 1);
}
