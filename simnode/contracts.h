// What the simulated chain's contracts do: the token as USDT behaves (tron.md section 2), a counterfeit of
// it, and a contract that sends the token on behalf of its caller, to many at once.
#pragma once
#include "simnode/state.h"
#include "simnode/tx.h"

struct contracts {
  struct sim_state *state;
  struct tron_address token, upgraded; // upgraded: where a deprecated token forwards to
  struct tron_address fake, sender, owner;
  bool plain; // the token lacks what only USDT has: fees, pause, deprecation
};

struct sim_call {
  struct tron_address caller, contract;
  struct str data;
};

bool sim_contracts_has(const struct contracts *c, const struct tron_address *at);
// Runs it. State is changed even where it fails: the caller undoes that. Fills outcome, output, logs, inner
// calls and the energy that it takes.
void sim_contracts_call(const struct contracts *c, const struct sim_call *call, struct sim_receipt *r);

enum { SIM_WORD = 32 };
void sim_word_address(const struct tron_address *address, uint8_t out[SIM_WORD]);
void sim_word_number(int64_t n, uint8_t out[SIM_WORD]);
void sim_selector(const char *signature, uint8_t out[4]);
void sim_keccak(const char *text, uint8_t out[32]);
