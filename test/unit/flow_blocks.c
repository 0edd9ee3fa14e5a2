// What happens to payments and the book when blocks of the chain arrive; on both engines.
#include "../support/chain.h"
#include "core/ledger.h"
#include "core/matching.h"
#include "flow/chain_view.h"

#define A "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"
#define B "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"

#define XPUB                                                                                                 \
  "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6D" \
  "ZMNZBCd"

static void add(struct gateway *g, const char *address) {
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, str_of(address)), ERR_NONE);
}

static void set(struct gateway *g, const char *key, const char *value) {
  const struct change c = {str_of(key), str_of(value)};
  assert_int_equal(
      admin_project_set(&g->env, &g->arena, g->project.id, &(struct changes){&c, 1, 0}, &g->project),
      ERR_NONE);
}

static struct payment find(struct gateway *g, int64_t id) {
  struct payment p;
  assert_int_equal(flow_payment_find(&g->env, &g->arena, id, &p, NULL), ERR_NONE);
  return p;
}

static struct payment order(struct gateway *g, const char *name, int64_t micro) {
  struct flow_create *f = create(g, false, name, micro);
  assert_int_equal(f->job.result, ERR_NONE);
  return f->payment;
}

static void assert_is(const struct payment *p, enum pay_status status, enum pay_sub sub) {
  assert_string_equal(pay_status_name(p->status), pay_status_name(status));
  assert_int_equal(p->sub, sub);
}

static void assert_payment(struct gateway *g, const struct payment *p, enum pay_status status,
                           enum pay_sub sub) {
  const struct payment now = find(g, p->id);
  assert_is(&now, status, sub);
}

static int64_t unmatched(struct gateway *g, enum match_reason reason) {
  char text[160];
  snprintf(text, sizeof text, "SELECT COUNT(*) FROM transfers WHERE payment_id IS NULL AND reason = %d",
           reason);
  return sql_number(g, text);
}

static int64_t balance(struct gateway *g, enum ledger_account kind) {
  char text[160];
  snprintf(text, sizeof text, "SELECT COALESCE(SUM(balance), 0) FROM accounts WHERE kind = %d", kind);
  return sql_number(g, text);
}

// ---- exact

static void an_exact_transfer_pays(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  send(&c, "TXLAQ63Xg1NAzckPwKHvzw7CSEmLMEqcdj", 7000000); // somebody else's
  struct blocks_done done = confirm(g, &c, NOW + 3 * SECOND_US);
  assert_int_equal(done.transfers, 1);
  assert_int_equal(done.paid, 1);
  p = find(g, p.id);
  assert_is(&p, PAY_PAID, SUB_NONE);
  assert_int_equal(p.paid_us, NOW + 3 * SECOND_US);
  assert_int_equal(p.txid.n, 64);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM deliveries"), 1);
  assert_int_equal(sql_number(g, "SELECT number FROM chain"), 1001);
  assert_int_equal(balance(g, LEDGER_OWN_WALLET), -50000000);
}

// failures.md 4, 31: one address, two orders: each its own amount.
static void two_orders_on_one_address_are_told_apart(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  send(&c, A, q.pay_amount.micro);
  confirm(g, &c, NOW);
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
  send(&c, A, 50005000); // between the two: nobody's
  assert_int_equal(confirm(g, &c, NOW + SECOND_US).unmatched, 1);
  assert_int_equal(unmatched(g, MATCH_SHARED), 1);
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
}

// failures.md 5: never an order that came after the money, or one that is long over.
static void money_from_before_the_order_is_not_its(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  send(&c, A, 20000000);
  confirm(g, &c, NOW - MATCH_EARLY_US - 1);
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
  assert_int_equal(unmatched(g, MATCH_EARLY), 2);
  send(&c, A, 50000000);
  confirm(g, &c, NOW - MATCH_EARLY_US);
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
}

// failures.md 17: the key is transaction and log.
static void two_transfers_of_one_transaction_are_two(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  send(&c, A, 50000000);
  send_log(&c, A, 50010000, 1);
  struct blocks_done done = confirm(g, &c, NOW);
  assert_int_equal(done.paid, 2);
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
}

