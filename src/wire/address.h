// TRON main-net addresses: 20 bytes of account, as text the Base58Check of 0x41 and the account.
#pragma once
#include "base/str.h"

enum { ADDRESS_N = 20, ADDRESS_TEXT_N = 34 };

struct tron_address {
  uint8_t account[ADDRESS_N];
};

// 34 characters from "T" with a good checksum, nothing else: no hexadecimal forms.
bool address_parse(struct str text, struct tron_address *out);

// Writes 34 characters and a NUL.
void address_format(const struct tron_address *address, char out[ADDRESS_TEXT_N + 1]);

// The same, but the checksum is inverted: the address of a test payment looks like one, and no wallet can
// send to it.
void address_test_format(const struct tron_address *address, char out[ADDRESS_TEXT_N + 1]);

// The address of a public key: the last 20 bytes of the Keccak-256 of its uncompressed form X‖Y.
void address_of_key(const uint8_t xy[64], struct tron_address *out);
