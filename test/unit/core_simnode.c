// The simulated chain is a chain: headers that hash to their ids, parents, signatures of those who are named,
// roots, the solid rule, forks; and what its node says of it has the shapes that java-tron's has.
#include "simnode/answers.h"
#include "wire/block_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
  struct sim_chain *chain;
  struct sim_node node;
  struct arena arena;
};

static struct str ask(struct fixture *f, const char *path, const char *body) {
  struct sim_answer out;
  struct sim_request q = {"POST", str_of(path), STR(""), str_of(body)};
  sim_answer(&f->node, &q, &f->arena, &out);
  assert_int_equal(out.status, 200);
  return out.body;
}

static int setup(void **state) {
  static struct fixture f;
  struct sim_options o = {.witnesses = 27, .candidates = 41, .maintenance_ms = 120000};
  f = (struct fixture){.chain = sim_new(&o)};
  f.node.chain = f.chain;
  arena_init(&f.arena, SIM_ANSWER_MAX);
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  sim_free(f->chain);
  arena_free(&f->arena);
  return 0;
}

static void block_as_gateway(struct fixture *f, int64_t number, struct block *out) {
  char body[64];
  struct block_json j = {&f->chain->contracts.token, &f->arena, STR_NONE};
  struct tron_address signer;
  uint8_t id[BLOCK_ID_N], root[32], (*leaves)[SHA256_N];
  snprintf(body, sizeof body, "{\"num\":%lld}", (long long)number);
  struct str answer = ask(f, "/wallet/getblockbynum", body);
  if (block_read(&j, answer, out) != SAID_THIS)
    fail_msg("block %lld: %.*s", (long long)number, STR_FMT(j.why));
  block_id(&out->header, id, NULL);
  assert_memory_equal(id, out->id, sizeof id);
  assert_true(block_signer(&out->header, &signer));
  leaves = arena_alloc(&f->arena, ((size_t)out->n + 1) * SHA256_N);
  for (int i = 0; i < out->n; i++)
    memcpy(leaves[i], out->txs[i].leaf, SHA256_N);
  merkle_root(leaves, (size_t)out->n, root);
  assert_memory_equal(root, out->header.tx_root, 32);
  const struct sim_witness *w = NULL;
  for (int i = 0; i < f->chain->n_witnesses; i++)
    if (memcmp(&f->chain->witnesses[i].key.address, &out->header.witness, ADDRESS_N) == 0)
      w = &f->chain->witnesses[i];
  assert_non_null(w);
  assert_memory_equal(&signer, w->rotated ? &w->permission.address : &w->key.address, ADDRESS_N);
}

static void pay_all_kinds(struct fixture *f) {
  struct sim_key shop;
  sim_key_make("test", "shop", &shop);
  for (int kind = 0; kind < SIM_KINDS; kind++) {
    struct sim_payment p = {.to = shop.address, .amount = 1000000 + kind, .kind = (enum sim_kind)kind};
    assert_non_null(sim_pay(f->chain, &p, NULL));
  }
}

static void every_block_can_be_verified(void **state) {
  struct fixture *f = *state;
  struct block b, before;
  sim_mine(f->chain, 3);
  sim_rotate(f->chain, 1, true);
  sim_rotate(f->chain, 30, true);
  sim_vote(f->chain, 30, 200000000);
  for (int i = 0; i < 60; i++) {
    if (i % 7 == 0)
      pay_all_kinds(f);
    sim_mine(f->chain, 1);
  }
  block_as_gateway(f, 3, &before);
  for (int64_t n = 4; n <= 63; n++, before = b) {
    block_as_gateway(f, n, &b);
    assert_memory_equal(b.header.parent, before.id, BLOCK_ID_N);
  }
}

static const int of_kind[SIM_KINDS] = {
    // transfers of the token that count
    [SIM_DIRECT] = 1, [SIM_FROM] = 1,          [SIM_INTERNAL] = 1,
    [SIM_TWICE] = 2,  [SIM_FAKE_AND_REAL] = 1, [SIM_DIRTY] = 1,
};

