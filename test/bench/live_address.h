// The receiving address of the bench's N-th live payment; address() in lib.mjs is the same.
#pragma once
#include "base/hmac.h"
#include "wire/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static inline void live_address(int64_t n, struct tron_address *out) {
  uint8_t hash[SHA256_N];
  char text[32];
  snprintf(text, sizeof text, "bench %" PRId64, n);
  sha256(str_of(text), hash);
  memcpy(out->account, hash, ADDRESS_N);
}
