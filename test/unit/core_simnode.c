// The simulated chain is a chain: headers that hash to their ids, parents, signatures of those who are named,
// roots, the solid rule, forks; and what its node says of it has the shapes that java-tron's has.
#include "core/witnesses.h"
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

// The newest block's receipts, as the gateway reads them.
static void newest(struct fixture *f, struct receipts *r) {
  struct block_json j = {&f->chain->contracts.token, &f->arena, STR_NONE};
  struct block b;
  char body[64];
  sim_mine(f->chain, 1);
  block_as_gateway(f, sim_head(f->chain)->number, &b);
  snprintf(body, sizeof body, "{\"num\":%lld}", (long long)b.header.number);
  assert_int_equal(receipts_read(&j, ask(f, "/wallet/gettransactioninfobyblocknum", body), &b, r), SAID_THIS);
}

static void the_owner_takes_fees_pauses_and_deprecates(void **state) {
  struct fixture *f = *state;
  struct receipts r;
  struct sim_key shop;
  sim_key_make("test", "shop", &shop);
  struct sim_payment p = {.to = shop.address, .amount = 100000000};
  sim_params(f->chain, 10, 5);
  newest(f, &r);
  assert_int_equal(r.token_events, TOKEN_PARAMS);
  sim_pay(f->chain, &p, NULL);
  newest(f, &r);
  assert_int_equal(r.n, 2); // what arrives, then the fee
  assert_int_equal(r.transfers[0].value, 99900000);
  assert_memory_equal(&r.transfers[0].to, &shop.address, ADDRESS_N);
  assert_int_equal(r.transfers[1].value, 100000);
  assert_memory_equal(&r.transfers[1].to, &f->chain->owner.address, ADDRESS_N);
  assert_int_equal(sim_balance(f->chain, &shop.address), 99900000);
  sim_params(f->chain, 25, 5); // more than the contract allows
  newest(f, &r);
  assert_int_equal(r.token_events, 0);
  sim_pause(f->chain, true);
  newest(f, &r);
  assert_int_equal(r.token_events, TOKEN_PAUSED);
  sim_pay(f->chain, &p, NULL);
  newest(f, &r);
  assert_int_equal(r.n, 0);
  sim_pause(f->chain, false);
  newest(f, &r);
  assert_int_equal(r.token_events, TOKEN_UNPAUSED);
  sim_deprecate(f->chain);
  newest(f, &r);
  assert_int_equal(r.token_events, TOKEN_DEPRECATED);
  sim_pay(f->chain, &p, NULL); // another contract has the log now
  newest(f, &r);
  assert_int_equal(r.n, 0);
  assert_int_equal(sim_balance(f->chain, &shop.address), 2 * 99900000);
}

