// Keys of the simulated chain's own people, each from the seed and a name, and signatures as TRON has them:
// r, s, v over a hash.
#pragma once
#include "base/hmac.h"
#include "wire/address.h"

enum { SIGNATURE_BYTES = 65 };

struct sim_key {
  uint8_t secret[32];
  struct tron_address address;
};

void sim_key_make(const char *seed, const char *name, struct sim_key *out);
bool sim_key_read(struct str hex, struct sim_key *out); // a secret key of 64 digits
// v is 0 or 1 as in headers, 27 or 28 as in transactions, by `v_base`.
void sim_sign(const struct sim_key *key, const uint8_t hash[SHA256_N], uint8_t v_base,
              uint8_t out[SIGNATURE_BYTES]);
bool sim_recover(const uint8_t hash[SHA256_N], const uint8_t signature[SIGNATURE_BYTES],
                 struct tron_address *out);