static void money_for_what_is_paid_goes_to_review(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  send(&c, A, 50000000);
  confirm(g, &c, NOW);
  p = find(g, p.id);
  assert_is(&p, PAY_PAID, SUB_NONE);
  assert_int_equal(p.received.micro, 50000000);
  assert_int_equal(unmatched(g, MATCH_PAID), 1);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM transfers WHERE review_payment_id IS NOT NULL"), 1);
  assert_int_equal(balance(g, LEDGER_SUSPENSE), -50000000);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM events WHERE kind = 'review'"), 1);
}

static void money_for_what_was_cancelled_waits_for_the_merchant(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_NONE);
  send(&c, A, 50000000);
  confirm(g, &c, NOW + SECOND_US);
  assert_payment(g, &p, PAY_FAILED, SUB_REVIEW);
  assert_int_equal(unmatched(g, MATCH_CANCELLED), 1);
}

// ---- not exact

// failures.md 8, 9
static void parts_add_up_where_one_order_has_the_address(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 20000000);
  confirm(g, &c, NOW + SECOND_US);
  p = find(g, p.id);
  assert_is(&p, PAY_PENDING, SUB_UNDERPAID);
  assert_int_equal(p.expires_us, NOW + HOUR_US);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations"), 2); // the amount, and the rest
  send(&c, A, 31000000);
  confirm(g, &c, NOW + 2 * SECOND_US);
  p = find(g, p.id);
  assert_is(&p, PAY_PAID, SUB_OVERPAID);
  assert_int_equal(p.received.micro, 51000000);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations"), 1);
}

static void the_rest_is_exact_when_others_share_the_address(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 20000000);
  confirm(g, &c, NOW + SECOND_US);
  struct payment q = order(g, "O2", 30000000); // the plain amount is the first one's rest
  assert_int_equal(q.pay_amount.micro, 30010000);
  send(&c, A, 29000000); // could be for either now
  confirm(g, &c, NOW + 2 * SECOND_US);
  assert_int_equal(unmatched(g, MATCH_SHARED), 1);
  send(&c, A, 30000000);
  confirm(g, &c, NOW + 3 * SECOND_US);
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
  assert_payment(g, &q, PAY_PENDING, SUB_WAITING);
}

static void a_tolerance_forgives_only_where_nobody_else_could_be_meant(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  add(g, B);
  set(g, "tolerance", "1");
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  send(&c, q.address.p, 49000000);
  confirm(g, &c, NOW);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
  struct payment r = order(g, "O3", 60000000);
  assert_true(str_eq(r.address, p.address) || str_eq(r.address, q.address));
  send(&c, r.address.p, 59500000);
  confirm(g, &c, NOW);
  assert_payment(g, &r, PAY_PENDING, SUB_WAITING);
}

static void dust_changes_nothing(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  int64_t version = find(g, p.id).version;
  send(&c, A, 9999);
  confirm(g, &c, NOW);
  assert_int_equal(find(g, p.id).version, version);
  assert_int_equal(unmatched(g, MATCH_DUST), 1);
}

static void an_address_that_nobody_reserved(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  send(&c, A, 5000000);
  confirm(g, &c, NOW);
  assert_int_equal(unmatched(g, MATCH_UNKNOWN), 1);
}

// Its former owner's payer may still send: that is not the new owner's part payment.
static void an_address_that_was_handed_over_takes_only_exact_amounts(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  int64_t later_us = p.quarantine_us + SECOND_US;
  confirm(g, &c, later_us);
  while (flow_blocks_sweep(&g->env, &g->arena, later_us, 100)) {
  }
  assert_int_equal(admin_address_remove(&g->env, &g->arena, g->project.id, STR(A)), ERR_NONE);
  assert_int_equal(admin_address_release(&g->env, &g->arena, g->project.id, STR(A)), ERR_NONE);
  add(g, A);
  g->now_us = later_us;
  struct payment q = order(g, "O2", 60000000);
  send(&c, A, 50000000);
  confirm(g, &c, later_us + SECOND_US);
  assert_payment(g, &q, PAY_PENDING, SUB_WAITING);
  send(&c, A, 60000000);
  confirm(g, &c, later_us + SECOND_US);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
}

