// Who may sign blocks, and which block is final by their signatures alone: no node's word is taken. Fed with
// headers one after the other from a block that is trusted; pure, a struct that may be copied. Source:
// tron.md 4 and 5.7.
//
// The rule, for n witnesses of whom q = n - n*30/100 (19 of 27) make a block final: block N is final when q
// of the *trusted* set have made blocks at or above it, and, above the last maintenance block, also q of
// those who take the turns now. Who they are is learned from the headers themselves: a turn belongs to one
// witness until the next maintenance, and a stranger in it is believed only through the trusted ones that
// build on it. At the next maintenance those learned become the trusted set, if q of the trusted have built
// above the last one; else, and when more than n - q turns went to strangers, everything stops until somebody
// names the set.
//
// How node/chain.c uses it: one state belongs to the cursor (stored with it), a copy of it is fed with the
// window's headers above the cursor. After a fork, or after something was named, the copy is made again.
#pragma once
#include "core/witness_list.h"
#include "wire/block.h"

enum { WITNESSES_KNOWN_MAX = 96, WITNESSES_TEXT_MAX = 24 << 10 };
enum { SLOT_MS = 3000 };
#define BLOCK_TIME_MAX_MS (INT64_C(1) << 50) // no chain gets that old

// A header with what was computed from it once: its own identity and who signed it.
struct signed_header {
  struct block_header header;
  uint8_t id[BLOCK_ID_N];
  struct tron_address signer;
};
// False: no key belongs to its signature.
bool signed_header_of(const struct block_header *h, struct signed_header *out);

struct witness {
  struct tron_address who, key; // who makes the block by name, and whose signature counts for it
  int64_t last;                 // height of the last block made, signed with that key; 0: not seen yet
  int64_t unmatched;            // height of the last one that another key signed
};

// Indices into `known`; -1: nobody yet.
struct witness_set {
  int8_t of[WITNESSES_MAX];
  int n;
};

struct witnesses {
  int64_t genesis_ms, interval_ms; // of the chain; between two maintenances
  int64_t next_ms;                 // when the next maintenance is due
  int64_t number, time_ms;         // the last header taken
  uint8_t id[BLOCK_ID_N];
  bool was_maintenance, is_first; // the last one; is_first: whether it was is not known
  int64_t epoch;                  // height of the last maintenance block, or where we began
  bool is_stale;                  // the trusted set is the one before the last maintenance
  bool stopped;                   // nothing more becomes final until the set is named
  int64_t final;                  // newest block that is final
  int64_t derived; // what a node would say that is final, as far as the set is known: never trusted
  int n;           // witnesses that take turns
  struct witness known[WITNESSES_KNOWN_MAX];
  int n_known;
  struct witness_set trusted, turns; // turns: by place in the schedule
  struct witness_set told;           // set since the last maintenance, as told; n = 0: not told
  struct witness_list named;         // for a maintenance that is still to come; n = 0: none
  int64_t named_ms;
};

// Where to begin: a block that is trusted to be final, and the set that takes turns after it.
struct witnesses_start {
  int64_t genesis_ms, interval_ms;
  int64_t due_ms; // any time at which a maintenance is or was due; 0: they are counted from block 0 on
  int64_t number, time_ms;
  uint8_t id[BLOCK_ID_N];
};
void witnesses_begin(struct witnesses *w, const struct witnesses_start *start,
                     const struct witness_list *set);

// Whom finality rests on now, with their keys: what a proof relies on.
void witnesses_trusted(const struct witnesses *w, struct witness_list *out);

// The state as one text, and back (witnesses_text.c). False: not such a text.
void witnesses_write(const struct witnesses *w, struct buf *out);
bool witnesses_read(struct str text, struct witnesses *out);

enum header_verdict {
  HEADER_TAKEN,
  // Taken, but its signature counts for nobody: it is not by the key that we know. A block's id does not
  // cover its signature, so a descendant proves nothing about it: the node made it up, or the witness has
  // another key (witnesses_ask()).
  HEADER_NOT_COUNTED,
  // The state stays as it was: the node that gave this header lies, or follows another chain.
  HEADER_NOT_NEXT,   // not the child of the last one
  HEADER_BAD_TIME,   // not later, or between the slots
  HEADER_WRONG_TURN, // the turn is another's, or this one's turn is another
};
const char *header_verdict_text(enum header_verdict v);
enum header_verdict witnesses_take(struct witnesses *w, const struct signed_header *h);

// What should be asked of K nodes (the state goes on without, as far as it can).
struct witnesses_question {
  bool set; // who takes turns since `boundary_ms`; everything waits for it
  int64_t
      boundary_ms; // the last maintenance time that was due; ask only nodes whose head is before the next one
  struct tron_address keys[WITNESSES_MAX]; // whose key is not known: what they sign does not count
  int n_keys;
};
void witnesses_ask(const struct witnesses *w, struct witnesses_question *out);

// The answers, to be told to the cursor's state; then the window's headers are fed to a new copy of it.
// witnesses_tell: what K nodes say of the set since that maintenance, in passing. Trusts nobody: it shows a
// replacement of too many at once, and makes `derived` exact.
void witnesses_tell(struct witnesses *w, const struct witness_list *set);
// witnesses_name: the operator, or K nodes when a question was asked, answer for the set since `boundary_ms`
// (which may still be to come). False: those who took turns since then are not of it.
bool witnesses_name(struct witnesses *w, int64_t boundary_ms, const struct witness_list *set);
bool witnesses_key(struct witnesses *w, const struct tron_address *who,
                   const struct tron_address *key); // false: that was known

int witnesses_quorum(int n); // of n, how many make a block final
