// What becomes of a transaction: the checks of a node, in its order, what it costs, what it changes.
#include "simnode/chain_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000

// Accounts.

static int64_t trx(const struct sim_chain *c, const struct tron_address *of) {
  return sim_state_get(c->state, (struct sim_slot){SLOT_TRX, of, NULL});
}

static void add_trx(struct sim_chain *c, const struct tron_address *to, int64_t n) {
  sim_state_set(c->state, (struct sim_slot){SLOT_TRX, to, NULL}, trx(c, to) + n);
}

static bool exists(const struct sim_chain *c, const struct tron_address *a) {
  return sim_state_get(c->state, (struct sim_slot){SLOT_ACCOUNT, a, NULL}) != 0;
}

void sim_endow(struct sim_chain *c, const struct tron_address *a, int64_t sun, int64_t usdt) {
  sim_state_base(c->state, (struct sim_slot){SLOT_ACCOUNT, a, NULL}, c->options.genesis_ms);
  sim_state_base(c->state, (struct sim_slot){SLOT_TRX, a, NULL}, sun);
  sim_state_base(c->state, (struct sim_slot){SLOT_USDT, a, NULL}, usdt);
}

struct sim_key sim_person(struct sim_chain *c, const char *name) {
  struct sim_key k;
  char text[128];
  snprintf(text, sizeof text, "person/%s", name);
  sim_key_make(c->options.seed, text, &k);
  if (!exists(c, &k.address))
    sim_endow(c, &k.address, RICH, RICH);
  return k;
}

int64_t sim_balance(const struct sim_chain *c, const struct tron_address *of) {
  return sim_state_get(c->state, (struct sim_slot){SLOT_USDT, of, NULL});
}

// Running a transaction.

static int64_t bandwidth(const struct tx *t) {
  struct arena a;
  struct buf bytes;
  arena_init(&a, 64 << 20);
  buf_init(&bytes, &a, 16 << 20);
  sim_tx_encode(t, false, &bytes);
  int64_t n = (int64_t)bytes.n + 64;
  arena_free(&a);
  return n;
}

// Free bandwidth comes back after a day; it is all or nothing for a transaction.
static bool pay_bandwidth(struct sim_chain *c, const struct tx *t, int64_t now, struct sim_receipt *r) {
  const struct tron_address *owner = &t->ask.owner;
  struct sim_slot used = {SLOT_FREE_NET, owner, NULL}, since = {SLOT_FREE_NET_MS, owner, NULL};
  int64_t n = bandwidth(t);
  int64_t spent = now - sim_state_get(c->state, since) >= DAY_MS ? 0 : sim_state_get(c->state, used);
  if (spent + n <= SIM_FREE_NET) {
    sim_state_set(c->state, used, spent + n);
    sim_state_set(c->state, since, now);
    r->net_usage = n;
    return true;
  }
  r->net_fee = n * SIM_NET_FEE;
  return trx(c, owner) >= r->net_fee;
}

static void run_transfer(struct sim_chain *c, struct tx *t, int64_t now) {
  const struct tx_ask *k = &t->ask;
  if (!exists(c, &k->to)) {
    sim_state_set(c->state, (struct sim_slot){SLOT_ACCOUNT, &k->to, NULL}, now);
    t->receipt.net_usage = 0;
    t->receipt.net_fee = 100000;
    t->receipt.fee += 1000000;
  }
  add_trx(c, &k->owner, -k->amount);
  add_trx(c, &k->to, k->amount);
  t->ret = OUTCOME_SUCCESS;
}

static void force(struct tx *t, int64_t limit, struct sim_receipt *r) {
  if (t->forced != OUTCOME_DEFAULT)
    r->outcome = t->forced;
  else if (r->energy_total > limit)
    r->outcome = OUTCOME_OUT_OF_ENERGY;
  if (r->outcome == OUTCOME_SUCCESS)
    return;
  if (t->forced != OUTCOME_DEFAULT)
    r->n_output = 0;
  r->message = "REVERT opcode executed";
  if (r->outcome == OUTCOME_REVERT)
    return;
  r->energy_total = limit; // such an end takes all that there is
  r->penalty = r->outcome == OUTCOME_OUT_OF_TIME ? 0 : r->penalty < limit ? r->penalty : limit / 2;
  r->n_output = 0;
  r->message = r->outcome == OUTCOME_OUT_OF_TIME     ? "Already Time Out"
               : r->outcome == OUTCOME_OUT_OF_ENERGY ? "Not enough energy for 'SSTORE' operation executing: "
                                                       "curInvokeEnergyLimit[4761], curOpEnergy[5000], "
                                                       "penaltyEnergy[13862], usedEnergy[3516]"
                                                     : "Invalid operation code: opCode[fe];";
}

