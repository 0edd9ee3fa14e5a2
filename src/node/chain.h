// Follows the chain through several nodes and gives out what may be credited: blocks in order, without a gap,
// each as sure as the operator's trust level asks.
//
// How: a window of blocks above the cursor, in order and linked by their parents, from the first node that
// serves (nodes in the order of the settings). A block leaves the window when it is final: K nodes' own
// /walletsolidity heads stand on it (their ids are compared with the window's), or, in verified mode, the
// signatures of its descendants say so; and when K nodes have given the same testimony about it: its id, and
// the same transfers of the token. What disagrees is asked of further nodes; where K cannot be had the chain
// stands still and says so: nothing is ever credited on fewer. A fork drops the window's upper part; the
// cursor's block never moves.
//
// One thread uses it. Cost is per block, never per payment: at the head 3 requests a block and node at most.
#pragma once
#include "base/world.h"
#include "core/chain.h"
#include "net/fetch.h"

enum trust { TRUST_ONE, TRUST_QUORUM, TRUST_VERIFIED };

struct chain_node {         // as configured; texts outlive the chain
  struct str url, solidity; // without a slash at the end; solidity is `url` where none was named
  struct str key;           // TRON-PRO-API-KEY; absent: none
  int64_t per_s, per_day;   // requests; 0: the default for such a URL
};

struct chain_options {
  const struct world *world;
  struct fetcher *fetcher;
  const struct chain_node *nodes;
  int n_nodes;
  enum trust trust;
  int k; // nodes that must agree; 1 with TRUST_ONE
  enum network network;
  struct tron_address token;
  struct str genesis;   // hex of block 0's id that is expected; absent: whatever the first node says (custom)
  struct str witnesses; // verified: the state as stored (chain_witnesses()); absent: none
  struct str witness_file; // its text: where no state is, or it stands still for want of a set; absent: ask K
                           // nodes
};

struct chain;
struct chain *chain_new(const struct chain_options *o);
void chain_free(struct chain *c);

struct chain_turn {
  struct chain_block
      *final; // directly above the cursor, in order: to be credited, then told by chain_credited()
  int n_final;
  struct chain_block *seen; // not final yet, new in the window since the last turn: only to be shown
  int n_seen;
  bool forked; // blocks that were given out as seen before have vanished: from `forked_from` on
  int64_t forked_from;
  int64_t wait_us; // nothing to do before
};

// One turn: asks what is due, within every node's budget, then judges.
void chain_turn(struct chain *c, const struct chain_cursor *cursor, struct arena *a, struct chain_turn *out);
// No cursor yet: finds the one to begin with. False: nobody (or too few) can be asked now.
bool chain_begin(struct chain *c, int64_t start_block, struct arena *a, struct chain_cursor *out);
// These are in the book now; the window moves.
void chain_credited(struct chain *c, const struct chain_cursor *cursor);
// The verifier's state after the last block given out as final (at the beginning: after the cursor's), to be
// stored in one transaction with the cursor. Absent unless TRUST_VERIFIED.
struct str chain_witnesses(struct chain *c, struct arena *a);
// Hex of block 0's id: as expected, or as nodes have said (custom); absent: nobody has said yet. The chain's.
struct str chain_genesis(const struct chain *c);

void chain_status_get(const struct chain *c, struct chain_status *out);
// A line for each node: reachable, same chain, head, final head, disagreements, limits, clock (doctor,
// health).
struct chain_node_status {
  struct str name; // the URL's host and port
  bool usable;
  struct str trouble; // absent: none
  int64_t head, solid, behind_s, requests_today, disagreements;
};
int chain_nodes(const struct chain *c, struct arena *a, struct chain_node_status **out);

// Any block's trusted transfers again, below the cursor (rescan). False: not to be had now.
struct chain_old {
  int64_t from; // at most `max` blocks from here on
  int max;
  struct chain_block *blocks; // in order; in the arena
  int n;
  int64_t wait_us; // false: not before
};
bool chain_again(struct chain *c, struct chain_old *old, struct arena *a);
