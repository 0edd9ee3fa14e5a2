// What a java-tron 4.8.0 answers over HTTP, byte for byte in shape, from the simulated chain. Pure. Source:
// tron.md section 3 and its recordings; test/unit/simnode.c compares the shapes.
#pragma once
#include "simnode/chain.h"

enum sim_lie {
  LIE_NONE,
  LIE_VALUE,   // each of the token's logs is a millionth more
  LIE_HIDE,    // the token's logs are left out
  LIE_OUTCOME, // what failed is told as a success, with a log
  LIE_EXTRA,   // each block's last receipt has one more log of the token: lie_amount to lie_to
  LIE_SHORT,   // the last receipt of a block is left out
  LIE_ID,      // another block id
  LIE_SOLID,   // the newest block is said to be final
  LIE_TX,      // the first transaction's outcome in the block is turned round
  LIES,
};
extern const char *const sim_lie_names[LIES];

struct sim_node { // one that serves the chain; several may serve the same one
  struct sim_chain *chain;
  int64_t lag;       // blocks that it has not heard of yet
  int64_t solid_lag; // blocks by which /walletsolidity is behind the solid rule
  int64_t stands;    // above 0: stands still at this height
  enum sim_lie lie;
  struct tron_address lie_to;
  int64_t lie_amount;
  int served; // SIM_FULL | SIM_SOLID; 0: both
};
enum { SIM_FULL = 1, SIM_SOLID = 2 };

struct sim_request {
  const char *method;
  struct str path, query, body; // query without "?", still encoded
};

enum { SIM_BODY_MAX = 4 * 1024 * 1024, SIM_ANSWER_MAX = 512 * 1024 * 1024 };
struct sim_answer {
  int status;
  const char *type; // of the content
  struct str body;
};

// Memory is the arena's (which must allow SIM_ANSWER_MAX).
void sim_answer(struct sim_node *n, const struct sim_request *q, struct arena *a, struct sim_answer *out);

int64_t sim_node_head(const struct sim_node *n);
int64_t sim_node_solid(const struct sim_node *n);
