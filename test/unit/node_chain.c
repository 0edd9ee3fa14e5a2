// Following the chain: level, behind, through forks, with nodes that lag, fail or lie, within a day's
// requests.
#include "../support/nodes.h"

static struct tron_address somebody(void) {
  return sim_person(lab.chain, "shop").address;
}

static void pay(int64_t amount, enum sim_kind kind) {
  const char *why = "";
  struct tx *t =
      sim_pay(lab.chain, &(struct sim_payment){.to = somebody(), .amount = amount, .kind = kind}, &why);
  if (!t)
    fail_msg("%s", why);
}

static void mine(int64_t n) {
  sim_mine(lab.chain, n);
  lab.wall_us = sim_head(lab.chain)->time_ms * 1000;
}

static void follows_level_with(enum trust trust) {
  lab_open(1, &(struct sim_options){.witnesses = 5});
  mine(40);
  struct chain *c = lab_chain(trust, 1);
  assert_true(lab_begin(c, 0));
  assert_true(lab.cursor.number > 30);
  int64_t first = lab.cursor.number;
  for (int i = 0; i < SIM_KINDS; i++) {
    pay(5000000 + i, (enum sim_kind)i);
    lab_follow(c, 3 * LAB_SECOND);
  }
  lab_follow(c, 60 * LAB_SECOND);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 1);
  assert_int_equal(lab.blocks, lab.cursor.number - first);
  assert_true(lab.transfers >= 6);
  assert_true(lab.seen >= lab.blocks);
  struct chain_status s = lab_status(c);
  assert_null(s.trouble.p);
  assert_false(s.behind);
  assert_true(s.head >= sim_head(lab.chain)->number - 1);
  chain_free(c);
  lab_close();
}

static void follows_level(void **state) {
  (void)state;
  follows_level_with(TRUST_ONE);
}

static void follows_level_verified(void **state) {
  (void)state;
  follows_level_with(TRUST_VERIFIED);
}

// Two of three are honest: nothing false, nothing missed, whatever the third says.
static void two_of_three_with(enum trust trust) {
  for (int liar = 0; liar < 3; liar++)
    for (int lie = 1; lie < LIES; lie++) {
      lab_open(3, &(struct sim_options){.witnesses = 5});
      mine(20);
      struct chain *c = lab_chain(trust, 2);
      assert_true(lab_begin(c, 0));
      lab.nodes[liar].sim.lie = (enum sim_lie)lie;
      lab.nodes[liar].sim.lie_to = somebody();
      lab.nodes[liar].sim.lie_amount = 7000000;
      for (int i = 0; i < 5; i++) {
        pay(5000000 + i, SIM_DIRECT);
        pay(6000000 + i, SIM_REVERT);
        lab_follow(c, 6 * LAB_SECOND);
      }
      lab_follow(c, 180 * LAB_SECOND);
      if (lab.cursor.number < sim_solid(lab.chain) - 4)
        fail_msg("liar %d %s: stands at %lld of %lld: %.*s", liar, sim_lie_names[lie],
                 (long long)lab.cursor.number, (long long)sim_solid(lab.chain),
                 STR_FMT(lab_status(c).trouble));
      assert_int_equal(lab.transfers, 5);
      chain_free(c);
      lab_close();
    }
}

static void two_of_three(void **state) {
  (void)state;
  two_of_three_with(TRUST_QUORUM);
}

static void two_of_three_verified(void **state) {
  (void)state;
  two_of_three_with(TRUST_VERIFIED);
}

// One of two is honest: nothing is credited where they differ, and it is said.
static void no_quorum(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 5});
  mine(20);
  struct chain *c = lab_chain(TRUST_QUORUM, 2);
  assert_true(lab_begin(c, 0));
  lab_follow(c, 10 * LAB_SECOND);
  lab.nodes[1].sim.lie = LIE_VALUE;
  pay(5000000, SIM_DIRECT);
  lab_pass(3 * LAB_SECOND);
  int64_t paid = sim_head(lab.chain)->number;
  lab_follow(c, 120 * LAB_SECOND);
  assert_true(lab.cursor.number < paid);
  assert_true(lab_status(c).trouble.p && strstr(lab_status(c).trouble.p, "disagree"));
  lab.nodes[1].sim.lie = LIE_NONE;
  lab_follow(c, 180 * LAB_SECOND);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 2);
  assert_int_equal(lab.transfers, 1);
  assert_null(lab_status(c).trouble.p);
  chain_free(c);
  lab_close();
}