static void nothing_unmatched_may_lie_on_an_address_that_is_released(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  send(&c, A, 5000000);
  confirm(g, &c, NOW);
  assert_int_equal(admin_address_remove(&g->env, &g->arena, g->project.id, STR(A)), ERR_NONE);
  assert_int_equal(admin_address_release(&g->env, &g->arena, g->project.id, STR(A)), ERR_ADDRESS_BUSY);
}

// ---- time

static void late_money_pays_within_the_quarantine(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  confirm(g, &c, p.expires_us);
  assert_int_equal(flow_blocks_sweep(&g->env, &g->arena, p.expires_us - 1, 100), 0);
  assert_int_equal(flow_blocks_sweep(&g->env, &g->arena, p.expires_us, 100), 1);
  assert_payment(g, &p, PAY_EXPIRED, SUB_NONE);
  send(&c, A, 50000000);
  confirm(g, &c, p.quarantine_us - 1);
  assert_payment(g, &p, PAY_PAID, SUB_LATE);
  assert_int_equal(flow_blocks_sweep(&g->env, &g->arena, p.quarantine_us, 100), 1);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations"), 0);
  send(&c, A, 50000000);
  confirm(g, &c, p.quarantine_us + 1);
  assert_int_equal(unmatched(g, MATCH_TOO_LATE), 1);
}

static void late_money_waits_where_the_project_says_so(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  set(g, "accept-late", "no");
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  confirm(g, &c, p.expires_us);
  assert_payment(g, &p, PAY_EXPIRED, SUB_REVIEW);
  assert_int_equal(unmatched(g, MATCH_LATE), 1);
}

// failures.md 18, 37: after a week nothing has expired that was paid in time.
static void a_week_of_downtime_changes_nothing(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  g->now_us = NOW + 7 * DAY_US;
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
  struct chain_block blocks[3];
  send(&c, A, 50000000);
  blocks[0] = mine(g, &c, NOW + MINUTE_US);
  blocks[1] = mine(g, &c, NOW + HOUR_US);
  blocks[2] = mine(g, &c, NOW + 7 * DAY_US);
  assert_int_equal(enter(g, blocks, 3).paid, 1);
  while (flow_blocks_sweep(&g->env, &g->arena, blocks[2].time_us, 100)) {
  }
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
  assert_payment(g, &q, PAY_EXPIRED, SUB_NONE);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations"), 0);
}

// ---- the same order again

static void the_same_order_again_while_its_money_comes(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 20000000);
  confirm(g, &c, NOW + SECOND_US);
  g->now_us = NOW + 2 * HOUR_US; // past its end by the clock; the chain has not come so far
  struct payment q = order(g, "O1", 50000000);
  assert_int_not_equal(q.id, p.id);
  assert_int_equal(q.received.micro, 20000000);
  send(&c, A, 30000000); // the rest, from before the second began
  confirm(g, &c, NOW + 2 * SECOND_US);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
  p = find(g, p.id);
  assert_int_equal(p.status, PAY_EXPIRED);
  assert_int_equal(p.received.micro, 0);
}

static void another_amount_takes_no_money_over(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  confirm(g, &c, p.expires_us);
  assert_int_equal(flow_blocks_sweep(&g->env, &g->arena, p.expires_us, 100), 1);
  g->now_us = p.expires_us;
  struct payment q = order(g, "O1", 60000000);
  send(&c, A, 50000000);
  confirm(g, &c, p.expires_us + SECOND_US);
  assert_int_equal(unmatched(g, MATCH_REPLACED), 1);
  assert_payment(g, &q, PAY_PENDING, SUB_WAITING);
  send(&c, A, 60000000);
  confirm(g, &c, p.expires_us + SECOND_US);
  assert_payment(g, &q, PAY_PAID, SUB_NONE);
}

