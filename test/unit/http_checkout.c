// The checkout of a live payment over HTTP on a real database: what the chain changes while the page waits,
// and the transaction that a payer names.
#include "../support/gateway.h"
#include "raw_http.h"

#include "base/log.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"
#include "http/app.h"
#include "http/limits.h"
#include "http/page.h"
#include "http/page_checkout.h"
#include "http/page_claim.h"

#define FORM    "application/x-www-form-urlencoded"
#define ADDRESS "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"
#define TXID    "8d1c2f5e7ab0934c61fe2d88a7b5c3901e4f6a2db97c05e83f1a64bd20c7e915"
static const struct route routes[] = {
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, page_checkout, "checkout"},
    {"GET", "/pay/status", ACCESS_PUBLIC, NULL, page_checkout_status, "status"},
    {"POST", "/pay/claim", ACCESS_PUBLIC, FORM, page_claim, "claim"},
    {0}};

static struct app app;
static struct server *server;
static _Atomic int64_t wait_clock_us; // of the pages that wait
static int64_t live_id, test_id;

static int64_t waits_now(void *self) {
  (void)self;
  return wait_clock_us;
}

static const struct world waits = {waits_now, waits_now, real_random, NULL};

static void chain_is(struct gateway *g, int64_t head, int64_t head_age_us) {
  chain_view_set(g->env.chain, &(struct chain_status){.configured = true,
                                                      .head = head,
                                                      .head_us = NOW - head_age_us,
                                                      .solid = head - 18,
                                                      .heard_us = NOW});
}

static int start(void **state) {
  set_up(state);
  struct gateway *g = *state;
  static const struct rate_limit limits[RATE_KINDS] = {
      [RATE_CLAIM] = {.every_s = CLAIM_EVERY_S, .burst = CLAIM_BURST}};
  char error[200];
  log_set_level(LOG_ERROR);
  g->env.chain = chain_view_new();
  chain_is(g, 1000, 0);
  wait_clock_us = NOW;
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, STR(ADDRESS)), ERR_NONE);
  live_id = create(g, false, "L", 50000000)->payment.id;
  test_id = create(g, true, "T", 50000000)->payment.id;
  app = (struct app){.env = &g->env, .live = live_start(&waits, 0), .rate = rate_new(&g->world, limits)};
  bell_listen(&g->bell, live_ring, app.live);
  server = server_start(&(struct server_options){.listen = "127.0.0.1:0",
                                                 .routes = routes,
                                                 .threads = 2,
                                                 .error_page = page_error,
                                                 .world = &world_real,
                                                 .app = &app},
                        error, sizeof error);
  return server ? 0 : -1;
}

static int stop(void **state) {
  struct gateway *g = *state;
  live_quiet(app.live);
  server_stop(server, 1000);
  live_free(app.live);
  rate_free(app.rate);
  chain_view_free(g->env.chain);
  return tear_down(state);
}

static int ask(const char *path, int64_t id) {
  char text[300];
  int fd = raw_dial(server);
  int n = snprintf(text, sizeof text, "GET %s&id=%lld HTTP/1.1\r\nHost: x\r\n\r\n", path, (long long)id);
  raw_send(fd, text, (size_t)n);
  return fd;
}

static void gives(int fd, int status, const char *text) {
  raw_read(fd, text, 5000);
  assert_int_equal(raw_status(), status);
  assert_non_null(strstr(answer, text));
  close(fd);
}

static void wait_for_waiting(int n) {
  for (int i = 0; i < 8000 && live_waiting(app.live) != n; i++)
    usleep(1000);
  assert_int_equal(live_waiting(app.live), n);
}

static void delay_is_news(void **state) {
  struct gateway *g = *state;
  gives(ask("/pay/?lang=en", live_id), 200, "data-delayed=\"0\"");
  chain_is(g, 1000, CHAIN_DELAYED_US + 1);
  gives(ask("/pay/status?v=1&s=waiting&d=0&lang=en", live_id), 200, "Confirmations are delayed");
  int fd = ask("/pay/status?v=1&s=waiting&d=1", live_id),
      other = ask("/pay/status?v=1&s=waiting&d=0", test_id);
  wait_for_waiting(2); // whoever shows it has no news; a test payment has nothing to do with it
  chain_is(g, 1000, 0);
  live_quiet(app.live);
  close(other);
  gives(fd, 200, "data-delayed=\\\"0\\\"");
}

// Blocks ring nobody: the answer comes after CONFIRMING_WAIT_MS, by the clock of the pages that wait.
static void answered_at_the_next_block(int fd, const char *text) {
  wait_for_waiting(1);
  wait_clock_us += CONFIRMING_WAIT_MS * (int64_t)1000;
  gives(fd, 200, text);
}

