// Outbound posts: what is sent, what is read back, and that bad receivers harm nobody but themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <signal.h>

#include "../support/receiver.h"
#include "net/excerpt.h"
#include "net/poster.h"

enum { TIMEOUT_MS = 1000 };

static struct receiver receiver;
static struct poster *poster;

struct result {
  struct post post;
  char url[128], excerpt[POST_EXCERPT_MAX + 1];
  int calls;
};

// "a.test" and "b.test" are the receiver, "hung.test" takes its time, the rest does not exist.
static size_t resolve(void *self, const char *host, union net_address *out, size_t max) {
  (void)self;
  if (strcmp(host, "hung.test") == 0)
    usleep(2 * TIMEOUT_MS * 1000);
  if (max < 2 ||
      (strcmp(host, "a.test") != 0 && strcmp(host, "b.test") != 0 && strcmp(host, "two.test") != 0))
    return 0;
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  out[0].v4 = out[1].v4 = loopback;
  if (strcmp(host, "two.test") != 0)
    return 1;
  out[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1); // nobody listens there
  return 2;
}

static int setup(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
    setenv(proxies[i], "http://127.0.0.1:1", 1); // nobody is there: a post that asked a proxy would fail
  struct poster_options o = {.world = &world_real,
                             .user_agent = "cryptopay/test",
                             .allow_private = true,
                             .timeout_ms = TIMEOUT_MS,
                             .resolve = resolve};
  poster = poster_create(&o);
  return poster && receiver_start(&receiver) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  poster_free(poster);
  receiver_stop(&receiver);
  return 0;
}

static void keep(struct post *p) {
  struct result *r = p->user;
  r->calls++;
  memcpy(r->excerpt, p->excerpt.p, p->excerpt.n);
  r->excerpt[p->excerpt.n] = 0;
}

static void begin(struct result *r, const char *host, const char *path) {
  *r = (struct result){0};
  snprintf(r->url, sizeof r->url, "http://%s:%d%s", host, receiver.port, path);
  r->post = (struct post){.url = str_of(r->url), .body = STR("{\"a\":1}"), .user = r, .done = keep};
  poster->post(poster, &r->post);
  assert_int_equal(r->calls, 0);
}

static void run_to_end(void) {
  int64_t until_us = world_mono(&world_real) + 10 * INT64_C(1000000);
  while (poster_run(poster, 100) > 0)
    if (world_mono(&world_real) > until_us)
      fail_msg("posts do not end");
}

static struct result send_one(const char *host, const char *path) {
  static struct result r;
  begin(&r, host, path);
  run_to_end();
  assert_int_equal(r.calls, 1);
  return r;
}

static void what_is_sent(void **state) {
  (void)state;
  static const struct str lines[] = {STR("Content-Type: application/json"), STR("X-Signature: 00ff")};
  struct result r = {0};
  snprintf(r.url, sizeof r.url, "HTTP://a.test:%d/ok?x=1#part", receiver.port);
  r.post = (struct post){.url = str_of(r.url),
                         .body = STR("{\"a\":1}"),
                         .headers = lines,
                         .headers_n = 2,
                         .user = &r,
                         .done = keep};
  poster->post(poster, &r.post);
  run_to_end();
  assert_int_equal(r.post.error, POST_OK);
  assert_int_equal(r.post.status, 200);
  assert_string_equal(r.excerpt, "ok");
  assert_true(r.post.duration_us > 0);
  char want[512];
  snprintf(want, sizeof want,
           "POST /ok?x=1 HTTP/1.1\r\nHost: a.test:%d\r\nUser-Agent: cryptopay/test\r\nAccept: */*\r\n"
           "Content-Type: application/json\r\nX-Signature: 00ff\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
           receiver.port);
  assert_string_equal(receiver.last, want);
}

static void connections_are_kept(void **state) {
  (void)state;
  send_one("a.test", "/ok");
  int before = receiver.accepts;
  for (int i = 0; i < 20; i++)
    assert_int_equal(send_one("a.test", "/ok").post.status, 200);
  assert_int_equal(receiver.accepts, before);
}

struct expectation {
  const char *path;
  enum post_error error;
  int status;
};

