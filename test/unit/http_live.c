// Waiting requests and the bell, with threads on both sides: no wake-up is lost, none comes twice, late ones
// are sent home.
#include "raw_http.h"
#include "base/log.h"
#include "http/live.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ROWS = 16, HASTY = 15, LONG_BYTES = 200000, WAIT_TEST_MS = 2000 };

static struct server *server;
static struct live *live;
static struct bell bell;
static _Atomic int64_t version[ROWS]; // the "database"

static int64_t row_of(struct request *r) {
  int64_t row = 0;
  return str_to_i64(request_query(r, "row"), &row) ? row % ROWS : 0;
}

static void tell(struct request *r) {
  request_add_header(r, "X-Language", request_header(r, "Accept-Language"));
  if (request_query(r, "long").p) {
    char *p = arena_alloc(r->arena, LONG_BYTES);
    memset(p, 'x', LONG_BYTES);
    request_reply(r, 200, "text/plain", (struct str){p, LONG_BYTES});
    return;
  }
  request_reply(r, 200, "text/plain",
                str_printf(r->arena, "version=%lld", (long long)atomic_load(&version[row_of(r)])));
}

static void change(int64_t row) {
  int64_t v = atomic_fetch_add(&version[row], 1) + 1;
  bell_ring(&bell, row, v);
}

static void watch(struct request *r) {
  int64_t row = row_of(r), seen = 0;
  assert_true(str_to_i64(request_query(r, "seen"), &seen));
  struct live_wait wait = {.row = row, .version = seen, .rings = live_rings(live, row)};
  if (atomic_load(&version[row]) != seen) {
    tell(r);
  } else {
    if (row == HASTY)
      change(row); // after the read, before the parking
    live_park(live, r, &wait, tell);
  }
}

static const struct route routes[] = {{"GET", "/watch", ACCESS_PUBLIC, NULL, watch, "watch"}, {0}};

static int start_with(int wait_ms) {
  char error[200];
  signal(SIGPIPE, SIG_IGN);
  log_set_level(LOG_ERROR);
  memset(version, 0, sizeof version);
  bell = (struct bell){0};
  live = live_start(&world_real, wait_ms);
  bell_listen(&bell, live_ring, live);
  server = server_start(
      &(struct server_options){.listen = "127.0.0.1:0", .routes = routes, .threads = 2, .world = &world_real},
      error, sizeof error);
  return server ? 0 : -1;
}

static int start(void **state) {
  (void)state;
  return start_with(WAIT_TEST_MS);
}

static int stop(void **state) {
  (void)state;
  live_quiet(live);
  server_stop(server, 1000);
  live_free(live);
  return 0;
}

// An answer that was waited for ends its connection: each question has its own.
static int ask_watch(int64_t row, int64_t seen) {
  char text[200];
  int fd = raw_dial(server);
  int n = snprintf(text, sizeof text, "GET /watch?row=%lld&seen=%lld HTTP/1.1\r\nHost: h\r\n\r\n",
                   (long long)row, (long long)seen);
  raw_send(fd, text, (size_t)n);
  return fd;
}

// The version in an answer, read into the caller's own buffer: several threads read at once.
static int64_t read_to_end(int fd) {
  char buf[2048];
  size_t n = 0;
  char *found = NULL;
  while (!found) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 5000) <= 0)
      return -1;
    ssize_t k = recv(fd, buf + n, sizeof buf - 1 - n, 0);
    if (k <= 0)
      return -1;
    n += (size_t)k;
    buf[n] = 0;
    found = strstr(buf, "version=");
  }
  return atoll(found + 8);
}

static int64_t read_version(int fd) {
  int64_t v = read_to_end(fd);
  close(fd);
  return v;
}

static void wait_for_waiting(int n) {
  for (int i = 0; i < 8000 && live_waiting(live) != n; i++)
    usleep(1000);
  assert_int_equal(live_waiting(live), n);
}

static void rings_only_its_own(void **state) {
  (void)state;
  int a = ask_watch(1, 0), b = ask_watch(2, 0);
  wait_for_waiting(2);
  change(1);
  assert_int_equal(read_version(a), 1);
  assert_int_equal(live_waiting(live), 1);
  change(2);
  assert_int_equal(read_version(b), 1);
  a = ask_watch(1, 0); // has missed a version: no waiting
  assert_int_equal(read_version(a), 1);
}

static void ring_between_read_and_park(void **state) {
  (void)state;
  int64_t from = world_mono(&world_real);
  int fd = ask_watch(HASTY, 0);
  assert_int_equal(read_version(fd), 1);
  assert_true(world_mono(&world_real) - from < WAIT_TEST_MS * 1000 / 2);
}