static void run_call(struct sim_chain *c, struct tx *t) {
  const struct tx_ask *k = &t->ask;
  struct sim_receipt *r = &t->receipt, before = *r;
  uint64_t mark = sim_state_mark(c->state);
  int64_t sun = trx(c, &k->owner) - before.net_fee - before.fee;
  int64_t limit = (k->fee_limit < sun ? k->fee_limit : sun) / SIM_ENERGY_FEE;
  struct sim_call call = {k->owner, k->to, k->data};
  sim_contracts_call(&c->contracts, &call, r);
  r->fee = before.fee;
  r->net_fee = before.net_fee;
  r->net_usage = before.net_usage;
  force(t, limit, r);
  if (r->outcome != OUTCOME_SUCCESS) {
    sim_state_undo(c->state, mark);
    if (!t->keeps_logs)
      r->n_logs = 0;
  }
  r->energy_fee = r->energy_total * SIM_ENERGY_FEE;
  t->ret = r->outcome;
}

bool sim_run(struct sim_chain *c, struct tx *t, int64_t now) {
  uint64_t mark = sim_state_mark(c->state);
  sim_receipt_clear(&t->receipt);
  if (!pay_bandwidth(c, t, now, &t->receipt))
    return false;
  if (t->ask.memo.n)
    t->receipt.fee += 1000000;
  if (t->ask.type == TX_TRANSFER)
    run_transfer(c, t, now);
  else
    run_call(c, t);
  struct sim_receipt *r = &t->receipt;
  r->fee += r->net_fee + r->energy_fee;
  if (trx(c, &t->ask.owner) < r->fee) {
    sim_state_undo(c->state, mark);
    return false;
  }
  add_trx(c, &t->ask.owner, -r->fee);
  return true;
}

// Checks of a node (Wallet.broadcastTransaction, Manager.pushTransaction), in its order.

__attribute__((format(printf, 3, 4))) static bool refuse(struct sim_verdict *out, const char *code,
                                                         const char *format, ...) {
  va_list ap;
  out->code = code;
  va_start(ap, format);
  vsnprintf(out->message, sizeof out->message, format, ap);
  va_end(ap);
  return false;
}

static bool signed_well(const struct tx *t, struct sim_verdict *out) {
  static const char code[] = "SIGERROR";
  struct tron_address by;
  char text[ADDRESS_TEXT_N + 1], hex[2 * 80 + 1] = "";
  if (t->n_signatures == 0)
    return refuse(out, code, "Validate signature error: miss sig or contract");
  if (t->ask.permission != 0 && t->ask.permission != 2)
    return refuse(out, code, "Validate signature error: permission isn't exit");
  if (t->n_signatures > 1)
    return refuse(out, code,
                  "Validate signature error: Signature count is %d more than key counts of permission : 1",
                  t->n_signatures);
  struct str s = t->signatures[0];
  if (s.n < SIGNATURE_BYTES)
    return refuse(out, code, "Validate signature error: Signature size is %zu", s.n);
  if (!sim_recover(t->id, (const uint8_t *)s.p, &by))
    return refuse(out, code,
                  "Validate signature error: java.lang.IllegalArgumentException: Invalid point compression");
  if (memcmp(&by, &t->ask.owner, sizeof by) == 0)
    return true;
  for (size_t i = 0; i < s.n && i < 80; i++)
    snprintf(hex + 2 * i, 3, "%02x", (unsigned char)s.p[i]);
  address_format(&by, text);
  return refuse(out, code,
                "Validate signature error: %s is signed by %s but it is not contained of permission.", hex,
                text);
}

static bool tapos(const struct sim_chain *c, const struct tx *t) {
  if (!t->ask.has_ref)
    return false;
  int64_t low = t->ask.ref_bytes[0] << 8 | t->ask.ref_bytes[1], head = sim_head(c)->number;
  int64_t number = (head & ~INT64_C(0xFFFF)) | low;
  if (number > head)
    number -= 0x10000;
  return number >= 0 && memcmp(c->blocks[number].id + 8, t->ask.ref_hash, 8) == 0;
}

