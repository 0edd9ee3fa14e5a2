// The checkout of a live payment over HTTP on a real database: what the chain changes while the page waits.
#include "../support/gateway.h"
#include "raw_http.h"

#include "base/log.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"
#include "http/app.h"
#include "http/limits.h"
#include "http/page.h"
#include "http/page_checkout.h"

#define ADDRESS "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"

static const struct route routes[] = {
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, page_checkout, "checkout"},
    {"GET", "/pay/status", ACCESS_PUBLIC, NULL, page_checkout_status, "status"},
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
  char error[200];
  log_set_level(LOG_ERROR);
  g->env.chain = chain_view_new();
  chain_is(g, 1000, 0);
  wait_clock_us = NOW;
  assert_int_equal(admin_address_add(&g->env, &g->arena, g->project.id, STR(ADDRESS)), ERR_NONE);
  live_id = create(g, false, "L", 50000000)->payment.id;
  test_id = create(g, true, "T", 50000000)->payment.id;
  app = (struct app){.env = &g->env, .live = live_start(&waits, 0)};
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

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {WITH(delay_is_news), WITH(seen_confirming_paid_by_itself),
                                     WITH(a_waiting_page_waits_on)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
