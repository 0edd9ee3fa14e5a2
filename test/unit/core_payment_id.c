#include "core/payment_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

static const struct payment_id_key key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct payment_id_key other = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17}};

static void check_round_trip(int64_t row) {
  int64_t id = payment_id_from_row(&key, row), back = -1;
  assert_true(id >= 0 && id < PAYMENT_ID_END);
  assert_true(payment_id_to_row(&key, id, &back));
  assert_int_equal(back, row);
}

static void goes_there_and_back(void **state) {
  (void)state;
  for (int64_t row = 0; row < 20000; row++)
    check_round_trip(row);
  for (int bit = 0; bit < 52; bit++)
    check_round_trip(INT64_C(1) << bit);
  check_round_trip(PAYMENT_ID_END - 1);
}

static void refuses_what_is_out_of_range(void **state) {
  (void)state;
  int64_t row = 77;
  assert_false(payment_id_to_row(&key, -1, &row));
  assert_false(payment_id_to_row(&key, PAYMENT_ID_END, &row));
  assert_false(payment_id_to_row(&key, INT64_MAX, &row));
  assert_false(payment_id_to_row(&key, INT64_MIN, &row));
  assert_int_equal(row, 77);
}

// Stored payments are found by this very mapping: it may never change.
static void is_stable(void **state) {
  (void)state;
  assert_int_equal(payment_id_from_row(&key, 1), 1500484774592465);
  assert_int_equal(payment_id_from_row(&key, 123456789012345), 609584434762752);
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

// Neighbours are unique, spread over the whole range and far from each other.
static void neighbours_tell_nothing(void **state) {
  (void)state;
  enum { N = 4096 };
  static int64_t ids[N];
  int in_upper_half = 0, close = 0;
  for (int i = 0; i < N; i++) {
    ids[i] = payment_id_from_row(&key, i);
    in_upper_half += ids[i] >= PAYMENT_ID_END / 2;
    close += i > 0 && llabs(ids[i] - ids[i - 1]) < PAYMENT_ID_END / 1024;
  }
  assert_in_range(in_upper_half, N / 2 - 200, N / 2 + 200);
  assert_true(close < 40); // 8 expected
  qsort(ids, N, sizeof *ids, by_value);
  for (int i = 1; i < N; i++)
    assert_true(ids[i] != ids[i - 1]);
}

// One bit of the row, or of the key, changes about half of the 52 bits.
static void bits_spread(void **state) {
  (void)state;
  int by_row = 0, by_key = 0;
  for (int64_t row = 0; row < 1000; row++) {
    int64_t id = payment_id_from_row(&key, row);
    by_row +=
        __builtin_popcountll((uint64_t)(id ^ payment_id_from_row(&key, row ^ INT64_C(1) << (row % 52))));
    by_key += __builtin_popcountll((uint64_t)(id ^ payment_id_from_row(&other, row)));
  }
  assert_in_range(by_row, 25000, 27000);
  assert_in_range(by_key, 25000, 27000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goes_there_and_back), cmocka_unit_test(refuses_what_is_out_of_range),
      cmocka_unit_test(is_stable),           cmocka_unit_test(neighbours_tell_nothing),
      cmocka_unit_test(bits_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
