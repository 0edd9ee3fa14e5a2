// Names: one lookup for all who wait, answers judged as a whole, the address that works stays the first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/hosts.h"

static const char *const *answer; // of the name server, ends with NULL
static atomic_int lookups;
static int event_fd;
static struct hosts *hosts;

static size_t resolve(void *self, const char *host, union net_address *out, size_t max) {
  (void)self, (void)host;
  lookups++;
  size_t n = 0;
  for (; answer[n]; n++) {
    out[n % max] = (union net_address){.v4 = {.sin_family = AF_INET}};
    inet_pton(AF_INET, answer[n], &out[n % max].v4.sin_addr);
  }
  return n;
}

static int setup(void **state) {
  (void)state;
  static struct poster_options o = {.resolve = resolve};
  lookups = 0;
  event_fd = eventfd(0, EFD_CLOEXEC);
  hosts = hosts_create(&o, event_fd);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hosts_free(hosts);
  close(event_fd);
  return 0;
}

static struct host *wait_for_answer(int64_t now_us) {
  struct pollfd p = {.fd = event_fd, .events = POLLIN};
  eventfd_t n;
  assert_int_equal(poll(&p, 1, 5000), 1);
  assert_int_equal(eventfd_read(event_fd, &n), 0);
  return hosts_answered(hosts, now_us);
}

static struct host *look_up(const char *name, int64_t now_us, const char *const *addresses) {
  answer = addresses;
  struct host *h = hosts_use(hosts, name, now_us);
  assert_true(hosts_ask(hosts, h));
  assert_ptr_equal(wait_for_answer(now_us), h);
  hosts_release(h);
  return h;
}

static const char *const one[] = {"8.8.8.8", NULL}, *const ab[] = {"8.8.8.8", "1.1.1.1", NULL},
                         *const ba[] = {"1.1.1.1", "8.8.8.8", NULL},
                         *const mixed[] = {"8.8.8.8", "1.1.1.1", "10.0.0.1", NULL}, *const none[] = {NULL};

static void all_share_one_lookup(void **state) {
  (void)state;
  answer = one;
  struct host *h = hosts_use(hosts, "a.example", 0);
  assert_ptr_equal(h, hosts_use(hosts, "a.example", 0));
  assert_true(hosts_ask(hosts, h));
  assert_true(hosts_ask(hosts, h));
  assert_ptr_equal(wait_for_answer(1000), h);
  assert_null(hosts_answered(hosts, 1000));
  assert_int_equal(lookups, 1);
  assert_true(hosts_is_fresh(h, 1000 + HOST_FRESH_US - 1));
  assert_false(hosts_is_fresh(h, 1000 + HOST_FRESH_US));
}

static void judged_as_a_whole(void **state) {
  (void)state;
  assert_int_equal(look_up("a.example", 0, ab)->error, POST_OK);
  struct host *h = look_up("b.example", 0, mixed);
  assert_int_equal(h->error, POST_BAD_ADDRESS);
  assert_false(hosts_is_fresh(h, 0)); // the next post asks again
  assert_int_equal(look_up("c.example", 0, none)->error, POST_NO_NAME);
  const char *many[POST_ADDRESSES_MAX + 2] = {0};
  for (size_t i = 0; i <= POST_ADDRESSES_MAX; i++)
    many[i] = "8.8.8.8";
  assert_int_equal(look_up("d.example", 0, many)->error, POST_BAD_ADDRESS);
}

static void what_works_stays_first(void **state) {
  (void)state;
  struct host *h = look_up("a.example", 0, ab);
  assert_int_equal(h->preferred, 0);
  union net_address second = h->answer->addresses[1];
  hosts_prefer(h, &second);
  assert_int_equal(h->preferred, 1);
  h = look_up("a.example", 1, ba); // 1.1.1.1 comes first now
  assert_int_equal(h->preferred, 0);
  h = look_up("a.example", 2, ab);
  assert_int_equal(h->preferred, 1);
  h = look_up("a.example", 3, one); // it is gone
  assert_int_equal(h->preferred, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_share_one_lookup, setup, teardown),
      cmocka_unit_test_setup_teardown(judged_as_a_whole, setup, teardown),
      cmocka_unit_test_setup_teardown(what_works_stays_first, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
