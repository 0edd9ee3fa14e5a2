// A look at a server of PostgreSQL from outside: an empty database, one of ours, a clock that is apart, and
// none at all.
#include "../support/database.h"
#include "../support/postgres.h"
#include "store/server.h"

static struct database database;
static struct arena arena;
static int64_t behind_us;

static int64_t wrong_now(void *self) {
  (void)self;
  return world_now(&world_real) - behind_us;
}

static int64_t mono(void *self) {
  (void)self;
  return world_mono(&world_real);
}

static const struct world wrong = {wrong_now, mono, NULL, NULL};

static int set_up(void **state) {
  (void)state;
  arena_init(&arena, 1 << 20);
  database_make(&database);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  database_drop(&database);
  arena_free(&arena);
  return 0;
}

static void look(struct server_look *out) {
  char error[512] = "";
  if (!server_look(database.url, &wrong, out, error, sizeof error))
    fail_msg("%s", error);
}

static void nothing_of_ours_then_tables_then_a_key(void **state) {
  (void)state;
  struct server_look l;
  look(&l);
  assert_int_equal(l.schema_version, 0);
  assert_false(l.has_key);
  store_close(database_open(&database, &world_real, 0));
  look(&l);
  assert_true(l.schema_version > 0);
  assert_false(l.has_key);
  PGconn *c = postgres_connect(database.name);
  postgres_order(c, "INSERT INTO meta (name, value) VALUES ('payment_id_key', 'x')");
  PQfinish(c);
  look(&l);
  assert_true(l.has_key);
}

static void a_clock_that_is_apart_is_noticed(void **state) {
  (void)state;
  enum { NEAR_US = 500000 };
  struct server_look l;
  static const int64_t apart_us[] = {0, 5000000, -7000000};
  for (int i = 0; i < 3; i++) {
    behind_us = apart_us[i];
    look(&l);
    if (llabs(l.clock_ahead_us - apart_us[i]) > NEAR_US)
      fail_msg("%lld us of %lld", (long long)l.clock_ahead_us, (long long)apart_us[i]);
  }
  behind_us = 0;
}

static void a_server_of_tests_is_seen_as_it_is(void **state) {
  (void)state;
  struct server_facts f;
  struct str error;
  if (!server_check(database.url, &world_real, &arena, &f, &error))
    fail_msg("%.*s", STR_FMT(error));
  PGconn *c = postgres_connect(database.name);
  assert_true(str_eqc(f.encoding, "UTF8"));
  assert_int_equal(f.fsync,
                   postgres_order(c, "SELECT CAST(CAST(current_setting('fsync') AS BOOLEAN) AS INT)"));
  assert_int_equal(f.connections_max,
                   postgres_order(c, "SELECT CAST(current_setting('max_connections') AS INT)"
                                     " - CAST(current_setting('superuser_reserved_connections') AS INT)"));
  assert_true(f.sees_standbys);
  assert_true(f.connections > 0);
  assert_false(f.look.pooler);
  assert_false(f.recovering);
  PQfinish(c);
}

static void none_is_there(void **state) {
  (void)state;
  struct server_look l;
  struct server_facts f;
  struct str why;
  char error[512];
  const char *url = "postgres://u:hunter2@127.0.0.1:1/db";
  assert_false(server_look(url, &world_real, &l, error, sizeof error));
  assert_non_null(strstr(error, "refused"));
  assert_null(strstr(error, "hunter2"));
  assert_false(server_check(url, &world_real, &arena, &f, &why));
  assert_null(memmem(why.p, why.n, "hunter2", 7));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_of_ours_then_tables_then_a_key),
      cmocka_unit_test(a_clock_that_is_apart_is_noticed),
      cmocka_unit_test(a_server_of_tests_is_seen_as_it_is),
      cmocka_unit_test(none_is_there),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
