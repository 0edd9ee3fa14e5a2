// Which payments an unmatched transfer may be for (spec "Matching a confirmed transfer"). Pure.
#pragma once
#include "core/payment.h"

enum suggestion {        // the likeliest first
  SUGGEST_REVIEW,        // its own money, that the merchant has to decide on
  SUGGEST_CLAIM,         // a payer says so
  SUGGEST_LATE,          // same address and amount, at another time
  SUGGEST_FEE,           // same address, less by whole USDT: an exchange has taken its fee out of it
  SUGGEST_OTHER_ADDRESS, // same amount, another address
  SUGGEST_NOTHING,
};

#define SUGGEST_FEE_MAX USDT(20) // what exchanges take

struct unmatched_transfer {
  struct str address;
  struct usdt value;
  int64_t block_us;
};

// By the numbers alone: SUGGEST_LATE and below.
enum suggestion suggest(const struct unmatched_transfer *t, const struct payment *p);

const char *suggestion_name(enum suggestion s); // "review", "claim", "late", "fee", "other_address"
