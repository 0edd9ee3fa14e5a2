// Unmatched transfers: suggestions, what the operator attaches and accepts, what a payer claims.
#include "../support/chain.h"
#include "base/hex.h"
#include "flow/transfers.h"

#define A "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"
#define B "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"

static void add(struct gateway *g, const char *address) {
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, str_of(address)), ERR_NONE);
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

static struct str txid_of(struct gateway *g, const struct chain_transfer *t) {
  char text[2 * TXID_N + 1];
  hex_encode(t->txid, TXID_N, text);
  return str_copy(&g->arena, str_of(text));
}

static enum err attach(struct gateway *g, struct str txid, int64_t log, const struct payment *p,
                       struct payment *out) {
  const struct transfer_order o = {p->id, txid, log, STR("the payer wrote")};
  enum err e = flow_transfer_attach(&g->env, &g->arena, &o, out);
  audit(g);
  return e;
}

static enum err accept(struct gateway *g, const struct payment *p, struct payment *out) {
  enum err e = flow_payment_accept(&g->env, &g->arena, &(struct transfer_order){.payment_id = p->id}, out);
  audit(g);
  return e;
}

static struct flow_claim *claim(struct gateway *g, const struct payment *p, struct str txid) {
  struct flow_claim *f = ARENA_NEW(&g->arena, struct flow_claim);
  f->id = p->id;
  f->txid = txid;
  f->job.result = flow_claim_start(&g->env, &g->arena, f);
  if (f->job.result == ERR_NONE)
    while (store_run_queued(g->env.store, 100)) {
    }
  audit(g);
  return f;
}

static int list(struct gateway *g, struct transfer_info **out) {
  int n;
  const struct transfer_filter f = {.unmatched = true, .limit = 50};
  assert_int_equal(flow_transfer_list(&g->env, &g->arena, &f, out, &n), ERR_NONE);
  return n;
}

// ---- attach

static void attaching_pays_through_the_one_path(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  order(g, "O2", 50000000);
  struct str txid = txid_of(g, send(&c, A, 49000000));
  confirm(g, &c, NOW + SECOND_US);
  assert_int_equal(attach(g, txid, 1, &p, &out), ERR_NO_TRANSFER);
  assert_int_equal(attach(g, txid, 0, &p, &out), ERR_NONE);
  assert_int_equal(out.status, PAY_PENDING);
  assert_int_equal(out.sub, SUB_UNDERPAID);
  assert_int_equal(attach(g, txid, 0, &p, &out), ERR_ATTACHED);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM reservations"), 3); // the rest is reserved too
  send(&c, A, 1000000);
  confirm(g, &c, NOW + 2 * SECOND_US);
  assert_int_equal(find(g, p.id).status, PAY_PAID);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM events WHERE detail LIKE '%by hand: the payer wrote'"),
                   1);
}

static void another_projects_payment_gets_nothing(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  struct project other;
  struct credentials keys[2];
  const struct project_new in = {STR("a@example.com"), STR("B"), STR("https://b.example.com"), STR_NONE};
  assert_int_equal(admin_project_add(&g->env, &g->arena, &in, &other, keys), ERR_NONE);
  add(g, A);
  chain_start(g, &c);
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, NOW);
  g->project = other;
  add(g, B);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(attach(g, txid, 0, &p, &out), ERR_OTHER_PROJECT);
  struct payment t = create(g, true, "O1", 50000000)->payment;
  assert_int_equal(attach(g, txid, 0, &t, &out), ERR_MOVE);
}

static void money_for_what_is_paid_makes_it_overpaid(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 50000000);
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, NOW);
  assert_int_equal(attach(g, txid, 0, &p, &out), ERR_NONE);
  assert_int_equal(out.status, PAY_PAID);
  assert_int_equal(out.sub, SUB_OVERPAID);
  assert_int_equal(out.received.micro, 100000000);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM deliveries"), 1);
}

// ---- accept

static void accepting_pays_what_was_cancelled(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_NONE);
  assert_int_equal(accept(g, &p, &out), ERR_MOVE);
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, NOW + SECOND_US);
  assert_int_equal(accept(g, &p, &out), ERR_NONE);
  assert_int_equal(out.status, PAY_PAID);
  assert_true(str_eq(out.txid, txid));
  assert_int_equal(out.paid_us, NOW + SECOND_US);
  assert_int_equal(accept(g, &p, &out), ERR_MOVE);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM transfers WHERE payment_id IS NULL"), 0);
}

