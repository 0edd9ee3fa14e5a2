// The HTTP server in process: routing, order of the early checks, limits, clients behind proxies, waiting,
// slow clients, stopping.
#include "raw_http.h"
#include "base/log.h"
#include "http/limits.h"
#include "http/ops.h"
#include "http/reaper.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

static struct server *server;
static struct request *_Atomic waiting;

// ---- routes ------------------------------------------------------------------------------------

static void echo(struct request *r) {
  struct str a = request_query(r, "a"), b = request_form(r, "b"), ua = request_header(r, "User-Agent");
  request_add_header(r, "X-Bad", STR("a\r\nSet-Cookie: x=1"));
  request_add_header(r, "X-Nul", STR("a\0b"));
  request_reply(r, 200, "text/plain",
                str_printf(r->arena, "a=%.*s b=%.*s ua=%.*s body=%zu client=%.*s target=%.*s path=%.*s",
                           STR_FMT(a), STR_FMT(b), STR_FMT(ua), r->body.n, STR_FMT(r->client),
                           STR_FMT(r->target), STR_FMT(r->path)));
}

static void woken(struct request *r) {
  request_reply(r, 200, "text/plain", STR("woken"));
}

static void twice(struct request *r) {
  request_suspend(r, woken);
  atomic_store(&waiting, r);
}

static void wait_for_it(struct request *r) {
  request_suspend(r, twice);
  atomic_store(&waiting, r);
}

static void big(struct request *r) {
  size_t n = 512 * 1024;
  char *p = arena_alloc(r->arena, n);
  memset(p, 'x', n);
  request_reply(r, 200, "text/plain", (struct str){p, n});
}

static void admit(struct request *r) {
  if (!str_eqc(request_query(r, "deny"), "1"))
    return;
  request_add_header(r, "Retry-After", STR("7"));
  request_error(r, ERR_RATE, NULL);
}

static const struct route routes[] = {
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, echo, "pay"},
    {"GET", "/api/echo", ACCESS_SIGNED, NULL, echo, "echo"},
    {"POST", "/api/json", ACCESS_SIGNED, "application/json", echo, "json"},
    {"GET", "/both", ACCESS_PUBLIC, NULL, echo, "both"},
    {"POST", "/both", ACCESS_PUBLIC, "application/x-www-form-urlencoded", echo, "both"},
    {"GET", "/wait", ACCESS_PUBLIC, NULL, wait_for_it, "wait"},
    {"GET", "/big", ACCESS_PUBLIC, NULL, big, "big"},
    {0},
};

static int start_with(const char *prefix, const char *trusted) {
  char error[200] = "";
  signal(SIGPIPE, SIG_IGN);
  log_set_level(LOG_ERROR);
  server = server_start(&(struct server_options){.listen = "127.0.0.1:0",
                                                 .prefix = str_of(prefix),
                                                 .host = STR("pay.test"),
                                                 .routes = routes,
                                                 .threads = 2,
                                                 .trusted_proxies = trusted,
                                                 .admit = admit,
                                                 .world = &world_real},
                        error, sizeof error);
  if (!server)
    fprintf(stderr, "%s\n", error);
  return server ? 0 : -1;
}

static int start(void **state) {
  (void)state;
  return start_with("", NULL);
}

static int start_prefix(void **state) {
  (void)state;
  return start_with("/gate", NULL);
}

static int start_behind_proxy(void **state) {
  (void)state;
  return start_with("", "127.0.0.0/8, 10.0.0.0/8, 2001:db8::/32");
}

static int stop(void **state) {
  (void)state;
  server_stop(server, 1000);
  return 0;
}

static int ask(const char *text) {
  return raw_ask_text(server, text);
}

