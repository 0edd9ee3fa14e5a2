// What the checkout says for each payment, escaping, languages and QR codes.
#include "base/timefmt.h"
#include "http/checkout_view.h"
#include "http/lang.h"
#include "http/qr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW_US (INT64_C(1782930000) * SECOND_US)

static struct arena arena;
static struct project project;
static struct payment payment;
static struct checkout_view view;
static struct checkout_facts facts;

static int fresh(void **state) {
  (void)state;
  arena_free(&arena);
  arena_init(&arena, 8 * 1024 * 1024);
  project =
      (struct project){.name = STR("Tea & <House>"), .website = STR("https://tea.example"), .live = true};
  project.policy.accept_late = true;
  payment = (struct payment){
      .id = 42,
      .order_id = STR("\"><script>x</script>"),
      .amount = USDT(50),
      .scale = 2,
      .pay_amount = {50013400},
      .sub = SUB_WAITING,
      .address = STR("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
      .description = STR("for the records only"),
      .success_url = STR("https://tea.example/thanks?a=1&b=2"),
      .fail_url = STR("https://tea.example/basket"),
      .seen_txid = STR("8d1c"),
      .created_us = NOW_US - 7 * MINUTE_US,
      .first_expires_us = NOW_US + 23 * MINUTE_US,
      .expires_us = NOW_US + 23 * MINUTE_US,
      .quarantine_us = NOW_US + 48 * HOUR_US,
      .version = 7,
  };
  facts = (struct checkout_facts){
      .project = &project,
      .now_us = NOW_US,
      .chain = {.configured = true, .head = 1019, .head_us = NOW_US, .solid = 1001, .heard_us = NOW_US},
  };
  return 0;
}

static void make(void) {
  checkout_view_make(&view, &arena, &payment, &facts);
}

static const char *page(void) {
  struct buf o;
  make();
  buf_init(&o, &arena, 1 << 20);
  html_checkout(&o, &view);
  assert_false(o.full);
  return str_c(&arena, buf_view(&o));
}

static void assert_str(struct str s, const char *expected) {
  assert_string_equal(str_c(&arena, s), expected);
}

static void test_marked_digits(void **state) {
  (void)state;
  static const struct {
    int64_t amount, pay;
    int scale;
    const char *plain, *mark, *exchange;
  } cases[] = {
      {50000000, 50013400, 2, "50.0", "134", "51.0134"},     {50000000, 50000000, 2, "50.00", "", "51.00"},
      {50000000, 50010000, 2, "50.0", "1", "51.01"},         {49990000, 50010000, 2, "50.", "01", "51.01"},
      {50123456, 50123457, 6, "50.12345", "7", "51.123457"}, {10000, 10001, 2, "0.01000", "1", "1.010001"},
      {50100000, 50100000, 3, "50.100", "", "51.100"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    payment.amount.micro = cases[i].amount;
    payment.pay_amount.micro = cases[i].pay;
    payment.scale = cases[i].scale;
    make();
    assert_str(view.pay_plain, cases[i].plain);
    assert_str(view.pay_mark, cases[i].mark);
    assert_str(view.pay_exchange, cases[i].exchange);
  }
}

static void test_states(void **state) {
  (void)state;
  static const struct {
    enum pay_status status;
    enum pay_sub sub;
    enum checkout_state shown;
    bool pays, live, next;
  } cases[] = {
      {PAY_PENDING, SUB_WAITING, CHECKOUT_WAITING, true, true, false},
      {PAY_PENDING, SUB_SEEN, CHECKOUT_SEEN, false, true, false},
      {PAY_PENDING, SUB_CONFIRMING, CHECKOUT_CONFIRMING, false, true, false},
      {PAY_PENDING, SUB_UNDERPAID, CHECKOUT_UNDERPAID, true, true, false},
      {PAY_PAID, SUB_NONE, CHECKOUT_PAID, false, false, true},
      {PAY_PAID, SUB_LATE, CHECKOUT_PAID, false, false, true},
      {PAY_EXPIRED, SUB_NONE, CHECKOUT_EXPIRED, false, true, true},
      {PAY_EXPIRED, SUB_UNDERPAID, CHECKOUT_EXPIRED, false, true, true},
      {PAY_EXPIRED, SUB_REVIEW, CHECKOUT_REVIEW, false, true, false},
      {PAY_FAILED, SUB_CANCELLED, CHECKOUT_CANCELLED, false, true, true},
      {PAY_FAILED, SUB_NONE, CHECKOUT_FAILED, false, true, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    payment.status = cases[i].status;
    payment.sub = cases[i].sub;
    payment.cancelled_us = cases[i].sub == SUB_CANCELLED ? NOW_US : 0;
    make();
    assert_int_equal(view.state, cases[i].shown);
    assert_int_equal(view.pays, cases[i].pays);
    assert_int_equal(view.live, cases[i].live);
    assert_int_equal(view.next_url.n > 0, cases[i].next);
  }
}

static void test_underpaid_asks_for_the_rest(void **state) {
  (void)state;
  payment.sub = SUB_UNDERPAID;
  payment.received = USDT(30);
  make();
  assert_str(view.pay, "20.0134");
  assert_str(view.pay_exchange, "21.0134");
  assert_false(view.can_cancel);
  assert_non_null(strstr(view.trust_url.p, "amount=20.0134"));
}

static void test_money_in_doubt_keeps_the_payer_here(void **state) {
  (void)state;
  payment.status = PAY_PAID;
  payment.received = USDT(60);
  payment.sub = SUB_OVERPAID;
  make();
  assert_str(view.over, "9.9866");
  assert_int_equal(view.next_s, 0);
  payment.received = payment.pay_amount;
  payment.sub = SUB_NONE;
  make();
  assert_true(view.next_s > 0);
}

// "n of m": m is what final takes on this chain now, and never a number of ours.
static void test_confirming_counts_by_the_chain(void **state) {
  (void)state;
  static const struct {
    int64_t seen, head, solid;
    int done, needed, seconds;
  } cases[] = {
      {1012, 1019, 1001, 7, 18, 33}, {1019, 1019, 1001, 0, 18, 54},
      {1012, 1019, 1016, 3, 3, 3},   // final, and the news is under way
      {1025, 1019, 1001, 0, 18, 54}, // this node's view of the head is older
      {1012, 1019, 0, 0, 0, 0},      {1012, 1019, 1019, 0, 0, 0},
      {1012, 1019, 900, 0, 0, 0}, // it finalises nothing
      {0, 1019, 1001, 0, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    payment.sub = SUB_CONFIRMING;
    payment.seen_number = cases[i].seen;
    facts.chain.head = cases[i].head;
    facts.chain.solid = cases[i].solid;
    make();
    assert_int_equal(view.blocks_done, cases[i].done);
    assert_int_equal(view.blocks_needed, cases[i].needed);
    assert_int_equal(view.seconds_left, cases[i].seconds);
  }
  payment.sub = SUB_WAITING;
  make();
  assert_int_equal(view.blocks_needed, 0);
}

static void test_transaction_and_its_explorer(void **state) {
  (void)state;
  static const struct {
    enum network network;
    const char *url;
  } cases[] = {
      {NETWORK_MAIN, "https://tronscan.org/#/transaction/8d1c"},
      {NETWORK_NILE, "https://nile.tronscan.org/#/transaction/8d1c"},
      {NETWORK_SHASTA, "https://shasta.tronscan.org/#/transaction/8d1c"},
      {NETWORK_CUSTOM, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    facts.network = cases[i].network;
    payment.sub = SUB_SEEN;
    make();
    assert_str(view.txid, "8d1c");
    assert_int_equal(view.tx_url.n, strlen(cases[i].url));
    assert_memory_equal(view.tx_url.n ? view.tx_url.p : "", cases[i].url, view.tx_url.n);
    payment.sub = SUB_WAITING; // a fork has taken it away
    make();
    assert_int_equal(view.txid.n, 0);
    assert_int_equal(view.trust_url.n > 0, cases[i].network == NETWORK_MAIN);
  }
}

static void test_delayed_is_said(void **state) {
  (void)state;
  assert_null(strstr(page(), "Confirmations are delayed"));
  facts.chain.head_us = NOW_US - 91 * SECOND_US;
  facts.chain.level_us = NOW_US + 5 * MINUTE_US;
  assert_non_null(strstr(page(), "Confirmations are delayed"));
  assert_non_null(strstr(page(), "This should be over at about"));
  payment.sub = SUB_CONFIRMING;
  payment.seen_number = 1012;
  assert_non_null(strstr(page(), "Confirmations are delayed"));
  assert_int_equal(view.blocks_needed, 0); // nobody knows how long
  payment.sub = SUB_SEEN;
  assert_null(strstr(page(), "about a minute"));
  payment.status = PAY_PAID;
  assert_null(strstr(page(), "Confirmations are delayed"));
  payment.status = PAY_PENDING;
  facts.chain = (struct chain_status){0}; // no node is named
  assert_non_null(strstr(page(), "Confirmations are delayed"));
  payment.is_test = true; // its chain is simulated
  assert_null(strstr(page(), "Confirmations are delayed"));
}

static void test_once_seen_nothing_is_cancelled(void **state) {
  (void)state;
  make();
  assert_true(view.can_cancel && view.can_extend);
  payment.expires_us = payment.first_expires_us + DAY_US;
  make();
  assert_false(view.can_extend); // no further
  for (enum pay_sub sub = SUB_SEEN; sub <= SUB_REVIEW; sub++) {
    payment.sub = sub;
    make();
    assert_int_equal(view.can_cancel,
                     sub != SUB_SEEN && sub != SUB_CONFIRMING && sub != SUB_UNDERPAID && sub != SUB_REVIEW);
  }
}

static void test_claims(void **state) {
  (void)state;
  assert_non_null(strstr(page(), "action=\"claim\""));
  checkout_view_claimed(&view, CLAIMED_WRONG, STR("\"><b>"));
  struct buf o;
  buf_init(&o, &arena, 1 << 20);
  html_checkout(&o, &view);
  const char *html = str_c(&arena, buf_view(&o));
  assert_non_null(strstr(html, "value=\"&#34;&gt;&lt;b&gt;\""));
  assert_non_null(strstr(html, "That is no transaction number"));
  payment.sub = SUB_SEEN;
  assert_null(strstr(page(), "action=\"claim\""));
  payment.sub = SUB_WAITING;
  payment.is_test = true;
  assert_null(strstr(page(), "action=\"claim\""));
}

static void test_test_payment_ends_by_the_clock(void **state) {
  (void)state;
  payment.is_test = true;
  payment.expires_us = NOW_US;
  make();
  assert_int_equal(view.state, CHECKOUT_EXPIRED);
  assert_false(view.can_extend);
  assert_false(view.test_buttons); // the project is live
  payment.is_test = false;         // a live one follows the chain's time
  make();
  assert_int_equal(view.state, CHECKOUT_CHECKING);
  assert_false(view.pays);
  assert_true(view.live);
}

static void test_no_wallet_is_sent_to_a_test_address(void **state) {
  (void)state;
  payment.is_test = true;
  project.live = false;
  const char *html = page();
  assert_null(strstr(html, "trustwallet"));
  assert_null(strstr(html, "tron:"));
  assert_non_null(strstr(html, "action=\"test\""));
}

static void test_page_escapes_and_keeps_secrets(void **state) {
  (void)state;
  payment.status = PAY_PAID;
  payment.txid = STR("'\"<&>");
  payment.received = payment.pay_amount;
  const char *html = page();
  assert_null(strstr(html, "<script>x"));
  assert_non_null(strstr(html, "&#34;&gt;&lt;script&gt;x&lt;/script&gt;"));
  assert_non_null(strstr(html, "Tea &amp; &lt;House&gt;"));
  assert_non_null(strstr(html, "href=\"https://tea.example/thanks?a=1&amp;b=2\""));
  assert_non_null(strstr(html, "&#39;&#34;&lt;&amp;&gt;"));
  assert_null(strstr(html, "for the records only"));
}

static void test_links(void **state) {
  (void)state;
  static const char *const good[] = {
      "https://a.b/c?d=e", "HTTP://a", "mailto:a@b", "tron:T1", "?id=1", "./?a=b:c", "a/b:c", ""};
  static const char *const bad[] = {
      "javascript:alert(1)", "JavaScript:x", "data:text/html,x", "//evil.example",
      "/\\evil.example",     "\\\\evil",     " javascript:x",    "java\nscript:x",
      "vbscript:x",          "x:y"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct buf o;
    buf_init(&o, &arena, 1000);
    html_link_c(&o, good[i]);
    assert_str(buf_view(&o), good[i]);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct buf o;
    buf_init(&o, &arena, 1000);
    html_link_c(&o, bad[i]);
    assert_str(buf_view(&o), "#");
  }
}

static void test_languages(void **state) {
  (void)state;
  static const struct {
    const char *chosen, *accept, *expected;
  } cases[] = {
      {NULL, NULL, "en"},
      {NULL, "ru", "ru"},
      {NULL, "ru-RU,ru;q=0.9,en;q=0.8", "ru"},
      {NULL, "de-DE, es ; q=0.5, zh-Hant-TW;q=0.7", "zh"},
      {NULL, "fr, de", "en"},
      {NULL, "ru;q=0, es;q=0.001", "es"},
      {NULL, "ru;q=abc, es;q=0.1", "es"},
      {NULL, "*", "en"},
      {NULL, ",,;;=q,AR", "ar"},
      {"es", "ru", "es"},
      {"xx", "ru", "ru"},
      {"", "ru", "ru"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(lang_tags[lang_pick(str_of(cases[i].chosen), str_of(cases[i].accept))],
                        cases[i].expected);
}

static void test_qr(void **state) {
  (void)state;
  struct markup m = qr_svg(&arena, STR("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"));
  const char *svg = str_c(&arena, m.html);
  // 34 bytes at level M need version 3: 29 modules and 4 on each side
  assert_non_null(strstr(svg, "viewBox=\"0 0 37 37\""));
  assert_non_null(
      strstr(svg, "d=\"M4 4h7v1h-7z")); // upper edge of the first finder pattern, behind the quiet zone
  char *huge = arena_alloc(&arena, 5001);
  memset(huge, 'x', 5000);
  assert_int_equal(qr_svg(&arena, str_of(huge)).html.n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_marked_digits, fresh),
      cmocka_unit_test_setup(test_states, fresh),
      cmocka_unit_test_setup(test_underpaid_asks_for_the_rest, fresh),
      cmocka_unit_test_setup(test_money_in_doubt_keeps_the_payer_here, fresh),
      cmocka_unit_test_setup(test_confirming_counts_by_the_chain, fresh),
      cmocka_unit_test_setup(test_transaction_and_its_explorer, fresh),
      cmocka_unit_test_setup(test_delayed_is_said, fresh),
      cmocka_unit_test_setup(test_once_seen_nothing_is_cancelled, fresh),
      cmocka_unit_test_setup(test_claims, fresh),
      cmocka_unit_test_setup(test_test_payment_ends_by_the_clock, fresh),
      cmocka_unit_test_setup(test_no_wallet_is_sent_to_a_test_address, fresh),
      cmocka_unit_test_setup(test_page_escapes_and_keeps_secrets, fresh),
      cmocka_unit_test_setup(test_links, fresh),
      cmocka_unit_test_setup(test_languages, fresh),
      cmocka_unit_test_setup(test_qr, fresh),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
