// One node of TRON by java-tron's HTTP API: what may be asked when, and what an answer is worth before its
// content is looked at. Source: tron.md sections 3.1 to 3.6 and 3.8.
//
// The budget: never more than the node's requests a second in any second, never more than its requests a day
// (UTC), less a tenth that is left to others with the same key; of these a quarter may go at once, the rest
// as the day goes on, so that a catch-up does not leave hours without any. A node that fails or refuses is
// left alone: for as long as it asks ("suspended for N s", Retry-After), otherwise 1 s, doubled each time up
// to NODE_REST_MAX_S, with some jitter.
//
// The API key goes into the header of requests to this node and nowhere else.
#pragma once
#include "base/world.h"
#include "net/fetch.h"
#include "node/chain.h"

enum {
  NODE_BLOCKS_AT_ONCE = 100,           // of ASK_BLOCKS
  NODE_BLOCK_BYTES = 12 * 1024 * 1024, // of an answer with blocks or receipts; main net: 0.4 MB a block
  NODE_SMALL_BYTES = 1024 * 1024,      // of any other
  NODE_SMALL_MS = 6 * 1000,            // limiters of a node delay answers by a second or two
  NODE_BLOCK_MS = 15 * 1000,
  NODE_REST_MAX_S = 60,
  NODE_ASKED_REST_MAX_S = 3600, // "suspended for N s"
  NODE_PER_S = 200,             // without a key
  NODE_KEY_PER_S = 15,          // with one, or trongrid.io
  NODE_KEY_PER_DAY = 100000,
};

struct node;
struct node *node_new(const struct chain_node *config, const struct world *world); // texts outlive it
void node_free(struct node *n);

enum ask_what {
  ASK_HEAD,        // newest block                           wallet/getnowblock
  ASK_SOLID,       // newest final block                     walletsolidity/getnowblock
  ASK_BLOCK,       // `number`                               wallet/getblockbynum
  ASK_BLOCKS,      // `number` up to `end`, exclusive        wallet/getblockbylimitnext
  ASK_SOLID_BLOCK, // `number`, `{}` unless it is final      walletsolidity/getblockbynum
  ASK_RECEIPTS,    // of block `number` when it is final     walletsolidity/gettransactioninfobyblocknum
  ASK_CALL,        // constant call of `address`, `function` walletsolidity/triggerconstantcontract
  ASK_ACCOUNT,     // `address`                              walletsolidity/getaccount
  ASK_WITNESSES,   //                                        wallet/listwitnesses
  ASK_MAINTENANCE, //                                        wallet/getnextmaintenancetime
  ASK_PARAMETERS,  //                                        wallet/getchainparameters
};

enum outcome {
  OUTCOME_ANSWER,  // JSON that is no error
  OUTCOME_ABSENT,  // `{}` or `[]`: it has none, or not yet
  OUTCOME_REFUSED, // `why`; the node rests now
  OUTCOME_LATER,   // not asked: not before `until_us`, by its budget or because it rests
};

struct ask {
  struct node *node;
  enum ask_what what;
  int64_t number, end;
  struct tron_address address;
  struct str function; // "balanceOf(address)"
  struct str argument; // hex; may be absent
  int64_t max_bytes;   // of the answer, where less than its kind's limit is foreseen; 0: that limit. More is
                       // no failure of the node: FETCH_TOO_LARGE, and it does not rest
  // result
  enum outcome outcome;
  struct str answer;      // OUTCOME_ANSWER, OUTCOME_ABSENT: in the arena
  struct str why;         // OUTCOME_REFUSED, OUTCOME_LATER: static
  int64_t until_us;       // OUTCOME_REFUSED, OUTCOME_LATER: wall clock, when it may be asked again
  enum fetch_error error; // OUTCOME_REFUSED
};

// Asks all at once, of one node or of several; at most FETCHES_MAX. The arena must have room for the answers.
void node_ask(struct fetcher *f, struct ask *list, int n, struct arena *a);

// Its answer was well-formed and wrong (another chain, a wrong parent, receipts that do not fit): as a
// failure, and counted. `why` is static.
void node_blame(struct node *n, struct str why);

// When it may be asked next: now or later, wall clock.
int64_t node_free_us(struct node *n);

struct node_state {
  struct str name;        // host and port
  struct str trouble;     // why the last request failed, static; absent: it did not
  int64_t heard_us;       // wall clock of the last usable answer; 0: none
  int64_t rests_until_us; // 0: it does not
  int64_t requests_today; // since this start
  int64_t per_s, per_day; // 0: no end
  int64_t blamed;         // node_blame()
  int64_t took_us;        // of the last usable answer
};
void node_state_get(struct node *n, struct node_state *out);