static void a_plain_token_knows_no_fee(void **state) {
  (void)state;
  struct sim_options o = {.witnesses = 1, .plain_token = true};
  struct fixture f = {.chain = sim_new(&o)};
  f.node.chain = f.chain;
  arena_init(&f.arena, SIM_ANSWER_MAX);
  struct sim_call call = {f.chain->owner.address, f.chain->contracts.token, STR("\x31\x3c\xe5\x67")};
  struct sim_receipt r = {.outcome = OUTCOME_DEFAULT};
  sim_constant(f.chain, &call, false, &r);
  assert_int_equal(r.outcome, OUTCOME_SUCCESS); // decimals()
  call.data = STR("\xdd\x64\x4f\x72");
  sim_constant(f.chain, &call, false, &r);
  assert_int_equal(r.outcome, OUTCOME_REVERT); // basisPointsRate()
  sim_receipt_clear(&r);
  sim_free(f.chain);
  arena_free(&f.arena);
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

static void header_as_gateway(struct fixture *f, int64_t number, struct signed_header *out) {
  struct block b;
  block_as_gateway(f, number, &b);
  assert_true(signed_header_of(&b.header, out));
  arena_reset(&f->arena);
}

static void set_as_told(struct fixture *f, struct witness_list *set) {
  assert_true(witness_list_of_answer(ask(f, "/wallet/listwitnesses", "{}"), set));
  for (int i = 0; i < set->n; i++)
    for (int k = 0; k < f->chain->n_witnesses; k++)
      if (memcmp(&f->chain->witnesses[k].key.address, &set->who[i], ADDRESS_N) == 0 &&
          f->chain->witnesses[k].rotated)
        set->key[i] = f->chain->witnesses[k].permission.address;
}

// A witness whose key is not known signs for nobody until somebody is asked for it.
static void take(struct fixture *f, struct witnesses *w, const struct signed_header *h) {
  struct witnesses before = *w;
  struct witnesses_question q;
  enum header_verdict v = witnesses_take(w, h);
  if (v == HEADER_NOT_COUNTED) {
    witnesses_ask(w, &q);
    *w = before;
    for (int i = 0; i < q.n_keys; i++)
      for (int k = 0; k < f->chain->n_witnesses; k++)
        if (memcmp(&f->chain->witnesses[k].key.address, &q.keys[i], ADDRESS_N) == 0)
          witnesses_key(w, &q.keys[i], &f->chain->witnesses[k].permission.address);
    v = witnesses_take(w, h);
  }
  assert_int_equal(v, HEADER_TAKEN);
}

// The gateway's own rules, made from recordings, say of each block what our chain says: whose turn it is,
// what is final; over maintenances at which none, three and four of the 27 are replaced, with slots that are
// missed.
static void the_gateways_rules_follow_it_over_maintenances(void **state) {
  struct fixture *f = *state;
  struct witnesses w;
  struct signed_header h;
  struct witness_list set;
  struct witnesses_question q;
  int maintained = 0;
  f->chain->witnesses[29].rotated = true;
  sim_mine(f->chain, 1);
  header_as_gateway(f, 1, &h);
  struct witnesses_start start = {.genesis_ms = f->chain->options.genesis_ms,
                                  .interval_ms = 120000,
                                  .number = 1,
                                  .time_ms = h.header.time_ms};
  memcpy(start.id, h.id, sizeof start.id);
  set_as_told(f, &set);
  witnesses_begin(&w, &start, &set);
  for (int64_t n = 2, next = 0; n <= 240; n++) {
    struct tron_address which = sim_slot_number(OF_CHAIN_NEXT_MAINTENANCE);
    if (n == 60 || n == 110) // from the next maintenance on
      for (int i = 0; i < 3 + n / 110; i++)
        sim_vote(f->chain, 28 + i + (int)n / 110 * 4, 200000000 + i);
    if (n % 37 == 0)
      sim_skip(f->chain, 2);
    sim_mine(f->chain, 1);
    header_as_gateway(f, n, &h);
    take(f, &w, &h);
    int64_t due = sim_value(f->chain, (struct sim_slot){SLOT_CHAIN, &which, NULL}, false);
    if (next && due != next) {
      set_as_told(f, &set);
      witnesses_tell(&w, &set);
      witnesses_ask(&w, &q);
      assert_false(q.set);
      maintained++;
    }
    next = due;
    assert_int_equal(w.derived, sim_solid(f->chain) > 1 ? sim_solid(f->chain) : 1); // where it began is final
    assert_true(w.final <= w.derived);
  }
  assert_true(maintained >= 5);
}

static void a_node_behind_or_lying_says_so(void **state) {
  struct fixture *f = *state;
  struct block b;
  struct sim_node *n = &f->node;
  sim_mine(f->chain, 40);
  n->lag = 5;
  n->solid_lag = 2;
  assert_int_equal(sim_node_head(n), 35);
  assert_int_equal(sim_node_solid(n), sim_solid(f->chain) - 2);
  assert_true(str_eqc(ask(f, "/wallet/getblockbynum", "{\"num\":36}"), "{}\n"));
  assert_true(str_eqc(ask(f, "/walletsolidity/getblockbynum", "{\"num\":30}"), "{}\n"));
  n->lag = 0;
  n->stands = 38;
  assert_int_equal(sim_node_head(n), 38);
  n->stands = n->solid_lag = 0;
  n->lie = LIE_SOLID;
  assert_int_equal(sim_node_solid(n), 40);
  n->lie = LIE_NONE;
  block_as_gateway(f, 40, &b);
}

// Each lie is one: the gateway's reader refuses it, or reads something else.
static void each_lie_is_noticed_by_who_knows_the_truth(void **state) {
  struct fixture *f = *state;
  struct block_json j = {&f->chain->contracts.token, &f->arena, STR_NONE};
  struct sim_payment p = {.to = f->chain->owner.address, .amount = 7000000};
  struct sim_payment failed = {.to = f->chain->owner.address, .amount = 8000000, .kind = SIM_REVERT};
  sim_pay(f->chain, &failed, NULL);
  sim_pay(f->chain, &p, NULL);
  sim_mine(f->chain, 1);
  f->node.lie_to = f->chain->bank.address;
  f->node.lie_amount = 9000000;
  struct str block = ask(f, "/wallet/getblockbynum", "{\"num\":1}");
  struct str infos = ask(f, "/wallet/gettransactioninfobyblocknum", "{\"num\":1}");
  struct block b;
  assert_int_equal(block_read(&j, block, &b), SAID_THIS);
  for (int lie = LIE_NONE + 1; lie < LIES; lie++) {
    struct receipts r = {.n = -1};
    f->node.lie = (enum sim_lie)lie;
    struct str said = ask(f, "/wallet/getblockbynum", "{\"num\":1}");
    struct str told = ask(f, "/wallet/gettransactioninfobyblocknum", "{\"num\":1}");
    bool about_block = lie == LIE_ID || lie == LIE_TX, about_solid = lie == LIE_SOLID;
    assert_int_equal(str_eq(said, block), !about_block);
    assert_int_equal(str_eq(told, infos), about_block || about_solid);
    if (about_block || about_solid)
      continue;
    enum said how = receipts_read(&j, told, &b, &r);
    bool same = how == SAID_THIS && r.n == 1 && r.transfers[0].value == 7000000;
    assert_int_equal(same, lie == LIE_OUTCOME); // the block itself says that it failed
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
      cmocka_unit_test_setup_teardown(the_gateways_rules_follow_it_over_maintenances, setup, teardown),
      cmocka_unit_test_setup_teardown(a_node_behind_or_lying_says_so, setup, teardown),
      cmocka_unit_test_setup_teardown(each_lie_is_noticed_by_who_knows_the_truth, setup, teardown),
      cmocka_unit_test_setup_teardown(a_fork_takes_back_what_is_not_solid, setup, teardown),
      cmocka_unit_test_setup_teardown(the_owner_takes_fees_pauses_and_deprecates, setup, teardown),
      cmocka_unit_test(a_plain_token_knows_no_fee),
      cmocka_unit_test(solid_is_a_rule_of_the_witnesses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
