// Pages and polls over HTTP on a real database: nobody holds a thread while it is read, whoever hangs up
// meanwhile leaves nothing, and a change that nobody has told of is found.
#include "../support/gateway.h"
#include "raw_http.h"

#include "base/log.h"
#include "core/answer.h"
#include "http/api_payments.h"
#include "http/app.h"
#include "http/page.h"
#include "http/page_checkout.h"
#include "http/recheck.h"

enum { RECHECK_TEST_MS = 100, WAIT_TEST_MS = 15000 };

static const struct route routes[] = {
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, page_checkout, "checkout"},
    {"GET", "/pay/status", ACCESS_PUBLIC, NULL, page_checkout_status, "checkout_status"},
    {"GET", "/api/payment-status.php", ACCESS_SIGNED, NULL, api_payment_status, "payment_status"},
    {0}};

static struct app app;
static struct server *server;

static int start(void **state) {
  set_up(state);
  struct gateway *g = *state;
  char error[200];
  log_set_level(LOG_ERROR);
  app = (struct app){.env = &g->env, .live = live_start(&world_real, WAIT_TEST_MS)};
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
  live_quiet(app.live);
  server_stop(server, 1000);
  live_free(app.live);
  return tear_down(state);
}

static int ask(const char *path, int64_t id, const char *rest) {
  char text[300];
  int fd = raw_dial(server);
  int n = snprintf(text, sizeof text, "GET %s=%lld%s HTTP/1.1\r\nHost: x\r\n\r\n", path, (long long)id, rest);
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

static void reads_are_answered(void **state) {
  struct gateway *g = *state;
  int64_t id = create(g, true, "A", 5000000)->payment.id;
  gives(ask("/pay/?id", id, "&lang=en"), 200, "Waiting for your payment");
  gives(ask("/pay/?id", id + 1, "&lang=en"), 404, "This link leads to no payment");
  gives(ask("/pay/status?id", id, "&v=0&s=waiting"), 200, "\"html\"");
  gives(ask("/pay/status?id", id + 1, ""), 404, "Payment not found");
  gives(ask("/api/payment-status.php?payment_id", id, ""), 200, "\"pending\"");
  gives(ask("/api/payment-status.php?payment_id", id + 1, ""), 404, "payment_not_found");
}

static _Atomic bool read_ended;

static void end_of_read(struct job *j) {
  (void)j;
  read_ended = true;
}

static struct payment *find(struct gateway *g, int64_t id, bool whole) {
  struct flow_find *f = ARENA_NEW(&g->arena, struct flow_find);
  f->id = id;
  f->whole = whole;
  f->job.done = end_of_read;
  read_ended = false;
  if (flow_payment_find_start(&g->env, &g->arena, f))
    read_ended = true;
  for (int i = 0; i < 5000 && !read_ended; i++)
    usleep(1000);
  assert_int_equal(f->job.result, ERR_NONE);
  return &f->payment;
}

// What is read for an answer says the same as the whole payment.
static void the_short_read_says_the_same(void **state) {
  static const enum payment_action actions[][2] = {
      {ACTION_TEST_PAY, ACTION_TEST_PAY},         {ACTION_TEST_UNDERPAY, ACTION_TEST_PAY},
      {ACTION_TEST_OVERPAY, ACTION_TEST_PAY},     {ACTION_TEST_LATE, ACTION_TEST_LATE},
      {ACTION_TEST_EXPIRE, ACTION_TEST_UNDERPAY}, {ACTION_CANCEL, ACTION_TEST_PAY},
      {ACTION_EXTEND, ACTION_TEST_EXPIRE},        {ACTION_TEST_UNDERPAY, ACTION_TEST_EXPIRE},
  };
  struct gateway *g = *state;
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    for (int n = 0; n <= 2; n++) {
      char order[20];
      snprintf(order, sizeof order, "O%zu-%d", i, n);
      int64_t id = create(g, true, order, 5000000)->payment.id;
      for (int k = 0; k < n; k++)
        act(g, id, actions[i][k]);
      const struct payment *part = find(g, id, false), *whole = find(g, id, true);
      struct buf a, b;
      buf_init(&a, &g->arena, 4096);
      buf_init(&b, &g->arena, 4096);
      answer_payment(&a, part, STR("https://x"), g->now_us);
      answer_payment(&b, whole, STR("https://x"), g->now_us);
      assert_true(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
      assert_int_equal(part->version, whole->version);
      assert_int_equal(part->project_id, whole->project_id);
      assert_int_equal(checkout_state_of(part, g->now_us), checkout_state_of(whole, g->now_us));
    }
}

static void set_project(struct gateway *g, const char *name, const char *value) {
  struct change list[] = {{str_of(name), str_of(value)}};
  struct changes changes = {.list = list, .n = 1};
  struct project after;
  assert_int_equal(admin_project_set(&g->env, &g->arena, g->project.id, &changes, &after), ERR_NONE);
}

// Projects are kept in memory between two changes.
static void a_changed_project_shows_at_once(void **state) {
  struct gateway *g = *state;
  int64_t id = create(g, true, "A", 5000000)->payment.id;
  for (int i = 0; i < 10; i++) {
    char name[20];
    snprintf(name, sizeof name, "Shop-%d-name", i);
    set_project(g, "name", name);
    gives(ask("/pay/?id", id, "&lang=en"), 200, name);
    set_project(g, "public-status", "no");
    gives(ask("/api/payment-status.php?payment_id", id, ""), 401, "signature_required");
    set_project(g, "public-status", "yes");
    gives(ask("/api/payment-status.php?payment_id", id, ""), 200, "\"pending\"");
  }
}

static void who_hangs_up_leaves_nothing(void **state) {
  struct gateway *g = *state;
  static const char *const path[] = {"/pay/?id", "/pay/status?v=1&id", "/api/payment-status.php?payment_id"};
  int64_t id = create(g, true, "A", 5000000)->payment.id;
  for (int i = 0; i < 300; i++) {
    int fd = ask(path[i % 3], id, "");
    if (i % 2)
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)); // a reset
    if (i % 4 < 2)
      usleep((useconds_t)i % 16 * 50);
    close(fd);
  }
  wait_for_waiting(0);
  for (int i = 0; i < 5000 && (server_running(server) || server_connections(server)); i++)
    usleep(1000);
  assert_int_equal(server_running(server), 0);
  gives(ask("/pay/?id", id, "&lang=en"), 200, "Waiting for your payment");
}

