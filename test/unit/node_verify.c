// Verified mode: final by signatures, whatever nodes say; what it must be told is asked of K nodes.
#include "../support/nodes.h"
#include "core/proof.h"

static struct tron_address somebody(void) {
  return sim_person(lab.chain, "shop").address;
}

static void pay(int64_t amount, enum sim_kind kind) {
  const char *why = "";
  if (!sim_pay(lab.chain, &(struct sim_payment){.to = somebody(), .amount = amount, .kind = kind}, &why))
    fail_msg("%s", why);
}

static void mine(int64_t n) {
  sim_mine(lab.chain, n);
  lab.wall_us = sim_head(lab.chain)->time_ms * 1000;
}

static struct chain *verified(int k, struct str state, struct str file) {
  return chain_new(&(struct chain_options){.world = &lab_world,
                                           .fetcher = &lab_fetcher,
                                           .nodes = lab.config,
                                           .n_nodes = lab.n,
                                           .trust = TRUST_VERIFIED,
                                           .k = k,
                                           .network = NETWORK_CUSTOM,
                                           .token = lab.chain->contracts.token,
                                           .witnesses = state,
                                           .witness_file = file});
}

static struct chain *open_lab(int nodes, const struct sim_options *o, int k) {
  lab_open(nodes, o);
  mine(60);
  struct chain *c = verified(k, STR_NONE, STR_NONE);
  assert_true(lab_begin(c, 0));
  return c;
}

static void assert_level(const struct chain *c, int64_t behind) {
  if (lab.cursor.number < sim_solid(lab.chain) - behind)
    fail_msg("stands at %lld of %lld: %.*s", (long long)lab.cursor.number, (long long)sim_solid(lab.chain),
             STR_FMT(lab_status(c).trouble));
}

static void follows_by_signatures(void **state) {
  (void)state;
  const int sizes[] = {1, 5, 27};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct chain *c = open_lab(1, &(struct sim_options){.witnesses = sizes[i]}, 1);
    for (int kind = 0; kind < SIM_KINDS; kind++) {
      pay(5000000 + kind, (enum sim_kind)kind);
      lab_follow(c, 6 * LAB_SECOND);
    }
    lab_follow(c, 90 * LAB_SECOND);
    assert_level(c, 4);
    assert_true(lab.transfers >= 6);
    assert_null(lab_status(c).trouble.p);
    chain_free(c);
    lab_close();
  }
}

// The one node that there is lies: nothing false comes out (lab_turn compares), and when it mends itself
// nothing is missing. A log more in a transaction that the tree says nothing about is not among these: that
// rests on K nodes.
static void one_node_cannot_lie(void **state) {
  (void)state;
  for (int lie = 1; lie < LIES; lie++) {
    if (lie == LIE_EXTRA)
      continue;
    struct chain *c = open_lab(1, &(struct sim_options){.witnesses = 5}, 1);
    lab_follow(c, 20 * LAB_SECOND);
    lab.nodes[0].sim.lie = (enum sim_lie)lie;
    lab.nodes[0].sim.lie_to = somebody();
    lab.nodes[0].sim.lie_amount = 7000000;
    pay(5000000, SIM_DIRECT);
    pay(6000000, SIM_REVERT);
    lab_follow(c, 60 * LAB_SECOND);
    if (lie == LIE_VALUE || lie == LIE_HIDE || lie == LIE_TX || lie == LIE_ID)
      assert_int_equal(lab.transfers, 0);
    lab.nodes[0].sim.lie = LIE_NONE;
    lab_follow(c, 240 * LAB_SECOND);
    assert_level(c, 4);
    assert_int_equal(lab.transfers, 1);
    chain_free(c);
    lab_close();
  }
}

static int liar = 0;

// Each block's signature is another's.
static void spoil_signatures(int node, struct str path, struct fetch *f) {
  (void)path;
  char *text = f->answer.p ? str_c(f->arena, f->answer) : NULL;
  for (char *at = text; at && node == liar && (at = strstr(at, "\"witness_signature\"")); at += 30) {
    char *digit = strchr(at, ':') + 10;
    *digit = *digit == '0' ? '1' : '0';
  }
  if (text)
    f->answer = str_of(text);
}

