// Requests to nodes over real sockets: whatever the other side does, each ends, within its limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "net/fetch.h"
#include "../support/receiver.h"

enum { SHORT_MS = 300, LONG_MS = 10000, BYTES = 20000 };

static struct receiver receiver;
static struct fetcher *fetcher;
static struct arena arena;

static int setup(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  setenv("http_proxy", "http://127.0.0.1:1", 1); // never used
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  arena_init(&arena, 64 << 20);
  fetcher = fetcher_create(&world_real);
  return receiver_start(&receiver) && fetcher ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  fetcher->free(fetcher);
  receiver_stop(&receiver);
  arena_free(&arena);
  return 0;
}

static struct fetch make(const char *path, int64_t timeout_ms) {
  return (struct fetch){.url = str_printf(&arena, "http://127.0.0.1:%d/%s", receiver.port, path),
                        .body = STR("{\"num\":7}"),
                        .header = STR("X-Of-One-Node: abc"),
                        .timeout_ms = timeout_ms,
                        .max_bytes = BYTES,
                        .arena = &arena};
}

static struct fetch run(const char *path, int64_t timeout_ms) {
  struct fetch f = make(path, timeout_ms);
  fetcher_run(fetcher, &f, 1);
  return f;
}

static void answers(void **state) {
  (void)state;
  struct fetch f = run("ok", LONG_MS);
  assert_int_equal(f.error, FETCH_OK);
  assert_int_equal(f.status, 200);
  assert_true(str_eqc(f.answer, "ok"));
  assert_true(f.took_us > 0 && f.took_us < LONG_MS * 1000);
  assert_non_null(strstr(receiver.last, "\r\nX-Of-One-Node: abc\r\n"));
  assert_non_null(strstr(receiver.last, "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(receiver.last, "\r\n\r\n{\"num\":7}"));
  assert_null(strcasestr(receiver.last, "accept-encoding")); // nothing that unpacks
}

static void connections_are_kept(void **state) {
  (void)state;
  run("ok", LONG_MS);
  int before = receiver.accepts;
  for (int i = 0; i < 5; i++)
    assert_int_equal(run("ok", LONG_MS).status, 200);
  assert_int_equal(receiver.accepts, before);
}

static void what_is_said_is_told(void **state) {
  (void)state;
  struct fetch f = run("busy", LONG_MS);
  assert_int_equal(f.error, FETCH_OK);
  assert_int_equal(f.status, 503);
  assert_int_equal(f.retry_after_s, 1200);
  assert_true(str_eqc(f.answer, "later"));
  f = run("redirect", LONG_MS); // not followed
  assert_int_equal(f.error, FETCH_OK);
  assert_int_equal(f.status, 302);
  f = run("packed", LONG_MS); // not unpacked
  assert_true(str_eqc(f.answer, "\x1f\x8b\x08!"));
  f = run("empty", LONG_MS);
  assert_int_equal(f.error, FETCH_OK);
  assert_true(f.answer.p && f.answer.n == 0);
}

static void bad_ends(void **state) {
  (void)state;
  static const struct {
    const char *path;
    enum fetch_error error;
  } cases[] = {
      {"huge", FETCH_TOO_LARGE},                              // a body without an end
      {"claims", FETCH_TOO_LARGE},                            // a Content-Length that nobody waits for
      {"headers", FETCH_TOO_LARGE},                           // headers without an end
      {"continue", FETCH_TOO_LARGE}, {"short", FETCH_BROKEN}, // ends before its Content-Length
      {"close", FETCH_BROKEN},       {"reset", FETCH_BROKEN}, {"garbage", FETCH_BROKEN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fetch f = run(cases[i].path, LONG_MS);
    if (f.error != cases[i].error || f.status != 0 || f.answer.p)
      fail_msg("%s: %s", cases[i].path, fetch_error_sentence(f.error));
  }
}

static void nobody_is_waited_for_longer_than_allowed(void **state) {
  (void)state;
  assert_int_equal(run("hang", SHORT_MS).error, FETCH_TIMEOUT);
  struct fetch f = run("drip", SHORT_MS); // sends a byte now and then
  assert_int_equal(f.error, FETCH_TIMEOUT);
  assert_true(f.took_us < LONG_MS * 1000);
}

static void places_that_are_none(void **state) {
  (void)state;
  struct fetch f = make("ok", LONG_MS);
  static const struct {
    const char *url;
    enum fetch_error error;
  } cases[] = {
      {"http://127.0.0.1:1/wallet/getnowblock", FETCH_NO_CONNECTION},
      {"http://no-such-name.invalid/", FETCH_NO_CONNECTION},
      {"ftp://127.0.0.1/", FETCH_BAD_URL},
      {"file:///etc/passwd", FETCH_BAD_URL},
      {"http://", FETCH_BAD_URL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    f.url = str_of(cases[i].url);
    fetcher_run(fetcher, &f, 1);
    if (f.error != cases[i].error)
      fail_msg("%s: %s", cases[i].url, fetch_error_sentence(f.error));
  }
  f.url = str_printf(&arena, "https://127.0.0.1:%d/", receiver.port); // speaks no TLS
  f.timeout_ms = SHORT_MS;
  fetcher_run(fetcher, &f, 1);
  assert_true(f.error == FETCH_TLS || f.error == FETCH_TIMEOUT);
}

static void several_at_once(void **state) {
  (void)state;
  struct fetch list[FETCHES_MAX];
  for (int i = 0; i < FETCHES_MAX; i++)
    list[i] = make(i % 8 == 0 ? "hang" : i % 8 == 1 ? "close" : "ok", SHORT_MS);
  int64_t begun_us = world_mono(&world_real);
  fetcher_run(fetcher, list, FETCHES_MAX);
  for (int i = 0; i < FETCHES_MAX; i++)
    assert_int_equal(list[i].error, i % 8 == 0 ? FETCH_TIMEOUT : i % 8 == 1 ? FETCH_BROKEN : FETCH_OK);
  assert_true(world_mono(&world_real) - begun_us < 4 * SHORT_MS * 1000); // not one after the other
}

static void *stop_soon(void *arg) {
  int before = *(int *)arg;
  while (receiver.requests == before)
    usleep(1000);
  fetcher->stop(fetcher);
  return NULL;
}

// The last one: nothing comes after it.
static void a_stop_ends_all(void **state) {
  (void)state;
  pthread_t thread;
  int before = receiver.requests;
  struct fetch f[2] = {make("hang", 60000), make("hang", 60000)};
  assert_int_equal(pthread_create(&thread, NULL, stop_soon, &before), 0);
  fetcher_run(fetcher, f, 2);
  pthread_join(thread, NULL);
  assert_int_equal(f[0].error, FETCH_STOPPED);
  assert_int_equal(f[1].error, FETCH_STOPPED);
  assert_int_equal(run("ok", LONG_MS).error, FETCH_STOPPED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers),
      cmocka_unit_test(connections_are_kept),
      cmocka_unit_test(what_is_said_is_told),
      cmocka_unit_test(bad_ends),
      cmocka_unit_test(nobody_is_waited_for_longer_than_allowed),
      cmocka_unit_test(places_that_are_none),
      cmocka_unit_test(several_at_once),
      cmocka_unit_test(a_stop_ends_all),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
