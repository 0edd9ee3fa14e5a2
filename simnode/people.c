// What people do on the simulated chain: transfers of every kind, and what the token's owner may decide.
#include "simnode/chain.h"

#include "base/bug.h"

#include <string.h>

const char *const sim_kind_names[SIM_KINDS] = {
    "direct", "from",   "internal",      "twice",       "fake",    "fake_and_real",
    "dirty",  "revert", "out_of_energy", "out_of_time", "illegal", "trx",
};

enum { FEE_LIMIT = 100000000, CALL_MAX = 64 * 1024 };

// A transaction of ours, signed, that is not pending yet.
static struct tx *make(struct sim_chain *c, const struct sim_key *by, struct tx_ask *ask) {
  struct arena a;
  struct buf raw;
  const char *why;
  const struct sim_block *h = sim_head(c);
  arena_init(&a, 8 << 20);
  buf_init(&raw, &a, TX_BYTES_MAX);
  memcpy(ask->ref_bytes, h->id + 6, 2);
  memcpy(ask->ref_hash, h->id + 8, 8);
  ask->has_ref = true;
  ask->expiration = (h->time_ms > c->now_ms ? h->time_ms : c->now_ms) + 20 * TX_LIFE_MS;
  ask->timestamp = h->time_ms + ++c->serial;
  ask->owner = by->address;
  ask->contracts = 1;
  sim_tx_ask_encode(ask, &a, &raw);
  struct tx *t = sim_tx_new(buf_view(&raw), NULL, 0, &why);
  BUG_IF(!t, "our own transaction cannot be read");
  sim_tx_sign(t, by);
  arena_free(&a);
  return t;
}

static struct tx *push(struct sim_chain *c, struct tx *t, const char **why) {
  struct sim_verdict verdict;
  if (sim_push(c, t, &verdict))
    return t;
  if (why)
    *why = verdict.code;
  sim_tx_free(t);
  return NULL;
}

static struct tx *prepare(struct sim_chain *c, const struct sim_key *by, const struct tron_address *contract,
                          struct str data) {
  struct tx_ask ask = {.type = TX_TRIGGER, .to = *contract, .fee_limit = FEE_LIMIT, .data = data};
  if (data.n > 1000)
    ask.fee_limit = SIM_FEE_LIMIT_MAX;
  return make(c, by, &ask);
}

struct tx *sim_call(struct sim_chain *c, const struct sim_key *by, const struct tron_address *contract,
                    struct str data) {
  return push(c, prepare(c, by, contract, data), NULL);
}

struct calldata {
  uint8_t bytes[CALL_MAX];
  size_t n;
};

static void begin(struct calldata *d, const char *signature) {
  sim_selector(signature, d->bytes);
  d->n = 4;
}

static void with_address(struct calldata *d, const struct tron_address *a) {
  sim_word_address(a, d->bytes + d->n);
  d->n += SIM_WORD;
}

static void with_number(struct calldata *d, int64_t n) {
  sim_word_number(n, d->bytes + d->n);
  d->n += SIM_WORD;
}

static struct str view(const struct calldata *d) {
  return (struct str){(const char *)d->bytes, d->n};
}

static void send_many(struct calldata *d, const struct tron_address *to, const int64_t *amounts, int n) {
  begin(d, "send(address[],uint256[])");
  with_number(d, 2 * SIM_WORD);
  with_number(d, (3 + n) * SIM_WORD);
  with_number(d, n);
  for (int i = 0; i < n; i++)
    with_address(d, &to[i]);
  with_number(d, n);
  for (int i = 0; i < n; i++)
    with_number(d, amounts[i]);
}

struct tx *sim_pay_many(struct sim_chain *c, const char *from, const struct tron_address *to,
                        const int64_t *amounts, int n) {
  struct calldata d;
  struct sim_key by = sim_person(c, from ? from : "payer");
  BUG_IF(n < 0 || n > 500, "too many for one transaction");
  send_many(&d, to, amounts, n);
  return sim_call(c, &by, &c->contracts.sender, view(&d));
}

static struct tx *pay_trx(struct sim_chain *c, const struct sim_key *by, const struct sim_payment *p,
                          const char **why) {
  struct tx_ask ask = {.type = TX_TRANSFER, .to = p->to, .amount = p->amount};
  return push(c, make(c, by, &ask), why);
}

