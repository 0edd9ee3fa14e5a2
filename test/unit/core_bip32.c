#include "base/hex.h"
#include "wire/base58.h"
#include "wire/bip32.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { EXTENDED_N = 78 };

static json_t *vectors;

static int setup(void **state) {
  (void)state;
  vectors = json_load_file("test/data/tron/hd-addresses.json", 0, NULL);
  return vectors ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  json_decref(vectors);
  return 0;
}

static const json_t *vector(size_t i) {
  return json_array_get(json_object_get(vectors, "vectors"), i);
}

static const char *member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

static enum bip32_result parse(const char *text) {
  struct xpub x;
  return bip32_parse(str_of(text), &x);
}

static void derives_the_known_addresses(void **state) {
  (void)state;
  size_t seen = 0;
  for (size_t v = 0; v < 2; v++) {
    struct xpub x;
    assert_int_equal(bip32_parse(str_of(member(vector(v), "account_xpub")), &x), BIP32_OK);
    const json_t *addresses = json_object_get(vector(v), "addresses"), *a;
    for (size_t i = 0; (a = json_array_get(addresses, i)) != NULL; i++, seen++) {
      struct tron_address address;
      char text[ADDRESS_TEXT_N + 1];
      assert_true(bip32_address(&x, (uint32_t)json_integer_value(json_object_get(a, "index")), &address));
      address_format(&address, text);
      assert_string_equal(text, member(a, "address_base58"));
    }
  }
  assert_int_equal(seen, 40);
}

static void refuses_private_keys(void **state) {
  (void)state;
  assert_int_equal(parse(member(vector(0), "account_xprv")), BIP32_PRIVATE);
  assert_int_equal(parse(member(vector(0), "master_xprv")), BIP32_PRIVATE);
  assert_int_equal(parse("xprv9z1pB5qPN mistyped"), BIP32_PRIVATE);
}

static void takes_accounts_only(void **state) {
  (void)state;
  assert_int_equal(parse(member(vector(0), "external_xpub")), BIP32_NOT_ACCOUNT);
}

// The vector's account xpub with one byte replaced and a new checksum.
static void change(size_t at, uint8_t byte, char text[BASE58_TEXT_MAX + 1]) {
  uint8_t bytes[EXTENDED_N + BASE58_CHECK_N];
  assert_true(base58_check_decode(str_of(member(vector(0), "account_xpub")), bytes, EXTENDED_N));
  bytes[at] = byte;
  base58_checksum(bytes, EXTENDED_N, bytes + EXTENDED_N);
  base58_encode(bytes, sizeof bytes, text);
}

static enum bip32_result parse_changed(size_t at, uint8_t byte, struct xpub *x) {
  char text[BASE58_TEXT_MAX + 1];
  change(at, byte, text);
  return bip32_parse(str_of(text), x);
}

static void checks_every_field(void **state) {
  (void)state;
  struct xpub x;
  assert_int_equal(parse_changed(0, 0x04, &x), BIP32_OK);        // nothing changed
  assert_int_equal(parse_changed(3, 0x1F, &x), BIP32_MALFORMED); // version
  for (int depth = 0; depth < 256; depth++)
    assert_int_equal(parse_changed(4, (uint8_t)depth, &x), depth == 3 ? BIP32_OK : BIP32_NOT_ACCOUNT);
  assert_int_equal(parse_changed(9, 0x00, &x), BIP32_NOT_ACCOUNT); // last step not hardened
  assert_int_equal(parse_changed(45, 0x00, &x), BIP32_PRIVATE);
  assert_int_equal(parse_changed(45, 0x04, &x), BIP32_MALFORMED); // no compressed point
}

static void refuses_points_that_are_not_on_the_curve(void **state) {
  (void)state;
  struct xpub x;
  int refused = 0;
  for (int last = 0; last < 32; last++)
    refused += parse_changed(77, (uint8_t)last, &x) == BIP32_MALFORMED;
  assert_in_range(refused, 6, 26); // half of all numbers are no x of a point
}

// An account has one canonical text, whatever stands in the fields that change no address; it derives the
// same addresses.
static void an_account_has_one_text(void **state) {
  (void)state;
  struct xpub x, canonical;
  char first[BIP32_TEXT_N + 1], text[BASE58_TEXT_MAX + 1], again[BIP32_TEXT_N + 1], other[BIP32_TEXT_N + 1];
  assert_int_equal(bip32_parse(str_of(member(vector(0), "account_xpub")), &x), BIP32_OK);
  bip32_canonical(str_of(member(vector(0), "account_xpub")), first);
  assert_int_equal(bip32_parse(str_of(first), &canonical), BIP32_OK);
  assert_memory_equal(x.key, canonical.key, sizeof x.key);
  assert_memory_equal(x.chain_code, canonical.chain_code, sizeof x.chain_code);
  for (size_t at = 5; at < 13; at++) { // fingerprint and number
    change(at, 0x9A, text);
    assert_string_not_equal(text, first);
    bip32_canonical(str_of(text), again);
    assert_string_equal(again, first);
  }
  bip32_canonical(str_of(member(vector(1), "account_xpub")), other);
  assert_string_not_equal(first, other);
}

static void refuses_what_is_mistyped(void **state) {
  (void)state;
  char text[128] = "";
  const char *good = member(vector(0), "account_xpub");
  assert_true(strlen(good) < sizeof text);
  for (size_t i = 0; i < strlen(good); i++) {
    strcpy(text, good);
    text[i] = text[i] == 'z' ? 'y' : 'z';
    assert_int_equal(parse(text), BIP32_MALFORMED);
  }
  assert_int_equal(parse(""), BIP32_MALFORMED);
  assert_int_equal(parse("xpub"), BIP32_MALFORMED);
  assert_int_equal(parse("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"), BIP32_MALFORMED);
  assert_int_equal(bip32_parse((struct str){good, strlen(good) - 1}, &(struct xpub){{0}, {0}, {0}}),
                   BIP32_MALFORMED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derives_the_known_addresses),
      cmocka_unit_test(refuses_private_keys),
      cmocka_unit_test(takes_accounts_only),
      cmocka_unit_test(checks_every_field),
      cmocka_unit_test(refuses_points_that_are_not_on_the_curve),
      cmocka_unit_test(an_account_has_one_text),
      cmocka_unit_test(refuses_what_is_mistyped),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
