// Public payment numbers: a keyed permutation of the row number, so that they are unique without a second
// index, and can neither be guessed nor counted (spec "payment_id"). The key is random, sealed in the
// database and never changes.
//
// A balanced Feistel network over 52 bits whose round function is SipHash-2-4: below 2⁵³, so exact in every
// JSON reader.
#pragma once
#include "core/err.h"

#include <stdint.h>

#define PAYMENT_ID_END (INT64_C(1) << 52) // ids and rows are below it

struct payment_id_key {
  uint8_t bytes[16];
};

// `row` must be in [0, PAYMENT_ID_END): anything else is a bug.
int64_t payment_id_from_row(const struct payment_id_key *key, int64_t row);

// false when `id` is out of range. Every number in range has a row; whether that row exists is the store's to
// say.
bool payment_id_to_row(const struct payment_id_key *key, int64_t id, int64_t *row) MUST_CHECK;