static bool says(const char *text) {
  return strstr(answer, text) != NULL;
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"

// ---- answers -----------------------------------------------------------------------------------

static int ask_all(const char *text) {
  int fd = raw_dial(server);
  raw_send(fd, text, strlen(text));
  raw_read(fd, NULL, 3000);
  close(fd);
  return raw_status();
}

static void plain(void **state) {
  (void)state;
  assert_int_equal(ask_all(GET("/pay/?a=x%20y+z&b=2") "User-Agent: me \r\n\r\n"), 200);
  assert_true(says("a=x y z b= ua=me body=0 client=127.0.0.1 target=/pay/?a=x%20y+z&b=2 path=/pay/"));
  assert_true(says("X-Request-Id: ") && says("Cache-Control: no-store") &&
              says("X-Content-Type-Options: nosniff"));
  assert_false(says("Set-Cookie") || says("X-Bad") || says("X-Nul"));
}

static void fields_must_be_text(void **state) {
  (void)state;
  assert_int_equal(ask_all(GET("/pay/?a=%ff") "\r\n"), 200);
  assert_true(says("a= b="));
  assert_int_equal(ask_all(GET("/pay/?a=%00x") "\r\n"), 200);
  assert_true(says("a= b="));
  assert_int_equal(ask_all(GET("/pay/?a=%4") "\r\n"), 200);
  assert_true(says("a= b="));
  assert_int_equal(ask_all(GET("/pay/?b=1&%61=2&a=3") "\r\n"), 200);
  assert_true(says("a=2 b="));
}

static void head_has_no_body(void **state) {
  (void)state;
  assert_int_equal(ask_all("HEAD /pay/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 200);
  assert_true(says("Content-Length: ") && !says("client="));
}

static void forms(void **state) {
  (void)state;
  assert_int_equal(ask_all("POST /both HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: "
                           "application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nb=a%26b&c"),
                   200);
  assert_true(says("b=a&b ua= body=9"));
}

// ---- refusals ----------------------------------------------------------------------------------

static void unknown_paths(void **state) {
  (void)state;
  assert_int_equal(ask_all(GET("/nothing") "\r\n"), 404);
  assert_true(says("text/plain"));
  assert_int_equal(ask_all(GET("/api/nothing") "\r\n"), 404);
  assert_true(says("{\"ok\":false,\"error\":\"There is nothing at this "
                   "address.\",\"code\":\"not_found\",\"request_id\":\""));
  assert_int_equal(ask(GET("/api/echo/") "\r\n"), 404);
  assert_int_equal(ask(GET("/API/echo") "\r\n"), 404);
  assert_int_equal(ask(GET("/api/../api/echo") "\r\n"), 404);
}

static void slash_forgotten(void **state) {
  (void)state;
  assert_int_equal(ask(GET("/pay?id=5") "\r\n"), 308);
  assert_true(says("Location: /pay/?id=5\r\n"));
  assert_int_equal(ask("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), 404);
}

static void wrong_methods(void **state) {
  (void)state;
  assert_int_equal(ask("DELETE /both HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
  assert_true(says("Allow: GET, HEAD, POST\r\n"));
  assert_int_equal(ask("HEAD /api/json HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
  assert_true(says("Allow: POST\r\n"));
  assert_int_equal(ask("OPTIONS /api/echo HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
  assert_true(says("Allow: GET, HEAD\r\n"));
  assert_int_equal(ask("get /api/echo HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
}

static void wrong_types(void **state) {
  (void)state;
  assert_int_equal(ask("POST /api/json HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), 415);
  assert_int_equal(ask("POST /api/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
                       "application/jsonx\r\nContent-Length: 2\r\n\r\n{}"),
                   415);
  assert_int_equal(
      ask("POST /both HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na"), 415);
}

static int post_sized(const char *path, size_t n, bool chunked) {
  static char bytes[2 * 1024 * 1024];
  char size[80];
  if (chunked)
    snprintf(size, sizeof size, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
  else
    snprintf(size, sizeof size, "Content-Length: %zu\r\n\r\n", n);
  int head =
      snprintf(bytes, 400, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n%s", path, size);
  memset(bytes + head, ' ', n);
  size_t at = (size_t)head + n;
  if (chunked)
    at += (size_t)sprintf(bytes + at, "\r\n0\r\n\r\n");
  return raw_ask(server, bytes, at);
}

static void large_bodies(void **state) {
  (void)state;
  for (int chunked = 0; chunked < 2; chunked++) {
    assert_int_equal(post_sized("/api/json", REQUEST_BODY_BYTES_MAX, chunked), 200);
    assert_int_equal(post_sized("/api/json", REQUEST_BODY_BYTES_MAX + 1, chunked), 413);
    assert_int_equal(post_sized("/api/echo", REQUEST_BODY_BYTES_MAX + 1, chunked), 413); // before 405
    assert_int_equal(post_sized("/api/echo", REQUEST_BODY_BYTES_MAX, chunked), 405);
    assert_int_equal(post_sized("/api/json", 300000, chunked), 413);
  }
  assert_int_equal(ask("POST /api/json HTTP/1.1\r\nHost: h\r\nContent-Type: "
                       "application/json\r\nContent-Length: 9999999999\r\n\r\n"),
                   413);
  assert_int_equal(ask("POST /api/json HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Type: "
                       "application/json\r\nContent-Length: 70000\r\n\r\n"),
                   413);
}

static int get_with_headers(int n, size_t each) {
  static char bytes[64 * 1024];
  int at = sprintf(bytes, GET("/pay/"));
  for (int i = 2; i < n; i++) {
    at += sprintf(bytes + at, "X-%03d: ", i);
    memset(bytes + at, 'v', each);
    at += (int)each;
    at += sprintf(bytes + at, "\r\n");
  }
  at += sprintf(bytes + at, "\r\n");
  return raw_ask(server, bytes, (size_t)at);
}

// What is not well-formed is answered in the form of its path too.
static void refusals_below_api_are_json(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    const char *path = i ? "/gate/api/json?a=1" : "/api/json";
    char bytes[300];
    snprintf(bytes, sizeof bytes, "POST %s HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", path);
    assert_int_equal(ask(bytes), 400);
    assert_true(says("Content-Type: application/json\r\n"));
    assert_true(
        says("{\"ok\":false,\"error\":\"The request is not well-formed HTTP.\",\"code\":\"bad_request\""));
  }
  assert_int_equal(ask("GET /pay/ HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), 400);
  assert_true(says("Content-Type: text/plain"));
}

static void large_heads(void **state) {
  (void)state;
  assert_int_equal(get_with_headers(100, 10), 200);
  assert_int_equal(get_with_headers(101, 10), 431);
  assert_int_equal(get_with_headers(100, 152), 200); // 16 KiB less a little
  assert_int_equal(get_with_headers(100, 160), 431);
  assert_int_equal(get_with_headers(3, 16100), 200);
  assert_int_equal(get_with_headers(3, 17000), 431);
  assert_int_equal(get_with_headers(3, 40000), 431);
}

static void admission_comes_last(void **state) {
  (void)state;
  assert_int_equal(ask_all(GET("/api/echo?deny=1") "\r\n"), 429);
  assert_true(says("Retry-After: 7") && says("rate_limited"));
  assert_int_equal(ask(GET("/nothing?deny=1") "\r\n"), 404);
}

// ---- prefix and proxies ------------------------------------------------------------------------

static void below_a_prefix(void **state) {
  (void)state;
  assert_int_equal(ask_all(GET("/gate/api/echo?a=1") "\r\n"), 200);
  assert_true(says("target=/gate/api/echo?a=1 path=/api/echo"));
  assert_int_equal(ask_all(GET("/api/echo?a=1") "\r\n"), 200); // the proxy has taken it off
  assert_true(says("target=/gate/api/echo?a=1 path=/api/echo"));
  assert_int_equal(ask(GET("/gateapi/echo") "\r\n"), 404);
  assert_int_equal(ask(GET("/gate/gate/api/echo") "\r\n"), 404);
  assert_int_equal(ask(GET("/gate/pay?id=1") "\r\n"), 308);
  assert_true(says("Location: /gate/pay/?id=1\r\n"));
  assert_int_equal(ask_all(GET("/gate/api/none") "\r\n"), 404);
  assert_true(says("\"ok\":false"));
}

static const char *client_of(const char *forwarded) {
  static char text[100];
  char request[500];
  snprintf(request, sizeof request, GET("/pay/") "X-Forwarded-For: %s\r\n\r\n", forwarded);
  text[0] = 0;
  if (ask_all(request) == 200)
    sscanf(strstr(answer, "client="), "client=%99s", text);
  return text;
}

static void clients_behind_proxies(void **state) {
  (void)state;
  assert_string_equal(client_of("203.0.113.9"), "203.0.113.9");
  assert_string_equal(client_of("1.1.1.1, 203.0.113.9"),
                      "203.0.113.9"); // the left one is the client's own word
  assert_string_equal(client_of("203.0.113.9, 10.1.2.3"), "203.0.113.9");
  assert_string_equal(client_of("203.0.113.9:4711 , 10.1.2.3"), "203.0.113.9");
  assert_string_equal(client_of("[2a00::1]:80, 2001:db8::5"), "2a00::1");
  assert_string_equal(client_of("nonsense, 10.1.2.3"), "10.1.2.3");
  assert_string_equal(client_of("nonsense"), "127.0.0.1");
  assert_string_equal(client_of("10.9.9.9, 10.1.2.3"), "10.9.9.9");
#define LINE "\r\nX-Forwarded-For: "
  assert_string_equal(client_of("1.1.1.1" LINE "203.0.113.9" LINE "10.1.2.3"), "203.0.113.9");
  assert_string_equal(client_of("1.1.1.1" LINE "unknown" LINE "10.1.2.3"), "10.1.2.3");
  assert_string_equal(client_of("1.1.1.1" LINE "10.0.0.1" LINE "10.0.0.2" LINE "10.0.0.3" LINE "10.0.0.4"),
                      "10.0.0.1");
}

static void strangers_are_not_believed(void **state) {
  (void)state;
  assert_string_equal(client_of("203.0.113.9"), "127.0.0.1");
}

// ---- waiting -----------------------------------------------------------------------------------

static struct request *take_waiting(void) {
  struct request *r = NULL;
  for (int i = 0; i < 2000 && !(r = atomic_exchange(&waiting, NULL)); i++)
    usleep(1000);
  assert_non_null(r);
  return r;
}

static void waits_without_a_thread(void **state) {
  (void)state;
  static const char text[] = GET("/wait") "\r\n";
  int fd = raw_dial(server);
  raw_send(fd, text, sizeof text - 1);
  struct request *r = take_waiting();
  for (int i = 0; i < 10; i++)
    assert_int_equal(ask(GET("/pay/") "\r\n"), 200);
  request_resume(r);
  request_resume(take_waiting());
  raw_read(fd, "woken", 2000);
  assert_true(says("woken"));
  close(fd);
}

static void *stop_soon(void *arg) {
  (void)arg;
  server_stop(server, 100);
  return NULL;
}

// Even when the grace is over: a suspended request is in somebody's hands.
static void stop_waits_for_suspended_requests(void **state) {
  (void)state;
  static const char text[] = GET("/wait") "\r\n";
  int fd = raw_dial(server), slow = raw_dial(server);
  raw_send(fd, text, sizeof text - 1);
  raw_send(slow, text, 20); // half a request does not keep the server
  struct request *r = take_waiting();
  pthread_t t;
  pthread_create(&t, NULL, stop_soon, NULL);
  usleep(300000);
  request_resume(r);
  request_resume(take_waiting());
  raw_read(fd, "woken", 2000);
  assert_int_equal(raw_status(), 200);
  pthread_join(t, NULL);
  assert_true(raw_is_closed(slow, 1000));
  close(fd);
  close(slow);
  assert_int_equal(start(NULL), 0);
}

// ---- slow clients ------------------------------------------------------------------------------

static void time_limits(void **state) {
  (void)state;
  struct conn c = {0};
  conn_enter(&c, PHASE_FRESH, 0);
  assert_false(conn_is_late(&c, HEAD_WITHIN_MS));
  assert_true(conn_is_late(&c, HEAD_WITHIN_MS + 1));
  conn_enter(&c, PHASE_HEAD, 5000);
  assert_false(conn_is_late(&c, 5000 + HEAD_WITHIN_MS));
  assert_true(conn_is_late(&c, 5001 + HEAD_WITHIN_MS));
  conn_enter(&c, PHASE_BODY, 6000);
  assert_false(conn_is_late(&c, 6000 + BODY_GRACE_MS));
  assert_true(conn_is_late(&c, 6001 + BODY_GRACE_MS)); // nothing has come
  atomic_store(&c.body_bytes, 10000);
  assert_false(conn_is_late(&c, 16000));
  assert_true(conn_is_late(&c, 16001));
  atomic_store(&c.body_bytes, 60000);
  assert_false(conn_is_late(&c, 5000 + REQUEST_WITHIN_MS));
  assert_true(conn_is_late(&c, 5001 + REQUEST_WITHIN_MS));
  conn_enter(&c, PHASE_WORK, 0);
  assert_false(conn_is_late(&c, INT64_MAX / 2));
  conn_enter(&c, PHASE_ANSWER, 0);
  assert_true(conn_is_late(&c, ANSWER_WITHIN_MS + 1));
  conn_enter(&c, PHASE_IDLE, 0);
  assert_false(conn_is_late(&c, IDLE_WITHIN_MS));
  assert_true(conn_is_late(&c, IDLE_WITHIN_MS + 1));
}

// 3 000 connections drip a byte now and then; a normal client does not notice.
static void many_slow_ones(void **state) {
  (void)state;
  enum { SLOW = 3000, ASKED = 200 };
  static int fd[SLOW];
  for (int i = 0; i < SLOW; i++) {
    fd[i] = raw_dial(server);
    assert_true(fd[i] >= 0);
    raw_send(fd[i], "GET /pay/ HTTP/1.1\r\nHo", (size_t)(1 + i % 22));
  }
  int64_t slowest_us = 0;
  for (int i = 0; i < ASKED; i++) {
    for (int k = i; k < SLOW; k += ASKED)
      raw_send(fd[k], "x", 1);
    int64_t from = world_mono(&world_real);
    assert_int_equal(ask(GET("/pay/") "\r\n"), 200);
    int64_t took = world_mono(&world_real) - from;
    slowest_us = took > slowest_us ? took : slowest_us;
  }
  assert_true(slowest_us < 3000000);
  for (int i = 0; i < SLOW; i++)
    close(fd[i]);
}

static void reader_that_does_not_read(void **state) {
  (void)state;
  static const char text[] = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
  int fd[20];
  for (int i = 0; i < 20; i++) {
    fd[i] = raw_dial(server);
    raw_send(fd[i], text, sizeof text - 1);
  }
  assert_int_equal(ask(GET("/pay/") "\r\n"), 200);
  assert_int_equal(ask_all(GET("/big") "\r\n"), 200);
  assert_true(strlen(answer) > 512 * 1024);
  for (int i = 0; i < 20; i++)
    close(fd[i]);
}

static void counts_per_address(void **state) {
  (void)state;
  struct proxy_list trusted;
  assert_true(proxy_list_parse(&trusted, "10.0.0.0/8"));
  struct reaper *r = reaper_start(&(struct reaper_options){
      .world = &world_real, .trusted = &trusted, .connections_max = 10, .per_address_max = 2});
  struct address a, b, proxy;
  assert_true(client_address_parse(STR("2a00:1:2:3::1"), &a) &&
              client_address_parse(STR("2a00:1:2:3::2"), &b) &&
              client_address_parse(STR("10.1.1.1"), &proxy));
  struct conn *c[10];
  int n = 0;
  c[n++] = reaper_open(r, -1, &a);
  assert_true(reaper_admits(r, &b));
  c[n++] = reaper_open(r, -1, &b); // the same /64
  assert_false(reaper_admits(r, &a));
  while (n < 9)
    c[n++] = reaper_open(r, -1, &proxy);
  assert_true(reaper_admits(r, &proxy));
  c[n++] = reaper_open(r, -1, &proxy);
  assert_false(reaper_admits(r, &proxy)); // all places taken
  while (n)
    reaper_close(r, c[--n]);
  assert_true(reaper_admits(r, &a));
  reaper_stop(r);
}

// ---- operations --------------------------------------------------------------------------------

static bool troubled(void *self, struct buf *json) {
  buf_c(json, "{\"status\":\"trouble\"}");
  return *(bool *)self;
}

static bool is_ready(void *self) {
  return *(bool *)self;
}

static void ops_listener(void **state) {
  (void)state;
  char error[200];
  bool well = false;
  struct server *main_server = server;
  struct ops ops = {.server = main_server, .ready = is_ready, .health = troubled, .self = &well};
  assert_int_equal(ask(GET("/pay/") "\r\n"), 200);
  server = server_start(
      &(struct server_options){
          .listen = "127.0.0.1:0", .routes = ops_routes, .threads = 1, .world = &world_real, .app = &ops},
      error, sizeof error);
  assert_non_null(server);
  assert_int_equal(ask(GET("/livez") "\r\n"), 200);
  assert_int_equal(ask(GET("/readyz") "\r\n"), 503);
  assert_int_equal(ask_all(GET("/healthz") "\r\n"), 503);
  assert_true(says("{\"status\":\"trouble\"}"));
  well = true;
  assert_int_equal(ask(GET("/readyz") "\r\n"), 200);
  assert_int_equal(ask(GET("/healthz") "\r\n"), 200);
  assert_int_equal(ask_all(GET("/metrics") "\r\n"), 200);
  assert_true(
      says("# TYPE http_requests_total counter\nhttp_requests_total{route=\"pay\",status=\"2xx\"} 1\n"));
  assert_true(says("http_request_duration_seconds_bucket{route=\"pay\",le=\"+Inf\"} 1\n"));
  assert_true(says("\nhttp_connections "));
  server_stop(server, 100);
  server = main_server;
}

static void start_says_why_not(void **state) {
  (void)state;
  char error[200], taken[40];
  struct server_options o = {.listen = "127.0.0.1", .routes = routes, .world = &world_real};
  assert_null(server_start(&o, error, sizeof error));
  o.listen = "localhost:0";
  assert_null(server_start(&o, error, sizeof error));
  snprintf(taken, sizeof taken, "127.0.0.1:%d", server_port(server));
  o.listen = taken;
  assert_null(server_start(&o, error, sizeof error));
  assert_non_null(strstr(error, "Address already in use"));
  o.listen = "127.0.0.1:0";
  o.trusted_proxies = "10.0.0.0/33";
  assert_null(server_start(&o, error, sizeof error));
}

#define ON(setup, test) cmocka_unit_test_setup_teardown(test, setup, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON(start, plain),
      ON(start, fields_must_be_text),
      ON(start, head_has_no_body),
      ON(start, forms),
      ON(start, unknown_paths),
      ON(start, slash_forgotten),
      ON(start, wrong_methods),
      ON(start, wrong_types),
      ON(start, large_bodies),
      ON(start, large_heads),
      ON(start, admission_comes_last),
      ON(start_prefix, below_a_prefix),
      ON(start_prefix, refusals_below_api_are_json),
      ON(start_behind_proxy, clients_behind_proxies),
      ON(start, strangers_are_not_believed),
      ON(start, waits_without_a_thread),
      ON(start, stop_waits_for_suspended_requests),
      ON(start, many_slow_ones),
      ON(start, reader_that_does_not_read),
      ON(start, ops_listener),
      ON(start, start_says_why_not),
      cmocka_unit_test(time_limits),
      cmocka_unit_test(counts_per_address),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