// The first node fails and comes back; the second one takes its place and gives it back.
static void failover(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 5});
  mine(20);
  struct chain *c = lab_chain(TRUST_ONE, 1);
  assert_true(lab_begin(c, 0));
  lab_follow(c, 30 * LAB_SECOND);
  int64_t second = lab.nodes[1].requests;
  lab.nodes[0].down = true;
  pay(1000000, SIM_DIRECT);
  lab_follow(c, 60 * LAB_SECOND);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 2);
  assert_true(lab.nodes[1].requests > second + 30);
  lab.nodes[0].down = false;
  lab_follow(c, 90 * LAB_SECOND);
  second = lab.nodes[1].requests;
  pay(1000000, SIM_DIRECT);
  lab_follow(c, 60 * LAB_SECOND);
  assert_true(lab.nodes[1].requests <= second + 3);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 2);
  assert_int_equal(lab.transfers, 2);
  chain_free(c);
  lab_close();
}

// A node that stands still, or is far behind, is not waited for.
static void lagging(void **state) {
  (void)state;
  for (int k = 1; k <= 2; k++) {
    lab_open(k + 1, &(struct sim_options){.witnesses = 5});
    mine(20);
    struct chain *c = lab_chain(k == 1 ? TRUST_ONE : TRUST_QUORUM, k);
    assert_true(lab_begin(c, 0));
    lab_follow(c, 30 * LAB_SECOND);
    lab.nodes[0].sim.stands = sim_head(lab.chain)->number;
    pay(1000000, SIM_DIRECT);
    lab_follow(c, 120 * LAB_SECOND);
    assert_true(lab.cursor.number >= sim_solid(lab.chain) - 2);
    assert_int_equal(lab.transfers, 1);
    lab.nodes[0].sim.stands = 0;
    lab.nodes[1].sim.lag = 3;
    lab_follow(c, 60 * LAB_SECOND);
    assert_true(lab.cursor.number >= sim_solid(lab.chain) - 5);
    chain_free(c);
    lab_close();
  }
}

static void forks_with(enum trust trust) {
  lab_open(2, &(struct sim_options){.witnesses = 27});
  mine(60);
  struct chain *c = lab_chain(trust, 1);
  assert_true(lab_begin(c, 0));
  lab_follow(c, 60 * LAB_SECOND);
  for (int depth = 1; depth <= 16; depth++) {
    pay(1000000 + depth, SIM_DIRECT);
    lab_follow(c, 3 * LAB_SECOND * depth);
    if (!sim_fork(lab.chain, depth, (enum sim_fork)(depth % 3)))
      fail_msg("no fork of %d", depth);
    lab.wall_us = sim_head(lab.chain)->time_ms * 1000 + 500000;
    lab_follow(c, 12 * LAB_SECOND);
  }
  assert_true(lab.forks >= 14);
  lab_follow(c, 120 * LAB_SECOND);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 1);
  assert_true(lab.transfers >= 10);
  chain_free(c);
  lab_close();
}

static void forks(void **state) {
  (void)state;
  forks_with(TRUST_ONE);
  forks_with(TRUST_VERIFIED);
}

// Witnesses come and go, and sign with other keys: what signatures say follows, and lags little behind.
static void witnesses_change(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 27, .candidates = 35, .maintenance_ms = 180000});
  mine(70);
  struct chain *c = lab_chain(TRUST_VERIFIED, 2);
  assert_true(lab_begin(c, 0));
  for (int round = 0; round < 8; round++) {
    pay(1000000 + round, SIM_DIRECT);
    sim_vote(lab.chain, 27 + round, 1000000000 + round);
    if (round % 3 == 1)
      sim_rotate(lab.chain, sim_active(lab.chain, round), true);
    for (int i = 0; i < 3; i++) {
      lab_follow(c, 60 * LAB_SECOND);
      if (lab.cursor.number < sim_solid(lab.chain) - 25)
        fail_msg("round %d: %lld of %lld: %.*s", round, (long long)lab.cursor.number,
                 (long long)sim_solid(lab.chain), STR_FMT(lab_status(c).trouble));
    }
  }
  assert_int_equal(lab.transfers, 8);
  chain_free(c);
  lab_close();
}

// The state that was stored with the cursor is enough to go on, a day later too.
static void restarts_verified(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 27, .candidates = 30, .maintenance_ms = 600000});
  mine(70);
  struct chain *c = lab_chain(TRUST_VERIFIED, 1);
  assert_true(lab_begin(c, 0));
  for (int i = 0; i < 6; i++) {
    lab_follow(c, 40 * LAB_SECOND);
    struct arena a;
    arena_init(&a, 1 << 20);
    struct str stored = chain_witnesses(c, &a);
    assert_true(stored.n > 0);
    chain_free(c);
    pay(1000000, SIM_DIRECT);
    if (i == 3)
      mine(3000);
    c = lab_chain_from(TRUST_VERIFIED, 1, str_copy(&a, stored));
    lab_follow(c, 60 * LAB_SECOND);
    arena_free(&a);
  }
  lab_follow(c, 120 * LAB_SECOND);
  if (lab.cursor.number < sim_solid(lab.chain) - 20)
    fail_msg("%lld of %lld: %.*s", (long long)lab.cursor.number, (long long)sim_solid(lab.chain),
             STR_FMT(lab_status(c).trouble));
  assert_int_equal(lab.transfers, 6);
  chain_free(c);
  lab_close();
}

