#include "wire/bip32.h"
#include "base/bug.h"
#include "wire/base58.h"

#include <secp256k1.h>
#include <sodium/crypto_auth_hmacsha512.h>
#include <sodium/utils.h>
#include <string.h>

// An extended key: version, depth, fingerprint of the parent, number of the last step, chain code, key
// (BIP-32).
enum { EXTENDED_N = 78, DEPTH_AT = 4, PARENT_AT = 5, STEP_AT = 9, CHAIN_CODE_AT = 13, KEY_AT = 45 };
enum { ACCOUNT_DEPTH = 3, HARDENED = 0x80, EXTERNAL = 0 };

static const uint8_t version_xpub[4] = {0x04, 0x88, 0xB2, 0x1E};

struct child {
  secp256k1_pubkey point;
  uint8_t chain_code[32];
};

// One public step: HMAC-SHA512 by the chain code over key and index; its left half times G is added to the
// point.
static bool derive(const struct xpub *parent, uint32_t index, struct child *out) {
  uint8_t message[37], mac[64];
  memcpy(message, parent->key, 33);
  for (int i = 0; i < 4; i++)
    message[33 + i] = (uint8_t)(index >> (24 - 8 * i));
  crypto_auth_hmacsha512_state state;
  crypto_auth_hmacsha512_init(&state, parent->chain_code, sizeof parent->chain_code);
  crypto_auth_hmacsha512_update(&state, message, sizeof message);
  crypto_auth_hmacsha512_final(&state, mac);
  memcpy(&out->point, parent->point, sizeof parent->point);
  memcpy(out->chain_code, mac + 32, 32);
  return secp256k1_ec_pubkey_tweak_add(secp256k1_context_static, &out->point, mac);
}

static void serialize(const secp256k1_pubkey *point, uint8_t *out, size_t n, unsigned flags) {
  size_t written = n;
  int ok = secp256k1_ec_pubkey_serialize(secp256k1_context_static, out, &written, point, flags);
  BUG_IF(!ok || written != n, "a point has a fixed size");
}

static bool load(const uint8_t extended[EXTENDED_N], struct xpub *out) {
  secp256k1_pubkey point;
  memcpy(out->chain_code, extended + CHAIN_CODE_AT, sizeof out->chain_code);
  memcpy(out->key, extended + KEY_AT, sizeof out->key);
  if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, out->key, sizeof out->key))
    return false;
  memcpy(out->point, &point, sizeof out->point);
  return true;
}

static enum bip32_result check(const uint8_t extended[EXTENDED_N], struct xpub *external) {
  struct xpub account;
  struct child child;
  _Static_assert(sizeof child.point == sizeof account.point, "secp256k1's point");
  if (extended[KEY_AT] == 0) // the padding before a private key, whatever the version says
    return BIP32_PRIVATE;
  if (memcmp(extended, version_xpub, sizeof version_xpub) != 0 || !load(extended, &account))
    return BIP32_MALFORMED;
  if (extended[DEPTH_AT] != ACCOUNT_DEPTH || !(extended[STEP_AT] & HARDENED))
    return BIP32_NOT_ACCOUNT;
  if (!derive(&account, EXTERNAL, &child))
    return BIP32_MALFORMED;
  serialize(&child.point, external->key, sizeof external->key, SECP256K1_EC_COMPRESSED);
  memcpy(external->chain_code, child.chain_code, sizeof external->chain_code);
  memcpy(external->point, &child.point, sizeof external->point);
  return BIP32_OK;
}

enum bip32_result bip32_parse(struct str text, struct xpub *external) {
  if (str_starts(text, STR("xprv"))) // also where it is mistyped
    return BIP32_PRIVATE;
  uint8_t extended[EXTENDED_N];
  if (!base58_check_decode(text, extended, sizeof extended))
    return BIP32_MALFORMED;
  enum bip32_result result = check(extended, external);
  sodium_memzero(extended, sizeof extended);
  return result;
}

void bip32_canonical(struct str text, char out[BIP32_TEXT_N + 1]) {
  uint8_t extended[EXTENDED_N + BASE58_CHECK_N];
  char encoded[BASE58_TEXT_MAX + 1];
  bool ok = base58_check_decode(text, extended, EXTENDED_N);
  BUG_IF(!ok, "only for what was parsed");
  memset(extended + PARENT_AT, 0, CHAIN_CODE_AT - PARENT_AT);
  extended[STEP_AT] = HARDENED;
  base58_checksum(extended, EXTENDED_N, extended + EXTENDED_N);
  size_t n = base58_encode(extended, sizeof extended, encoded);
  BUG_IF(n != BIP32_TEXT_N, "the version fixes the length");
  memcpy(out, encoded, BIP32_TEXT_N + 1);
}

bool bip32_address(const struct xpub *external, uint32_t index, struct tron_address *out) {
  struct child child;
  uint8_t full[65];
  BUG_IF(index >= BIP32_INDEX_END, "address index out of range");
  if (!derive(external, index, &child))
    return false;
  serialize(&child.point, full, sizeof full, SECP256K1_EC_UNCOMPRESSED);
  address_of_key(full + 1, out);
  return true;
}
