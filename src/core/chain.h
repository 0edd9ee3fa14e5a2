// What the gateway knows of the chain: blocks that it may trust and the token's transfers in them. This is
// all that the two sides, node/ (which asks nodes and judges what they say) and flow/ (which credits), share.
//
// Numbers are heights, times are microseconds since 1970 UTC by the blocks' own clock, values are 10^-6 USDT.
#pragma once
#include "core/money.h"
#include "wire/address.h"

enum { CHAIN_ID_N = 32, TXID_N = 32 };

enum network { NETWORK_MAIN, NETWORK_NILE, NETWORK_SHASTA, NETWORK_CUSTOM };

struct chain_id { // of a block
  uint8_t bytes[CHAIN_ID_N];
};

// A transfer that satisfies the success rule (spec "What counts as a payment"): the token's own log, value
// above 0, in a transaction whose receipt and block both say SUCCESS.
struct chain_transfer {
  uint8_t txid[TXID_N];
  int64_t log_index; // within its transaction's logs
  struct tron_address from, to;
  struct usdt value; // the log's
  bool proven;       // a direct call that the block's signed Merkle tree shows: no node's word is needed
  struct str proof;  // what can be handed on, see core/proof.h: the transaction and its path; absent: nothing
};

struct chain_header { // as signed; what a proof needs of a block
  int64_t number;
  struct str raw;       // serialised header
  struct str signature; // 65 bytes
};

struct chain_block {
  int64_t number;
  struct chain_id id, parent;
  int64_t time_us;
  struct chain_transfer *transfers; // in the order of the block
  int n_transfers;
  struct chain_header *headers; // verified mode: this one and those that make it solid
  int n_headers;
};

// The last block whose transfers are in the book.
struct chain_cursor {
  int64_t number;
  struct chain_id id;
  int64_t time_us;
};

// How it stands, for pages, health and metrics.
struct chain_status {
  bool configured;              // nodes are named
  struct chain_cursor cursor;   // number 0: nothing followed yet
  int64_t head, head_us, solid; // newest block and newest final one that nodes have shown; 0: none yet
  int64_t heard_us;             // wall clock, when a node last said something usable
  bool behind;                  // catching up: the head is not looked at
  int64_t level_us;   // wall clock when it will be level, as far as can be told; 0: not behind or not known
  struct str trouble; // a sentence; absent: all is well. Static text
};

// Confirmations are delayed: nothing was heard, or the chain or the watcher stands still or is behind.
enum { CHAIN_DELAYED_US = 90 * 1000000 };
bool chain_is_delayed(const struct chain_status *s, int64_t now_us);
