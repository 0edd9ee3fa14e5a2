#include "wire/block_json.h"
#include "base/bug.h"
#include "base/hex.h"
#include "wire/protobuf.h"
#include "wire/transaction.h"

#include <string.h>

enum { TXS_FIRST = 16, ADDRESS_PREFIX = 0x41 };

// One answer being read. `bytes` and `whole` are room for a transaction's parts and for all of it, `max`
// bytes each.
struct reading {
  struct jsonr r;
  struct block_json *json;
  uint8_t *bytes, *whole;
  size_t max, used;
  const char *why;
};

static void begin(struct reading *x, struct block_json *j, struct str answer) {
  *x = (struct reading){.json = j};
  j->why = STR_NONE;
  jsonr_init(&x->r, answer);
}

static bool rubbish(struct reading *x, const char *why) {
  if (!x->r.bad)
    x->why = why;
  return jsonr_refuse(&x->r);
}

// Room for a transaction whose parts are `n` characters long.
static void make_room(struct reading *x, size_t n) {
  x->used = 0;
  if (n <= x->max)
    return;
  x->max = n > 2 * x->max ? n : 2 * x->max;
  x->bytes = arena_alloc(x->json->arena, x->max);
  x->whole = arena_alloc(x->json->arena, x->max);
}

// The digits as bytes, kept until the next transaction.
static bool hex(struct reading *x, struct str digits, struct str *out) {
  size_t n = digits.n / 2;
  BUG_IF(n > x->max - x->used, "bytes are half as many as their digits");
  uint8_t *p = x->bytes + x->used;
  x->used += n;
  *out = (struct str){(const char *)p, n};
  return hex_decode(digits, p, n) ? true : rubbish(x, "digits that are not hexadecimal");
}

// --- a transaction, rebuilt as the protobuf that is hashed (tron.md 5.4) ---

// Enums by their numbers.
static int64_t named(struct str name, const char *const *names, int n) {
  for (int i = 0; i < n; i++)
    if (str_eqc(name, names[i]))
      return i;
  return -1;
}

static int64_t contract_ret(struct str name) {
  static const char *const names[] = {"DEFAULT",
                                      "SUCCESS",
                                      "REVERT",
                                      "BAD_JUMP_DESTINATION",
                                      "OUT_OF_MEMORY",
                                      "PRECOMPILED_CONTRACT",
                                      "STACK_TOO_SMALL",
                                      "STACK_TOO_LARGE",
                                      "ILLEGAL_OPERATION",
                                      "STACK_OVERFLOW",
                                      "OUT_OF_ENERGY",
                                      "OUT_OF_TIME",
                                      "JVM_STACK_OVER_FLOW",
                                      "UNKNOWN",
                                      "TRANSFER_FAILED",
                                      "INVALID_CODE"};
  return named(name, names, sizeof names / sizeof *names);
}

static int64_t ret_code(struct str name) {
  static const char *const names[] = {"SUCESS", "FAILED"}; // their spelling
  return named(name, names, sizeof names / sizeof *names);
}

enum { RET_CODE = 1, RET_CONTRACT_RET = 2, RET_N = 11 };
static const char *const ret_names[RET_N] = {"fee",
                                             "ret",
                                             "contractRet",
                                             "withdraw_amount",
                                             "unfreeze_amount",
                                             "exchange_received_amount",
                                             "exchange_inject_another_amount",
                                             "exchange_withdraw_another_amount",
                                             "exchange_id",
                                             "shielded_transaction_fee",
                                             "withdraw_expire_amount"};
static const uint32_t ret_fields[RET_N] = {1, 2, 3, 15, 16, 18, 19, 20, 21, 22, 27};

// One object of `ret`. What has no number here (a name from a later version) cannot be rebuilt: *known.
static void ret_object(struct reading *x, struct jsonr *r, struct pb_out *out, bool *known) {
  struct members m = {ret_names, RET_N, 0, false};
  int64_t values[RET_N] = {0};
  uint8_t encoded[RET_N * 12];
  struct pb_out object = {.p = encoded, .max = sizeof encoded};
  struct str name = STR_NONE;
  if (!jsonr_open(r, '{'))
    return;
  for (int which; member_next(r, &m, &which);) {
    if (which != RET_CODE && which != RET_CONTRACT_RET) {
      jsonr_i64(r, &values[which]);
    } else if (jsonr_str(r, &name)) {
      values[which] = which == RET_CODE ? ret_code(name) : contract_ret(name);
      *known = *known && values[which] >= 0;
    }
  }
  for (int i = 0; i < RET_N; i++)
    pb_number(&object, ret_fields[i], values[i]);
  BUG_IF(object.full, "a number takes two bytes and ten");
  pb_bytes(out, 5, (struct str){(const char *)encoded, object.n});
  if (r->bad)
    rubbish(x, "an outcome of a transaction that is not of its shape");
}

// Where a transaction's parts stand in the text.
struct tx_text {
  struct str id, raw, signatures, rets;
};