static void a_change_without_a_ring_is_found(void **state) {
  enum { PAYMENTS = 700 }; // more than one round of statements
  struct gateway *g = *state;
  int64_t id[PAYMENTS];
  int fd[PAYMENTS];
  struct recheck *recheck = recheck_start(&g->env, app.live, RECHECK_TEST_MS);
  for (int i = 0; i < PAYMENTS; i++) {
    char order[20];
    snprintf(order, sizeof order, "O%d", i);
    id[i] = create(g, true, order, 5000000)->payment.id;
    fd[i] = ask("/pay/status?s=waiting&v=1&id", id[i], "");
  }
  wait_for_waiting(PAYMENTS);
  for (int i = 0; i < PAYMENTS; i += 300) { // its bell rings for nobody here
    int64_t from = world_mono(&world_real);
    act(g, id[i], ACTION_TEST_PAY);
    gives(fd[i], 200, "\"paid\"");
    assert_true(world_mono(&world_real) - from < 3000000);
    fd[i] = -1;
  }
  usleep(2 * RECHECK_TEST_MS * 1000);
  assert_int_equal(live_waiting(app.live), PAYMENTS - (PAYMENTS + 299) / 300); // nobody else was sent home
  recheck_stop(recheck);
  for (int i = 0; i < PAYMENTS; i++)
    if (fd[i] >= 0)
      close(fd[i]);
}

static void a_look_may_be_asked_for(void **state) {
  struct gateway *g = *state;
  struct recheck *recheck = recheck_start(&g->env, app.live, 60000);
  int64_t id = create(g, true, "A", 5000000)->payment.id;
  int fd = ask("/pay/status?s=waiting&v=1&id", id, "");
  wait_for_waiting(1);
  act(g, id, ACTION_TEST_PAY);
  usleep(50000);
  assert_int_equal(live_waiting(app.live), 1);
  recheck_now(recheck);
  gives(fd, 200, "\"paid\"");
  recheck_stop(recheck);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {WITH(reads_are_answered),
                                     WITH(the_short_read_says_the_same),
                                     WITH(a_changed_project_shows_at_once),
                                     WITH(who_hangs_up_leaves_nothing),
                                     WITH(a_change_without_a_ring_is_found),
                                     WITH(a_look_may_be_asked_for)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
