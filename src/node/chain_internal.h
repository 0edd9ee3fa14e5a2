// What the files of the chain share: its nodes, its two stretches of blocks, and a round of questions.
#pragma once
#include "core/proof.h"
#include "core/witnesses.h"
#include "node/client.h"
#include "node/stretch.h"
#include "node/token.h"

enum {
  SOLIDS_KEPT = 4,
  ROUND_ASKS_MAX = 32,            // questions at once
  ROUND_BYTES = 24 * 1024 * 1024, // of their answers at most
  ANSWER_BYTES = 1024 * 1024,     // room for one, at least
  ROUNDS_MAX = 24,                // of a turn
  TURN_US = 5 * 1000000,          // no further round then
  FINAL_BLOCKS_MAX = 64,          // of a turn
  BATCH_BYTES = 2 * 1024 * 1024,  // of an answer with several blocks, as far as can be foreseen
  BLOCK_US = 3 * 1000000,         // between two blocks of main net
  PATIENCE_US = 2 * 1000000,      // a node that rests no longer than this is not passed over
  LAG_US = 15 * 1000000,          // a final head that is older than the newest by this: the node lags
  BEHIND_BLOCKS = 100,            // more: the head is not looked at
  LEVEL_BLOCKS = 20,              // fewer: it is again
  STUCK_US = 30 * 1000000,        // those who disagree are asked again
  LOOK_AGAIN_US = 60 * 1000000,   // at a node that was on another chain
  BLAMES_MAX = 8,                 // doublings of a rest of 1 s
  STILL_US = 60 * 1000000,        // no new block: the nodes stand still
};

struct solid { // a final head as a node told it
  int64_t number, time_us;
  struct chain_id id;
};

struct peer {
  struct node *node;
  bool known, foreign;              // its block 0 was compared; it is another chain's
  int64_t check_us;                 // not before: a look at its block 0
  int64_t due_us;                   // the next look at its final head
  int64_t quiet_us;                 // no question before
  int absent;                       // in a row: it did not have what it calls final
  bool roomy;                       // an answer was too large: ask for little, with all the room there is
  struct solid solids[SOLIDS_KEPT]; // newest first
  int64_t head, head_us;            // newest block it has shown
  int64_t disagreements;
  int blames;       // since it last said what enough others said: each doubles its rest
  struct str wrong; // what its answer was blamed for; absent: nothing
};

struct chain {
  struct chain_options o;
  const struct world *world;
  struct peer peers[PEERS_MAX];
  int n;
  struct arena scratch, parse; // of a round; of one answer
  struct block_json json;
  bool has_genesis;
  struct chain_id genesis;
  char genesis_hex[2 * CHAIN_ID_N + 1];

  bool has_witnesses;                // verified mode
  struct witnesses at, given, fed;   // after the cursor; after what was given out last; after the line
  int64_t open_us, told_us, keys_us; // the next questions: about the chain, its witnesses, their keys
  struct witness_list told;          // who takes turns since told_ms, as K nodes say
  int64_t told_ms;
  int key_turn;

  struct stretch line, again;
  bool has_cursor;
  bool behind;
  int64_t behind_since_us, behind_from; // wall clock and height: the pace of catching up
  int64_t head_us;                      // the next look at the head
  int64_t head_n, rewind;               // blocks to ask for; blocks below the line's top to read once more
  int64_t block_bytes, receipts_bytes;  // as answers lately were, for one block
  int64_t stuck_us;                     // since when those who were asked disagree; 0: they do not
  int64_t short_us;                     // since when too few can be asked; 0: enough
  int64_t token_us;                     // the next look at the token
  struct token_state token;
  struct str token_trouble;
  struct str trouble;
};

enum want_kind { WANT_GENESIS, WANT_SOLID, WANT_HEAD, WANT_BLOCKS, WANT_RECEIPTS };

struct want {
  enum want_kind kind;
  int peer;
  int64_t number, end; // end exclusive
  struct stretch *s;
};

struct round {
  struct ask asks[ROUND_ASKS_MAX];
  struct want wants[ROUND_ASKS_MAX];
  int n;
  int64_t bytes; // foreseen
};

// round.c
bool round_add(struct chain *c, struct round *r, const struct want *w);
void round_run(struct chain *c, struct round *r);
void peer_blame(struct chain *c, int who, struct str why);

// peers.c
bool peer_usable(const struct chain *c, int who);  // is asked now, or after a short rest
bool peer_askable(const struct chain *c, int who); // now
peers peers_usable(const struct chain *c);
peers peers_active(const struct chain *c);  // the first K of them that do not lag
int peers_first(const struct chain *c);     // whose head is followed; -1: nobody
int64_t peers_final(const struct chain *c); // height that K of them call final, no one's word; 0: none
int64_t peer_interval_us(struct chain *c, int who);
void ask_genesis(struct chain *c, struct round *r);
void take_genesis(struct chain *c, int who, const struct ask *a);
void ask_solids(struct chain *c, struct round *r);
void take_solid(struct chain *c, int who, const struct ask *a);
void peer_settle(struct chain *c, int who); // what it told below a final head of its own is final

// head.c
void ask_head(struct chain *c, struct round *r);
void take_head(struct chain *c, const struct want *w, const struct ask *a);
void line_cut(struct chain *c, int64_t from); // a fork

// collect.c
bool block_holds(const struct block *b); // its id is that of its header
void ask_words(struct chain *c, struct round *r, struct stretch *s, int64_t last);
int read_blocks(struct chain *c, const struct want *w, const struct ask *a, struct block **out);
void take_blocks(struct chain *c, const struct want *w, const struct ask *a);
void refuse(struct chain *c, const struct want *w, struct str why); // to be asked no more about this block
void take_receipts(struct chain *c, const struct want *w, const struct ask *a);
int64_t first_undecided(struct chain *c, struct stretch *s);

// chain.c
int give_agreed(struct chain *c, struct stretch *s, int max, struct arena *a, struct chain_block *out);
void blame_dissenters(struct chain *c, struct stretch *s, int64_t last);

// verify.c
bool is_verified(const struct chain *c, const struct stretch *s); // its blocks are final by signatures
bool version_check(struct version *v); // its id, its root and a signature are right
void verify_reject(struct chain *c, struct version *v, struct str why); // whoever told it is blamed
void verify_line(struct chain *c);
struct str verify_trouble(const struct chain *c); // static; absent: none
bool verified_final(struct chain *c, int64_t number);
bool receipts_prove(const struct version *v, const struct receipts *r);
void doubt_line(struct chain *c);
void give_proofs(struct chain *c, const struct version *v, struct arena *a, struct chain_block *out);
bool verify_given(struct chain *c, int64_t number); // false: they do not go on from the cursor
void verify_credited(struct chain *c, const struct chain_cursor *cursor);

// set.c
bool witnesses_open(struct chain *c, const struct chain_cursor *cursor); // false: not now
void witnesses_answer(struct chain *c);
void witnesses_retell(struct chain *c); // what K nodes have said of the present set

// level.c
void level_judge(struct chain *c); // behind or not
int64_t level_estimate_us(const struct chain *c);
bool is_disputed(struct chain *c); // those who were asked about the next block differ: others are needed
void trouble_judge(struct chain *c);

// watch.c
void token_watch(struct chain *c);
