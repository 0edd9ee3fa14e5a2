#include "core/ledger.h"
#include "base/bug.h"

struct usdt ledger_fee(struct usdt value, int64_t bps) {
  BUG_IF(value.micro < 0 || bps < 0 || bps > FEE_BPS_MAX, "a fee that cannot be");
  return (struct usdt){value.micro / FEE_BPS_MAX * bps + value.micro % FEE_BPS_MAX * bps / FEE_BPS_MAX};
}

static void add(struct ledger_posting *p, enum ledger_account account, int64_t micro) {
  if (micro)
    p->entries[p->n++] = (struct ledger_entry){account, {micro}};
}

static struct ledger_posting balanced(struct ledger_posting p) {
  int64_t sum = 0;
  for (int i = 0; i < p.n; i++)
    sum += p.entries[i].amount.micro;
  BUG_IF(sum != 0, "a posting does not sum to zero");
  return p;
}

static enum ledger_account asset(enum custody custody) {
  return custody == CUSTODY_OPERATOR ? LEDGER_HELD : LEDGER_MEMO;
}

// What is owed for it. The fee on money that never passes through here becomes a debt of the merchant's.
static void owe(struct ledger_posting *p, struct usdt value, enum custody custody, int64_t fee_bps) {
  int64_t fee = ledger_fee(value, fee_bps).micro;
  if (custody == CUSTODY_OPERATOR) {
    add(p, LEDGER_BALANCE, -(value.micro - fee));
  } else {
    add(p, LEDGER_OWN_WALLET, -value.micro);
    add(p, LEDGER_FEES_DUE, fee);
  }
  add(p, LEDGER_FEES, -fee);
}

struct ledger_posting ledger_credit(struct usdt value, enum custody custody, int64_t fee_bps) {
  struct ledger_posting p = {.kind = LEDGER_CREDIT};
  add(&p, asset(custody), value.micro);
  owe(&p, value, custody, fee_bps);
  return balanced(p);
}

struct ledger_posting ledger_suspend(struct usdt value, enum custody custody) {
  struct ledger_posting p = {.kind = LEDGER_SUSPEND};
  add(&p, asset(custody), value.micro);
  add(&p, LEDGER_SUSPENSE, -value.micro);
  return balanced(p);
}

struct ledger_posting ledger_attach(struct usdt value, enum custody custody, int64_t fee_bps) {
  struct ledger_posting p = {.kind = LEDGER_ATTACH};
  add(&p, LEDGER_SUSPENSE, value.micro);
  owe(&p, value, custody, fee_bps);
  return balanced(p);
}
