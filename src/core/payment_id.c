#include "core/payment_id.h"
#include "base/bug.h"

#include <sodium/crypto_shorthash_siphash24.h>

// Four rounds are the proven minimum against chosen numbers with ideal rounds; twice that because the halves
// are short.
enum { ROUNDS = 8, HALF_BITS = 26, HALF_MASK = (1 << HALF_BITS) - 1 };

_Static_assert(sizeof((struct payment_id_key){{0}}.bytes) == crypto_shorthash_siphash24_KEYBYTES, "key size");

// The bytes are placed by hand so that a data folder means the same on every machine.
static uint32_t mix(const struct payment_id_key *key, uint32_t half, unsigned round) {
  unsigned char in[8] = {(unsigned char)half, (unsigned char)(half >> 8), (unsigned char)(half >> 16),
                         (unsigned char)(half >> 24), (unsigned char)round};
  unsigned char out[crypto_shorthash_siphash24_BYTES];
  crypto_shorthash_siphash24(out, in, sizeof in, key->bytes);
  uint32_t v = (uint32_t)out[0] | (uint32_t)out[1] << 8 | (uint32_t)out[2] << 16 | (uint32_t)out[3] << 24;
  return v & HALF_MASK;
}

int64_t payment_id_from_row(const struct payment_id_key *key, int64_t row) {
  BUG_IF(row < 0 || row >= PAYMENT_ID_END, "row number out of range");
  uint32_t left = (uint32_t)(row >> HALF_BITS), right = (uint32_t)row & HALF_MASK;
  for (unsigned r = 0; r < ROUNDS; r++) {
    uint32_t next = left ^ mix(key, right, r);
    left = right;
    right = next;
  }
  return (int64_t)left << HALF_BITS | right;
}

bool payment_id_to_row(const struct payment_id_key *key, int64_t id, int64_t *row) {
  if (id < 0 || id >= PAYMENT_ID_END)
    return false;
  uint32_t left = (uint32_t)(id >> HALF_BITS), right = (uint32_t)id & HALF_MASK;
  for (unsigned r = ROUNDS; r-- > 0;) {
    uint32_t before = right ^ mix(key, left, r);
    right = left;
    left = before;
  }
  *row = (int64_t)left << HALF_BITS | right;
  return true;
}