static void nothing_is_final_without_signatures(void **state) {
  (void)state;
  liar = 0;
  struct chain *c = open_lab(1, &(struct sim_options){.witnesses = 5}, 1);
  lab_follow(c, 20 * LAB_SECOND);
  lab.meddle = spoil_signatures;
  int64_t stood = lab.cursor.number;
  pay(5000000, SIM_DIRECT);
  lab_follow(c, 90 * LAB_SECOND);
  assert_true(lab.cursor.number <= stood + 8);
  lab.meddle = NULL;
  lab_follow(c, 600 * LAB_SECOND); // the longest rest of a node that was caught
  assert_level(c, 4);
  assert_int_equal(lab.transfers, 1);
  assert_null(lab_status(c).trouble.p);
  chain_free(c);
  lab_close();
}

// The bytes come from a node that spoils them; another one has them whole.
static void a_signature_is_found_elsewhere(void **state) {
  (void)state;
  for (liar = 0; liar < 3; liar++) {
    struct chain *c = open_lab(3, &(struct sim_options){.witnesses = 5}, 2);
    lab_follow(c, 20 * LAB_SECOND);
    lab.meddle = spoil_signatures;
    pay(5000000, SIM_DIRECT);
    lab_follow(c, 300 * LAB_SECOND);
    assert_int_equal(lab.transfers, 1);
    assert_level(c, 30);
    chain_free(c);
    lab_close();
  }
  liar = 0;
}

static void keys_are_asked_for(void **state) {
  (void)state;
  struct chain *c = open_lab(2, &(struct sim_options){.witnesses = 27}, 2);
  lab_follow(c, 60 * LAB_SECOND);
  for (int i = 0; i < 12; i++)
    sim_rotate(lab.chain, i, true);
  lab_follow(c, 300 * LAB_SECOND);
  assert_level(c, 4);
  assert_null(lab_status(c).trouble.p);
  chain_free(c);
  lab_close();
}

static void replace(int n) {
  for (int i = 0; i < n; i++)
    sim_vote(lab.chain, 30 + i, 900000000 + i);
}

static const struct sim_options elections = {.witnesses = 27, .candidates = 45, .maintenance_ms = 240000};

static void elections_are_followed(void **state) {
  (void)state;
  struct chain *c = open_lab(1, &elections, 1);
  lab_follow(c, 60 * LAB_SECOND);
  replace(3);
  lab_follow(c, 900 * LAB_SECOND);
  assert_level(c, 4);
  assert_null(lab_status(c).trouble.p);
  chain_free(c);
  lab_close();
}

// More than two sets may differ in: K nodes name the new one.
static void too_many_at_once_are_asked_for(void **state) {
  (void)state;
  struct chain *c = open_lab(2, &elections, 2);
  lab_follow(c, 60 * LAB_SECOND);
  replace(12);
  lab_follow(c, 900 * LAB_SECOND);
  assert_level(c, 4);
  assert_null(lab_status(c).trouble.p);
  chain_free(c);
  lab_close();
}

static void silent_about_witnesses(int node, struct str path, struct fetch *f) {
  (void)node;
  if (str_ends(path, STR("listwitnesses")))
    f->answer = STR("{}");
}

// Nobody answers: it stands still and says so; the operator's file lets it go on, also after a restart.
static void the_operator_may_name_the_set(void **state) {
  (void)state;
  struct chain *c = open_lab(1, &elections, 1);
  lab_follow(c, 60 * LAB_SECOND);
  lab.meddle = silent_about_witnesses;
  replace(12);
  lab_follow(c, 480 * LAB_SECOND);
  assert_true(lab.cursor.number < sim_solid(lab.chain) - 20);
  assert_non_null(strstr(lab_status(c).trouble.p, "changed at once"));

  struct arena a;
  arena_init(&a, 1 << 20);
  struct str kept = chain_witnesses(c, &a);
  assert_non_null(kept.p);
  chain_free(c);
  struct sim_node honest = {.chain = lab.chain};
  struct sim_answer answer;
  struct witness_list set;
  struct buf file;
  sim_answer(&honest, &(struct sim_request){"POST", STR("/wallet/listwitnesses"), STR_NONE, STR("{}")}, &a,
             &answer);
  assert_true(witness_list_of_answer(answer.body, &set));
  buf_init(&file, &a, 4096);
  for (int i = 0; i < set.n; i++) {
    char text[ADDRESS_TEXT_N + 1];
    address_format(&set.who[i], text);
    buf_printf(&file, "%s\"%s\"", i ? "," : "[", text);
  }
  buf_char(&file, ']');
  c = verified(1, kept, buf_view(&file));
  lab_follow(c, 240 * LAB_SECOND);
  assert_level(c, 6);
  chain_free(c);
  arena_free(&a);
  lab_close();
}