// Every payment by a direct call can be proven with what is given out.
static void gives_proofs(void **state) {
  (void)state;
  lab_open(1, &(struct sim_options){.witnesses = 27});
  mine(60);
  struct chain *c = lab_chain(TRUST_VERIFIED, 1);
  assert_true(lab_begin(c, 0));
  lab.prove = true;
  for (int i = 0; i < 5; i++) {
    pay(1000000 + i, SIM_DIRECT);
    pay(2000000 + i, SIM_INTERNAL);
    lab_follow(c, 9 * LAB_SECOND);
  }
  lab_follow(c, 120 * LAB_SECOND);
  assert_int_equal(lab.transfers, 10);
  assert_int_equal(lab.proven, 5);
  chain_free(c);
  lab_close();
}

// A simulated day within a TronGrid key's requests, whatever the trust.
static void a_day(void **state) {
  (void)state;
  for (int k = 1; k <= 2; k++) {
    lab_open(k, &(struct sim_options){.witnesses = 27});
    for (int i = 0; i < k; i++) {
      lab.config[i].key = STR("key");
    }
    mine(60);
    struct chain *c = lab_chain(k == 1 ? TRUST_ONE : TRUST_QUORUM, k);
    assert_true(lab_begin(c, 0));
    int64_t first = lab.cursor.number;
    for (int minute = 0; minute < 180; minute++) {
      for (int i = 0; i < 20; i++) {
        pay(1000000 + i, SIM_DIRECT);
        lab_follow(c, 3 * LAB_SECOND);
      }
      if (lab.cursor.number < sim_solid(lab.chain) - 3)
        fail_msg("minute %d: %lld of %lld", minute, (long long)lab.cursor.number,
                 (long long)sim_solid(lab.chain));
    }
    for (int i = 0; i < k; i++) {
      print_message("k=%d: %lld requests, %lld blocks\n", k, (long long)lab.nodes[i].requests,
                    (long long)(lab.cursor.number - first));
      assert_true(lab.nodes[i].requests * 8 <= 90000);
    }
    chain_free(c);
    lab_close();
  }
}

// A week behind: everything in order, with progress, and a word on when it will be level.
static void a_week_behind(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 27});
  mine(60);
  struct chain *c = lab_chain(TRUST_QUORUM, 2);
  assert_true(lab_begin(c, 0));
  lab_follow(c, 10 * LAB_SECOND);
  int64_t begun = lab.cursor.number - lab.blocks, seen = lab.seen;
  chain_free(c);
  for (int day = 0; day < 7; day++) {
    pay(1000000 + day, SIM_DIRECT);
    mine(28800);
  }
  c = lab_chain(TRUST_QUORUM, 2);
  lab_turn(c);
  int estimates = 0, turns = 0;
  int64_t began_us = lab.wall_us, told_us = 0;
  for (; lab.cursor.number < sim_solid(lab.chain) - 2 && turns < 20000; turns++) {
    struct chain_status s = lab_status(c);
    if (s.behind && s.level_us) {
      estimates++;
      if (estimates == 20)
        told_us = s.level_us;
    }
    if (s.behind)
      assert_int_equal(lab.seen, seen);
    int64_t wait_us = lab_turn(c);
    lab_pass(wait_us < 1000 ? 1000 : wait_us);
  }
  print_message("week: %d turns, %lld s, told %lld s, %lld requests\n", turns,
                (long long)(lab.wall_us - began_us) / 1000000, (long long)(told_us - began_us) / 1000000,
                (long long)lab.nodes[0].requests);
  assert_true(lab.cursor.number >= sim_solid(lab.chain) - 2);
  assert_int_equal(lab.blocks, lab.cursor.number - begun);
  assert_int_equal(lab.transfers, 7);
  assert_true(estimates > 20);
  lab_follow(c, 30 * LAB_SECOND);
  assert_false(lab_status(c).behind);
  assert_true(lab.seen > seen);
  chain_free(c);
  lab_close();
}