// What streams falls silent after 100 KiB: who read on would wait for the end of the time.
static void answers(void **state) {
  (void)state;
  static const struct expectation all[] = {
      {"/ok", POST_OK, 200},
      {"/empty", POST_OK, 204},
      {"/busy", POST_OK, 503},
      {"/redirect", POST_OK, 302},
      {"/huge", POST_OK, 200},
      {"/short", POST_OK, 200},
      {"/reset", POST_NO_ANSWER, 0},
      {"/close", POST_NO_ANSWER, 0},
      {"/garbage", POST_NO_ANSWER, 0},
      {"/hang", POST_TIMEOUT, 0},
      {"/drip", POST_TIMEOUT, 0},
      {"/headers", POST_NO_ANSWER, 0},
      {"/continue", POST_NO_ANSWER, 0},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct result r = send_one("127.0.0.1", all[i].path);
    if (r.post.error != all[i].error || r.post.status != all[i].status)
      fail_msg("%s: %s, %d", all[i].path, post_error_sentence(r.post.error), r.post.status);
    if ((r.post.error == POST_TIMEOUT) != (r.post.duration_us >= (TIMEOUT_MS - 50) * 1000))
      fail_msg("%s: %lld us", all[i].path, (long long)r.post.duration_us);
  }
}

static void redirects_are_not_followed(void **state) {
  (void)state;
  int before = receiver.requests;
  assert_int_equal(send_one("127.0.0.1", "/redirect").post.status, 302);
  assert_int_equal(receiver.requests, before + 1);
}

static void answer_details(void **state) {
  (void)state;
  struct result r = send_one("127.0.0.1", "/busy");
  assert_int_equal(r.post.retry_after_s, 1200);
  assert_string_equal(r.excerpt, "later");
  r = send_one("127.0.0.1", "/huge");
  assert_int_equal(strlen(r.excerpt), POST_EXCERPT_MAX);
  assert_int_equal(r.post.retry_after_s, 0);
  r = send_one("127.0.0.1", "/binary");
  assert_string_equal(r.excerpt, "a? \xd0\x96  b");
}

static void bad_targets(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum post_error error;
  } all[] = {
      {"", POST_BAD_URL},
      {"http://", POST_BAD_URL},
      {"http://a b/", POST_BAD_URL},
      {"http://user:secret@a.test/", POST_BAD_URL},
      {"http://[fe80::1%25lo]/", POST_BAD_URL},
      {"ftp://a.test/", POST_BAD_SCHEME},
      {"file:///etc/passwd", POST_BAD_SCHEME},
      {"gopher://127.0.0.1:70/_x", POST_BAD_SCHEME},
      {"http://a.test:0/", POST_BAD_PORT},
      {"http://10.0.0.1/", POST_BAD_ADDRESS},
      {"http://missing.test/", POST_NO_NAME},
      {"http://127.0.0.1:1/", POST_NO_CONNECTION},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct result r = {0};
    r.post = (struct post){.url = str_of(all[i].url), .body = STR("{}"), .user = &r, .done = keep};
    poster->post(poster, &r.post);
    assert_int_equal(r.calls, 0);
    run_to_end();
    assert_int_equal(r.calls, 1);
    if (r.post.error != all[i].error)
      fail_msg("%s: %s", all[i].url, post_error_sentence(r.post.error));
  }
}

// What a gateway allows by default; a name that is not found is the end of a URL with nothing wrong in it.
static void default_rules(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum post_error error;
  } all[] = {
      {"https://missing.test/", POST_NO_NAME},       {"https://missing.test:443/", POST_NO_NAME},
      {"https://missing.test:80/", POST_NO_NAME},    {"https://missing.test:8443/", POST_NO_NAME},
      {"https://missing.test:8080/", POST_BAD_PORT}, {"https://missing.test:22/", POST_BAD_PORT},
      {"http://missing.test/", POST_BAD_SCHEME},     {"https://127.0.0.1/", POST_BAD_ADDRESS},
      {"https://a.test/", POST_BAD_ADDRESS},
  };
  struct poster_options o = {.world = &world_real, .user_agent = "x", .resolve = resolve};
  struct poster *p = poster_create(&o);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct result r = {0};
    r.post = (struct post){.url = str_of(all[i].url), .body = STR("{}"), .user = &r, .done = keep};
    p->post(p, &r.post);
    while (poster_run(p, 100) > 0)
      continue;
    if (r.calls != 1 || r.post.error != all[i].error)
      fail_msg("%s: %s", all[i].url, post_error_sentence(r.post.error));
  }
  poster_free(p);
}

