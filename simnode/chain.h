// A chain as java-tron makes it, in memory: real transactions, ids, Merkle roots and signatures, the
// witnesses' schedule, the solid rule, maintenances, forks. Without clock, threads or I/O: the same seed and
// calls give the same bytes. Source: tron.md sections 3 to 6.
#pragma once
#include "simnode/contracts.h"

enum { SIM_WITNESSES_MAX = 128, SIM_PENDING_MAX = 2000, SIM_UNDO_BLOCKS = 1024 };

struct sim_options {
  const char *seed;       // NULL: "1"
  int witnesses;          // who make blocks; 0: 27
  int candidates;         // of whom they are elected; 0: no more than those
  int64_t genesis_ms;     // 0: 1 700 000 000 000
  int64_t slot_ms;        // 0: 3000
  int64_t maintenance_ms; // 0: 21 600 000
  bool plain_token;       // without USDT's fees, pause and deprecation: such calls revert
};

struct sim_block {
  int64_t number, time_ms;
  uint8_t id[32], hash[32], parent[32], root[32];
  int witness;    // -1: genesis
  bool rotated;   // signed with the witness permission's key
  bool is_signed; // signatures are made when they are looked at
  uint8_t signature[SIGNATURE_BYTES];
  struct tx **txs;
  int n;
  uint64_t mark; // the state before it
};

struct sim_witness {
  struct sim_key key, permission;
  bool rotated;
};

struct sim_chain {
  struct sim_options options;
  struct contracts contracts; // addresses of the token, of its counterfeit, of the sender
  struct sim_state *state;
  struct sim_key bank, owner; // has all TRX; owns the token
  struct sim_witness witnesses[SIM_WITNESSES_MAX];
  int n_witnesses; // candidates
  struct sim_block *blocks;
  int64_t n_blocks, cap_blocks;
  struct tx **pending;
  int n_pending;
  struct tx **index; // by id: pending, in a block, and of blocks that are gone
  size_t n_index, cap_index;
  int64_t now_ms; // by the clock that was set; 0: blocks follow each other slot by slot
  int64_t skip;   // slots that the next block leaves out
  int64_t serial; // keeps the chain's own transactions apart
  int64_t asked;  // the same for those that are made for others
};

struct sim_chain *sim_new(const struct sim_options *o);
void sim_free(struct sim_chain *c);

const struct sim_block *sim_head(const struct sim_chain *c);
const struct sim_block *sim_block(struct sim_chain *c, int64_t number); // signed; NULL: none
int64_t sim_solid(const struct sim_chain *c);
const struct tx *sim_tx(const struct sim_chain *c, const uint8_t id[32]); // NULL: unknown

// The clock that blocks follow: no block is made for a slot before it.
void sim_clock(struct sim_chain *c, int64_t now_ms);
void sim_mine(struct sim_chain *c, int64_t n);
void sim_skip(struct sim_chain *c, int64_t slots); // missed ones, before the next block

// A longer branch wins: the last `depth` blocks vanish, depth + 1 others come. False: those are solid.
enum sim_fork {
  FORK_KEEP, // their transactions are in the new branch's first block
  FORK_LATE, // they are pending again when it is there
  FORK_DROP, // they are gone
};
bool sim_fork(struct sim_chain *c, int64_t depth, enum sim_fork how);

// Witnesses, by their number: votes count from the next maintenance; a permission's key from the next block.
void sim_vote(struct sim_chain *c, int witness, int64_t votes);
void sim_rotate(struct sim_chain *c, int witness, bool permission);
int sim_active(const struct sim_chain *c, int place); // -1: none

// What people do. `name` is anything; who is named for the first time has TRX and the token.
struct sim_key sim_person(struct sim_chain *c, const char *name);
struct tx *sim_call(struct sim_chain *c, const struct sim_key *by, const struct tron_address *contract,
                    struct str data);

enum sim_kind {
  SIM_DIRECT,        // transfer()
  SIM_FROM,          // transferFrom() by somebody else
  SIM_INTERNAL,      // by another contract: in the log only
  SIM_TWICE,         // by another contract, twice to the same address in one transaction
  SIM_FAKE,          // of another token
  SIM_FAKE_AND_REAL, // both in one transaction
  SIM_DIRTY,         // transfer(), the address's word begins with 41
  SIM_REVERT,
  SIM_OUT_OF_ENERGY,
  SIM_OUT_OF_TIME, // with the log
  SIM_ILLEGAL,     // an inner transfer, then an invalid operation
  SIM_TRX,
  SIM_KINDS,
};
extern const char *const sim_kind_names[SIM_KINDS];
struct sim_payment {
  const char *from; // a person's name; NULL: "payer"
  struct tron_address to;
  int64_t amount;
  enum sim_kind kind;
};
// Into the pending ones. The transaction belongs to the chain; NULL: it cannot be (*why, may be NULL).
struct tx *sim_pay(struct sim_chain *c, const struct sim_payment *p, const char **why);
// Several recipients in one transaction, by another contract.
struct tx *sim_pay_many(struct sim_chain *c, const char *from, const struct tron_address *to,
                        const int64_t *amounts, int n);
void sim_params(struct sim_chain *c, int64_t bps, int64_t max_usdt);
void sim_pause(struct sim_chain *c, bool paused);
void sim_deprecate(struct sim_chain *c);
void sim_faucet(struct sim_chain *c, const struct tron_address *to, int64_t trx,
                int64_t usdt);                                                 // real transfers
int64_t sim_balance(const struct sim_chain *c, const struct tron_address *of); // USDT

// A transaction from outside, checked as a node checks it. The chain owns it if it was taken (code SUCCESS).
struct sim_verdict {
  const char *code; // of tron.md 3.5
  char message[512];
};
bool sim_push(struct sim_chain *c, struct tx *t, struct sim_verdict *out);
// A call that changes nothing, on the newest state or on the solid one.
void sim_constant(struct sim_chain *c, const struct sim_call *call, bool solid, struct sim_receipt *out);
int64_t sim_value(struct sim_chain *c, struct sim_slot at, bool solid);

enum { SIM_ENERGY_FEE = 210, SIM_NET_FEE = 1000, SIM_FREE_NET = 600 };
#define SIM_FEE_LIMIT_MAX INT64_C(15000000000)
