#include "wire/address.h"
#include "base/bug.h"
#include "wire/base58.h"
#include "wire/keccak.h"

#include <string.h>

enum { PREFIX = 0x41, PAYLOAD_N = 1 + ADDRESS_N };

bool address_parse(struct str text, struct tron_address *out) {
  uint8_t payload[PAYLOAD_N];
  if (text.n != ADDRESS_TEXT_N || !base58_check_decode(text, payload, sizeof payload) || payload[0] != PREFIX)
    return false;
  memcpy(out->account, payload + 1, ADDRESS_N);
  return true;
}

static void format(const struct tron_address *address, uint8_t change, char out[ADDRESS_TEXT_N + 1]) {
  uint8_t bytes[PAYLOAD_N + BASE58_CHECK_N] = {PREFIX};
  char text[BASE58_TEXT_MAX + 1];
  memcpy(bytes + 1, address->account, ADDRESS_N);
  base58_checksum(bytes, PAYLOAD_N, bytes + PAYLOAD_N);
  for (size_t i = PAYLOAD_N; i < sizeof bytes; i++)
    bytes[i] ^= change;
  size_t n = base58_encode(bytes, sizeof bytes, text);
  BUG_IF(n != ADDRESS_TEXT_N, "an address has 34 characters");
  memcpy(out, text, ADDRESS_TEXT_N + 1);
}

void address_format(const struct tron_address *address, char out[ADDRESS_TEXT_N + 1]) {
  format(address, 0, out);
}

void address_test_format(const struct tron_address *address, char out[ADDRESS_TEXT_N + 1]) {
  format(address, 0xFF, out);
}

void address_of_key(const uint8_t xy[64], struct tron_address *out) {
  uint8_t hash[KECCAK_N];
  keccak256((struct str){(const char *)xy, 64}, hash);
  memcpy(out->account, hash + KECCAK_N - ADDRESS_N, ADDRESS_N);
}
