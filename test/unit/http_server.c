// The HTTP server in process, spoken to over raw sockets: malformed framing, limits, routing, waiting,
// stopping.
#include "http/limits.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct server *server;
static struct request *_Atomic waiting;

// ---- a client ----------------------------------------------------------------------------------

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in sa = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)server_port(server)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
  return fd;
}

static void put(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
    if (k <= 0)
      return;
    p += k;
    n -= (size_t)k;
  }
}

// Reads for at most `ms` until the peer closes or, if `until` is given, that text has come.
static size_t get(int fd, char *out, size_t cap, const char *until, int ms) {
  size_t n = 0;
  out[0] = 0;
  while (n + 1 < cap && !(until && strstr(out, until))) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0)
      break;
    ssize_t k = recv(fd, out + n, cap - 1 - n, 0);
    if (k <= 0)
      break;
    n += (size_t)k;
    out[n] = 0;
  }
  return n;
}


static char answer[256 * 1024];

// One request on a connection of its own; the answer's status.
static int ask_bytes(const char *p, size_t n) {
  int fd = dial();
  put(fd, p, n);
  get(fd, answer, sizeof answer, "\r\n\r\n", 2000);
  close(fd);
  int status = 0;
  return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static int ask(const char *text) {
  return ask_bytes(text, strlen(text));
}

// ---- routes ------------------------------------------------------------------------------------

static void echo(struct request *r) {
  struct str a = request_query(r, "a"), b = request_form(r, "b"), ua = request_header(r, "User-Agent");
  request_add_header(r, "X-Bad", STR("a\r\nSet-Cookie: x=1"));
  request_add_header(r, "X-Client", r->client);
  request_add_header(r, "X-Target", r->target);
  request_reply(
      r, 200, "text/plain",
      str_printf(r->arena, "[%.*s][%.*s][%.*s][%zu]", STR_FMT(a), STR_FMT(b), STR_FMT(ua), r->body.n));
}

static void woken(struct request *r) {
  request_reply(r, 200, "text/plain", STR("woken"));
}

static void wait_for_it(struct request *r) {
  request_suspend(r, woken);
  atomic_store(&waiting, r);
}

static void admit(struct request *r) {
  if (str_eqc(request_query(r, "deny"), "1"))
    request_error(r, ERR_RATE, NULL);
}

static const struct route routes[] = {
    {"GET", "/pay/", ACCESS_PUBLIC, NULL, echo, "pay"},
    {"GET", "/api/echo", ACCESS_SIGNED, NULL, echo, "echo"},
    {"POST", "/api/json", ACCESS_SIGNED, "application/json", echo, "json"},
    {"POST", "/form", ACCESS_PUBLIC, "application/x-www-form-urlencoded", echo, "form"},
    {"GET", "/wait", ACCESS_PUBLIC, NULL, wait_for_it, "wait"},
    {0},
};

static int start_with(const char *prefix, const char *trusted) {
  char error[200] = "";
  signal(SIGPIPE, SIG_IGN);
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

static int stop(void **state) {
  (void)state;
  server_stop(server, 1000);
  return 0;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_plain(void **state) {
  (void)state;
  assert_int_equal(ask("GET /pay/?a=x%20y+z HTTP/1.1\r\nHost: h\r\nUser-Agent: me \r\n\r\n"), 200);
  assert_non_null(strstr(answer, "[x y z][][me][0]"));
  assert_non_null(strstr(answer, "X-Request-Id: "));
  assert_null(strstr(answer, "Set-Cookie"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_plain, start, stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
