// The receiving address of the bench's N-th live payment.
#pragma once
#include "base/hmac.h"
#include "wire/address.h"

#include <string.h>

static inline void live_address(int64_t n, struct tron_address *out) {
  uint8_t hash[SHA256_N];
  sha256((struct str){(const char *)&n, sizeof n}, hash);
  memcpy(out->account, hash, ADDRESS_N);
}