// The same with a hosted node's budget: full blocks, a few hours behind.
static void behind_with_a_key(void **state) {
  (void)state;
  lab_open(1, &(struct sim_options){.witnesses = 27});
  lab.config[0].key = STR("key");
  mine(60);
  struct chain *c = lab_chain(TRUST_ONE, 1);
  assert_true(lab_begin(c, 0));
  chain_free(c);
  for (int i = 0; i < 3000; i++) {
    pay(1000000, SIM_DIRECT);
    mine(1);
  }
  c = lab_chain(TRUST_ONE, 1);
  int64_t began_us = lab.wall_us, requests = lab.nodes[0].requests;
  while (lab.cursor.number < sim_solid(lab.chain) - 2 && lab.wall_us < began_us + 3600 * LAB_SECOND)
    lab_follow(c, LAB_SECOND);
  print_message("3000 blocks: %lld s, %lld requests\n", (long long)(lab.wall_us - began_us) / 1000000,
                (long long)(lab.nodes[0].requests - requests));
  assert_int_equal(lab.transfers, 3000);
  chain_free(c);
  lab_close();
}

// A node of another chain is not listened to; when there is no other, that is said.
static void another_chain(void **state) {
  (void)state;
  for (int n = 1; n <= 2; n++) {
    lab_open(n, &(struct sim_options){.witnesses = 5});
    struct sim_chain *other = sim_new(&(struct sim_options){.witnesses = 5, .seed = "other"});
    mine(20);
    sim_mine(other, 40);
    struct chain *c = lab_chain(TRUST_ONE, 1);
    assert_true(lab_begin(c, 0));
    struct str genesis = chain_genesis(c);
    assert_int_equal(genesis.n, 64);
    lab_follow(c, 10 * LAB_SECOND);
    char hex[65];
    memcpy(hex, genesis.p, 64);
    chain_free(c);
    lab.nodes[0].sim.chain = other;
    c = chain_new(&(struct chain_options){.world = &lab_world,
                                          .fetcher = &lab_fetcher,
                                          .nodes = lab.config,
                                          .n_nodes = n,
                                          .network = NETWORK_CUSTOM,
                                          .k = 1,
                                          .token = lab.chain->contracts.token,
                                          .genesis = {hex, 64}});
    int64_t stood = lab.cursor.number;
    lab_follow(c, 60 * LAB_SECOND);
    if (n == 1) {
      assert_int_equal(lab.cursor.number, stood);
      assert_true(lab_status(c).trouble.p != NULL);
    } else {
      assert_true(lab.cursor.number > stood + 15);
    }
    chain_free(c);
    sim_free(other);
    lab_close();
  }
}

// The cursor's block is not the parent of what the only node tells: nothing is credited.
static void cursor_of_another_chain(void **state) {
  (void)state;
  lab_open(1, &(struct sim_options){.witnesses = 5});
  mine(40);
  struct chain *c = lab_chain(TRUST_ONE, 1);
  assert_true(lab_begin(c, 21));
  assert_int_equal(lab.cursor.number, 20);
  lab.cursor.id.bytes[31] ^= 1;
  lab_follow(c, 60 * LAB_SECOND);
  assert_int_equal(lab.cursor.number, 20);
  assert_true(lab_status(c).trouble.p != NULL);
  chain_free(c);
  lab_close();
}

// Blocks below the cursor again, and they are what they were.
static void again(void **state) {
  (void)state;
  lab_open(2, &(struct sim_options){.witnesses = 5});
  mine(5);
  for (int i = 0; i < 60; i++) {
    pay(1000000 + i, (enum sim_kind)(i % SIM_KINDS));
    mine(1);
  }
  mine(10);
  struct chain *c = lab_chain(TRUST_QUORUM, 2);
  assert_true(lab_begin(c, 0));
  int64_t next = 1;
  for (int i = 0; next <= 60 && i < 100; i++) {
    struct arena a;
    arena_init(&a, 64 << 20);
    struct chain_old old = {.from = next, .max = 7};
    if (chain_again(c, &old, &a)) {
      for (int j = 0; j < old.n; j++) {
        assert_int_equal(old.blocks[j].number, next++);
        lab_check(&old.blocks[j], false);
      }
    } else {
      lab_pass(old.wait_us);
    }
    arena_free(&a);
  }
  assert_true(next > 60);
  assert_true(lab.transfers > 20);
  chain_free(c);
  lab_close();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(follows_level),
      cmocka_unit_test(follows_level_verified),
      cmocka_unit_test(two_of_three),
      cmocka_unit_test(two_of_three_verified),
      cmocka_unit_test(no_quorum),
      cmocka_unit_test(failover),
      cmocka_unit_test(lagging),
      cmocka_unit_test(forks),
      cmocka_unit_test(witnesses_change),
      cmocka_unit_test(restarts_verified),
      cmocka_unit_test(gives_proofs),
      cmocka_unit_test(a_day),
      cmocka_unit_test(a_week_behind),
      cmocka_unit_test(behind_with_a_key),
      cmocka_unit_test(another_chain),
      cmocka_unit_test(cursor_of_another_chain),
      cmocka_unit_test(again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