static void accepting_takes_less_for_enough(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  struct str txid = txid_of(g, send(&c, A, 49000000));
  confirm(g, &c, NOW + SECOND_US);
  g->now_us = NOW + 2 * HOUR_US;
  struct payment q = order(g, "O1", 50000000); // takes it over, with what it has received
  assert_int_equal(accept(g, &p, &out), ERR_MOVE);
  assert_int_equal(accept(g, &q, &out), ERR_NONE);
  assert_int_equal(out.status, PAY_PAID);
  assert_true(str_eq(out.txid, txid));
}

static void accepting_takes_all_that_waits(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct payment out;
  const struct change late = {STR("accept-late"), STR("no")};
  add(g, A);
  assert_int_equal(
      admin_project_set(&g->env, &g->arena, g->project.id, &(struct changes){&late, 1, 0}, &g->project),
      ERR_NONE);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  send(&c, A, 30000000);
  send(&c, A, 25000000);
  confirm(g, &c, p.expires_us);
  assert_int_equal(find(g, p.id).sub, SUB_REVIEW);
  assert_int_equal(accept(g, &p, &out), ERR_NONE);
  assert_int_equal(out.status, PAY_PAID);
  assert_int_equal(out.sub, SUB_OVERPAID);
  assert_int_equal(out.received.micro, 55000000);
}

// ---- suggestions

static void assert_suggestion(const struct transfer_info *t, int at, enum suggestion why,
                              const struct payment *p) {
  assert_true(at < t->n_suggestions);
  assert_int_equal(t->suggestions[at].why, why);
  assert_int_equal(t->suggestions[at].payment_id, p->id);
}

static void the_likeliest_payments_are_suggested_first(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct transfer_info *t;
  add(g, A);
  add(g, B);
  chain_start(g, &c);
  struct payment a = order(g, "O1", 50000000), b = order(g, "O2", 50000000);
  struct payment a2 = order(g, "O3", 70000000), b2 = order(g, "O4", 70000000);
  assert_true(str_eq(a.address, a2.address) && str_eq(b.address, b2.address));
  send(&c, a.address.p, 48000000); // an exchange took 2
  send(&c, a.address.p, 50000000); // exact
  send(&c, b.address.p, 12000000); // nobody's
  confirm(g, &c, NOW);
  assert_int_equal(list(g, &t), 2);
  assert_int_equal(t[0].n_suggestions, 0);
  assert_int_equal(t[0].reason, MATCH_SHARED);
  assert_int_equal(t[1].n_suggestions, 0); // who has been paid meanwhile is out of the question
  send(&c, b.address.p, 69000000);
  confirm(g, &c, NOW);
  assert_int_equal(list(g, &t), 3);
  assert_suggestion(&t[0], 0, SUGGEST_FEE, &b2);
  assert_int_equal(claim(g, &a2, t[0].txid)->answer, CLAIM_NOTED);
  assert_int_equal(list(g, &t), 3);
  assert_suggestion(&t[0], 0, SUGGEST_CLAIM, &a2);
  assert_suggestion(&t[0], 1, SUGGEST_FEE, &b2);
}

static void a_cancelled_payment_is_suggested_for_its_money(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct transfer_info *t;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_NONE);
  send(&c, A, 50000000);
  confirm(g, &c, NOW + SECOND_US);
  assert_int_equal(list(g, &t), 1);
  assert_int_equal(t[0].n_suggestions, 1);
  assert_suggestion(&t[0], 0, SUGGEST_REVIEW, &p);
  assert_true(str_eqc(t[0].address, A));
}

static void money_for_an_old_amount_is_suggested_for_the_new_payment(void **state) {
  struct gateway *g = *state;
  struct chain c;
  struct transfer_info *t;
  struct payment out;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  confirm(g, &c, p.expires_us);
  assert_int_equal(flow_blocks_sweep(&g->env, &g->arena, p.expires_us, 100), 1);
  g->now_us = p.expires_us;
  struct payment q = order(g, "O1", 60000000);
  send(&c, A, 50000000);
  confirm(g, &c, p.expires_us + SECOND_US);
  assert_int_equal(list(g, &t), 1);
  assert_int_equal(t[0].reason, MATCH_REPLACED);
  assert_suggestion(&t[0], 0, SUGGEST_REVIEW, &q);
  assert_int_equal(attach(g, t[0].txid, 0, &p, &out), ERR_MOVE);
  assert_int_equal(attach(g, t[0].txid, 0, &q, &out), ERR_NONE);
  assert_int_equal(out.sub, SUB_UNDERPAID);
}

// ---- claims

