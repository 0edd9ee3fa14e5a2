#include "base/hex.h"
#include "wire/address.h"
#include "wire/base58.h"
#include "wire/keccak.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static json_t *load(const char *path) {
  json_error_t error;
  json_t *root = json_load_file(path, 0, &error);
  if (!root)
    fail_msg("%s: %s", path, error.text);
  return root;
}

static const char *member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

static void hex_goes_there_and_back(void **state) {
  (void)state;
  uint8_t bytes[3];
  char text[7];
  assert_true(hex_decode(STR("00aBfF"), bytes, 3));
  assert_memory_equal(bytes, "\x00\xab\xff", 3);
  hex_encode(bytes, 3, text);
  assert_string_equal(text, "00abff");
  hex_encode(bytes, 0, text);
  assert_string_equal(text, "");
  const char *const bad[] = {"", "00abf", "00abfff", "00abfff0", "00abfg", "0x00ab", "00 abf", "00abf\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(hex_decode(str_of(bad[i]), bytes, 3));
  assert_false(hex_decode(STR("00abf\0"), bytes, 3));
}

static void check_keccak(struct str message, const char *want) {
  uint8_t out[KECCAK_N];
  char text[2 * KECCAK_N + 1];
  keccak256(message, out);
  hex_encode(out, sizeof out, text);
  assert_string_equal(text, want);
}

static void keccak_known_answers(void **state) {
  (void)state;
  check_keccak(STR(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  check_keccak(STR("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  check_keccak(STR("Transfer(address,address,uint256)"),
               "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

// Around the block size of 136 bytes the padding takes one byte, none, or a block of its own.
static void keccak_at_block_boundaries(void **state) {
  (void)state;
  static const struct {
    size_t n;
    const char *hash;
  } rows[] = {{134, "e5de5653994e2fa6729d329b65b5f332dee942a7ea54515e173824c232a4ff91"},
              {135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"},
              {136, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"},
              {137, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39"},
              {271, "132f47effd6c8b1b299efa53fe68aece77ec8ae4eb2e294f668eec94f76001e1"},
              {272, "cf7fcd4f705ee749930d19ca84561a9bf62516bd90a471545fa2f49fdc7e63c8"},
              {273, "5a7b8187d2778e614097fac3097573de1fee4d972304d3360796a857029bb176"}};
  char message[300];
  memset(message, 'a', sizeof message);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    check_keccak((struct str){message, rows[i].n}, rows[i].hash);
}

static void judges_addresses(void **state) {
  (void)state;
  json_t *root = load("test/data/tron/address-validation.json"), *cases = json_object_get(root, "cases"), *c;
  size_t i, seen = 0;
  json_array_foreach(cases, i, c) {
    struct tron_address address;
    const char *text = member(c, "address");
    bool valid = json_is_true(json_object_get(c, "valid"));
    if (address_parse(str_of(text), &address) != valid)
      fail_msg("%s", text);
    seen += valid;
    if (!valid)
      continue;
    char hex[2 * ADDRESS_N + 1], again[ADDRESS_TEXT_N + 1];
    hex_encode(address.account, ADDRESS_N, hex);
    assert_string_equal(hex, member(c, "hex") + 2);
    address_format(&address, again);
    assert_string_equal(again, text);
  }
  assert_int_equal(i, 17);
  assert_int_equal(seen, 4);
  json_decref(root);
}

static void any_changed_character_is_noticed(void **state) {
  (void)state;
  const char good[] = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
  struct tron_address address;
  for (size_t i = 0; i < ADDRESS_TEXT_N; i++)
    for (int c = 0; c < 256; c++) {
      char text[ADDRESS_TEXT_N];
      memcpy(text, good, sizeof text);
      text[i] = (char)c;
      assert_int_equal(address_parse((struct str){text, sizeof text}, &address), c == good[i]);
    }
}

// A test payment's address: from T, 34 characters, for any account, and never a real one.
static void test_addresses_have_a_wrong_checksum(void **state) {
  (void)state;
  for (int fill = 0; fill < 256; fill++) {
    struct tron_address address, out;
    char text[ADDRESS_TEXT_N + 1], real[ADDRESS_TEXT_N + 1];
    memset(address.account, fill, sizeof address.account);
    address_test_format(&address, text);
    address_format(&address, real);
    assert_int_equal(strlen(text), ADDRESS_TEXT_N);
    assert_int_equal(text[0], 'T');
    assert_false(address_parse(str_of(text), &out));
    assert_true(address_parse(str_of(real), &out));
    assert_memory_equal(address.account, out.account, ADDRESS_N);
    assert_memory_equal(text, real, 24); // only its end differs
  }
}

static void base58_knows_leading_zeros(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    const char *text;
  } rows[] = {{"", 0, ""},
              {"\0", 1, "1"},
              {"\0\0\1", 3, "112"},
              {"\xff", 1, "5Q"},
              {"Hello World!", 12, "2NEpo7TZRRrLZSi2U"},
              {"\0\0\x28\x7f\xb4\xcd", 6, "11233QC4"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[BASE58_TEXT_MAX + 1];
    uint8_t bytes[BASE58_BYTES_MAX];
    assert_int_equal(base58_encode((const uint8_t *)rows[i].bytes, rows[i].n, text), strlen(rows[i].text));
    assert_string_equal(text, rows[i].text);
    assert_true(base58_decode(str_of(text), bytes, rows[i].n));
    assert_memory_equal(bytes, rows[i].bytes, rows[i].n);
    assert_false(base58_decode(str_of(text), bytes, rows[i].n + 1));
    if (rows[i].n)
      assert_false(base58_decode(str_of(text), bytes, rows[i].n - 1));
  }
  uint8_t one;
  assert_false(base58_decode(STR("0"), &one, 1));
  assert_false(base58_decode(STR("l"), &one, 1));
  assert_false(base58_decode(STR("\0"), &one, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hex_goes_there_and_back),
      cmocka_unit_test(keccak_known_answers),
      cmocka_unit_test(keccak_at_block_boundaries),
      cmocka_unit_test(judges_addresses),
      cmocka_unit_test(any_changed_character_is_noticed),
      cmocka_unit_test(test_addresses_have_a_wrong_checksum),
      cmocka_unit_test(base58_knows_leading_zeros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