static void seen_confirming_paid_by_itself(void **state) {
  struct gateway *g = *state;
  const struct chain_row begun = {.network = STR("custom"),
                                  .genesis = STR("00"),
                                  .token = STR("T"),
                                  .cursor = {.number = 1000, .time_us = NOW - MINUTE_US}};
  struct chain_transfer sent = {.value = {50000000}};
  const struct chain_block b = {
      .number = 1001, .time_us = NOW + 3 * SECOND_US, .transfers = &sent, .n_transfers = 1};
  struct blocks_done done;
  assert_true(address_parse(STR(ADDRESS), &sent.to));
  assert_int_equal(flow_chain_begin(&g->env, &g->arena, &begun), ERR_NONE);
  int fd = ask("/pay/status?v=1&s=waiting&d=0&lang=en", live_id);
  wait_for_waiting(1);
  chain_is(g, b.number, 0);
  assert_int_equal(flow_blocks_seen(&g->env, &g->arena, &b, 1, 0), ERR_NONE);
  gives(fd, 200, "\"state\":\"seen\",\"blocks_done\":0,\"blocks_needed\":18,\"seconds_left\":54,\"html\"");
  assert_non_null(strstr(answer, "tronscan.org/#/transaction/"));
  fd = ask("/pay/status?v=2&s=seen&d=0", live_id);
  wait_for_waiting(1);
  chain_is(g, b.number + 4, 0);
  answered_at_the_next_block(
      fd, "\"state\":\"confirming\",\"blocks_done\":4,\"blocks_needed\":18,\"seconds_left\":42,\"html\"");
  answered_at_the_next_block(ask("/pay/status?v=2&s=confirming&d=0", live_id), "\"seconds_left\":42}");
  fd = ask("/pay/status?v=2&s=confirming&d=0", live_id);
  wait_for_waiting(1);
  const struct chain_run run = {.blocks = &b, .n = 1};
  assert_int_equal(flow_blocks(&g->env, &g->arena, &run, &done), ERR_NONE);
  gives(fd, 200, "\"state\":\"paid\",\"html\"");
}

static void a_waiting_page_waits_on(void **state) {
  (void)state;
  int fd = ask("/pay/status?v=1&s=waiting&d=0", live_id);
  wait_for_waiting(1);
  wait_clock_us += 2 * CONFIRMING_WAIT_MS * (int64_t)1000;
  usleep(600 * 1000); // two looks at the clock
  assert_int_equal(live_waiting(app.live), 1);
  close(fd);
}

static int name(const char *headers, int64_t id, const char *txid) {
  char text[900], body[600];
  int fd = raw_dial(server);
  int n = snprintf(body, sizeof body, "id=%lld&lang=en&txid=%s", (long long)id, txid);
  n = snprintf(text, sizeof text,
               "POST /pay/claim HTTP/1.1\r\nHost: x\r\nContent-Type: " FORM
               "\r\n%sContent-Length: %d\r\n\r\n%s",
               headers, n, body);
  raw_send(fd, text, (size_t)n);
  return fd;
}

static void named(struct gateway *g, int64_t id, const char *txid, int status, const char *text) {
  int fd = name("Sec-Fetch-Site: same-origin\r\n", id, txid);
  struct pollfd p = {.fd = fd, .events = POLLIN};
  for (int i = 0; i < 5000 && poll(&p, 1, 1) == 0; i++) // the writer has no thread here
    store_run_queued(g->env.store, 100);
  gives(fd, status, text);
}

static void what_is_no_hash_is_said_and_given_back(void **state) {
  struct gateway *g = *state;
  named(g, live_id, "%3Cb%3Epaid", 422, "That is no transaction number");
  assert_non_null(strstr(answer, "value=\"&lt;b&gt;paid\""));
  named(g, live_id, "", 422, "That is no transaction number");
  named(g, live_id + 1, "paid", 404, "This link leads to no payment");
}

static void from_our_pages_only(void **state) {
  (void)state;
  gives(name("Sec-Fetch-Site: cross-site\r\n", live_id, TXID), 403, "That did not work");
  gives(name("Origin: https://evil.example\r\n", live_id, TXID), 403, "That did not work");
}

static void a_named_transaction_is_noted(void **state) {
  struct gateway *g = *state;
  named(g, live_id, "https://tronscan.org/%23/transaction/0x" TXID, 200, "Noted: the shop sees it");
  assert_non_null(strstr(answer, "id=\"live\""));
  named(g, live_id, TXID, 200, "Noted: the shop sees it");
  named(g, test_id, TXID, 303, "/pay/?id=");
  named(g, live_id + 1, TXID, 404, "This link leads to no payment");
}

static void asking_often_is_refused(void **state) {
  struct gateway *g = *state;
  for (int i = 0; i < CLAIM_BURST; i++)
    named(g, live_id, TXID, 200, "Noted");
  named(g, live_id, TXID, 429, "asked several times");
  assert_non_null(strstr(answer, "Retry-After: 10\r\n"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(delay_is_news),           WITH(seen_confirming_paid_by_itself),
      WITH(a_waiting_page_waits_on), WITH(what_is_no_hash_is_said_and_given_back),
      WITH(from_our_pages_only),     WITH(a_named_transaction_is_noted),
      WITH(asking_often_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