// Hashes are public: whoever names one must not get somebody else's money.
static void a_claim_is_a_suggestion(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  add(g, B);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  order(g, "O3", 60000000); // shares an address with the first
  struct str txid = txid_of(g, send(&c, p.address.p, 49000000));
  confirm(g, &c, NOW);
  assert_int_equal(claim(g, &p, txid)->answer, CLAIM_NOTED);
  assert_int_equal(claim(g, &q, txid)->answer, CLAIM_NOTED);
  assert_int_equal(find(g, p.id).received.micro, 0);
  assert_int_equal(find(g, q.id).received.micro, 0);
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM claims"), 2);
}

static void a_part_that_has_arrived_is_said_to_count(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  add(g, B);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000), q = order(g, "O2", 50000000);
  struct str txid = txid_of(g, send(&c, p.address.p, 20000000));
  confirm(g, &c, NOW + SECOND_US);
  assert_int_equal(claim(g, &p, txid)->answer, CLAIM_COUNTS);
  assert_int_equal(claim(g, &q, txid)->answer, CLAIM_NOTED); // nobody else learns of it
  assert_int_equal(find(g, p.id).received.micro, 20000000);
}

static void a_claim_credits_where_nobody_else_can_be_meant(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  struct str early = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, NOW - MINUTE_US);
  assert_int_equal(claim(g, &p, early)->answer, CLAIM_REVIEWED); // from before the order
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, p.quarantine_us);
  assert_int_equal(find(g, p.id).status, PAY_PENDING);
  struct flow_claim *f = claim(g, &p, txid);
  assert_int_equal(f->answer, CLAIM_CREDITED);
  assert_int_equal(f->payment.status, PAY_PAID);
  assert_int_equal(f->payment.sub, SUB_LATE);
  assert_int_equal(claim(g, &p, txid)->job.result, ERR_MOVE);
}

static void a_claim_credits_nothing_on_a_shared_address(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  order(g, "O2", 60000000);
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, p.quarantine_us); // too late, as above
  assert_int_equal(claim(g, &p, txid)->answer, CLAIM_REVIEWED);
  assert_int_equal(find(g, p.id).received.micro, 0);
}

static void a_claim_pays_nothing_that_the_merchant_decides(void **state) {
  struct gateway *g = *state;
  struct chain c;
  add(g, A);
  chain_start(g, &c);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(act(g, p.id, ACTION_CANCEL)->job.result, ERR_NONE);
  struct str txid = txid_of(g, send(&c, A, 50000000));
  confirm(g, &c, NOW + SECOND_US);
  assert_int_equal(claim(g, &p, txid)->answer, CLAIM_REVIEWED);
  assert_int_equal(find(g, p.id).status, PAY_FAILED);
}

static void claims_are_few_and_well_formed(void **state) {
  struct gateway *g = *state;
  char text[65];
  add(g, A);
  struct payment p = order(g, "O1", 50000000);
  assert_int_equal(claim(g, &p, STR("0xabc"))->job.result, ERR_TXID);
  assert_int_equal(claim(g, &p, STR_NONE)->job.result, ERR_TXID);
  for (int i = 0; i < CLAIMS_MAX; i++) {
    snprintf(text, sizeof text, "%064X", i + 170);
    assert_int_equal(claim(g, &p, str_copy(&g->arena, str_of(text)))->job.result, ERR_NONE);
  }
  assert_int_equal(claim(g, &p, str_copy(&g->arena, str_of(text)))->job.result, ERR_NONE); // the same again
  snprintf(text, sizeof text, "%064X", 1000);
  assert_int_equal(claim(g, &p, str_copy(&g->arena, str_of(text)))->job.result, ERR_CLAIMS);
  struct payment t = create(g, true, "T1", 50000000)->payment;
  assert_int_equal(claim(g, &t, str_of(text))->job.result, ERR_MOVE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(attaching_pays_through_the_one_path),
      TEST(another_projects_payment_gets_nothing),
      TEST(money_for_what_is_paid_makes_it_overpaid),
      TEST(accepting_pays_what_was_cancelled),
      TEST(accepting_takes_less_for_enough),
      TEST(accepting_takes_all_that_waits),
      TEST(the_likeliest_payments_are_suggested_first),
      TEST(a_cancelled_payment_is_suggested_for_its_money),
      TEST(money_for_an_old_amount_is_suggested_for_the_new_payment),
      TEST(a_claim_is_a_suggestion),
      TEST(a_part_that_has_arrived_is_said_to_count),
      TEST(a_claim_credits_where_nobody_else_can_be_meant),
      TEST(a_claim_credits_nothing_on_a_shared_address),
      TEST(a_claim_pays_nothing_that_the_merchant_decides),
      TEST(claims_are_few_and_well_formed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
