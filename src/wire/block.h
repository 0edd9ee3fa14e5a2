// Blocks of TRON as they are signed: header, identity, Merkle tree, signature. Without I/O; the JSON in which
// nodes tell of them is read by wire/block_json.h. Source: tron.md section 5.
#pragma once
#include "base/hmac.h"
#include "wire/address.h"

enum { BLOCK_ID_N = 32, SIGNATURE_N = 65, BLOCK_HEADER_MAX = 192 };

struct block_header {
  int64_t number, time_ms, witness_id, version;
  uint8_t tx_root[32], parent[32], account_state_root[32];
  bool has_account_state_root;
  struct tron_address witness; // who made it, by name; the key that signs may be another
  uint8_t signature[SIGNATURE_N];
  bool is_signed; // block 0 is not
};

// Canonical protobuf of the header, in the order of its fields, defaults left out.
void block_header_encode(const struct block_header *h, struct buf *out);
// The reverse, of canonical bytes only. Knows nothing of the signature.
bool block_header_decode(struct str raw, struct block_header *out);
// sha256 of that, its first 8 bytes replaced by the height; `hash` (may be NULL) gets the sha256 itself.
void block_id(const struct block_header *h, uint8_t id[BLOCK_ID_N], uint8_t hash[SHA256_N]);
// Who signed it. False: no key belongs to this signature.
bool block_signer(const struct block_header *h, struct tron_address *out);
bool signature_recover(const uint8_t hash[SHA256_N], const uint8_t signature[SIGNATURE_N],
                       struct tron_address *out);

void merkle_pair(const uint8_t left[SHA256_N], const uint8_t right[SHA256_N], uint8_t out[SHA256_N]);
// Root of a list of leaves; an odd last one is carried up unchanged; none: zeros. Overwrites the list.
void merkle_root(uint8_t (*leaves)[SHA256_N], size_t n, uint8_t root[SHA256_N]);

// Of one transfer, in 10^-6 USDT: a hundred billion USDT, more than there are. A larger one is none, so that
// sums cannot overflow because a node lies.
static const int64_t TRANSFER_VALUE_MAX = 100000000000000000;

// What a 32-byte word of a call or a log says of it. False: nothing, or more than that.
bool transfer_value(const uint8_t word[32], int64_t *out);

// A transaction of a block.
struct block_tx {
  uint8_t id[SHA256_N];
  bool succeeded; // the block's own contractRet says SUCCESS
  // A call of transfer() or transferFrom() of the token that the transaction itself makes: what it moves.
  bool is_direct;
  struct tron_address from, to;
  uint8_t amount[32];     // big-endian
  uint8_t leaf[SHA256_N]; // of the Merkle tree
  struct str bytes;       // of a direct call: the whole transaction, whose hash the leaf is
};

struct block {
  struct block_header header;
  uint8_t id[BLOCK_ID_N]; // as the node says
  struct block_tx *txs;
  int n;
};
