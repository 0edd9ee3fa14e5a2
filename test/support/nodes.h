// Nodes in this process: a simulated chain (simnode/) behind the fetcher that node/chain.c asks, with a clock
// that the test moves. What goes over the wire may be changed on its way by `meddle`.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bug.h"
#include "core/proof.h"
#include "node/chain.h"
#include "simnode/answers.h"
#include "wire/block_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAB_NODES_MAX = 8, LAB_CREDITED_MAX = 400000 };
#define LAB_SECOND INT64_C(1000000)

struct lab_node {
  struct sim_node sim;
  char url[32];
  bool down;
  int64_t requests;
  int64_t slow_us; // an answer takes so long
};

static struct lab {
  struct sim_chain *chain;
  struct lab_node nodes[LAB_NODES_MAX];
  struct chain_node config[LAB_NODES_MAX];
  int n;
  int64_t wall_us, mono_us;
  int64_t answer_us; // all answers take so long
  void (*meddle)(int node, struct str path, struct fetch *f);
  bool frozen; // no blocks are made
  // what came out
  struct chain_cursor cursor;
  int64_t blocks, transfers, forks, seen, proven;
  bool prove; // make a proof of each transfer that has one, and check it
  struct usdt value;
} lab;

static inline int64_t lab_now(void *self) {
  (void)self;
  return lab.wall_us;
}

static inline int64_t lab_mono(void *self) {
  (void)self;
  return lab.mono_us;
}

static inline void lab_random(void *self, void *out, size_t n) {
  (void)self;
  memset(out, 7, n);
}

static const struct world lab_world = {lab_now, lab_mono, lab_random, NULL};

static inline void lab_pass(int64_t us) {
  lab.wall_us += us;
  lab.mono_us += us;
  while (!lab.frozen && sim_head(lab.chain)->time_ms + 3000 <= lab.wall_us / 1000)
    sim_mine(lab.chain, 1);
}

static inline void lab_answer(struct fetch *f) {
  int node = f->url.p[strlen("http://node")] - '0';
  struct str path = {f->url.p + strlen("http://node0"), f->url.n - strlen("http://node0")};
  struct lab_node *n = &lab.nodes[node];
  n->requests++;
  f->error = FETCH_OK;
  f->status = 200;
  f->took_us = 1000;
  if (n->down) {
    f->error = FETCH_NO_CONNECTION;
    return;
  }
  struct sim_request q = {.method = f->body.p ? "POST" : "GET", .path = path, .body = f->body};
  struct sim_answer a;
  sim_answer(&n->sim, &q, f->arena, &a);
  f->status = a.status;
  f->answer = a.body;
  if (lab.meddle)
    lab.meddle(node, path, f);
  if (f->answer.n > f->max_bytes) {
    f->error = FETCH_TOO_LARGE;
    f->answer = STR_NONE;
  }
}

static inline void lab_run(struct fetcher *self, struct fetch *list, size_t n) {
  int64_t slowest_us = lab.answer_us;
  (void)self;
  for (size_t i = 0; i < n; i++) {
    lab_answer(&list[i]);
    const struct lab_node *node = &lab.nodes[list[i].url.p[strlen("http://node")] - '0'];
    slowest_us = node->slow_us > slowest_us ? node->slow_us : slowest_us;
  }
  lab_pass(slowest_us);
}

static struct fetcher lab_fetcher = {lab_run, NULL, NULL};

static inline void lab_open(int n, const struct sim_options *o) {
  memset(&lab, 0, sizeof lab);
  lab.chain = sim_new(o);
  lab.n = n;
  lab.wall_us = sim_head(lab.chain)->time_ms * 1000;
  lab.mono_us = LAB_SECOND;
  lab.answer_us = 20000;
  for (int i = 0; i < n; i++) {
    snprintf(lab.nodes[i].url, sizeof lab.nodes[i].url, "http://node%d", i);
    lab.nodes[i].sim.chain = lab.chain;
    lab.config[i] =
        (struct chain_node){.url = str_of(lab.nodes[i].url), .solidity = str_of(lab.nodes[i].url)};
  }
}

static inline void lab_close(void) {
  sim_free(lab.chain);
}

static inline struct chain *lab_chain_from(enum trust trust, int k, struct str witnesses) {
  return chain_new(&(struct chain_options){.world = &lab_world,
                                           .fetcher = &lab_fetcher,
                                           .nodes = lab.config,
                                           .n_nodes = lab.n,
                                           .trust = trust,
                                           .k = k,
                                           .network = NETWORK_CUSTOM,
                                           .token = lab.chain->contracts.token,
                                           .witnesses = witnesses});
}

static inline struct chain *lab_chain(enum trust trust, int k) {
  return lab_chain_from(trust, k, STR_NONE);
}

