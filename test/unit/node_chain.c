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

static void follows_level(void **state) {
  (void)state;
  lab_open(1, &(struct sim_options){.witnesses = 5});
  mine(40);
  struct chain *c = lab_chain(TRUST_ONE, 1);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(follows_level),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
