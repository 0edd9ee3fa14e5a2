// HMAC-SHA256 and SHA-256: known answers, and many threads on one key.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/hmac.h"

// RFC 4231, cases 2 and 6 (a key longer than a block).
static void known_answers(void **state) {
  (void)state;
  char hex[HMAC_HEX_N + 1];
  struct hmac_key *k = hmac_key_create("Jefe", 4);
  hmac_sign_hex(k, STR("what do ya want for nothing?"), hex);
  assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  hmac_key_free(k);

  uint8_t key[131];
  memset(key, 0xaa, sizeof key);
  k = hmac_key_create(key, sizeof key);
  hmac_sign_hex(k, STR("Test Using Larger Than Block-Size Key - Hash Key First"), hex);
  assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  hmac_key_free(k);
}

static void empty_key_and_message(void **state) {
  (void)state;
  char hex[HMAC_HEX_N + 1];
  struct hmac_key *k = hmac_key_create("", 0);
  hmac_sign_hex(k, STR_NONE, hex);
  assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  hmac_key_free(k);
}

static void parts_are_one_message(void **state) {
  (void)state;
  struct hmac_key *k = hmac_key_create("secret", 6);
  uint8_t whole[HMAC_N], parts[HMAC_N];
  hmac_sign(k, STR("one.two"), whole);
  struct str p[] = {STR("one"), STR("."), STR(""), STR_NONE, STR("two")};
  hmac_sign_parts(k, p, 5, parts);
  assert_memory_equal(whole, parts, HMAC_N);
  hmac_key_free(k);
}

static void verify(void **state) {
  (void)state;
  struct hmac_key *k = hmac_key_create("secret", 6);
  char hex[HMAC_HEX_N + 1];
  hmac_sign_hex(k, STR("{}"), hex);
  assert_true(hmac_verify_hex(k, STR("{}"), str_of(hex)));
  assert_false(hmac_verify_hex(k, STR("{ }"), str_of(hex)));
  assert_false(hmac_verify_hex(k, STR("{}"), (struct str){hex, HMAC_HEX_N - 1}));
  assert_false(hmac_verify_hex(k, STR("{}"), STR_NONE));
  for (size_t i = 0; i < HMAC_HEX_N; i++) {
    hex[i] ^= 1;
    assert_false(hmac_verify_hex(k, STR("{}"), str_of(hex)));
    hex[i] ^= 1;
  }
  if (hex[0] >= 'a')
    hex[0] = (char)(hex[0] - 32); // only lower case is the documented form
  else
    hex[0] ^= 1;
  assert_false(hmac_verify_hex(k, STR("{}"), str_of(hex)));
  hmac_key_free(k);
}

static void sha(void **state) {
  (void)state;
  static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea},
                       none[] = {0xe3, 0xb0, 0xc4, 0x42};
  uint8_t h[SHA256_N];
  sha256(STR("abc"), h);
  assert_memory_equal(h, abc, sizeof abc);
  sha256(STR_NONE, h);
  assert_memory_equal(h, none, sizeof none);
}

static void *sign_many(void *arg) {
  const struct hmac_key *k = arg;
  char hex[HMAC_HEX_N + 1];
  for (int i = 0; i < 2000; i++) {
    hmac_sign_hex(k, STR("what do ya want for nothing?"), hex);
    if (strcmp(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843") != 0)
      return (void *)1;
  }
  return NULL;
}

static void threads_share_a_key(void **state) {
  (void)state;
  struct hmac_key *k = hmac_key_create("Jefe", 4);
  pthread_t t[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&t[i], NULL, sign_many, k), 0);
  for (int i = 0; i < 4; i++) {
    void *wrong = NULL;
    pthread_join(t[i], &wrong);
    assert_null(wrong);
  }
  hmac_key_free(k);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),
      cmocka_unit_test(empty_key_and_message),
      cmocka_unit_test(parts_are_one_message),
      cmocka_unit_test(verify),
      cmocka_unit_test(sha),
      cmocka_unit_test(threads_share_a_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
