// A transaction's hash as people enter it: typed, pasted, inside a link.
#include "core/txid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define ID    "8d1c2f5e7ab0934c61fe2d88a7b5c3901e4f6a2db97c05e83f1a64bd20c7e915"
#define UPPER "8D1C2F5E7AB0934C61FE2D88A7B5C3901E4F6A2DB97C05E83F1A64BD20C7E915"
#define OTHER "0000000000000000ebf88508a03865c71d452e25f4d51194196a1d22b6653dc1"

static void found(void **state) {
  (void)state;
  static const char *const texts[] = {
      ID,
      UPPER,
      "0x" ID,
      "0X" UPPER,
      "  " ID "\r\n",
      "https://tronscan.org/#/transaction/" ID,
      "https://nile.tronscan.org/#/transaction/" ID "?lang=en",
      "https://tronscan.org/transaction/" UPPER "/event-logs",
      "tronscan.org/#/transaction/0x" ID,
      "TXID: " ID ".",
      "https://tronscan.org/#/address/TJRabPrwbZy45sbavfcjinPJC18kjpRTv8 " ID,
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char out[TXID_HEX_N + 1] = "";
    assert_true(txid_find(str_of(texts[i]), out));
    assert_string_equal(out, ID);
  }
}

static void refused(void **state) {
  (void)state;
  static char long_text[TXID_TEXT_MAX + 2];
  memset(long_text, ' ', TXID_TEXT_MAX + 1);
  memcpy(long_text, ID, TXID_HEX_N);
  static const char *const texts[] = {
      "",
      " ",
      "paid",
      "0x",
      ID "0",
      "a" ID,
      ID "z",
      "z" ID,
      "1x" ID,
      "00x" ID,
      "0xx" ID,
      ID " " OTHER,
      ID " " ID,
      "8d1c2f5e7ab0934c 61fe2d88a7b5c3901e4f6a2db97c05e83f1a64bd20c7e915",
      "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
      long_text,
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char out[TXID_HEX_N + 1];
    assert_false(txid_find(str_of(texts[i]), out));
  }
  char out[TXID_HEX_N + 1];
  assert_false(txid_find((struct str){ID, 63}, out));
  assert_false(txid_find(STR_NONE, out));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(found), cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
