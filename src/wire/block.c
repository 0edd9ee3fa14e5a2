#include "wire/block.h"
#include "base/bug.h"
#include "wire/protobuf.h"

#include <secp256k1_recovery.h>
#include <string.h>

// Fields of BlockHeader.raw (tron.md 5.1).
enum {
  TIME = 1,
  TX_ROOT = 2,
  PARENT = 3,
  NUMBER = 7,
  WITNESS_ID = 8,
  WITNESS = 9,
  VERSION = 10,
  STATE_ROOT = 11
};
enum { ADDRESS_PREFIX = 0x41, V_AT = 64 };

static struct str bytes_of(const void *p, size_t n) {
  return (struct str){p, n};
}

static struct str encode(const struct block_header *h, uint8_t out[BLOCK_HEADER_MAX]) {
  struct pb_out o = {.p = out, .max = BLOCK_HEADER_MAX};
  uint8_t witness[1 + ADDRESS_N] = {ADDRESS_PREFIX};
  memcpy(witness + 1, h->witness.account, ADDRESS_N);
  pb_number(&o, TIME, h->time_ms);
  pb_bytes(&o, TX_ROOT, bytes_of(h->tx_root, sizeof h->tx_root));
  pb_bytes(&o, PARENT, bytes_of(h->parent, sizeof h->parent));
  pb_number(&o, NUMBER, h->number);
  pb_number(&o, WITNESS_ID, h->witness_id);
  pb_bytes(&o, WITNESS, bytes_of(witness, sizeof witness));
  pb_number(&o, VERSION, h->version);
  if (h->has_account_state_root)
    pb_bytes(&o, STATE_ROOT, bytes_of(h->account_state_root, sizeof h->account_state_root));
  BUG_IF(o.full, "all fields are bounded");
  return bytes_of(out, o.n);
}

void block_header_encode(const struct block_header *h, struct buf *out) {
  uint8_t raw[BLOCK_HEADER_MAX];
  buf_str(out, encode(h, raw));
}

static bool take(const struct pb_field *f, void *out, size_t n) {
  if (!f->is_bytes || f->bytes.n != n)
    return false;
  memcpy(out, f->bytes.p, n);
  return true;
}

static bool take_field(const struct pb_field *f, struct block_header *out) {
  uint8_t witness[1 + ADDRESS_N];
  switch (f->number) {
  case TIME:
    out->time_ms = f->value;
    return !f->is_bytes;
  case TX_ROOT:
    return take(f, out->tx_root, sizeof out->tx_root);
  case PARENT:
    return take(f, out->parent, sizeof out->parent);
  case NUMBER:
    out->number = f->value;
    return !f->is_bytes;
  case WITNESS_ID:
    out->witness_id = f->value;
    return !f->is_bytes;
  case WITNESS:
    if (!take(f, witness, sizeof witness) || witness[0] != ADDRESS_PREFIX)
      return false;
    memcpy(out->witness.account, witness + 1, ADDRESS_N);
    return true;
  case VERSION:
    out->version = f->value;
    return !f->is_bytes;
  case STATE_ROOT:
    out->has_account_state_root = true;
    return take(f, out->account_state_root, sizeof out->account_state_root);
  default:
    return false;
  }
}

bool block_header_decode(struct str raw, struct block_header *out) {
  struct str rest = raw;
  struct pb_field field;
  uint8_t again[BLOCK_HEADER_MAX];
  *out = (struct block_header){0};
  while (pb_next(&rest, &field))
    if (!take_field(&field, out))
      return false;
  return rest.n == 0 && out->number >= 0 && out->time_ms >= 0 && str_eq(encode(out, again), raw);
}

void block_id(const struct block_header *h, uint8_t id[BLOCK_ID_N], uint8_t hash[SHA256_N]) {
  uint8_t raw[BLOCK_HEADER_MAX], full[SHA256_N];
  sha256(encode(h, raw), full);
  if (hash)
    memcpy(hash, full, sizeof full);
  memcpy(id, full, BLOCK_ID_N);
  for (int i = 0; i < 8; i++)
    id[i] = (uint8_t)((uint64_t)h->number >> (56 - 8 * i));
}

bool block_signer(const struct block_header *h, struct tron_address *out) {
  uint8_t id[BLOCK_ID_N], hash[SHA256_N];
  block_id(h, id, hash);
  return h->is_signed && signature_recover(hash, h->signature, out);
}

// java-tron's readings of the last byte: 0 to 3, the same from 27 on, and again from 31 on (tron.md 6.4).
static bool recovery_id(uint8_t v, int *out) {
  int n = v < 27 ? v : v - 27;
  *out = n & 3;
  return n < 8;
}

bool signature_recover(const uint8_t hash[SHA256_N], const uint8_t signature[SIGNATURE_N],
                       struct tron_address *out) {
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey point;
  uint8_t full[65];
  size_t n = sizeof full;
  int id;
  if (!recovery_id(signature[V_AT], &id) ||
      !secp256k1_ecdsa_recoverable_signature_parse_compact(secp256k1_context_static, &parsed, signature,
                                                           id) ||
      !secp256k1_ecdsa_recover(secp256k1_context_static, &point, &parsed, hash))
    return false;
  secp256k1_ec_pubkey_serialize(secp256k1_context_static, full, &n, &point, SECP256K1_EC_UNCOMPRESSED);
  address_of_key(full + 1, out);
  return true;
}

void merkle_pair(const uint8_t left[SHA256_N], const uint8_t right[SHA256_N], uint8_t out[SHA256_N]) {
  uint8_t both[2 * SHA256_N];
  memcpy(both, left, SHA256_N);
  memcpy(both + SHA256_N, right, SHA256_N);
  sha256(bytes_of(both, sizeof both), out);
}

void merkle_root(uint8_t (*leaves)[SHA256_N], size_t n, uint8_t root[SHA256_N]) {
  memset(root, 0, SHA256_N);
  if (n == 0)
    return;
  while (n > 1) {
    size_t parents = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
      merkle_pair(leaves[i], leaves[i + 1], leaves[parents++]);
    if (n % 2 == 1)
      memmove(leaves[parents++], leaves[n - 1], SHA256_N);
    n = parents;
  }
  memcpy(root, leaves[0], SHA256_N);
}

bool transfer_value(const uint8_t word[32], int64_t *out) {
  uint64_t v = 0;
  for (int i = 0; i < 32; i++) {
    if (v >> 55 != 0)
      return false;
    v = v << 8 | word[i];
  }
  *out = (int64_t)v;
  return v > 0 && v <= TRANSFER_VALUE_MAX;
}
