// Which passwords are accepted.
#include "core/password_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static enum err check(const char *password) {
  return password_check(str_of(password), STR("Carol.Shopkeeper@example.com"));
}

static void accepts(void **state) {
  (void)state;
  static const char *const good[] = {"tr0mbone-lid",    "      x ", "ein langer Satz als Kennwort",
                                     "пароль-х",        "12345679", "aaaaaaab",
                                     "密码密码密码密码"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    if (check(good[i]))
      fail_msg("refused %s", good[i]);
}

static void refuses(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",           "short-7",  "password", "PassWord", "zaq12wsx",         "aaaaaaaa",
      "12345678",   "87654321", "abcdefgh", "пароль1",  "carol.shopkeeper", "carol.shopkeeper@EXAMPLE.com",
      "abcdefg\xFF"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (check(bad[i]) != ERR_PASSWORD)
      fail_msg("accepted %s", bad[i]);
  char long_one[PASSWORD_MAX_BYTES + 2];
  for (size_t i = 0; i < sizeof long_one; i++)
    long_one[i] = (char)('a' + i % 5 * 2);
  assert_int_equal(password_check((struct str){long_one, PASSWORD_MAX_BYTES}, STR_NONE), ERR_NONE);
  assert_int_equal(password_check((struct str){long_one, PASSWORD_MAX_BYTES + 1}, STR_NONE), ERR_PASSWORD);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(accepts), cmocka_unit_test(refuses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
