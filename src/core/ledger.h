// The book: what each transfer posts (spec "Money"). Double entry: the entries of a posting sum to zero.
// Pure.
//
// What was received stands on an asset account (above zero), what is owed for it on the other side (below
// zero). What lies at a merchant's own addresses was never in our hands: it is kept in memo accounts.
#pragma once
#include "core/err.h"
#include "core/project.h"

enum ledger_account {    // of each project; stored: values never change
  LEDGER_HELD = 1,       // at addresses of the operator's
  LEDGER_MEMO = 2,       // at addresses of the merchant's own
  LEDGER_SUSPENSE = 3,   // unmatched
  LEDGER_BALANCE = 4,    // owed to the merchant: can be withdrawn
  LEDGER_OWN_WALLET = 5, // the merchant has it already
  LEDGER_FEES = 6,       // the operator's income
  LEDGER_FEES_DUE = 7,   // of it, what the merchant owes: fees on money that the merchant has already
};
#define LEDGER_ACCOUNTS 8

enum ledger_kind {    // what a posting is; stored
  LEDGER_CREDIT = 1,  // a transfer that was matched at once
  LEDGER_SUSPEND = 2, // one that was not
  LEDGER_ATTACH = 3,  // matched later
};

enum { LEDGER_ENTRIES_MAX = 4, FEE_BPS_MAX = 10000 };

struct ledger_entry {
  enum ledger_account account;
  struct usdt amount;
};

struct ledger_posting {
  enum ledger_kind kind;
  int n;
  struct ledger_entry entries[LEDGER_ENTRIES_MAX]; // no account twice, none of zero
};

// The operator's fee: floor(value × bps / 10 000).
struct usdt ledger_fee(struct usdt value, int64_t bps);

// A transfer of `value` to an address of this custody.
struct ledger_posting ledger_credit(struct usdt value, enum custody custody, int64_t fee_bps);
struct ledger_posting ledger_suspend(struct usdt value, enum custody custody);
struct ledger_posting ledger_attach(struct usdt value, enum custody custody,
                                    int64_t fee_bps); // from suspense
