// The JSON of java-tron's HTTP API about blocks and receipts, as structs. Pure: hostile bytes give false, not
// harm. Source: tron.md sections 3.1 to 3.4.
#pragma once
#include "wire/block.h"
#include "wire/said.h"

// An answer of N bytes takes at most this many times N, and once this many more, of the arena; an honest one
// about once N.
enum { BLOCK_JSON_ARENA_TIMES = 12, BLOCK_JSON_ARENA_MORE = 1 << 16 };

// Heights and times beyond are refused: whoever reckons with them need not think of overflows.
#define BLOCK_NUMBER_MAX (INT64_C(1) << 53)
#define BLOCK_MS_MAX     INT64_C(253402300799999) // the year 9999

// How answers are read. Nothing that is read points into the answer, but `why`.
struct block_json {
  const struct tron_address *token; // whose calls and logs are recognised
  struct arena *arena;              // for what is read
  struct str why; // of the last one: SAID_RUBBISH: a static sentence; SAID_ERROR: the node's own text
};

// getblockbynum, getnowblock. Each transaction's id is recomputed; the block's id, signature and Merkle root
// are the caller's to check.
enum said block_read(struct block_json *j, struct str answer, struct block *out);
// getblockbylimitnext: its blocks, at most `max`, in the answer's order.
enum said blocks_read(struct block_json *j, struct str answer, struct block *out, int max, int *n);

struct transfer_log {
  int tx;        // index within the block
  int log_index; // within its transaction's logs
  struct tron_address from, to;
  int64_t value;
};

// The token's other words about itself in a block's receipts (tron.md 2.3 to 2.7).
enum { TOKEN_PARAMS = 1, TOKEN_DEPRECATED = 2, TOKEN_PAUSED = 4, TOKEN_UNPAUSED = 8 };

struct receipts {
  struct transfer_log *transfers; // those that satisfy the success rule, in the block's order
  int n;
  int token_events; // bits from above, of transactions that succeeded
};

// gettransactioninfobyblocknum, checked against the block: as many, in the same order, the same ids, number
// and time. The whole success rule of tron.md 3.4 but for finality. SAID_NOTHING: an empty list for a block
// that has transactions.
enum said receipts_read(struct block_json *j, struct str answer, const struct block *b, struct receipts *out);
