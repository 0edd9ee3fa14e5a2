// What a transfer posts (spec "Money").
#include "core/ledger.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t of(const struct ledger_posting *p, enum ledger_account account) {
  for (int i = 0; i < p->n; i++)
    if (p->entries[i].account == account)
      return p->entries[i].amount.micro;
  return 0;
}

static int64_t sum(const struct ledger_posting *p) {
  int64_t n = 0;
  for (int i = 0; i < p->n; i++)
    n += p->entries[i].amount.micro;
  return n;
}

static void the_fee_is_rounded_down(void **state) {
  (void)state;
  assert_int_equal(ledger_fee((struct usdt){9999}, 1).micro, 0);
  assert_int_equal(ledger_fee((struct usdt){10000}, 1).micro, 1);
  assert_int_equal(ledger_fee((struct usdt){50013401}, 150).micro, 750201);
  assert_int_equal(ledger_fee((struct usdt){50013401}, 0).micro, 0);
  assert_int_equal(ledger_fee((struct usdt){INT64_MAX}, FEE_BPS_MAX).micro, INT64_MAX);
  assert_int_equal(ledger_fee((struct usdt){INT64_MAX}, 1).micro, INT64_MAX / FEE_BPS_MAX);
}

static void only_the_operators_addresses_make_a_balance(void **state) {
  (void)state;
  struct ledger_posting p = ledger_credit(USDT(100), CUSTODY_OPERATOR, 100);
  assert_int_equal(of(&p, LEDGER_HELD), 100000000);
  assert_int_equal(of(&p, LEDGER_BALANCE), -99000000);
  assert_int_equal(of(&p, LEDGER_FEES), -1000000);
  assert_int_equal(p.n, 3);
  p = ledger_credit(USDT(100), CUSTODY_MERCHANT, 100);
  assert_int_equal(of(&p, LEDGER_MEMO), 100000000);
  assert_int_equal(of(&p, LEDGER_OWN_WALLET), -100000000);
  assert_int_equal(of(&p, LEDGER_FEES_DUE), 1000000);
  assert_int_equal(of(&p, LEDGER_FEES), -1000000);
  assert_int_equal(p.n, 4);
}

static void suspense_is_left_as_it_was_entered(void **state) {
  (void)state;
  for (int custody = CUSTODY_MERCHANT; custody <= CUSTODY_OPERATOR; custody++) {
    struct ledger_posting in = ledger_suspend(USDT(7), (enum custody)custody);
    struct ledger_posting out = ledger_attach(USDT(7), (enum custody)custody, 30);
    struct ledger_posting at_once = ledger_credit(USDT(7), (enum custody)custody, 30);
    assert_int_equal(of(&in, LEDGER_SUSPENSE), -7000000);
    for (int account = 1; account < LEDGER_ACCOUNTS; account++)
      assert_int_equal(of(&in, (enum ledger_account)account) + of(&out, (enum ledger_account)account),
                       of(&at_once, (enum ledger_account)account));
    assert_int_equal(sum(&in), 0);
    assert_int_equal(sum(&out), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fee_is_rounded_down),
      cmocka_unit_test(only_the_operators_addresses_make_a_balance),
      cmocka_unit_test(suspense_is_left_as_it_was_entered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
