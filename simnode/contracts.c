#include "simnode/contracts.h"

#include "wire/keccak.h"

#include <string.h>

// Energy as on the main network, where the token's calls cost 3.4 times as much as they are.
enum {
  ENERGY_HELD = 64285,
  PENALTY_HELD = 49635,
  ENERGY_NEW = 130285,
  PENALTY_NEW = 100635,
  ENERGY_READ = 1525,
  PENALTY_READ = 1068
};
enum { MANY_MAX = 500 };

struct run {
  const struct contracts *c;
  const struct sim_call *call;
  struct sim_receipt *r;
};

void sim_keccak(const char *text, uint8_t out[32]) {
  keccak256(str_of(text), out);
}

void sim_selector(const char *signature, uint8_t out[4]) {
  uint8_t hash[32];
  sim_keccak(signature, hash);
  memcpy(out, hash, 4);
}

void sim_word_address(const struct tron_address *address, uint8_t out[SIM_WORD]) {
  memset(out, 0, SIM_WORD);
  memcpy(out + SIM_WORD - ADDRESS_N, address->account, ADDRESS_N);
}

void sim_word_number(int64_t n, uint8_t out[SIM_WORD]) {
  memset(out, 0, SIM_WORD);
  for (int i = 0; i < 8; i++)
    out[SIM_WORD - 1 - i] = (uint8_t)((uint64_t)n >> (8 * i));
}

// Arguments. What is missing is zero, as for the token's old compiler, which takes an address's low 20 bytes.
static void argument(const struct run *x, size_t i, uint8_t out[SIM_WORD]) {
  memset(out, 0, SIM_WORD);
  size_t at = 4 + i * SIM_WORD;
  if (at < x->call->data.n)
    memcpy(out, x->call->data.p + at, x->call->data.n - at < SIM_WORD ? x->call->data.n - at : SIM_WORD);
}

static struct tron_address argument_address(const struct run *x, size_t i) {
  uint8_t word[SIM_WORD];
  struct tron_address a;
  argument(x, i, word);
  memcpy(a.account, word + SIM_WORD - ADDRESS_N, ADDRESS_N);
  return a;
}

