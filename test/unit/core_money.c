#include "core/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>

struct parse_row {
  const char *text;
  enum err err;
  int64_t micro;
  int scale;
};

static const struct parse_row parse_rows[] = {
    {"50.00", ERR_NONE, 50000000, 2},
    {"50", ERR_NONE, 50000000, 0},
    {"0.000001", ERR_NONE, 1, 6},
    {"0.1", ERR_NONE, 100000, 1},
    {"007.5", ERR_NONE, 7500000, 1},
    {"9223372036854.775807", ERR_NONE, INT64_MAX, 6},
    {"9223372036854.775808", ERR_AMOUNT_MAX, 0, 0},
    {"99999999999999999999", ERR_AMOUNT_MAX, 0, 0},
    {"0", ERR_AMOUNT_ZERO, 0, 0},
    {"0.00", ERR_AMOUNT_ZERO, 0, 0},
    {"-5", ERR_AMOUNT_ZERO, 0, 0},
    {"-0.5", ERR_AMOUNT_ZERO, 0, 0},
    {"-0.00000001", ERR_AMOUNT_ZERO, 0, 0},
    {"1.0000000", ERR_AMOUNT_DECIMALS, 0, 0},
    {"1.1234567", ERR_AMOUNT_DECIMALS, 0, 0},
    {"", ERR_AMOUNT_FORMAT, 0, 0},
    {"-", ERR_AMOUNT_FORMAT, 0, 0},
    {"--5", ERR_AMOUNT_FORMAT, 0, 0},
    {"-x", ERR_AMOUNT_FORMAT, 0, 0},
    {"+5", ERR_AMOUNT_FORMAT, 0, 0},
    {".5", ERR_AMOUNT_FORMAT, 0, 0},
    {"5.", ERR_AMOUNT_FORMAT, 0, 0},
    {"5.0.0", ERR_AMOUNT_FORMAT, 0, 0},
    {"1,000.00", ERR_AMOUNT_FORMAT, 0, 0},
    {"50,00", ERR_AMOUNT_FORMAT, 0, 0},
    {"1e3", ERR_AMOUNT_FORMAT, 0, 0},
    {"5.0e1", ERR_AMOUNT_FORMAT, 0, 0},
    {" 5", ERR_AMOUNT_FORMAT, 0, 0},
    {"5 ", ERR_AMOUNT_FORMAT, 0, 0},
    {"0x10", ERR_AMOUNT_FORMAT, 0, 0},
    {"NaN", ERR_AMOUNT_FORMAT, 0, 0},
    {"\xd9\xa5", ERR_AMOUNT_FORMAT, 0, 0}, // an Arabic digit
};

static void parses(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof parse_rows / sizeof *parse_rows; i++) {
    const struct parse_row *r = &parse_rows[i];
    struct usdt v = {-7};
    int scale = -7;
    enum err e = usdt_parse(str_of(r->text), &v, &scale);
    if (e != r->err)
      fail_msg("\"%s\": %s", r->text, err_sentence(e));
    assert_int_equal(v.micro, e == ERR_NONE ? r->micro : -7);
    assert_int_equal(scale, e == ERR_NONE ? r->scale : -7);
  }
}

static void nul_inside_is_refused(void **state) {
  (void)state;
  struct usdt v;
  int scale;
  assert_int_equal(usdt_parse(STR("5\0"), &v, &scale), ERR_AMOUNT_FORMAT);
}

static const struct {
  int64_t micro;
  int scale;
  const char *text;
} format_rows[] = {
    {50000000, 2, "50.00"},
    {50000000, 0, "50.00"},
    {50000000, 6, "50.000000"},
    {50000000, 9, "50.000000"},
    {50013400, 2, "50.0134"},
    {50013400, 6, "50.013400"},
    {50500000, 3, "50.500"},
    {1, 2, "0.000001"},
    {0, 6, "0.000000"},
    {-1500000, 2, "-1.50"},
    {-1, 2, "-0.000001"},
    {INT64_MAX, 6, "9223372036854.775807"},
    {INT64_MIN, 6, "-9223372036854.775808"},
};

static void formats(void **state) {
  (void)state;
  struct arena a;
  arena_init(&a, 1 << 16);
  for (size_t i = 0; i < sizeof format_rows / sizeof *format_rows; i++) {
    struct str s = usdt_text(&a, (struct usdt){format_rows[i].micro}, format_rows[i].scale);
    if (!str_eqc(s, format_rows[i].text))
      fail_msg("%.*s is not %s", STR_FMT(s), format_rows[i].text);
  }
  arena_free(&a);
}

// Any positive value, written and read again, is itself.
static void reads_what_it_writes(void **state) {
  (void)state;
  struct arena a;
  arena_init(&a, 1 << 16);
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 2000; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    struct usdt v = {(int64_t)(x >> (1 + i % 60)) + 1}, back;
    int scale;
    assert_int_equal(usdt_parse(usdt_text(&a, v, i % 7), &back, &scale), ERR_NONE);
    assert_int_equal(usdt_cmp(v, back), 0);
    assert_true(scale >= 2 && scale >= i % 7);
    arena_reset(&a);
  }
  arena_free(&a);
}

static void arithmetic_is_checked(void **state) {
  (void)state;
  struct usdt out = {42};
  assert_true(usdt_add(USDT(1), (struct usdt){5}, &out));
  assert_int_equal(out.micro, 1000005);
  assert_true(usdt_sub(USDT(1), USDT(3), &out));
  assert_int_equal(out.micro, -2000000);
  assert_false(usdt_add((struct usdt){INT64_MAX}, (struct usdt){1}, &out));
  assert_false(usdt_sub((struct usdt){INT64_MIN}, (struct usdt){1}, &out));
  assert_int_equal(out.micro, -2000000);
  assert_true(usdt_cmp(USDT(1), USDT(2)) < 0 && usdt_cmp(USDT(2), USDT(1)) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parses),
      cmocka_unit_test(nul_inside_is_refused),
      cmocka_unit_test(formats),
      cmocka_unit_test(reads_what_it_writes),
      cmocka_unit_test(arithmetic_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