static void each_kind_of_transfer_counts_as_it_should(void **state) {
  struct fixture *f = *state;
  struct sim_key shop;
  struct block_json j = {&f->chain->contracts.token, &f->arena, STR_NONE};
  sim_key_make("test", "shop", &shop);
  sim_mine(f->chain, 1);
  for (int kind = 0; kind < SIM_KINDS; kind++) {
    struct sim_payment p = {.to = shop.address, .amount = 1000000 + kind, .kind = (enum sim_kind)kind};
    struct block b;
    struct receipts r;
    char body[64];
    assert_non_null(sim_pay(f->chain, &p, NULL));
    sim_mine(f->chain, 1);
    block_as_gateway(f, sim_head(f->chain)->number, &b);
    snprintf(body, sizeof body, "{\"num\":%lld}", (long long)b.header.number);
    struct str answer = ask(f, "/wallet/gettransactioninfobyblocknum", body);
    assert_int_equal(receipts_read(&j, answer, &b, &r), SAID_THIS);
    if (r.n != of_kind[kind])
      fail_msg("%s: %d transfers", sim_kind_names[kind], r.n);
    for (int i = 0; i < r.n; i++)
      assert_int_equal(r.transfers[i].value, p.amount);
    assert_true(!b.txs[0].succeeded == (kind >= SIM_REVERT && kind <= SIM_ILLEGAL));
  }
}

static void solid_is_a_rule_of_the_witnesses(void **state) {
  (void)state;
  static const int behind[][2] = {{1, 0}, {5, 3}, {27, 18}};
  for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
    struct sim_options o = {.witnesses = behind[i][0]};
    struct sim_chain *c = sim_new(&o);
    sim_mine(c, 100);
    assert_int_equal(sim_head(c)->number - sim_solid(c), behind[i][1]);
    sim_free(c);
  }
}

static void a_fork_takes_back_what_is_not_solid(void **state) {
  struct fixture *f = *state;
  struct sim_key shop;
  uint8_t old[32], paid[32];
  sim_key_make("test", "shop", &shop);
  struct sim_payment p = {.to = shop.address, .amount = 5000000};
  sim_mine(f->chain, 30);
  memcpy(paid, sim_pay(f->chain, &p, NULL)->id, 32);
  sim_mine(f->chain, 3);
  assert_int_equal(sim_balance(f->chain, &shop.address), 5000000);
  memcpy(old, sim_block(f->chain, 31)->id, 32);
  int64_t solid = sim_solid(f->chain);
  assert_false(sim_fork(f->chain, 33 - solid + 1, FORK_DROP));
  assert_true(sim_fork(f->chain, 33 - solid, FORK_DROP));
  assert_int_equal(sim_head(f->chain)->number, 34);
  assert_int_equal(sim_balance(f->chain, &shop.address), 0);
  assert_true(memcmp(old, sim_block(f->chain, 31)->id, 32) != 0);
  assert_int_equal(sim_tx(f->chain, paid)->block, -1);
  assert_true(sim_solid(f->chain) >= solid);
  for (int64_t n = 1; n <= 34; n++)
    assert_memory_equal(sim_block(f->chain, n)->parent, sim_block(f->chain, n - 1)->id, 32);
  p.amount = 6000000;
  sim_pay(f->chain, &p, NULL);
  sim_mine(f->chain, 2);
  assert_true(sim_fork(f->chain, 2, FORK_KEEP));
  assert_int_equal(sim_balance(f->chain, &shop.address), 6000000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_block_can_be_verified, setup, teardown),
      cmocka_unit_test_setup_teardown(each_kind_of_transfer_counts_as_it_should, setup, teardown),
      cmocka_unit_test_setup_teardown(a_fork_takes_back_what_is_not_solid, setup, teardown),
      cmocka_unit_test(solid_is_a_rule_of_the_witnesses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
