// Which payment a confirmed transfer belongs to (spec "Matching a confirmed transfer"). Pure: the rows are
// read by others, the decision is made here, once, for credits, sightings and rescans alike.
#pragma once
#include "core/payment.h"

// A transfer may be this much older than the reservation: clocks of the chain and of ours differ.
enum { MATCH_EARLY_US = 3 * 1000000 };

enum match_reason { // why nothing was credited; stored: values never change
  MATCH_CREDITED = 0,
  MATCH_UNKNOWN = 1,   // nobody has ever reserved anything on this address
  MATCH_SHARED = 2,    // no exact amount, and several orders could be meant
  MATCH_PAID = 3,      // paid already
  MATCH_CANCELLED = 4, // only the merchant can accept it
  MATCH_EARLY = 5,     // older than the order
  MATCH_TOO_LATE = 6,  // after the quarantine
  MATCH_REPLACED = 7,  // the order goes on with another amount
  MATCH_DUST = 8,      // too little to change anything
  MATCH_LATE = 9,      // late, and the project decides itself on late money
};
#define MATCH_REASONS 10

// What the rows say about a transfer to an address of ours.
struct match_facts {
  const struct payment *exact; // that has (address, value) reserved; NULL: none
  const struct payment *only; // newest of the one order that ever reserved the address; NULL: none or several
  bool shared;                // several orders have reserved it
  const struct pay_policy *policy;
};

struct match {
  enum match_reason reason;      // MATCH_CREDITED: it is this payment's
  const struct payment *payment; // to be credited or reviewed; NULL: none is meant
};
struct match match_transfer(const struct match_facts *facts, struct usdt value, int64_t block_us);

const char *match_reason_name(enum match_reason r); // "paid", "too_late", …: for lists and timelines
