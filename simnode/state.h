// Numbers that blocks change, with the way back: what a fork takes away, or a trial run, is undone.
#pragma once
#include "wire/address.h"

enum slot_kind {
  SLOT_ACCOUNT,  // when it was made, ms; 0: there is none
  SLOT_TRX,      // 10^-6
  SLOT_USDT,     // 10^-6, of address a
  SLOT_ALLOWED,  // of a, to be spent by b
  SLOT_BLACK,    // 1: blacklisted
  SLOT_FREE_NET, // free bandwidth used
  SLOT_FREE_NET_MS,
  SLOT_TOKEN,  // what the token's contract knows: a is the number of the setting
  SLOT_VOTES,  // of a witness
  SLOT_ACTIVE, // place in the schedule -> number of the witness
  SLOT_LATEST, // of a witness: height of its last block
  SLOT_MADE,   // of a witness: blocks
  SLOT_CHAIN,  // of the chain: a is the number of the setting
};
enum { OF_TOKEN_FEE_BPS = 1, OF_TOKEN_FEE_MAX, OF_TOKEN_PAUSED, OF_TOKEN_DEPRECATED, OF_TOKEN_SUPPLY };
enum {
  OF_CHAIN_SOLID = 1,
  OF_CHAIN_NEXT_MAINTENANCE,
  OF_CHAIN_MAINTAINED
}; // OF_CHAIN_MAINTAINED: height of the last one

struct sim_state;
struct sim_slot {
  enum slot_kind kind;
  const struct tron_address *a, *b; // NULL: zeros
};

struct sim_state *sim_state_new(void);
void sim_state_free(struct sim_state *s);
int64_t sim_state_get(const struct sim_state *s, struct sim_slot at);
void sim_state_set(struct sim_state *s, struct sim_slot at, int64_t v);
void sim_state_base(struct sim_state *s, struct sim_slot at,
                    int64_t v); // as if it had always been so: never undone

// A place in the history; what came after it is undone, or what came before it can no longer be.
uint64_t sim_state_mark(const struct sim_state *s);
void sim_state_undo(struct sim_state *s, uint64_t mark);
void sim_state_forget(struct sim_state *s, uint64_t mark);
// Reading as it was at a mark; UINT64_MAX: as it is.
void sim_state_as_of(struct sim_state *s, uint64_t mark);

struct tron_address sim_slot_number(int64_t n); // as an address, for slots that are numbered