static void goes_on_from_the_stored_state(void **state) {
  (void)state;
  struct chain *c = open_lab(1, &(struct sim_options){.witnesses = 27}, 1);
  lab_follow(c, 60 * LAB_SECOND);
  struct arena a;
  arena_init(&a, 1 << 20);
  struct str kept = str_copy(&a, chain_witnesses(c, &a));
  chain_free(c);
  lab.meddle = silent_about_witnesses; // not needed
  lab_pass(60 * LAB_SECOND);
  c = verified(1, kept, STR_NONE);
  lab_follow(c, 30 * LAB_SECOND);
  assert_level(c, 4);
  chain_free(c);
  lab.meddle = NULL;
  c = verified(1, STR("something else"), STR_NONE); // asked for again
  lab_follow(c, 30 * LAB_SECOND);
  assert_level(c, 4);
  chain_free(c);
  arena_free(&a);
  lab_close();
}

// What it gives out with a direct transfer convinces who has nothing but the set.
static void direct_transfers_are_proven(void **state) {
  (void)state;
  struct chain *c = open_lab(1, &(struct sim_options){.witnesses = 27}, 1);
  struct arena a;
  int proven = 0;
  arena_init(&a, 256 << 20);
  for (int i = 0; i < 20; i++)
    pay(5000000 + i, i % 4 == 3 ? SIM_INTERNAL : SIM_DIRECT);
  for (int turns = 0; turns < 400 && proven < 15; turns++) {
    struct chain_turn t;
    chain_turn(c, &lab.cursor, &a, &t);
    for (int i = 0; i < t.n_final; i++) {
      struct chain_block *b = &t.final[i];
      for (int k = 0; k < b->n_transfers; k++) {
        struct proof_statement s;
        struct witness_list set;
        struct witnesses w;
        struct buf file;
        if (!b->transfers[k].proven)
          continue;
        buf_init(&file, &a, PROOF_FILE_MAX);
        assert_null(
            proof_make(b->transfers[k].proof, &lab.chain->contracts.token, b->headers, b->n_headers, &file));
        assert_true(witnesses_read(chain_witnesses(c, &a), &w));
        witnesses_trusted(&w, &set);
        assert_null(proof_verify(buf_view(&file), &set, &a, &s));
        assert_int_equal(s.amount.micro, b->transfers[k].value.micro);
        assert_memory_equal(s.txid, b->transfers[k].txid, TXID_N);
        proven++;
      }
      lab.cursor = (struct chain_cursor){b->number, b->id, b->time_us};
    }
    if (t.n_final)
      chain_credited(c, &lab.cursor);
    lab_pass(t.wait_us < 1000 ? 1000 : t.wait_us > LAB_SECOND ? LAB_SECOND : t.wait_us);
  }
  assert_int_equal(proven, 15);
  arena_free(&a);
  chain_free(c);
  lab_close();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(follows_by_signatures),
      cmocka_unit_test(one_node_cannot_lie),
      cmocka_unit_test(nothing_is_final_without_signatures),
      cmocka_unit_test(a_signature_is_found_elsewhere),
      cmocka_unit_test(keys_are_asked_for),
      cmocka_unit_test(elections_are_followed),
      cmocka_unit_test(too_many_at_once_are_asked_for),
      cmocka_unit_test(the_operator_may_name_the_set),
      cmocka_unit_test(goes_on_from_the_stored_state),
      cmocka_unit_test(direct_transfers_are_proven),
  };
  return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