// What an honest node says of a block's transfers.
static inline void lab_truth(int64_t number, struct arena *a, struct block *b, struct receipts *r) {
  struct sim_node honest = {.chain = lab.chain};
  struct block_json json = {.token = &lab.chain->contracts.token, .arena = a};
  struct sim_answer answer;
  struct str ask = str_printf(a, "{\"num\":%lld}", (long long)number);
  sim_answer(&honest, &(struct sim_request){"POST", STR("/walletsolidity/getblockbynum"), STR_NONE, ask}, a,
             &answer);
  assert_int_equal(block_read(&json, answer.body, b), SAID_THIS);
  *r = (struct receipts){0};
  sim_answer(
      &honest,
      &(struct sim_request){"POST", STR("/walletsolidity/gettransactioninfobyblocknum"), STR_NONE, ask}, a,
      &answer);
  if (b->n > 0)
    assert_int_equal(receipts_read(&json, answer.body, b, r), SAID_THIS);
}

// A proof is made of what was given out, and checked with the chain's own set of witnesses.
static inline void lab_prove(const struct chain_block *b, const struct chain_transfer *t) {
  struct arena a;
  struct buf file;
  struct proof_statement said;
  struct witness_list set = {0};
  arena_init(&a, 16 << 20);
  buf_init(&file, &a, PROOF_FILE_MAX);
  const char *why = proof_make(t->proof, &lab.chain->contracts.token, b->headers, b->n_headers, &file);
  if (why)
    fail_msg("block %lld: %s", (long long)b->number, why);
  for (int i = 0; i < lab.chain->n_witnesses && sim_active(lab.chain, i) >= 0; i++) {
    set.who[i] = set.key[i] = lab.chain->witnesses[sim_active(lab.chain, i)].key.address;
    set.n++;
  }
  why = proof_verify(buf_view(&file), &set, &a, &said);
  if (why)
    fail_msg("block %lld: %s", (long long)b->number, why);
  assert_memory_equal(said.txid, t->txid, TXID_N);
  assert_int_equal(said.amount.micro, t->value.micro);
  assert_true(t->proven);
  lab.proven++;
  arena_free(&a);
}

// Exactly the chain's block, final by its own rule, with exactly its transfers.
static inline void lab_check(const struct chain_block *b, bool is_next) {
  struct arena a;
  struct block truth;
  struct receipts r;
  arena_init(&a, SIM_ANSWER_MAX);
  assert_true(!is_next || b->number == lab.cursor.number + 1);
  assert_true(b->number <= sim_solid(lab.chain));
  lab_truth(b->number, &a, &truth, &r);
  assert_memory_equal(b->id.bytes, truth.id, CHAIN_ID_N);
  assert_int_equal(b->time_us, truth.header.time_ms * 1000);
  assert_int_equal(b->n_transfers, r.n);
  for (int i = 0; i < r.n; i++) {
    const struct chain_transfer *t = &b->transfers[i];
    assert_memory_equal(t->txid, truth.txs[r.transfers[i].tx].id, TXID_N);
    assert_int_equal(t->log_index, r.transfers[i].log_index);
    assert_memory_equal(&t->from, &r.transfers[i].from, sizeof t->from);
    assert_memory_equal(&t->to, &r.transfers[i].to, sizeof t->to);
    assert_int_equal(t->value.micro, r.transfers[i].value);
    lab.value.micro += t->value.micro;
    if (lab.prove && t->proof.p)
      lab_prove(b, t);
  }
  lab.transfers += b->n_transfers;
  arena_free(&a);
}

// A turn; what is final is checked and taken. How long to wait.
static inline int64_t lab_turn(struct chain *c) {
  struct arena a;
  struct chain_turn t;
  arena_init(&a, 256 << 20);
  chain_turn(c, &lab.cursor, &a, &t);
  for (int i = 0; i < t.n_final; i++) {
    lab_check(&t.final[i], true);
    lab.cursor = (struct chain_cursor){t.final[i].number, t.final[i].id, t.final[i].time_us};
    lab.blocks++;
  }
  if (t.n_final)
    chain_credited(c, &lab.cursor);
  lab.forks += t.forked;
  lab.seen += t.n_seen;
  arena_free(&a);
  return t.wait_us;
}

// Turns for so long; what happens at their ends is the caller's.
static inline void lab_follow(struct chain *c, int64_t us) {
  for (int64_t end_us = lab.wall_us + us; lab.wall_us < end_us;) {
    int64_t wait_us = lab_turn(c);
    lab_pass(wait_us < 1000 ? 1000 : wait_us > LAB_SECOND ? LAB_SECOND : wait_us);
  }
}

static inline bool lab_begin(struct chain *c, int64_t start_block) {
  struct arena a;
  arena_init(&a, 1 << 20);
  bool begun = chain_begin(c, start_block, &a, &lab.cursor);
  arena_free(&a);
  return begun;
}

static inline struct chain_status lab_status(const struct chain *c) {
  struct chain_status s;
  chain_status_get(c, &s);
  return s;
}
