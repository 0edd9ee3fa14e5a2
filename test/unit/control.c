// The control socket: its mode, requests and answers, a greeting before anything runs, a long path, a clean
// end.
#include "daemon/control.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/control-test-XXXXXX";
static char path[300];
static struct arena arena;
static int calls;

static void echo(void *user, struct arena *a, struct str request, struct buf *answer) {
  (void)a;
  ++*(int *)user;
  buf_c(answer, "got ");
  buf_str(answer, request);
}

static int set_up(void **state) {
  (void)state;
  arena_init(&arena, 64 << 20);
  if (!mkdtemp(folder))
    return 1;
  snprintf(path, sizeof path, "%s/sock", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(&arena);
  return rmdir(folder);
}

static struct control *start(void) {
  char error[300] = "";
  struct control *c = control_start(path, echo, &calls, error, sizeof error);
  if (!c)
    fail_msg("%s", error);
  return c;
}

static void answers(void **state) {
  (void)state;
  struct stat st;
  struct buf answer;
  calls = 0;
  struct control *c = start();
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  for (int i = 0; i < 3; i++) {
    buf_init(&answer, &arena, 100);
    assert_int_equal(control_call(path, STR("{\"a\":1}"), &answer), CONTROL_ANSWERED);
    assert_true(str_eqc(buf_view(&answer), "got {\"a\":1}"));
  }
  assert_int_equal(calls, 3);
  control_stop(c);
  assert_int_not_equal(access(path, F_OK), 0);
  buf_init(&answer, &arena, 100);
  assert_int_equal(control_call(path, STR("x"), &answer), CONTROL_NOBODY);
}

static void replaces_a_socket_left_behind(void **state) {
  (void)state;
  struct buf answer;
  FILE *f = fopen(path, "w");
  fclose(f);
  struct control *c = start();
  buf_init(&answer, &arena, 100);
  assert_int_equal(control_call(path, STR("x"), &answer), CONTROL_ANSWERED);
  control_stop(c);
}

static void large_requests(void **state) {
  (void)state;
  struct buf answer;
  char *text = arena_alloc(&arena, CONTROL_REQUEST_MAX + 1);
  memset(text, 'x', CONTROL_REQUEST_MAX + 1);
  struct control *c = start();
  buf_init(&answer, &arena, CONTROL_ANSWER_MAX);
  calls = 0;
  assert_int_equal(control_call(path, (struct str){text, CONTROL_REQUEST_MAX}, &answer), CONTROL_ANSWERED);
  assert_int_equal(answer.n, CONTROL_REQUEST_MAX + 4);
  assert_int_equal(control_call(path, (struct str){text, CONTROL_REQUEST_MAX + 1}, &answer), CONTROL_LOST);
  assert_int_equal(calls, 1);
  control_stop(c);
}

static void long_paths(void **state) {
  (void)state;
  char deep[300], keep[300];
  struct buf answer;
  memcpy(keep, path, sizeof keep);
  snprintf(deep, sizeof deep, "%s/%0150d", folder, 1);
  assert_int_equal(mkdir(deep, 0700), 0);
  snprintf(path, sizeof path, "%.250s/sock", deep);
  struct control *c = start();
  buf_init(&answer, &arena, 100);
  assert_int_equal(control_call(path, STR("x"), &answer), CONTROL_ANSWERED);
  control_stop(c);
  assert_int_equal(rmdir(deep), 0);
  memcpy(path, keep, sizeof path);
}

static void *stop(void *arg) {
  control_stop(arg);
  return NULL;
}

// Somebody who connects, says nothing and goes: the end comes all the same.
static void a_client_that_leaves_is_no_trouble(void **state) {
  (void)state;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  char hello[32];
  pthread_t stopper;
  struct control *c = start();
  memcpy(name.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
  assert_true(recv(fd, hello, sizeof hello, 0) > 0);
  assert_int_equal(pthread_create(&stopper, NULL, stop, c), 0);
  close(fd);
  pthread_join(stopper, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers),
      cmocka_unit_test(replaces_a_socket_left_behind),
      cmocka_unit_test(large_requests),
      cmocka_unit_test(long_paths),
      cmocka_unit_test(a_client_that_leaves_is_no_trouble),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
