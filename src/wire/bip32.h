// Deposit addresses from an extended public key (BIP-32, BIP-44, SLIP-44 195): m/44'/195'/account'/0/index.
//
// Only the xpub of an account is taken: depth 3, a hardened last step, version 0488B21E. The account's own
// xpub is what wallets show, and its addresses are those that the wallet finds again. An xpub of another
// depth would work too, but the wallet would look elsewhere for the money; and an account given once by its
// own xpub and once by that of its external chain would be two keys with the same addresses.
#pragma once
#include "wire/address.h"

// The external chain (account'/0), derived once. `key` tells whether two xpubs are the same: their texts may
// differ in fields that change no address.
struct xpub {
  uint8_t key[33]; // compressed point
  uint8_t chain_code[32];
  uint8_t point[64]; // the same point in secp256k1's own form: valid in this process only
};

#define BIP32_INDEX_END (UINT32_C(1) << 31) // hardened steps begin there

enum { BIP32_TEXT_N = 111 };

enum bip32_result {
  BIP32_OK,
  BIP32_MALFORMED,   // not an xpub, or a mistyped one
  BIP32_PRIVATE,     // an extended private key: it must never be given to a server
  BIP32_NOT_ACCOUNT, // an xpub of another depth
};

enum bip32_result bip32_parse(struct str text, struct xpub *external);

// One text for one account: the fields that change no address (the parent's fingerprint, the account's
// number) become zero. What is stored and compared, so that nobody claims an account a second time by
// changing them. Only for a text that bip32_parse() takes.
void bip32_canonical(struct str text, char out[BIP32_TEXT_N + 1]);

// false for the index that has no key (about one in 2¹²⁷): skip it. `index` < BIP32_INDEX_END.
bool bip32_address(const struct xpub *external, uint32_t index, struct tron_address *out);