static bool rebuild(struct reading *x, const struct tx_text *t, struct str *whole, bool *known) {
  make_room(x, t->raw.n + t->signatures.n + t->rets.n + 2 + 10);
  struct pb_out out = {.p = x->whole, .max = x->max};
  struct jsonr r;
  struct str digits, part;
  *known = true;
  if (!hex(x, t->raw, &part))
    return false;
  pb_bytes(&out, 1, part);
  if (t->signatures.p) {
    jsonr_init(&r, t->signatures);
    for (jsonr_open(&r, '['); jsonr_item(&r);)
      if (!jsonr_str(&r, &digits) || !hex(x, digits, &part))
        return rubbish(x, "a signature that is not of its shape");
      else
        pb_bytes(&out, 2, part);
    if (!jsonr_end(&r))
      return rubbish(x, "signatures that are not a list");
  }
  if (t->rets.p) {
    jsonr_init(&r, t->rets);
    for (jsonr_open(&r, '['); jsonr_item(&r);)
      ret_object(x, &r, &out, known);
    if (!jsonr_end(&r))
      return rubbish(x, "outcomes of a transaction that are not a list");
  }
  BUG_IF(out.full, "protobuf is shorter than its JSON");
  *whole = (struct str){(const char *)x->whole, out.n};
  return true;
}

static struct str span(struct jsonr *r) {
  jsonr_peek(r);
  const char *from = r->p;
  jsonr_skip(r);
  return (struct str){from, (size_t)(r->p - from)};
}

static bool tx_text(struct reading *x, struct tx_text *t) {
  static const char *const names[] = {"txID", "raw_data_hex", "signature", "ret"};
  struct members m = {names, 4, 0, false};
  *t = (struct tx_text){0};
  if (!jsonr_open(&x->r, '{'))
    return false;
  for (int which; member_next(&x->r, &m, &which);) {
    if (which == 0)
      jsonr_str(&x->r, &t->id);
    else if (which == 1)
      jsonr_str(&x->r, &t->raw);
    else if (which == 2)
      t->signatures = span(&x->r);
    else
      t->rets = span(&x->r);
  }
  if (x->r.bad)
    return false;
  return t->id.p && t->raw.p ? true : rubbish(x, "a transaction without its id or its bytes");
}

static bool tx(struct reading *x, struct block_tx *out) {
  struct tx_text t;
  struct str whole;
  uint8_t id[SHA256_N];
  bool known;
  if (!tx_text(x, &t) || !rebuild(x, &t, &whole, &known))
    return false;
  if (!transaction_read(whole, x->json->token, out))
    return rubbish(x, "a transaction that is none");
  if (!hex_decode(t.id, id, sizeof id) || memcmp(id, out->id, sizeof id) != 0)
    return rubbish(x, "a transaction whose id is not the hash of its bytes");
  if (out->is_direct)
    out->bytes = str_copy(x->json->arena, whole);
  if (!known) {
    out->succeeded = false;
    memset(out->leaf, 0, sizeof out->leaf);
  }
  return true;
}

static bool txs(struct reading *x, struct block *out) {
  int cap = 0;
  if (!jsonr_open(&x->r, '['))
    return false;
  while (jsonr_item(&x->r)) {
    if (out->n == cap) {
      struct block_tx *old = out->txs;
      cap = cap ? 2 * cap : TXS_FIRST;
      out->txs = ARENA_ARRAY(x->json->arena, struct block_tx, cap);
      if (out->n > 0)
        memcpy(out->txs, old, sizeof *old * (size_t)out->n);
    }
    if (!tx(x, &out->txs[out->n]))
      return false;
    out->n++;
  }
  return !x->r.bad;
}

// --- a block ---

enum {
  RAW_NUMBER,
  RAW_ROOT,
  RAW_WITNESS,
  RAW_PARENT,
  RAW_VERSION,
  RAW_TIME,
  RAW_WITNESS_ID,
  RAW_STATE,
  RAW_N
};

static bool header_raw(struct reading *x, struct block_header *h, struct str *witness) {
  static const char *const names[RAW_N] = {"number",  "txTrieRoot", "witness_address", "parentHash",
                                           "version", "timestamp",  "witness_id",      "accountStateRoot"};
  struct members m = {names, RAW_N, 0, false};
  struct jsonr *r = &x->r;
  if (!jsonr_open(r, '{'))
    return false;
  for (int which; member_next(r, &m, &which);) {
    if (which == RAW_NUMBER)
      jsonr_i64(r, &h->number);
    else if (which == RAW_ROOT)
      jsonr_hex(r, h->tx_root, sizeof h->tx_root);
    else if (which == RAW_WITNESS)
      jsonr_str(r, witness);
    else if (which == RAW_PARENT)
      jsonr_hex(r, h->parent, sizeof h->parent);
    else if (which == RAW_VERSION)
      jsonr_i64(r, &h->version);
    else if (which == RAW_TIME)
      jsonr_i64(r, &h->time_ms);
    else if (which == RAW_WITNESS_ID)
      jsonr_i64(r, &h->witness_id);
    else
      h->has_account_state_root = jsonr_hex(r, h->account_state_root, sizeof h->account_state_root);
  }
  if (r->bad)
    return false;
  bool in_range =
      h->number >= 0 && h->number <= BLOCK_NUMBER_MAX && h->time_ms >= 0 && h->time_ms <= BLOCK_MS_MAX;
  return member_was(&m, RAW_ROOT) && member_was(&m, RAW_PARENT) && in_range
             ? true
             : rubbish(x, "a header that is not whole");
}

