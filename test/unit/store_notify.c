// Messages between two nodes on a PostgreSQL database of the test's own: what one tells the other hears, the
// teller does not; a lost connection comes back, and what was told meanwhile arrives. SQLite has one node.
#include "../support/postgres.h"
#include "base/log.h"
#include "store/notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum { ROWS = 40000, TELLERS = 4, WAIT_MS = 10000 };

struct node {
  struct notify *notify;
  _Atomic int configuration, everything, payments;
  _Atomic int64_t version[ROWS];
};

static char url[POSTGRES_URL_MAX];
static PGconn *admin;
static struct node here, there;

static void hear_payment(void *self, int64_t row, int64_t version) {
  struct node *n = self;
  if (row >= 0 && row < ROWS)
    atomic_store(&n->version[row], version);
  atomic_fetch_add(&n->payments, 1);
}

static void hear_configuration(void *self) {
  atomic_fetch_add(&((struct node *)self)->configuration, 1);
}

static void hear_everything(void *self) {
  atomic_fetch_add(&((struct node *)self)->everything, 1);
}

static void reaches(const _Atomic int *counter, int least) {
  for (int i = 0; i < WAIT_MS && atomic_load(counter) < least; i++)
    usleep(1000);
  assert_true(atomic_load(counter) >= least);
}

static void start_node(struct node *n) {
  *n = (struct node){0};
  n->notify = notify_start(url, &(struct notify_hear){hear_payment, hear_configuration, hear_everything, n});
  assert_non_null(n->notify);
}

static int start(void **state) {
  (void)state;
  start_node(&here);
  start_node(&there);
  reaches(&here.everything, 1);
  reaches(&there.everything, 1);
  return 0;
}

static int stop(void **state) {
  (void)state;
  notify_stop(here.notify);
  notify_stop(there.notify);
  return 0;
}

static void others_hear_and_the_teller_does_not(void **state) {
  (void)state;
  notify_payment(here.notify, 7, 3);
  notify_payment(here.notify, INT64_MAX, INT64_MAX);
  notify_configuration(here.notify);
  reaches(&there.payments, 2);
  reaches(&there.configuration, 1);
  assert_int_equal(there.version[7], 3);
  notify_payment(there.notify, 8, 4);
  reaches(&here.payments, 1);
  assert_int_equal(here.version[8], 4);
  assert_int_equal(here.payments, 1); // messages come in order: its own would have been there by now
  assert_int_equal(here.configuration, 0);
  assert_int_equal(there.payments, 2);
}

static void *tell_many(void *arg) {
  int from = *(int *)arg;
  for (int i = from; i < ROWS; i += TELLERS) {
    notify_payment(here.notify, i, i + 1);
    if (i % 200 < TELLERS)
      usleep(1000); // 200 a millisecond and thread, a hundred times what a gateway does
  }
  return NULL;
}

static void many_at_once_all_arrive(void **state) {
  (void)state;
  pthread_t t[TELLERS];
  int from[TELLERS];
  for (int i = 0; i < TELLERS; i++) {
    from[i] = i;
    pthread_create(&t[i], NULL, tell_many, &from[i]);
  }
  for (int i = 0; i < TELLERS; i++)
    pthread_join(t[i], NULL);
  for (int i = 0; i < WAIT_MS && there.payments < ROWS && there.everything < 2; i++)
    usleep(1000);
  if (there.everything < 2) // the queue was never full: then each single one
    for (int i = 0; i < ROWS; i++)
      assert_int_equal(there.version[i], i + 1);
}

static void more_than_the_queue_is_everything(void **state) {
  (void)state;
  for (int i = 0; i < 20 * NOTIFY_QUEUE_MAX; i++) // faster than any connection
    notify_payment(here.notify, 1, i);
  reaches(&there.everything, 2);
  notify_payment(here.notify, 9, 9); // and it goes on with single ones
  for (int i = 0; i < WAIT_MS && there.version[9] != 9 && there.everything < 3; i++)
    usleep(1000);
  assert_true(there.version[9] == 9 || there.everything >= 3);
}

static void a_lost_connection_comes_back(void **state) {
  (void)state;
  log_set_level(LOG_ERROR + 1);
  for (int i = 1; i <= 3; i++) {
    postgres_order(admin, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                          " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    notify_payment(here.notify, 10 + i, i); // there is no connection
    reaches(&here.everything, 1 + i);
    reaches(&there.everything, 1 + i);
    notify_payment(here.notify, 20 + i, i); // there is one again
    for (int j = 0; j < WAIT_MS && there.version[20 + i] != i; j++)
      usleep(1000);
    assert_int_equal(there.version[20 + i], i);
  }
}

static void a_server_that_is_away_hinders_nobody(void **state) {
  (void)state;
  struct node lonely = {0};
  log_set_level(LOG_ERROR + 1);
  lonely.notify =
      notify_start("postgres://127.0.0.1:1/none",
                   &(struct notify_hear){hear_payment, hear_configuration, hear_everything, &lonely});
  for (int i = 0; i < 2 * NOTIFY_QUEUE_MAX; i++)
    notify_payment(lonely.notify, i, 1);
  notify_configuration(lonely.notify);
  notify_stop(lonely.notify);
  assert_int_equal(lonely.everything, 0);
  notify_payment(NULL, 1, 1); // where there is only one node
  notify_configuration(NULL);
}

static void foreign_messages_do_no_harm(void **state) {
  (void)state;
  static const char *const text[] = {"",
                                     " ",
                                     ":",
                                     "1:",
                                     ":1",
                                     "-1:2",
                                     "1:2x",
                                     "a:b",
                                     "unknown",
                                     "1:2:3",
                                     "99999999999999999999:1",
                                     " 5",
                                     "::",
                                     "  3:4  ",
                                     "everything2"};
  for (size_t i = 0; i < sizeof text / sizeof *text; i++)
    postgres_order(admin, "NOTIFY cryptopay, '%s'", text[i]);
  postgres_order(admin, "NOTIFY cryptopay, '5:5'");
  reaches(&there.payments, 2);
  assert_int_equal(there.payments, 2); // 3:4 and 5:5
  assert_int_equal(there.version[3], 4);
  assert_int_equal(there.everything, 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(others_hear_and_the_teller_does_not), WITH(many_at_once_all_arrive),
      WITH(more_than_the_queue_is_everything),   WITH(a_lost_connection_comes_back),
      WITH(foreign_messages_do_no_harm),         cmocka_unit_test(a_server_that_is_away_hinders_nobody),
  };
  char name[40];
  snprintf(name, sizeof name, "cp_notify_%d", (int)getpid());
  postgres_url(url, name);
  admin = postgres_connect("postgres");
  postgres_order(admin, "CREATE DATABASE %s OWNER cryptopay", name);
  PQfinish(admin);
  admin = postgres_connect(name);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  PQfinish(admin);
  admin = postgres_connect("postgres");
  postgres_order(admin, "DROP DATABASE %s WITH (FORCE)", name);
  PQfinish(admin);
  return failed;
}
