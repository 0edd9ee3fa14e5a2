// Base58 with Bitcoin's alphabet, and Base58Check (four bytes of SHA-256, applied twice, at the end).
#pragma once
#include "base/str.h"

enum { BASE58_BYTES_MAX = 96, BASE58_TEXT_MAX = 132, BASE58_CHECK_N = 4 };

// Exactly n bytes, n ≤ BASE58_BYTES_MAX. false where the text is of another length or not base58.
bool base58_decode(struct str text, uint8_t *out, size_t n);

// Writes the text and a NUL; returns its length (≤ BASE58_TEXT_MAX).
size_t base58_encode(const uint8_t *bytes, size_t n, char out[BASE58_TEXT_MAX + 1]);

// The checksum of a payload.
void base58_checksum(const uint8_t *payload, size_t n, uint8_t out[BASE58_CHECK_N]);

// Payload of exactly n bytes with a good checksum after it, n ≤ BASE58_BYTES_MAX - 4.
bool base58_check_decode(struct str text, uint8_t *payload, size_t n);
