// A transaction as the chain keeps it: the protobuf whose hash is a leaf of its block's Merkle tree. Source:
// tron.md 2.11, 5.4, 5.5, 6.1.
#pragma once
#include "wire/block.h"

enum { TRANSACTION_SUCCESS = 1 }; // contractRet

// Fills in all of *out; `out->bytes` is `bytes` itself for a direct call of the token. What java-tron would
// read in another way than it stands (a part given twice) is no transaction, or no direct call. false: not a
// transaction.
bool transaction_read(struct str bytes, const struct tron_address *token, struct block_tx *out);
