// Password hashes: their parameters, and that only the right password fits.
#include "flow/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static void hashes(void **state) {
  (void)state;
  struct arena a;
  struct str one, two;
  arena_init(&a, 1 << 16);
  assert_true(sodium_init() >= 0);
  assert_int_equal(password_hash(STR("tr0mbone-lid"), &a, &one), ERR_NONE);
  assert_int_equal(password_hash(STR("tr0mbone-lid"), &a, &two), ERR_NONE);
  assert_true(str_starts(one, STR("$argon2id$v=19$m=65536,t=3,p=1$")));
  assert_false(str_eq(one, two));
  assert_true(password_verify(STR("tr0mbone-lid"), one.p));
  assert_false(password_verify(STR("tr0mbone-lie"), one.p));
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(hashes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