// Somebody else may spend what is the payer's.
static struct sim_key spender(struct sim_chain *c, const struct sim_key *of) {
  struct sim_key k = sim_person(c, "spender");
  sim_state_base(c->state, (struct sim_slot){SLOT_ALLOWED, &of->address, &k.address}, INT64_MAX);
  return k;
}

// What is called, and with what.
static const struct tron_address *compose(struct sim_chain *c, const struct sim_payment *p,
                                          const struct tron_address *payer, struct calldata *d) {
  struct tron_address both[] = {p->to, p->to};
  switch (p->kind) {
  case SIM_FROM:
    begin(d, "transferFrom(address,address,uint256)");
    with_address(d, payer);
    break;
  case SIM_INTERNAL:
  case SIM_ILLEGAL:
    send_many(d, both, &p->amount, 1);
    return &c->contracts.sender;
  case SIM_TWICE:
    send_many(d, both, (int64_t[]){p->amount, p->amount}, 2);
    return &c->contracts.sender;
  case SIM_FAKE_AND_REAL:
    begin(d, "both(address,uint256)");
    break;
  case SIM_DIRECT:
  case SIM_FAKE:
  case SIM_DIRTY:
  case SIM_REVERT:
  case SIM_OUT_OF_ENERGY:
  case SIM_OUT_OF_TIME:
  case SIM_TRX:
  case SIM_KINDS:
    begin(d, "transfer(address,uint256)");
    break;
  }
  with_address(d, &p->to);
  if (p->kind == SIM_DIRTY)
    d->bytes[d->n - ADDRESS_N - 1] = 0x41;
  with_number(d, p->amount);
  return p->kind == SIM_FAKE || p->kind == SIM_FAKE_AND_REAL ? &c->contracts.fake : &c->contracts.token;
}

static enum sim_outcome end_of(enum sim_kind kind) {
  return kind == SIM_REVERT          ? OUTCOME_REVERT
         : kind == SIM_OUT_OF_ENERGY ? OUTCOME_OUT_OF_ENERGY
         : kind == SIM_OUT_OF_TIME   ? OUTCOME_OUT_OF_TIME
         : kind == SIM_ILLEGAL       ? OUTCOME_ILLEGAL_OPERATION
                                     : OUTCOME_DEFAULT;
}

struct tx *sim_pay(struct sim_chain *c, const struct sim_payment *p, const char **why) {
  struct calldata d;
  struct sim_key by = sim_person(c, p->from ? p->from : "payer");
  if (p->kind == SIM_TRX)
    return pay_trx(c, &by, p, why);
  const struct tron_address *contract = compose(c, p, &by.address, &d);
  if (p->kind == SIM_FROM)
    by = spender(c, &by);
  struct tx *t = prepare(c, &by, contract, view(&d));
  t->forced = end_of(p->kind);
  t->keeps_logs = p->kind == SIM_OUT_OF_TIME;
  return push(c, t, why);
}

void sim_params(struct sim_chain *c, int64_t bps, int64_t max_usdt) {
  struct calldata d;
  begin(&d, "setParams(uint256,uint256)");
  with_number(&d, bps);
  with_number(&d, max_usdt);
  sim_call(c, &c->owner, &c->contracts.token, view(&d));
}

void sim_pause(struct sim_chain *c, bool paused) {
  struct calldata d;
  begin(&d, paused ? "pause()" : "unpause()");
  sim_call(c, &c->owner, &c->contracts.token, view(&d));
}

void sim_deprecate(struct sim_chain *c) {
  struct calldata d;
  begin(&d, "deprecate(address)");
  with_address(&d, &c->contracts.upgraded);
  sim_call(c, &c->owner, &c->contracts.token, view(&d));
}

void sim_faucet(struct sim_chain *c, const struct tron_address *to, int64_t trx, int64_t usdt) {
  struct calldata d;
  struct sim_payment p = {.to = *to, .amount = trx};
  if (trx > 0)
    pay_trx(c, &c->bank, &p, NULL);
  begin(&d, "transfer(address,uint256)");
  with_address(&d, to);
  with_number(&d, usdt);
  if (usdt > 0)
    sim_call(c, &c->bank, &c->contracts.token, view(&d));
}