// ---- the cursor

static void blocks_are_entered_once_and_in_order(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct blocks_done done;
  add(g, A);
  chain_start(g, &c);
  order(g, "O1", 50000000);
  send(&c, A, 20000000);
  const struct chain_block first = mine(g, &c, NOW), second = mine(g, &c, NOW + 1);
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){&second, 1, STR_NONE}, &done),
                   ERR_CHANGED); // a gap
  assert_int_equal(enter(g, &first, 1).transfers, 1);
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){&first, 1, STR_NONE}, &done),
                   ERR_CHANGED); // another node
  struct chain_block other = second;
  other.parent.bytes[20] ^= 1;
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){&other, 1, STR_NONE}, &done),
                   ERR_CHANGED); // another chain
  assert_int_equal(enter(g, &second, 1).transfers, 0);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM transfers"), 1);
}

static void the_witnesses_move_with_the_cursor(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct blocks_done done;
  struct chain_row row;
  chain_start(g, &c);
  struct chain_block b = mine(g, &c, NOW);
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){&b, 1, STR("w2")}, &done), ERR_NONE);
  b = mine(g, &c, NOW);
  assert_int_equal(flow_blocks(&g->env, &g->arena, &(struct chain_run){&b, 1, STR_NONE}, &done), ERR_NONE);
  assert_int_equal(flow_chain_load(&g->env, &g->arena, &row), ERR_NONE);
  assert_true(str_eqc(row.witnesses, "w2"));
}

// ---- what is not final

static void seen_then_confirming_then_paid(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  g->env.chain = chain_view_new();
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  const struct chain_block b = mine(g, &c, NOW + SECOND_US);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE);
  p = find(g, p.id);
  assert_is(&p, PAY_PENDING, SUB_SEEN);
  assert_int_equal(p.seen_number, 1001);
  int64_t version = p.version;
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE); // again: nothing new
  chain_view_set(g->env.chain, &(struct chain_status){.head = 1002});
  p = find(g, p.id);
  assert_is(&p, PAY_PENDING, SUB_CONFIRMING);
  assert_int_equal(p.version, version);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_MOVE);
  assert_int_equal(act(g, p.id, ACTION_EXTEND)->job.result, ERR_NONE);
  assert_int_equal(sql_number(g, "SELECT sub FROM payments"), SUB_SEEN);
  audit(g);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM transfers"), 0);
  enter(g, &b, 1);
  p = find(g, p.id);
  assert_is(&p, PAY_PAID, SUB_NONE);
  assert_int_equal(p.seen_number, 0);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE); // final already
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
  chain_view_free(g->env.chain);
  g->env.chain = NULL;
}

static void a_fork_gives_waiting_back(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  add(g, B);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  struct chain fork = c;
  send(&c, p.address.p, 50000000);
  send(&c, A, 80000000);
  const struct chain_block old = mine(g, &c, NOW + SECOND_US);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &old, 1, 0), ERR_NONE);
  assert_payment(g, &p, PAY_PENDING, SUB_SEEN);
  fork.forks = 1;
  fork.transactions = 50;
  send(&fork, q.address.p, 50000000);
  const struct chain_block new = mine(g, &fork, NOW + 2 * SECOND_US);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &new, 1, 1001), ERR_NONE);
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
  assert_payment(g, &q, PAY_PENDING, SUB_SEEN);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations WHERE payment_id < 0"), 0);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_NONE);
}

static void a_sighting_that_came_to_nothing_is_forgotten(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  struct chain fork = c;
  send(&fork, A, 50000000);
  const struct chain_block b = mine(g, &fork, NOW);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE);
  confirm(g, &c, NOW); // without it, and nobody said that there was a fork
  flow_blocks_sweep(&g->env, &g->arena, NOW, 100);
  assert_payment(g, &p, PAY_PENDING, SUB_WAITING);
}

