// What a node says of the token at the final state, by constant calls (tron.md 2.2, 2.4, 2.6, 2.7, 3.6). No
// block shows these: as sure as the nodes that are asked.
#pragma once
#include "node/client.h"
#include "wire/block_json.h"

enum { TOKEN_DECIMALS = 6 };

struct token_question { // of one node
  struct fetcher *fetcher;
  struct node *node;
  struct arena *arena;
  struct tron_address token;
  bool may_be_plain; // custom: a contract without USDT's own methods takes no fee, is never paused or
                     // deprecated
};

struct token_state {
  int64_t decimals, fee_bps, fee_max; // fee_max in 10^-decimals
  bool paused, deprecated;
  int known; // what has been answered; 0 to begin with
};

// Everything that is not known yet, in one run. OUTCOME_ABSENT: it is no such token, `why` says more. After
// OUTCOME_REFUSED and OUTCOME_LATER what was answered is kept: ask again.
enum outcome token_ask(const struct token_question *q, struct token_state *out, struct str *why);
bool token_same(const struct token_state *a, const struct token_state *b);
// Why it cannot be followed or must be looked at, static; absent: all is well.
struct str token_trouble(const struct token_state *s);

// An account's balance. More than fits: OUTCOME_ABSENT.
enum outcome token_balance(const struct token_question *q, const struct tron_address *who, int64_t *out,
                           struct str *why);

// --- answers ---

// triggerconstantcontract: the one word that the call gave. SAID_NOTHING: it reverted; SAID_ERROR: it was not
// run.
enum said answer_word(struct str answer, uint8_t word[32]);
// getnextmaintenancetime.
enum said answer_maintenance(struct str answer, int64_t *time_ms);
// getchainparameters: one of them; 0 where it has no value. SAID_NOTHING: not among them.
enum said answer_parameter(struct str answer, const char *name, int64_t *out);
