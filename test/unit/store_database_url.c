// URLs of PostgreSQL: what is taken for one, and that no password is ever shown.
#include "store/database_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state) {
  (void)state;
  arena_init(&arena, 8 << 20);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static void shown(const char *url, const char *expected) {
  const char *why = database_url_check(url, &arena);
  if (why)
    fail_msg("%s: %s", url, why);
  struct str s = database_url_shown(url, &arena);
  if (!str_eqc(s, expected))
    fail_msg("%s is shown as %.*s", url, STR_FMT(s));
}

static void passwords_are_not_shown(void **state) {
  (void)state;
  shown("postgres://u@127.0.0.1:5432/db", "postgres://u@127.0.0.1:5432/db");
  shown("postgresql://u:hunter2@h/db", "postgres://u:***@h/db");
  shown("postgres://u:hunter2@h1:1,h2:2/db?target_session_attrs=read-write",
        "postgres://u:***@h1:1,h2:2/db?target_session_attrs=read-write");
  shown("postgres://u:a%40b%2Fc@h/db", "postgres://u:***@h/db");
  shown("postgres://h/db?user=u&password=hunter2&sslmode=verify-full",
        "postgres://u:***@h/db?sslmode=verify-full");
  shown("postgres://h/db?p%61ssword=hunter2", "postgres://:***@h/db");
  shown("postgres://h/db?sslpassword=hunter2", "postgres://h/db?sslpassword=***");
  shown("postgres://[::1]:5432/db", "postgres://[::1]:5432/db");
  shown("postgres://u@/db?host=/var/run/postgresql", "postgres://u@%2Fvar%2Frun%2Fpostgresql/db");
  shown("postgres://u@%2Fvar%2Frun%2Fpostgresql/db", "postgres://u@%2Fvar%2Frun%2Fpostgresql/db");
  shown("postgres://u@h1,h2:7/db", "postgres://u@h1,h2:7/db");
}

static void for_commands_they_are_left_out(void **state) {
  (void)state;
  struct str s =
      database_url_bare("postgres://u:hunter2@h1:1,h2:2/db?sslpassword=hunter2&sslmode=require", &arena);
  assert_true(str_eqc(s, "postgres://u@h1:1,h2:2/db?sslmode=require"));
}

// Whatever is wrong with it, the reason does not repeat a piece that may be the password.
static void wrong_ones_are_refused_without_showing_them(void **state) {
  (void)state;
  static const char *const bad[] = {
      "mysql://u:hunter2@h/db",
      "postgres:/u:hunter2@h/db",
      "hunter2",
      "postgres://u:hunter2/x@h/db",
      "postgres://u:x/hunter2@h/db",
      "postgres://u:x@hunter2@h/db",
      "postgres://u:x:hunter2@h:y/db",
      "postgres://u:hunter2%zz@h/db",
      "postgres://u:%00hunter2@h/db",
      "postgres://[::1]hunter2/db",
      "postgres://h:hunter2/db",
      "postgres://h/db?password=hunter2&password",
      "postgres://h/db?sslmode=a=hunter2",
      "postgres://h/db?password=hunter2%zz",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const char *why = database_url_check(bad[i], &arena);
    if (!why)
      fail_msg("%s was taken", bad[i]);
    if (strstr(why, "hunter2"))
      fail_msg("%s: the reason tells too much: %s", bad[i], why);
  }
}

static void a_misspelt_parameter_is_named(void **state) {
  (void)state;
  const char *why = database_url_check("postgres://u:hunter2@h/db?sslmod=require", &arena);
  assert_non_null(why);
  assert_non_null(strstr(why, "sslmod"));
  assert_null(strstr(why, "hunter2"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(passwords_are_not_shown),
      cmocka_unit_test(for_commands_they_are_left_out),
      cmocka_unit_test(wrong_ones_are_refused_without_showing_them),
      cmocka_unit_test(a_misspelt_parameter_is_named),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