static void a_pair_seen_at_the_head_is_kept_back(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  send(&c, A, 50000000);
  const struct chain_block b = mine(g, &c, NOW);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(p.pay_amount.micro, 50010000);
  enter(g, &b, 1);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations WHERE payment_id < 0"), 0);
  assert_payment(g, &p, PAY_PENDING, SUB_UNDERPAID); // the only order that the address has
}

// ---- the book

static void the_operators_addresses_make_a_balance(void **state) {
  struct gateway *g = *state;
  struct chain c;
  g->env.fee_bps = 100;
  assert_int_equal(admin_address_set_xpub(&g->env, &g->arena, g->project.id, STR(XPUB), CUSTODY_OPERATOR),
                   ERR_NONE);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, p.address.p, 50000000);
  send(&c, p.address.p, 10000000);
  confirm(g, &c, NOW);
  assert_payment(g, &p, PAY_PAID, SUB_NONE);
  assert_int_equal(balance(g, LEDGER_HELD), 60000000);
  assert_int_equal(balance(g, LEDGER_BALANCE), -49500000);
  assert_int_equal(balance(g, LEDGER_FEES), -500000);
  assert_int_equal(balance(g, LEDGER_SUSPENSE), -10000000);
}

static void proofs_and_headers_are_kept_for_our_blocks_only(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct chain_header headers[40];
  for (int i = 0; i < 40; i++)
    headers[i] = (struct chain_header){2000 + i, STR("raw"), STR("signature")};
  add(g, A);
  chain_start(g, &c);
  order(g, "O1", 50000000);
  struct chain_block b = mine(g, &c, NOW);
  b.headers = headers;
  b.n_headers = 40;
  enter(g, &b, 1);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM headers"), 0);
  send(&c, A, 50000000)->proof = STR("proof");
  b = mine(g, &c, NOW);
  b.headers = headers;
  b.n_headers = 40;
  enter(g, &b, 1);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM headers"), 40);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM proofs"), 1);
}

// ---- many

static void a_block_with_many_transfers(void **state) {
  struct gateway *g = *state;
  struct chain c;
  char name[16];
  add(g, A);
  chain_start(g, &c);
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "O%d", i);
    send(&c, A, order(g, name, 50000000).pay_amount.micro);
    send(&c, "TXLAQ63Xg1NAzckPwKHvzw7CSEmLMEqcdj", 1000000);
  }
  struct blocks_done done = confirm(g, &c, NOW);
  assert_int_equal(done.transfers, 100);
  assert_int_equal(done.paid, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_exact_transfer_pays),
      TEST(two_orders_on_one_address_are_told_apart),
      TEST(money_from_before_the_order_is_not_its),
      TEST(two_transfers_of_one_transaction_are_two),
      TEST(money_for_what_is_paid_goes_to_review),
      TEST(money_for_what_was_cancelled_waits_for_the_merchant),
      TEST(parts_add_up_where_one_order_has_the_address),
      TEST(the_rest_is_exact_when_others_share_the_address),
      TEST(a_tolerance_forgives_only_where_nobody_else_could_be_meant),
      TEST(dust_changes_nothing),
      TEST(an_address_that_nobody_reserved),
      TEST(an_address_that_was_handed_over_takes_only_exact_amounts),
      TEST(nothing_unmatched_may_lie_on_an_address_that_is_released),
      TEST(late_money_pays_within_the_quarantine),
      TEST(late_money_waits_where_the_project_says_so),
      TEST(a_week_of_downtime_changes_nothing),
      TEST(the_same_order_again_while_its_money_comes),
      TEST(another_amount_takes_no_money_over),
      TEST(blocks_are_entered_once_and_in_order),
      TEST(the_witnesses_move_with_the_cursor),
      TEST(seen_then_confirming_then_paid),
      TEST(a_fork_gives_waiting_back),
      TEST(a_sighting_that_came_to_nothing_is_forgotten),
      TEST(a_pair_seen_at_the_head_is_kept_back),
      TEST(the_operators_addresses_make_a_balance),
      TEST(proofs_and_headers_are_kept_for_our_blocks_only),
      TEST(a_block_with_many_transfers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