// The first address of the name does not answer: the second does.
static void another_address_gets_its_turn(void **state) {
  (void)state;
  assert_int_equal(send_one("two.test", "/ok").post.status, 200);
  int before = receiver.accepts;
  assert_int_equal(send_one("two.test", "/ok").post.status, 200);
  assert_int_equal(receiver.accepts, before);
}

static void slow_lookup_times_out_alone(void **state) {
  (void)state;
  static struct result hung, good;
  begin(&hung, "hung.test", "/ok");
  begin(&good, "b.test", "/ok");
  while (!good.calls)
    poster_run(poster, 100);
  assert_int_equal(good.post.status, 200);
  assert_int_equal(hung.calls, 0);
  run_to_end();
  assert_int_equal(hung.post.error, POST_TIMEOUT);
  assert_true(hung.post.duration_us < 2 * TIMEOUT_MS * 1000);
}

// 100 good receivers beside 100 bad ones, all at once.
static void bad_receivers_harm_only_themselves(void **state) {
  (void)state;
  static const char *bad[] = {"/hang",  "/drip",  "/huge",    "/redirect",
                              "/reset", "/close", "/headers", "/continue"};
  static struct result good[100], evil[100];
  for (size_t i = 0; i < 100; i++) {
    begin(&evil[i], i % 10 ? "127.0.0.1" : "hung.test", bad[i % (sizeof bad / sizeof *bad)]);
    begin(&good[i], i % 2 ? "127.0.0.1" : "a.test", "/ok");
  }
  run_to_end();
  for (size_t i = 0; i < 100; i++) {
    assert_int_equal(good[i].calls, 1);
    assert_int_equal(good[i].post.status, 200);
    assert_true(good[i].post.duration_us < TIMEOUT_MS * 1000);
    assert_int_equal(evil[i].calls, 1);
    assert_true(evil[i].post.duration_us < 2 * TIMEOUT_MS * 1000);
  }
}

static void *wake_later(void *arg) {
  usleep(50000);
  poster_wakeup(arg);
  return NULL;
}

static void wakes_up(void **state) {
  (void)state;
  pthread_t t;
  int64_t from_us = world_mono(&world_real);
  assert_int_equal(pthread_create(&t, NULL, wake_later, poster), 0);
  assert_int_equal(poster_run(poster, 5000), 0);
  assert_true(world_mono(&world_real) - from_us < 2000000);
  pthread_join(t, NULL);
}

static void stop_ends_all(void **state) {
  (void)state;
  struct poster_options o = {
      .world = &world_real, .user_agent = "x", .allow_private = true, .resolve = resolve};
  struct poster *shared = poster;
  static struct result r[4];
  poster = poster_create(&o);
  begin(&r[0], "127.0.0.1", "/hang");
  begin(&r[1], "hung.test", "/ok");
  begin(&r[2], "127.0.0.1", "/ok");
  poster_run(poster, 10);
  begin(&r[3], "10.0.0.1", "/ok"); // refused at once, not yet reported
  poster_free(poster);
  poster = shared;
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(r[i].calls, 1);
  assert_int_equal(r[0].post.error, POST_STOPPED);
  assert_int_equal(r[1].post.error, POST_STOPPED);
  assert_int_equal(r[3].post.error, POST_BAD_ADDRESS);
}

static void excerpts(void **state) {
  (void)state;
  char text[] = "\xe2\x82\xac\xc0\xaf\t\xed\xa0\x80z\xf0\x9f\x92";
  struct str s = excerpt_clean(text, sizeof text - 1);
  assert_true(str_eqc(s, "\xe2\x82\xac?? ???z"));
  assert_true(str_is_utf8(s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sent),
      cmocka_unit_test(connections_are_kept),
      cmocka_unit_test(answers),
      cmocka_unit_test(redirects_are_not_followed),
      cmocka_unit_test(answer_details),
      cmocka_unit_test(bad_targets),
      cmocka_unit_test(default_rules),
      cmocka_unit_test(another_address_gets_its_turn),
      cmocka_unit_test(slow_lookup_times_out_alone),
      cmocka_unit_test(bad_receivers_harm_only_themselves),
      cmocka_unit_test(wakes_up),
      cmocka_unit_test(stop_ends_all),
      cmocka_unit_test(excerpts),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