static bool header(struct reading *x, struct block_header *h, struct str *witness) {
  static const char *const names[] = {"raw_data", "witness_signature"};
  struct members m = {names, 2, 0, false};
  if (!jsonr_open(&x->r, '{'))
    return false;
  for (int which; member_next(&x->r, &m, &which);)
    if (which == 0)
      header_raw(x, h, witness);
    else
      h->is_signed = jsonr_hex(&x->r, h->signature, sizeof h->signature);
  if (x->r.bad)
    return false;
  return member_was(&m, 0) ? true : rubbish(x, "a block without a header");
}

// The first block has no maker: a sentence stands there.
static bool made_by(struct reading *x, struct block_header *h, struct str witness) {
  uint8_t bytes[1 + ADDRESS_N];
  if (h->number == 0)
    return true;
  if (!h->is_signed)
    return rubbish(x, "a block without a signature");
  if (!hex_decode(witness, bytes, sizeof bytes) || bytes[0] != ADDRESS_PREFIX)
    return rubbish(x, "a block without a witness");
  memcpy(h->witness.account, bytes + 1, ADDRESS_N);
  return true;
}

static bool agrees(struct reading *x, const struct block *b) {
  static const uint8_t zeros[SHA256_N];
  uint64_t number = 0;
  for (int i = 0; i < 8; i++)
    number = number << 8 | b->id[i];
  if (number != (uint64_t)b->header.number)
    return rubbish(x, "a block whose id names another height");
  if ((b->n == 0) != (memcmp(b->header.tx_root, zeros, sizeof zeros) == 0))
    return rubbish(x, "a block whose transactions are left out, or not its own");
  return true;
}

enum { BLOCK_ID, BLOCK_HEADER, BLOCK_TXS, BLOCK_ERROR, BLOCK_N };

// A block's object. With `error`, at the top: an error or nothing may stand in its place.
static enum said block(struct reading *x, struct block *out, struct str *error) {
  static const char *const names[BLOCK_N] = {"blockID", "block_header", "transactions", "Error"};
  struct members m = {names, error ? BLOCK_N : BLOCK_ERROR, 0, false};
  struct str witness = STR_NONE;
  *out = (struct block){.n = 0};
  if (!jsonr_open(&x->r, '{'))
    return SAID_RUBBISH;
  for (int which; member_next(&x->r, &m, &which);) {
    if (which == BLOCK_ID)
      jsonr_hex(&x->r, out->id, sizeof out->id);
    else if (which == BLOCK_HEADER)
      header(x, &out->header, &witness);
    else if (which == BLOCK_TXS)
      txs(x, out);
    else if (error)
      jsonr_str(&x->r, error);
  }
  if (x->r.bad)
    return SAID_RUBBISH;
  if (error && !m.any)
    return SAID_NOTHING;
  if (error && error->p)
    return SAID_ERROR;
  if (!member_was(&m, BLOCK_ID) || !member_was(&m, BLOCK_HEADER))
    return rubbish(x, "a block without an id or a header"), SAID_RUBBISH;
  return made_by(x, &out->header, witness) && agrees(x, out) ? SAID_THIS : SAID_RUBBISH;
}

static enum said ended(struct reading *x, enum said said, struct str error) {
  if (!jsonr_end(&x->r))
    said = SAID_RUBBISH;
  if (said == SAID_RUBBISH)
    x->json->why = str_of(x->why ? x->why : "not JSON, or not a block");
  if (said == SAID_ERROR)
    x->json->why = error;
  return said;
}

enum said block_read(struct block_json *j, struct str answer, struct block *out) {
  struct str error = STR_NONE;
  struct reading x;
  begin(&x, j, answer);
  if (jsonr_peek(&x.r) != '{')
    return said_instead(answer, &j->why);
  enum said said = block(&x, out, &error);
  return ended(&x, said, error);
}

enum said blocks_read(struct block_json *j, struct str answer, struct block *out, int max, int *n) {
  static const char *const names[] = {"block", "Error"};
  struct members m = {names, 2, 0, false};
  struct str error = STR_NONE;
  struct reading x;
  *n = 0;
  begin(&x, j, answer);
  if (jsonr_peek(&x.r) != '{')
    return said_instead(answer, &j->why);
  jsonr_open(&x.r, '{');
  for (int which; member_next(&x.r, &m, &which);) {
    if (which == 1) {
      jsonr_str(&x.r, &error);
      continue;
    }
    for (jsonr_open(&x.r, '['); jsonr_item(&x.r);)
      if (*n == max)
        rubbish(&x, "more blocks than were asked for");
      else if (block(&x, &out[*n], NULL) == SAID_THIS)
        (*n)++;
  }
  return ended(&x, error.p ? SAID_ERROR : *n > 0 ? SAID_THIS : SAID_NOTHING, error);
}
