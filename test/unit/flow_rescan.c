// Blocks of the book read once more: what is missing comes in, what differs is said, what agrees stays.
#include "../support/chain.h"
#include "base/log.h"

#define A "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"
#define B "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"

static void add(struct gateway *g, const char *address) {
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, str_of(address)), ERR_NONE);
}

static struct payment order(struct gateway *g, const char *name, int64_t micro) {
  struct flow_create *f = create(g, false, name, micro);
  assert_int_equal(f->job.result, ERR_NONE);
  return f->payment;
}

// Of everything that a credit could touch.
static int64_t fingerprint(struct gateway *g) {
  return sql_number(g, "SELECT (SELECT SUM(version * 7 + received + status * 3 + sub) FROM payments)"
                       " + (SELECT COUNT(*) * 1000 FROM transfers) + (SELECT COUNT(*) * 3000 FROM journals)"
                       " + (SELECT COUNT(*) * 5000 FROM entries) + (SELECT COUNT(*) * 7000 FROM events)"
                       " + (SELECT COUNT(*) * 9000 FROM deliveries) + (SELECT COUNT(*) FROM reservations)");
}

static struct blocks_done again(struct gateway *g, const struct chain_block *b, int n) {
  struct blocks_done done;
  assert_int_equal(flow_blocks_again(&g->env, &g->arena, b, n, &done), ERR_NONE);
  audit(g);
  return done;
}

static void what_agrees_is_not_touched(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct chain_block b[3];
  struct chain_row row;
  add(g, A);
  add(g, B);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  send(&c, p.address.p, 20000000);
  b[0] = mine(g, &c, NOW);
  send(&c, p.address.p, 30000000);
  send(&c, q.address.p, 50000000);
  send(&c, q.address.p, 50000000);
  b[1] = mine(g, &c, NOW + 1);
  send(&c, q.address.p, 5);
  b[2] = mine(g, &c, NOW + 2);
  enter(g, b, 3);
  int64_t before = fingerprint(g);
  assert_int_equal(flow_rescan(&g->env, &g->arena, 5000, &row), ERR_NOT_FOUND);
  assert_int_equal(flow_rescan(&g->env, &g->arena, 1001, &row), ERR_NONE);
  assert_int_equal(row.rescan_to, 1003);
  struct blocks_done done = again(g, b, 2);
  assert_int_equal(done.transfers + done.differing, 0);
  assert_int_equal(sql_number(g, "SELECT rescan_next FROM chain"), 1003);
  again(g, b + 2, 1);
  assert_int_equal(sql_number(g, "SELECT rescan_next + rescan_to FROM chain"), 0);
  assert_int_equal(fingerprint(g), before);
}

static void a_rescan_begins_at_the_lower_of_two(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct chain_row row;
  chain_start(g, &c);
  assert_int_equal(flow_rescan(&g->env, &g->arena, 900, &row), ERR_NONE);
  assert_int_equal(flow_rescan(&g->env, &g->arena, 950, &row), ERR_NONE);
  assert_int_equal(row.rescan_next, 900);
  assert_int_equal(flow_rescan(&g->env, &g->arena, 800, &row), ERR_NONE);
  assert_int_equal(row.rescan_next, 800);
  assert_int_equal(row.rescan_to, 1000);
}

static void what_is_missing_is_credited(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  order(g, "O1", 50000000);
  send(&c, A, 50000000);
  struct chain_block b = mine(g, &c, NOW), less = b;
  less.n_transfers = 0;
  enter(g, &less, 1);
  struct blocks_done done = again(g, &b, 1);
  assert_int_equal(done.transfers, 1);
  assert_int_equal(done.paid, 1);
  assert_int_equal(again(g, &b, 1).transfers, 0);
  assert_int_equal(sql_number(g, "SELECT status FROM payments"), PAY_PAID);
  assert_int_equal(sql_number(g, "SELECT number FROM chain"), b.number);
}

static void what_differs_is_said_and_left_alone(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  order(g, "O1", 50000000);
  send(&c, A, 50000000);
  struct chain_block b = mine(g, &c, NOW);
  enter(g, &b, 1);
  int64_t before = fingerprint(g);
  log_set_level((enum log_level)(LOG_ERROR + 1));
  b.transfers[0].value.micro = 40000000;
  assert_int_equal(again(g, &b, 1).differing, 1);
  b.n_transfers = 0; // not in the chain at all
  assert_int_equal(again(g, &b, 1).differing, 1);
  log_set_level(LOG_INFO);
  assert_int_equal(fingerprint(g), before);
}

static void blocks_above_the_cursor_are_not_read_again(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct blocks_done done;
  chain_start(g, &c);
  const struct chain_block b = mine(g, &c, NOW);
  assert_int_equal(flow_blocks_again(&g->env, &g->arena, &b, 1, &done), ERR_CHANGED);
}

// The database is lost, the keys are not: the chain has the same deposits.
static void an_empty_database_gets_the_same_deposits(void **state) {
  struct gateway *g = *state;
  struct chain c;
  void *other_state;
  add(g, A);
  chain_start(g, &c);
  order(g, "O1", 50000000);
  send(&c, A, 50000000);
  send(&c, A, 7000000);
  send_log(&c, A, 8000000, 3);
  send(&c, B, 9000000);
  const struct chain_block b = mine(g, &c, NOW);
  enter(g, &b, 1);
  assert_int_equal(set_up(&other_state), 0);
  struct gateway *other = other_state;
  struct chain now = c;
  add(other, A);
  const struct chain_row row = {
      .network = STR("custom"), .genesis = STR("00"), .token = STR("T"), .cursor = now.top};
  assert_int_equal(flow_chain_begin(&other->env, &other->arena, &row), ERR_NONE);
  assert_int_equal(again(other, &b, 1).transfers, 3);
  static const char deposits[] = "SELECT SUM(value * (log_index + 1) + block_number) FROM transfers";
  assert_int_equal(sql_number(g, deposits), sql_number(other, deposits));
  tear_down(&other_state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_agrees_is_not_touched),
      TEST(a_rescan_begins_at_the_lower_of_two),
      TEST(what_is_missing_is_credited),
      TEST(what_differs_is_said_and_left_alone),
      TEST(blocks_above_the_cursor_are_not_read_again),
      TEST(an_empty_database_gets_the_same_deposits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