bool sim_asks_well(const struct sim_chain *c, const struct tx *t, struct sim_verdict *out) {
  static const char code[] = "CONTRACT_VALIDATE_ERROR";
  const struct tx_ask *k = &t->ask;
  char text[ADDRESS_TEXT_N + 1];
  if (!k->owner_good)
    return refuse(out, code, "Contract validate error : Invalid ownerAddress");
  address_format(&k->owner, text);
  if (!exists(c, &k->owner))
    return refuse(out, code, "Contract validate error : account [%s] does not exist", text);
  if (k->type == TX_TRANSFER) {
    if (!k->to_good)
      return refuse(out, code, "Contract validate error : Invalid toAddress!");
    if (memcmp(&k->owner, &k->to, sizeof k->to) == 0)
      return refuse(out, code, "Contract validate error : Cannot transfer TRX to yourself.");
    if (k->amount <= 0)
      return refuse(out, code, "Contract validate error : Amount must be greater than 0.");
    if (sim_contracts_has(&c->contracts, &k->to))
      return refuse(out, code, "Contract validate error : Cannot transfer TRX to a smartContract.");
    int64_t more = exists(c, &k->to) ? 0 : 1000000;
    if (k->amount > INT64_MAX - more || trx(c, &k->owner) < k->amount + more)
      return refuse(out, code,
                    "Contract validate error : Validate TransferContract error, balance is not sufficient.");
    return true;
  }
  if (k->type != TX_TRIGGER || !k->to_good || !sim_contracts_has(&c->contracts, &k->to))
    return refuse(out, code, "Contract validate error : No contract or not a smart contract");
  if (k->fee_limit < 0 || k->fee_limit > SIM_FEE_LIMIT_MAX)
    return refuse(out, code, "Contract validate error : feeLimit must be >= 0 and <= %lld",
                  (long long)SIM_FEE_LIMIT_MAX);
  return true;
}

bool sim_fits(const struct sim_chain *c, const struct tx *t, struct sim_verdict *out) {
  int64_t head = sim_head(c)->time_ms;
  if (!tapos(c, t))
    return refuse(out, "TAPOS_ERROR", "Tapos check error.");
  if (bandwidth(t) > TX_BYTES_MAX) {
    char id[65];
    for (int i = 0; i < 32; i++)
      snprintf(id + 2 * i, 3, "%02x", t->id[i]);
    return refuse(out, "TOO_BIG_TRANSACTION_ERROR",
                  "Too big transaction with result, TxId %s, the size is %lld bytes, maxTxSize %d", id,
                  (long long)bandwidth(t) - 64, TX_BYTES_MAX);
  }
  if (t->ask.expiration <= head || t->ask.expiration > head + TX_FAR_MS)
    return refuse(out, "TRANSACTION_EXPIRATION_ERROR", "Transaction expired");
  return true;
}

static bool acceptable(const struct sim_chain *c, const struct tx *t, struct sim_verdict *out) {
  const struct tx *known = sim_tx(c, t->id);
  if (t->ask.contracts == 0)
    return refuse(out, "CONTRACT_VALIDATE_ERROR", "Contract validate error : No contract!");
  if (t->ask.expiration < sim_slot_time(c, sim_next_slot(c)))
    return refuse(out, "TRANSACTION_EXPIRATION_ERROR", "Transaction expired");
  if (c->n_pending >= SIM_PENDING_MAX)
    return refuse(out, "SERVER_BUSY", "Server busy.");
  if (!signed_well(t, out) || !sim_fits(c, t, out))
    return false;
  if (t->ask.contracts != 1)
    return refuse(
        out, "CONTRACT_VALIDATE_ERROR",
        "Contract validate error : contract size should be exactly 1, this is extend feature ,actual :%d",
        t->ask.contracts);
  for (int i = 0; i < c->n_pending; i++)
    if (c->pending[i] == known)
      return refuse(out, "DUP_TRANSACTION_ERROR", "Dup transaction.");
  if (known && known->block >= 0)
    return refuse(out, "DUP_TRANSACTION_ERROR", "Dup transaction.");
  return sim_asks_well(c, t, out);
}

void sim_pend(struct sim_chain *c, struct tx *t) {
  c->pending = sim_checked(realloc(c->pending, ((size_t)c->n_pending + 1) * sizeof(struct tx *)));
  c->pending[c->n_pending++] = t;
}

// Runs it on the newest state to see what will become of it, and takes that back.
static bool try_out(struct sim_chain *c, struct tx *t) {
  uint64_t mark = sim_state_mark(c->state);
  bool ok = sim_run(c, t, sim_slot_time(c, sim_next_slot(c)));
  sim_state_undo(c->state, mark);
  return ok;
}

bool sim_push(struct sim_chain *c, struct tx *t, struct sim_verdict *out) {
  if (!acceptable(c, t, out))
    return false;
  if (!try_out(c, t))
    return refuse(out, "BANDWITH_ERROR", "Account resource insufficient error.");
  sim_index_add(c, t);
  sim_pend(c, t);
  *out = (struct sim_verdict){.code = "SUCCESS"};
  return true;
}
