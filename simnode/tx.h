// Transactions: what they ask for, their bytes, what became of them. Source: tron.md sections 3.3, 3.4, 6.1.
#pragma once
#include "simnode/key.h"

enum { TX_TRANSFER = 1, TX_TRIGGER = 31 };
enum { TX_BYTES_MAX = 512000, TX_SIGNATURES_MAX = 5, TX_LIFE_MS = 60000, TX_FAR_MS = 86400000 };

struct tx_ask { // raw_data, with the one contract that it holds
  uint8_t ref_bytes[2], ref_hash[8];
  bool has_ref;
  int64_t expiration, timestamp, fee_limit;
  struct str memo, unknown; // unknown: fields that we do not know are kept at the end
  int contracts, type;
  struct str contract; // its bytes
  int64_t permission;
  struct tron_address owner, to; // to: the contract that is called, or who gets TRX
  bool owner_good, to_good;      // 21 bytes from 0x41
  int64_t amount;                // TRX, or the call's value
  struct str data;
};

// contractResult of java-tron
enum sim_outcome {
  OUTCOME_DEFAULT, // no contract ran
  OUTCOME_SUCCESS,
  OUTCOME_REVERT,
  OUTCOME_BAD_JUMP_DESTINATION,
  OUTCOME_OUT_OF_MEMORY,
  OUTCOME_PRECOMPILED_CONTRACT,
  OUTCOME_STACK_TOO_SMALL,
  OUTCOME_STACK_TOO_LARGE,
  OUTCOME_ILLEGAL_OPERATION,
  OUTCOME_STACK_OVERFLOW,
  OUTCOME_OUT_OF_ENERGY,
  OUTCOME_OUT_OF_TIME,
  OUTCOME_JVM_STACK_OVER_FLOW,
  OUTCOME_UNKNOWN,
  OUTCOME_TRANSFER_FAILED,
  OUTCOME_INVALID_CODE,
};
const char *sim_outcome_name(enum sim_outcome o);

struct tx_log {
  struct tron_address address;
  uint8_t topics[3][32];
  int n_topics;
  uint8_t data[64];
  size_t n_data;
};

struct tx_internal {
  uint8_t hash[32];
  struct tron_address caller, to;
  int64_t value;
};

struct sim_receipt {
  enum sim_outcome outcome;
  int64_t fee, energy_usage, energy_fee, energy_total, penalty, net_usage, net_fee;
  uint8_t output[128];
  size_t n_output;
  const char *message; // resMessage; NULL: none
  struct tx_log *logs;
  int n_logs, cap_logs;
  struct tx_internal *internals;
  int n_internals, cap_internals;
};

struct tx {
  uint8_t id[SHA256_N];
  struct str raw;                           // owned
  struct str signatures[TX_SIGNATURES_MAX]; // owned
  int n_signatures;
  struct tx_ask ask;    // its texts point into raw
  bool genesis;         // no signature, no result
  enum sim_outcome ret; // what the block says of it
  struct sim_receipt receipt;
  int64_t block;           // -1: pending, or of a block that is gone
  enum sim_outcome forced; // it shall end like this; OUTCOME_DEFAULT: as it does
  bool keeps_logs;         // although it fails (seen never, but java-tron's source allows it)
  uint8_t leaf[SHA256_N];
};

// The canonical bytes of raw_data. `contract` is written as it stands where it is given.
void sim_tx_ask_encode(const struct tx_ask *ask, struct arena *a, struct buf *out);
// NULL, or what is wrong with them.
const char *sim_tx_ask_read(struct str raw, struct tx_ask *out);
// Makes `contract` from type, owner, to, amount, data.
struct str sim_tx_contract(const struct tx_ask *ask, struct arena *a);

// A transaction of its own from bytes that are copied. NULL: java-tron could not read them (*why).
struct tx *sim_tx_new(struct str raw, const struct str *signatures, int n, const char **why);
// From the bytes of a Transaction message.
struct tx *sim_tx_read(struct str bytes, const char **why);
void sim_tx_sign(struct tx *t, const struct sim_key *key);
void sim_tx_free(struct tx *t);

void sim_tx_encode(const struct tx *t, bool with_ret, struct buf *out); // the Transaction message
void sim_tx_leaf(struct tx *t, struct arena *a);                        // of the Merkle tree
void sim_receipt_clear(struct sim_receipt *r);                          // keeps no memory
struct tx_log *sim_receipt_log(struct sim_receipt *r);                  // one more
struct tx_internal *sim_receipt_internal(struct sim_receipt *r);
