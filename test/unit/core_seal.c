// Sealing of secrets at rest, misspelt words and the INI reader: what base offers to settings and store.
#include "base/ini.h"
#include "base/nearest.h"
#include "base/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static struct arena arena;

static int set_up(void **state) {
  (void)state;
  assert_true(sodium_init() >= 0);
  arena_init(&arena, 1 << 20);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static void opens_what_it_sealed(void **state) {
  (void)state;
  struct seal_key key = {{1, 2, 3}};
  struct str plain = STR("sk_live_abc"), got;
  struct str sealed = seal(&arena, &world_real, &key, STR("credentials 7"), plain);
  assert_int_equal(sealed.n, plain.n + SEAL_OVERHEAD);
  assert_null(memmem(sealed.p, sealed.n, "sk_live", 7));
  assert_true(unseal(&arena, &key, STR("credentials 7"), sealed, &got));
  assert_true(str_eq(got, plain));
  struct str empty = seal(&arena, &world_real, &key, STR(""), STR(""));
  assert_true(unseal(&arena, &key, STR(""), empty, &got));
  assert_int_equal(got.n, 0);
}

static void nonce_is_never_the_same(void **state) {
  (void)state;
  struct seal_key key = {{0}};
  struct str one = seal(&arena, &world_real, &key, STR("a"), STR("same"));
  struct str two = seal(&arena, &world_real, &key, STR("a"), STR("same"));
  assert_memory_not_equal(one.p, two.p, SEAL_NONCE_BYTES);
}

static void refuses_every_changed_byte(void **state) {
  (void)state;
  struct seal_key key = {{9}}, other = {{8}};
  struct str got = STR_NONE;
  struct str sealed = seal(&arena, &world_real, &key, STR("t 1"), STR("secret"));
  for (size_t i = 0; i < sealed.n; i++) {
    char *copy = str_c(&arena, sealed);
    copy[i] = (char)(copy[i] ^ 1);
    assert_false(unseal(&arena, &key, STR("t 1"), (struct str){copy, sealed.n}, &got));
  }
  for (size_t n = 0; n < sealed.n; n++)
    assert_false(unseal(&arena, &key, STR("t 1"), (struct str){sealed.p, n}, &got));
  assert_false(unseal(&arena, &key, STR("t 2"), sealed, &got));
  assert_false(unseal(&arena, &other, STR("t 1"), sealed, &got));
  assert_null(got.p);
}

static void reads_pairs_and_comments(void **state) {
  (void)state;
  struct ini i;
  struct str key, value;
  const char *error = NULL;
  ini_init(&i, STR("\xEF\xBB\xBF# first\n\n  listen =  127.0.0.1:80 "
                   "\r\n;x=1\nurl=https://a/b?c=d#e;f\nempty=\nlast = 1"));
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_PAIR);
  assert_true(str_eqc(key, "listen") && str_eqc(value, "127.0.0.1:80"));
  assert_int_equal(i.line, 3);
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_PAIR);
  assert_true(str_eqc(key, "url") && str_eqc(value, "https://a/b?c=d#e;f"));
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_PAIR);
  assert_true(str_eqc(key, "empty") && value.n == 0);
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_PAIR);
  assert_true(str_eqc(key, "last") && str_eqc(value, "1"));
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_END);
}

static void keeps_long_values_whole(void **state) {
  (void)state;
  struct ini i;
  struct str key, value;
  const char *error = NULL;
  char *text = arena_alloc(&arena, 100003);
  memset(text, 'v', 100002);
  memcpy(text, "k=", 2);
  ini_init(&i, (struct str){text, 100002});
  assert_int_equal(ini_next(&i, &key, &value, &error), INI_PAIR);
  assert_int_equal(value.n, 100000);
}

static void says_where_it_is_wrong(void **state) {
  (void)state;
  static const struct str wrong[] = {STR("[part]"),   STR("listen"),       STR("= 1"),      STR("a b = 1"),
                                     STR("Data = x"), STR("k = \xFF\xFE"), STR("k = a\0b"), STR("k = a\rb")};
  for (size_t n = 0; n < sizeof wrong / sizeof wrong[0]; n++) {
    struct ini i;
    struct str key, value;
    const char *error = NULL;
    char *text = arena_alloc(&arena, wrong[n].n + 3);
    memcpy(text, "#\n", 2);
    memcpy(text + 2, wrong[n].p, wrong[n].n);
    ini_init(&i, (struct str){text, wrong[n].n + 2});
    assert_int_equal(ini_next(&i, &key, &value, &error), INI_ERROR);
    assert_int_equal(i.line, 2);
    assert_non_null(error);
  }
}

static void names_the_nearest(void **state) {
  (void)state;
  static const char *const words[] = {"data", "listen", "ops_listen", "base_url"};
  assert_string_equal(nearest(STR("lisen"), words, 4), "listen");
  assert_string_equal(nearest(STR("ops_listne"), words, 4), "ops_listen");
  assert_string_equal(nearest(STR("baseurl"), words, 4), "base_url");
  assert_int_equal(nearest_distance(STR("kitten"), STR("sitting")), 3);
  assert_int_equal(nearest_distance(STR(""), STR("abc")), 3);
  assert_int_equal(nearest_distance(STR("same"), STR("same")), 0);
  char long_word[NEAREST_WORD_MAX + 1] = {0};
  assert_null(nearest((struct str){long_word, sizeof long_word}, words, 4));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_what_it_sealed),       cmocka_unit_test(nonce_is_never_the_same),
      cmocka_unit_test(refuses_every_changed_byte), cmocka_unit_test(reads_pairs_and_comments),
      cmocka_unit_test(keeps_long_values_whole),    cmocka_unit_test(says_where_it_is_wrong),
      cmocka_unit_test(names_the_nearest),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
