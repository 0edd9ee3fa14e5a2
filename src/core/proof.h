// A payment's proof, to be handed to somebody who trusts neither us nor any node: one JSON file with the
// transaction, its path in its block's Merkle tree, and the headers from that block on, as many as it takes
// until a quorum of a set of witnesses has signed. Made and checked without I/O.
//
// What it says: this transaction, a direct call of the token by `from` that moves `amount` to `to`, is in
// block `number` with the outcome SUCCESS, and that block is final, if at most n - quorum of the set are
// dishonest. What it does not say: that this is the set (who checks must know it), and that the token takes
// no fee. Source: tron.md 5.4 to 5.7.
//
// There is one way to write a proof: a file of which one byte is changed is refused.
#pragma once
#include "core/chain.h"
#include "core/witnesses.h"

enum {
  PROOF_TRANSACTION_MAX = 64 << 10,
  PROOF_PATH_MAX = 24,     // levels of the Merkle tree
  PROOF_HEADERS_MAX = 400, // a fork or a change of witnesses makes it wait; the usual is 19
  PROOF_PART_MAX = 160 << 10,
  PROOF_FILE_MAX = 1 << 20,
};

// What is kept of a transfer (chain_transfer.proof): the transaction, its path and the set relied on, as one
// text. Absent where there is nothing to prove: no direct call, not successful, too large. The block's leaves
// must add up to its root. What the parts of a block share is made once; it borrows the block, and lives in
// the arena. NULL: a block without transactions, or with too many.
struct proof_block;
struct proof_block *proof_block(const struct block *b, const struct witness_list *set, struct arena *a);
struct str proof_part(const struct proof_block *t, int tx, struct arena *a);

// The file from a part and the headers from its block on, in order. NULL, or why not (a static sentence): it
// is checked first, in the same way as by its reader.
const char *proof_make(struct str part, const struct tron_address *token, const struct chain_header *headers,
                       int n, struct buf *out);

struct proof_statement {
  uint8_t txid[SHA256_N];
  struct tron_address token, from, to;
  struct usdt amount; // of the call
  int64_t number, time_ms;
  int witnesses, signed_by;
};

// Checked from the file and the reader's own set alone. NULL, or why it is refused (a static sentence).
const char *proof_verify(struct str file, const struct witness_list *set, struct arena *a,
                         struct proof_statement *out);
