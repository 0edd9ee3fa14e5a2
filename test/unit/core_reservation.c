// The order in which amounts are handed out.
#include "core/reservation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void coarsest_grid_first(void **state) {
  (void)state;
  struct usdt cap = {100000}; // 0.10
  assert_int_equal(reservation_slots(cap), 100001);
  assert_int_equal(reservation_surcharge(cap, 0).micro, 0);
  assert_int_equal(reservation_surcharge(cap, 1).micro, 10000);
  assert_int_equal(reservation_surcharge(cap, 10).micro, 100000);
  assert_int_equal(reservation_surcharge(cap, 11).micro, 1000);
  assert_int_equal(reservation_surcharge(cap, 19).micro, 9000);
  assert_int_equal(reservation_surcharge(cap, 20).micro, 11000);
  assert_int_equal(reservation_surcharge(cap, 100).micro, 99000);
  assert_int_equal(reservation_surcharge(cap, 101).micro, 100);
  assert_int_equal(reservation_surcharge(cap, 1001).micro, 1);
  assert_int_equal(reservation_surcharge(cap, 100000).micro, 99999);
}

static void each_amount_once_and_back(void **state) {
  (void)state;
  const int64_t caps[] = {0, 1, 99, 100, 9999, 10000, 12345, 100000};
  for (size_t c = 0; c < sizeof caps / sizeof *caps; c++) {
    struct usdt cap = {caps[c]};
    int64_t n = reservation_slots(cap);
    assert_int_equal(n, caps[c] + 1);
    char *seen = calloc((size_t)n, 1);
    for (int64_t slot = 0; slot < n; slot++) {
      struct usdt s = reservation_surcharge(cap, slot);
      int64_t back;
      assert_in_range(s.micro, 0, caps[c]);
      assert_false(seen[s.micro]);
      seen[s.micro] = 1;
      assert_true(reservation_slot(cap, s, &back));
      assert_int_equal(back, slot);
    }
    free(seen);
  }
}

static void outside_the_cap_is_no_slot(void **state) {
  (void)state;
  int64_t slot;
  assert_false(reservation_slot((struct usdt){100}, (struct usdt){101}, &slot));
  assert_false(reservation_slot((struct usdt){100}, (struct usdt){-1}, &slot));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(coarsest_grid_first),
      cmocka_unit_test(each_amount_once_and_back),
      cmocka_unit_test(outside_the_cap_is_no_slot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
