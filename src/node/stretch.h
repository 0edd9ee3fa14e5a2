// Consecutive blocks above one that is trusted, and what each node says of them. No I/O: chain.c and
// collect.c fill it, votes are counted here.
//
// At a height there may be several versions of a block (a fork, or a lie), each with the nodes that told it;
// the line is the chain of versions that hangs on the base. What a node says of a block in full, its id and
// the transfers in it, is its testimony: equal ones are one vote's worth each.
#pragma once
#include "core/chain.h"
#include "core/witnesses.h"
#include "wire/block_json.h"

enum {
  PEERS_MAX = 32,                       // nodes: a bit each
  STRETCH_BLOCKS_MAX = 128,             // heights
  STRETCH_BYTES_MAX = 24 * 1024 * 1024, // of all that is kept: no more is asked for then
  VERSION_BYTES_MAX = 12 * 1024 * 1024, // of one block as it is kept
  TESTIMONY_TRANSFERS_MAX = 50 * 1000,  // of one block
};

typedef uint32_t peers; // a set of nodes

struct version {
  struct version *next;
  struct arena mem; // this struct and all it points to
  struct block b;
  struct chain_id id, parent;
  uint8_t content[SHA256_N]; // of the transactions as told
  peers told, final;         // who told it; for whom of them it is final
  bool shown;
  // verified mode
  bool checked, good;
  struct signed_header signed_header;
  int64_t final_top; // the height whose header made it final; 0: not yet
};

struct testimony {
  struct testimony *next;
  struct arena mem;
  uint8_t digest[SHA256_N]; // of id, parent, time and transfers: what must be equal
  peers by;
  struct chain_block block;
  int token_events;
};

struct place {
  struct version *versions, *line;
  struct testimony *heard;
  peers testified;
  peers other;   // told a block that is not the line's: to be asked again when this place is the first
  peers refused; // what it said of this block was no use
};

struct stretch {
  bool by_line;  // verified mode: what is testified is about the line's block, whoever told it
  bool has_base; // false: whatever the first block hangs on
  struct chain_cursor base;
  struct place places[STRETCH_BLOCKS_MAX]; // [0] is base.number + 1
  int n_line;                              // places whose line is there
  size_t bytes;
  int64_t forked_from; // shown blocks from here on have vanished; 0: none
};

void stretch_reset(struct stretch *s, const struct chain_cursor *base); // NULL: no base, see stretch_from()
void stretch_from(struct stretch *s, int64_t first);                    // base unknown
struct place *stretch_place(struct stretch *s, int64_t number);         // NULL: outside
int64_t stretch_top(const struct stretch *s); // the height up to which the line reaches
const struct chain_id *stretch_id(struct stretch *s,
                                  int64_t number); // of the line or the base; NULL: not known

enum told { TOLD_NEW, TOLD_KNOWN, TOLD_OTHER, TOLD_UNLINKED, TOLD_FULL };
// `who` tells this block. TOLD_OTHER: not the line's at a height above the first; noted, nothing kept.
// TOLD_UNLINKED: it hangs on nothing here.
enum told stretch_tell(struct stretch *s, const struct block *b, int who, bool is_final);
// The version that `who` told at this height; NULL: none.
struct version *stretch_told_by(struct stretch *s, int64_t number, int who);
// A fork: from this height on a node's word is dropped unless it calls that block final, and K in all do: one
// that lies must not pin it.
void stretch_cut(struct stretch *s, int64_t from, int k);
// The line up to there is final for `who`, as far as it told it.
void stretch_final(struct stretch *s, int64_t number, int who);
// The receipts of `v` as `who` gave them (fitting v's block). False: no room.
bool stretch_testify(struct stretch *s, int64_t number, const struct version *v, const struct receipts *r,
                     int who);
// What K nodes say of this height; NULL: not so many agree. `best` (may be NULL): how many do.
struct testimony *stretch_agreed(struct stretch *s, int64_t number, int k, int *best);
// This version is no block of the chain.
void stretch_reject(struct stretch *s, int64_t number, struct version *v);
// Forgets what was said of this height.
void stretch_forget(struct stretch *s, int64_t number);
// The base moves up to a block that was agreed on.
void stretch_move(struct stretch *s, const struct chain_cursor *base);
void stretch_free(struct stretch *s);

// Equal testimonies have equal digests.
void testimony_digest(const struct chain_block *b, uint8_t out[SHA256_N]);
