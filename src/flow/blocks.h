// What happens to payments and the book when the chain moves: one transaction with the cursor.
#pragma once
#include "core/chain.h"
#include "flow/env.h"

// The row of the chain that this database follows. ERR_NONE with found false: none yet.
struct chain_row {
  bool found;
  struct str network, genesis, token; // main, nile, shasta, custom; hex of block 0's id; address
  struct chain_cursor cursor;
  struct str witnesses;                   // of chain_witnesses()
  int64_t head, head_us, solid, heard_us; // as the watching node last said
  bool behind;
  int64_t level_us;
  struct str trouble;
  int64_t rescan_next, rescan_to; // rescan under way: blocks still to be read again; 0, 0: none
};
enum err flow_chain_load(struct env *env, struct arena *a, struct chain_row *out) MUST_CHECK;
// What it says of how the chain stands; `configured` is the asker's to say.
static inline struct chain_status chain_row_status(const struct chain_row *r) {
  return (struct chain_status){.cursor = r->cursor,
                               .head = r->head,
                               .head_us = r->head_us,
                               .solid = r->solid,
                               .heard_us = r->heard_us,
                               .behind = r->behind,
                               .level_us = r->level_us,
                               .trouble = r->trouble};
}
// The first start: where it begins. ERR_CHANGED: another node was first, load again.
enum err flow_chain_begin(struct env *env, struct arena *a, const struct chain_row *row) MUST_CHECK;

// Consecutive blocks, each the parent of the next, and the witness set after them (of chain_witnesses();
// absent: as before).
struct chain_run {
  const struct chain_block *blocks;
  int n;
  struct str witnesses;
};

// Credits everything in these blocks, which lie directly above the cursor, and moves the cursor to the last
// one, in one transaction. ERR_CHANGED: the cursor is not where these blocks begin (another node was
// faster).
struct blocks_done {
  int transfers, paid, unmatched; // of ours
  int differing;                  // flow_blocks_again(): not as in the book
};
enum err flow_blocks(struct env *env, struct arena *a, const struct chain_run *run,
                     struct blocks_done *done) MUST_CHECK;

// Transfers that are not final yet: payments are shown as seen, pairs that nobody has reserved are kept back.
// Nothing is credited. `forked_from` > 0: what was seen in blocks from there on has vanished.
enum err flow_blocks_seen(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                          int64_t forked_from) MUST_CHECK;

// Blocks below the cursor once more: what is missing in the book is credited, what differs is reported (log,
// metric) and left alone; what agrees is not touched. A rescan under way (rescan_next, rescan_to) moves on to
// the block after the last of these, in the same transaction; 0, 0 when that is past its end.
enum err flow_blocks_again(struct env *env, struct arena *a, const struct chain_block *blocks, int n,
                           struct blocks_done *done) MUST_CHECK;

// Asks for a rescan of everything from `from` up to the cursor; the watching node does it. A rescan that is
// under way begins anew, at the lower of the two. ERR_NOT_FOUND: nothing is followed yet, or `from` is above.
enum err flow_rescan(struct env *env, struct arena *a, int64_t from, struct chain_row *out) MUST_CHECK;

// Live payments that the cursor's time has passed expire; reservations whose quarantine it has passed are
// given back. Returns how many; call again while that is `limit`.
int flow_blocks_sweep(struct env *env, struct arena *a, int64_t cursor_us, int limit);

// Tells the other nodes how the chain stands, as far as it differs from what is stored.
enum err flow_chain_tell(struct env *env, struct arena *a, const struct chain_status *s) MUST_CHECK;