// Nobody has more than 2^63 - 1: what is more is as good as that.
static int64_t argument_number(const struct run *x, size_t i) {
  uint8_t word[SIM_WORD];
  argument(x, i, word);
  uint64_t n = 0;
  for (int k = 0; k < SIM_WORD; k++) {
    if (k < SIM_WORD - 8 && word[k])
      return INT64_MAX;
    n = n << 8 | word[k];
  }
  return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static int64_t setting(const struct run *x, int which) {
  struct tron_address a = sim_slot_number(which);
  return sim_state_get(x->c->state, (struct sim_slot){SLOT_TOKEN, &a, NULL});
}

static void set(const struct run *x, int which, int64_t v) {
  struct tron_address a = sim_slot_number(which);
  sim_state_set(x->c->state, (struct sim_slot){SLOT_TOKEN, &a, NULL}, v);
}

static int64_t balance(const struct run *x, const struct tron_address *of) {
  return sim_state_get(x->c->state, (struct sim_slot){SLOT_USDT, of, NULL});
}

static void add(const struct run *x, const struct tron_address *to, int64_t n) {
  sim_state_set(x->c->state, (struct sim_slot){SLOT_USDT, to, NULL}, balance(x, to) + n);
}

static enum sim_outcome output(const struct run *x, const uint8_t *bytes, size_t n) {
  memcpy(x->r->output, bytes, n);
  x->r->n_output = n;
  return OUTCOME_SUCCESS;
}

static enum sim_outcome output_number(const struct run *x, int64_t n) {
  uint8_t word[SIM_WORD];
  sim_word_number(n, word);
  return output(x, word, SIM_WORD);
}

static enum sim_outcome output_address(const struct run *x, const struct tron_address *a) {
  uint8_t word[SIM_WORD];
  sim_word_address(a, word);
  return output(x, word, SIM_WORD);
}

static enum sim_outcome output_text(const struct run *x, const char *text) {
  uint8_t words[3 * SIM_WORD] = {0};
  sim_word_number(SIM_WORD, words);
  sim_word_number((int64_t)strlen(text), words + SIM_WORD);
  memcpy(words + 2 * (size_t)SIM_WORD, text, strlen(text));
  return output(x, words, sizeof words);
}

static void event(const struct run *x, const struct tron_address *at, const char *signature,
                  const uint8_t *data, size_t n) {
  struct tx_log *l = sim_receipt_log(x->r);
  l->address = *at;
  sim_keccak(signature, l->topics[0]);
  l->n_topics = 1;
  if (n)
    memcpy(l->data, data, n);
  l->n_data = n;
}

static void pair_event(const struct run *x, const struct tron_address *at, const char *signature,
                       const struct tron_address pair[2], int64_t value) {
  uint8_t word[SIM_WORD];
  sim_word_number(value, word);
  event(x, at, signature, word, SIM_WORD);
  struct tx_log *l = &x->r->logs[x->r->n_logs - 1];
  sim_word_address(&pair[0], l->topics[1]);
  sim_word_address(&pair[1], l->topics[2]);
  l->n_topics = 3;
}

#define TRANSFER "Transfer(address,address,uint256)"

static enum sim_outcome move(const struct run *x, const struct tron_address *from,
                             const struct tron_address *to, int64_t value) {
  const struct contracts *c = x->c;
  if (setting(x, OF_TOKEN_PAUSED) || sim_state_get(c->state, (struct sim_slot){SLOT_BLACK, from, NULL}) ||
      balance(x, from) < value)
    return OUTCOME_REVERT;
  bool held = balance(x, to) > 0;
  int64_t fee = (int64_t)((__int128)value * setting(x, OF_TOKEN_FEE_BPS) / 10000);
  if (fee > setting(x, OF_TOKEN_FEE_MAX))
    fee = setting(x, OF_TOKEN_FEE_MAX);
  const struct tron_address *at = setting(x, OF_TOKEN_DEPRECATED) ? &c->upgraded : &c->token;
  add(x, from, -value);
  add(x, to, value - fee);
  pair_event(x, at, TRANSFER, (struct tron_address[]){*from, *to}, value - fee);
  if (fee > 0) {
    add(x, &c->owner, fee);
    pair_event(x, at, TRANSFER, (struct tron_address[]){*from, c->owner}, fee);
  }
  x->r->energy_total += held ? ENERGY_HELD : ENERGY_NEW;
  x->r->penalty += held ? PENALTY_HELD : PENALTY_NEW;
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_transfer(const struct run *x) {
  struct tron_address to = argument_address(x, 0);
  enum sim_outcome o = move(x, &x->call->caller, &to, argument_number(x, 1));
  return o == OUTCOME_SUCCESS ? output_number(x, 0) : o; // the real one forgets to return true
}

static enum sim_outcome spend(const struct run *x, const struct tron_address *from,
                              const struct tron_address *to, int64_t value) {
  struct sim_slot allowed = {SLOT_ALLOWED, from, &x->call->caller};
  int64_t left = sim_state_get(x->c->state, allowed);
  if (left < value)
    return OUTCOME_REVERT;
  if (left != INT64_MAX)
    sim_state_set(x->c->state, allowed, left - value);
  return move(x, from, to, value);
}

static enum sim_outcome token_transfer_from(const struct run *x) {
  struct tron_address from = argument_address(x, 0), to = argument_address(x, 1);
  enum sim_outcome o = spend(x, &from, &to, argument_number(x, 2));
  return o == OUTCOME_SUCCESS ? output_number(x, 0) : o;
}

static enum sim_outcome token_approve(const struct run *x) {
  struct tron_address pair[] = {x->call->caller, argument_address(x, 0)};
  sim_state_set(x->c->state, (struct sim_slot){SLOT_ALLOWED, &pair[0], &pair[1]}, argument_number(x, 1));
  pair_event(x, &x->c->token, "Approval(address,address,uint256)", pair, argument_number(x, 1));
  x->r->energy_total += 22000;
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_allowance(const struct run *x) {
  struct tron_address pair[] = {argument_address(x, 0), argument_address(x, 1)};
  return output_number(x, sim_state_get(x->c->state, (struct sim_slot){SLOT_ALLOWED, &pair[0], &pair[1]}));
}

static enum sim_outcome token_balance(const struct run *x) {
  struct tron_address of = argument_address(x, 0);
  return output_number(x, balance(x, &of));
}

static enum sim_outcome token_decimals(const struct run *x) {
  return output_number(x, 6);
}
static enum sim_outcome token_name(const struct run *x) {
  return output_text(x, "Tether USD");
}
static enum sim_outcome token_symbol(const struct run *x) {
  return output_text(x, "USDT");
}
static enum sim_outcome token_supply(const struct run *x) {
  return output_number(x, setting(x, OF_TOKEN_SUPPLY));
}
static enum sim_outcome token_bps(const struct run *x) {
  return output_number(x, setting(x, OF_TOKEN_FEE_BPS));
}
static enum sim_outcome token_max(const struct run *x) {
  return output_number(x, setting(x, OF_TOKEN_FEE_MAX));
}
static enum sim_outcome token_paused(const struct run *x) {
  return output_number(x, setting(x, OF_TOKEN_PAUSED));
}
static enum sim_outcome token_deprecated(const struct run *x) {
  return output_number(x, setting(x, OF_TOKEN_DEPRECATED));
}
static enum sim_outcome token_owner(const struct run *x) {
  return output_address(x, &x->c->owner);
}
static enum sim_outcome token_upgraded(const struct run *x) {
  struct tron_address none = {{0}};
  return output_address(x, setting(x, OF_TOKEN_DEPRECATED) ? &x->c->upgraded : &none);
}
static enum sim_outcome token_black(const struct run *x) {
  struct tron_address of = argument_address(x, 0);
  return output_number(x, sim_state_get(x->c->state, (struct sim_slot){SLOT_BLACK, &of, NULL}));
}

static bool by_owner(const struct run *x) {
  x->r->energy_total += 20000;
  return memcmp(&x->call->caller, &x->c->owner, sizeof x->c->owner) == 0;
}

static enum sim_outcome token_set_params(const struct run *x) {
  uint8_t words[2 * SIM_WORD];
  if (!by_owner(x) || argument_number(x, 0) >= 20 || argument_number(x, 1) >= 50)
    return OUTCOME_REVERT;
  set(x, OF_TOKEN_FEE_BPS, argument_number(x, 0));
  set(x, OF_TOKEN_FEE_MAX, argument_number(x, 1) * 1000000);
  sim_word_number(setting(x, OF_TOKEN_FEE_BPS), words);
  sim_word_number(setting(x, OF_TOKEN_FEE_MAX), words + SIM_WORD);
  event(x, &x->c->token, "Params(uint256,uint256)", words, sizeof words);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_pause(const struct run *x) {
  if (!by_owner(x) || setting(x, OF_TOKEN_PAUSED))
    return OUTCOME_REVERT;
  set(x, OF_TOKEN_PAUSED, 1);
  event(x, &x->c->token, "Pause()", NULL, 0);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_unpause(const struct run *x) {
  if (!by_owner(x) || !setting(x, OF_TOKEN_PAUSED))
    return OUTCOME_REVERT;
  set(x, OF_TOKEN_PAUSED, 0);
  event(x, &x->c->token, "Unpause()", NULL, 0);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_deprecate(const struct run *x) {
  uint8_t word[SIM_WORD];
  if (!by_owner(x))
    return OUTCOME_REVERT;
  set(x, OF_TOKEN_DEPRECATED, 1);
  sim_word_address(&x->c->upgraded, word);
  event(x, &x->c->token, "Deprecate(address)", word, SIM_WORD);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome blacken(const struct run *x, int64_t black, const char *signature) {
  uint8_t word[SIM_WORD];
  struct tron_address who = argument_address(x, 0);
  if (!by_owner(x))
    return OUTCOME_REVERT;
  sim_state_set(x->c->state, (struct sim_slot){SLOT_BLACK, &who, NULL}, black);
  sim_word_address(&who, word);
  event(x, &x->c->token, signature, word, SIM_WORD);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_add_black(const struct run *x) {
  return blacken(x, 1, "AddedBlackList(address)");
}
static enum sim_outcome token_remove_black(const struct run *x) {
  return blacken(x, 0, "RemovedBlackList(address)");
}

static enum sim_outcome token_destroy(const struct run *x) { // no Transfer log: balances go without one
  struct tron_address who = argument_address(x, 0);
  uint8_t words[2 * SIM_WORD];
  if (!by_owner(x) || !sim_state_get(x->c->state, (struct sim_slot){SLOT_BLACK, &who, NULL}))
    return OUTCOME_REVERT;
  sim_word_address(&who, words);
  sim_word_number(balance(x, &who), words + SIM_WORD);
  set(x, OF_TOKEN_SUPPLY, setting(x, OF_TOKEN_SUPPLY) - balance(x, &who));
  add(x, &who, -balance(x, &who));
  event(x, &x->c->token, "DestroyedBlackFunds(address,uint256)", words, sizeof words);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome supply(const struct run *x, int64_t sign, const char *signature) {
  uint8_t word[SIM_WORD];
  int64_t n = argument_number(x, 0);
  if (!by_owner(x) || n > INT64_MAX / 4 || (sign < 0 && balance(x, &x->c->owner) < n))
    return OUTCOME_REVERT;
  add(x, &x->c->owner, sign * n);
  set(x, OF_TOKEN_SUPPLY, setting(x, OF_TOKEN_SUPPLY) + sign * n);
  sim_word_number(n, word);
  event(x, &x->c->token, signature, word, SIM_WORD);
  return OUTCOME_SUCCESS;
}

static enum sim_outcome token_issue(const struct run *x) {
  return supply(x, 1, "Issue(uint256)");
}
static enum sim_outcome token_redeem(const struct run *x) {
  return supply(x, -1, "Redeem(uint256)");
}

static enum sim_outcome fake_transfer(const struct run *x) {
  struct tron_address pair[] = {x->call->caller, argument_address(x, 0)};
  pair_event(x, &x->c->fake, TRANSFER, pair, argument_number(x, 1));
  x->r->energy_total += 2313;
  return output_number(x, 1);
}

static void inner(const struct run *x) {
  struct tx_internal *i = sim_receipt_internal(x->r);
  i->caller = x->call->contract;
  i->to = x->c->token;
  keccak256((struct str){(const char *)&x->r->n_internals, sizeof x->r->n_internals}, i->hash);
}

// The token's own transfer first, then a counterfeit one of the same value to the same address.
static enum sim_outcome fake_both(const struct run *x) {
  struct tron_address pair[] = {x->call->caller, argument_address(x, 0)};
  enum sim_outcome o = move(x, &pair[0], &pair[1], argument_number(x, 1));
  if (o == OUTCOME_SUCCESS) {
    inner(x);
    pair_event(x, &x->c->fake, TRANSFER, pair, argument_number(x, 1));
  }
  return o;
}

// send(address[],uint256[]): what the caller has, to each. Approved by everybody beforehand.
static enum sim_outcome sender_send(const struct run *x) {
  int64_t at_to = argument_number(x, 0), at_values = argument_number(x, 1);
  if (at_to % SIM_WORD || at_values % SIM_WORD || at_to > TX_BYTES_MAX || at_values > TX_BYTES_MAX)
    return OUTCOME_REVERT;
  size_t to = (size_t)at_to / SIM_WORD, values = (size_t)at_values / SIM_WORD;
  int64_t n = argument_number(x, to);
  if (n != argument_number(x, values) || n > MANY_MAX)
    return OUTCOME_REVERT;
  enum sim_outcome o = OUTCOME_SUCCESS;
  for (size_t i = 0; i < (size_t)n && o == OUTCOME_SUCCESS; i++) {
    struct tron_address who = argument_address(x, to + 1 + i);
    o = move(x, &x->call->caller, &who, argument_number(x, values + 1 + i));
    inner(x);
  }
  return o;
}

struct entry {
  enum { ON_TOKEN, ON_USDT, ON_FAKE, ON_SENDER } on; // ON_USDT: only where the token is more than a plain one
  const char *signature;
  enum sim_outcome (*run)(const struct run *x);
};

static const struct entry entries[] = {
    {ON_TOKEN, "transfer(address,uint256)", token_transfer},
    {ON_TOKEN, "transferFrom(address,address,uint256)", token_transfer_from},
    {ON_TOKEN, "approve(address,uint256)", token_approve},
    {ON_TOKEN, "allowance(address,address)", token_allowance},
    {ON_TOKEN, "balanceOf(address)", token_balance},
    {ON_TOKEN, "decimals()", token_decimals},
    {ON_TOKEN, "name()", token_name},
    {ON_TOKEN, "symbol()", token_symbol},
    {ON_TOKEN, "totalSupply()", token_supply},
    {ON_USDT, "basisPointsRate()", token_bps},
    {ON_USDT, "maximumFee()", token_max},
    {ON_USDT, "paused()", token_paused},
    {ON_USDT, "deprecated()", token_deprecated},
    {ON_USDT, "upgradedAddress()", token_upgraded},
    {ON_USDT, "owner()", token_owner},
    {ON_USDT, "isBlackListed(address)", token_black},
    {ON_USDT, "getBlackListStatus(address)", token_black},
    {ON_USDT, "setParams(uint256,uint256)", token_set_params},
    {ON_USDT, "pause()", token_pause},
    {ON_USDT, "unpause()", token_unpause},
    {ON_USDT, "deprecate(address)", token_deprecate},
    {ON_USDT, "addBlackList(address)", token_add_black},
    {ON_USDT, "removeBlackList(address)", token_remove_black},
    {ON_USDT, "destroyBlackFunds(address)", token_destroy},
    {ON_USDT, "issue(uint256)", token_issue},
    {ON_USDT, "redeem(uint256)", token_redeem},
    {ON_FAKE, "transfer(address,uint256)", fake_transfer},
    {ON_FAKE, "both(address,uint256)", fake_both},
    {ON_FAKE, "decimals()", token_decimals},
    {ON_FAKE, "name()", token_name},
    {ON_FAKE, "symbol()", token_symbol},
    {ON_SENDER, "send(address[],uint256[])", sender_send},
};

static bool same(const struct tron_address *a, const struct tron_address *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

static bool is_on(const struct contracts *c, const struct entry *e, const struct tron_address *at) {
  switch (e->on) {
  case ON_TOKEN:
    return same(at, &c->token);
  case ON_USDT:
    return same(at, &c->token) && !c->plain;
  case ON_FAKE:
    return same(at, &c->fake);
  case ON_SENDER:
    return same(at, &c->sender);
  }
  return false;
}

bool sim_contracts_has(const struct contracts *c, const struct tron_address *at) {
  return same(at, &c->token) || same(at, &c->fake) || same(at, &c->sender) || same(at, &c->upgraded);
}

void sim_contracts_call(const struct contracts *c, const struct sim_call *call, struct sim_receipt *r) {
  struct run x = {.c = c, .call = call, .r = r};
  sim_receipt_clear(r);
  r->outcome = OUTCOME_REVERT;
  r->energy_total = ENERGY_READ;
  for (size_t i = 0; i < sizeof entries / sizeof *entries && call->data.n >= 4; i++) {
    uint8_t first[4];
    if (!is_on(c, &entries[i], &call->contract))
      continue;
    sim_selector(entries[i].signature, first);
    if (memcmp(first, call->data.p, 4) == 0) {
      r->energy_total = 0;
      r->outcome = entries[i].run(&x);
      break;
    }
  }
  if (r->energy_total == 0)
    r->energy_total = ENERGY_READ;
  if (r->energy_total == ENERGY_READ && same(&call->contract, &c->token))
    r->penalty = PENALTY_READ;
  if (r->outcome != OUTCOME_SUCCESS)
    r->message = "REVERT opcode executed";
}
