#include "simnode/key.h"

#include "base/bug.h"
#include "base/hex.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <string.h>

static secp256k1_context *curve;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_curve(void) {
  curve = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
}

static const secp256k1_context *context(void) {
  pthread_once(&once, make_curve);
  return curve;
}

static bool address_of(const secp256k1_pubkey *point, struct tron_address *out) {
  uint8_t bytes[65];
  size_t n = sizeof bytes;
  if (!secp256k1_ec_pubkey_serialize(context(), bytes, &n, point, SECP256K1_EC_UNCOMPRESSED))
    return false;
  address_of_key(bytes + 1, out);
  return true;
}

static bool complete(struct sim_key *k) {
  secp256k1_pubkey point;
  return secp256k1_ec_pubkey_create(context(), &point, k->secret) && address_of(&point, &k->address);
}

void sim_key_make(const char *seed, const char *name, struct sim_key *out) {
  char text[256];
  int n = snprintf(text, sizeof text, "simulated chain/%s/%s", seed, name);
  BUG_IF(n < 0 || (size_t)n >= sizeof text, "the name of a key is too long");
  sha256((struct str){text, (size_t)n}, out->secret);
  BUG_IF(!complete(out), "a hash that is no key: one in 2^128");
}

bool sim_key_read(struct str hex, struct sim_key *out) {
  return hex.n == 64 && hex_decode(hex, out->secret, 32) && complete(out);
}

void sim_sign(const struct sim_key *key, const uint8_t hash[SHA256_N], uint8_t v_base,
              uint8_t out[SIGNATURE_BYTES]) {
  secp256k1_ecdsa_recoverable_signature signature;
  int v = 0;
  BUG_IF(!secp256k1_ecdsa_sign_recoverable(context(), &signature, hash, key->secret, NULL, NULL),
         "no signature");
  secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), out, &v, &signature);
  out[64] = (uint8_t)(v + v_base);
}

bool sim_recover(const uint8_t hash[SHA256_N], const uint8_t bytes[SIGNATURE_BYTES],
                 struct tron_address *out) {
  secp256k1_ecdsa_recoverable_signature signature;
  secp256k1_pubkey point;
  int v = bytes[64] >= 27 ? (bytes[64] - 27) & 3 : bytes[64];
  return v <= 3 && secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &signature, bytes, v) &&
         secp256k1_ecdsa_recover(context(), &point, &signature, hash) && address_of(&point, out);
}
