// HMAC-SHA256 and SHA-256 (RFC 2104, FIPS 180-4) over OpenSSL, keyed once per secret.
//
// A key is read-only after it is made: any number of threads may sign with it at the same time.
#pragma once
#include "base/str.h"

enum { HMAC_N = 32, HMAC_HEX_N = 64, SHA256_N = 32 };

struct hmac_key;

// Never NULL; an empty secret is allowed. The secret's bytes are copied and wiped when the key is freed.
struct hmac_key *hmac_key_create(const void *secret, size_t n);
void hmac_key_free(struct hmac_key *k); // NULL is fine

// Over the message, or over all parts one after the other.
void hmac_sign(const struct hmac_key *k, struct str message, uint8_t out[HMAC_N]);
void hmac_sign_parts(const struct hmac_key *k, const struct str *parts, size_t n, uint8_t out[HMAC_N]);

// The same as 64 lower-case hex digits and a NUL.
void hmac_sign_hex(const struct hmac_key *k, struct str message, char out[HMAC_HEX_N + 1]);

// Is `hex` the lower-case signature of `message`? Takes the same time wherever they differ.
bool hmac_verify_hex(const struct hmac_key *k, struct str message, struct str hex);

// Equal bytes, in a time that depends on the lengths only.
bool equal_constant_time(struct str a, struct str b);

void sha256(struct str message, uint8_t out[SHA256_N]);