static void goes_home_after_a_while(void **state) {
  (void)state;
  int64_t from = world_mono(&world_real);
  int fd = ask_watch(3, 0);
  assert_int_equal(read_version(fd), 0);
  int64_t ms = (world_mono(&world_real) - from) / 1000;
  assert_in_range(ms, WAIT_TEST_MS - 10, WAIT_TEST_MS + 8000);
}

static void dead_peers_are_noticed(void **state) {
  (void)state;
  live_quiet(live); // one with a long wait takes its place
  server_stop(server, 1000);
  live_free(live);
  start_with(60000);
  int fd = ask_watch(1, 0);
  wait_for_waiting(1);
  close(fd);
  wait_for_waiting(0);
}

static void dead_peers_leave_nothing(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    int fd = ask_watch(i % HASTY, 0);
    if (i % 2)
      usleep(300);
    close(fd);
  }
  for (int i = 0; i < 5000 && (live_waiting(live) || server_connections(server)); i++)
    usleep(1000);
  assert_int_equal(live_waiting(live), 0);
  assert_int_equal(server_connections(server), 0);
}

struct watcher {
  int64_t row, until;
  bool ok;
};

// Follows one row to its last version, as a page does. A lost wake-up shows as news that came only with the
// end of the wait.
static void *follow(void *arg) {
  struct watcher *w = arg;
  int64_t seen = 0;
  w->ok = true;
  while (seen < w->until && w->ok) {
    int64_t from = world_mono(&world_real);
    int64_t now = read_version(ask_watch(w->row, seen));
    bool waited = world_mono(&world_real) - from >= WAIT_TEST_MS * 1000;
    w->ok = now >= seen && !(waited && now > seen);
    seen = now;
  }
  return NULL;
}

static void *change_many(void *arg) {
  int64_t n = *(int64_t *)arg;
  for (int64_t i = 0; i < n; i++)
    for (int64_t row = 0; row < 4; row++) {
      change(row);
      if ((i & 7) == 0)
        usleep(50);
    }
  return NULL;
}

static void no_ring_is_lost(void **state) {
  (void)state;
  enum { FOLLOWERS = 8 };
  int64_t changes = 2000;
  struct watcher w[FOLLOWERS];
  pthread_t t[FOLLOWERS], changer;
  for (int i = 0; i < FOLLOWERS; i++) {
    w[i] = (struct watcher){.row = i % 4, .until = changes};
    pthread_create(&t[i], NULL, follow, &w[i]);
  }
  pthread_create(&changer, NULL, change_many, &changes);
  pthread_join(changer, NULL);
  for (int i = 0; i < FOLLOWERS; i++) {
    pthread_join(t[i], NULL);
    assert_true(w[i].ok);
  }
}

static void quiet_sends_all_home(void **state) {
  (void)state;
  int fd[20];
  for (int i = 0; i < 20; i++)
    fd[i] = ask_watch(i % HASTY, 0);
  wait_for_waiting(20);
  live_quiet(live);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(read_version(fd[i]), 0);
    assert_int_equal(read_version(ask_watch(i % HASTY, 0)), 0); // and nobody waits any more
  }
}

// What the handler asks of the request, and what the client gets, is the same after the wait.
static void waiting_changes_no_answer(void **state) {
  (void)state;
  static const char text[] = "HEAD /watch?row=5&seen=0 HTTP/1.1\r\nHost: h\r\nAccept-Language: ar \r\n\r\n";
  int fd = raw_dial(server);
  raw_send(fd, text, sizeof text - 1);
  wait_for_waiting(1);
  change(5);
  raw_read(fd, NULL, 5000);
  assert_int_equal(raw_status(), 200);
  assert_non_null(strstr(answer, "Content-Length: 9\r\n"));
  assert_non_null(strstr(answer, "X-Language: ar\r\n"));
  assert_non_null(strstr(answer, "X-Request-Id: "));
  assert_non_null(strstr(answer, "Connection: close\r\n"));
  assert_non_null(strstr(answer, "Date: "));
  assert_null(strstr(answer, "version=")); // a HEAD
  close(fd);
}

// Longer than a socket takes at once by itself.
static void long_answers_arrive_whole(void **state) {
  (void)state;
  static const char text[] = "GET /watch?row=6&seen=0&long=1 HTTP/1.1\r\nHost: h\r\n\r\n";
  int fd = raw_dial(server);
  raw_send(fd, text, sizeof text - 1);
  wait_for_waiting(1);
  change(6);
  usleep(50000); // the client is slow
  assert_true(raw_read(fd, NULL, 5000) > LONG_BYTES);
  close(fd);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(rings_only_its_own),       WITH(ring_between_read_and_park), WITH(goes_home_after_a_while),
      WITH(dead_peers_leave_nothing), WITH(dead_peers_are_noticed),     WITH(no_ring_is_lost),
      WITH(quiet_sends_all_home),     WITH(waiting_changes_no_answer),  WITH(long_answers_arrive_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
