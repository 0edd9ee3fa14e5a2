#include "simnode/tx.h"

#include "base/bug.h"
#include "simnode/pb.h"

#include <stdlib.h>
#include <string.h>

const char *sim_outcome_name(enum sim_outcome o) {
  static const char *const names[] = {
      "DEFAULT",
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
      "INVALID_CODE",
  };
  return names[o];
}

static void put_address(struct buf *out, int field, const struct tron_address *address) {
  uint8_t bytes[1 + ADDRESS_N] = {0x41};
  memcpy(bytes + 1, address->account, ADDRESS_N);
  sim_pb_message(out, field, (struct str){(char *)bytes, sizeof bytes});
}

struct str sim_tx_contract(const struct tx_ask *ask, struct arena *a) {
  bool call = ask->type == TX_TRIGGER;
  struct buf value, any, contract;
  buf_init(&value, a, TX_BYTES_MAX * 2);
  buf_init(&any, a, TX_BYTES_MAX * 2);
  buf_init(&contract, a, TX_BYTES_MAX * 2);
  put_address(&value, 1, &ask->owner);
  put_address(&value, 2, &ask->to);
  sim_pb_int(&value, 3, ask->amount);
  if (call)
    sim_pb_bytes(&value, 4, ask->data);
  sim_pb_bytes(&any, 1,
               call ? STR("type.googleapis.com/protocol.TriggerSmartContract")
                    : STR("type.googleapis.com/protocol.TransferContract"));
  sim_pb_message(&any, 2, buf_view(&value));
  sim_pb_int(&contract, 1, ask->type);
  sim_pb_message(&contract, 2, buf_view(&any));
  sim_pb_int(&contract, 5, ask->permission);
  return buf_view(&contract);
}

void sim_tx_ask_encode(const struct tx_ask *ask, struct arena *a, struct buf *out) {
  if (ask->has_ref) {
    sim_pb_bytes(out, 1, (struct str){(const char *)ask->ref_bytes, 2});
    sim_pb_bytes(out, 4, (struct str){(const char *)ask->ref_hash, 8});
  }
  sim_pb_int(out, 8, ask->expiration);
  sim_pb_bytes(out, 10, ask->memo);
  for (int i = 0; i < ask->contracts; i++)
    sim_pb_message(out, 11, ask->contract.p ? ask->contract : sim_tx_contract(ask, a));
  sim_pb_int(out, 14, ask->timestamp);
  sim_pb_int(out, 18, ask->fee_limit);
  buf_str(out, ask->unknown);
}

static bool read_address(struct str bytes, struct tron_address *out) {
  if (bytes.n != 1 + ADDRESS_N || bytes.p[0] != 0x41)
    return false;
  memcpy(out->account, bytes.p + 1, ADDRESS_N);
  return true;
}

static void read_value(struct str bytes, struct tx_ask *out) {
  struct sim_pb r;
  struct sim_pb_field f;
  sim_pb_open(&r, bytes);
  while (sim_pb_next(&r, &f))
    if (f.number == 1)
      out->owner_good = read_address(f.bytes, &out->owner);
    else if (f.number == 2)
      out->to_good = read_address(f.bytes, &out->to);
    else if (f.number == 3)
      out->amount = f.i;
    else if (f.number == 4)
      out->data = f.bytes;
}

static const char *read_contract(struct str bytes, struct tx_ask *out) {
  struct sim_pb r, any;
  struct sim_pb_field f;
  out->contract = bytes;
  sim_pb_open(&r, bytes);
  while (sim_pb_next(&r, &f))
    if (f.number == 1)
      out->type = (int)f.i;
    else if (f.number == 5)
      out->permission = f.i;
    else if (f.number == 2) {
      struct sim_pb_field g;
      sim_pb_open(&any, f.bytes);
      while (sim_pb_next(&any, &g))
        if (g.number == 2)
          read_value(g.bytes, out);
      if (any.bad)
        return any.bad;
    }
  return r.bad;
}

const char *sim_tx_ask_read(struct str raw, struct tx_ask *out) {
  struct sim_pb r;
  struct sim_pb_field f;
  bool ref_hash = false;
  *out = (struct tx_ask){.has_ref = false};
  sim_pb_open(&r, raw);
  while (sim_pb_next(&r, &f)) {
    if (f.number == 1 && f.bytes.n == sizeof out->ref_bytes) {
      memcpy(out->ref_bytes, f.bytes.p, f.bytes.n);
      out->has_ref = true;
    } else if (f.number == 4 && f.bytes.n == sizeof out->ref_hash) {
      memcpy(out->ref_hash, f.bytes.p, f.bytes.n);
      ref_hash = true;
    } else if (f.number == 8)
      out->expiration = f.i;
    else if (f.number == 10)
      out->memo = f.bytes;
    else if (f.number == 11) {
      out->contracts++;
      const char *bad = read_contract(f.bytes, out);
      if (bad)
        return bad;
    } else if (f.number == 14)
      out->timestamp = f.i;
    else if (f.number == 18)
      out->fee_limit = f.i;
    else if (f.number != 1 && f.number != 4)
      out->unknown = f.whole;
  }
  out->has_ref = out->has_ref && ref_hash;
  return r.bad;
}

static struct str kept(struct str s) {
  char *p = malloc(s.n + 1);
  BUG_IF(!p, "out of memory");
  memcpy(p, s.p ? s.p : "", s.n);
  return (struct str){p, s.n};
}

// A node parses and writes again: what was not canonical becomes another transaction.
static const char *canonical(struct str raw, struct arena *a, struct buf *out) {
  struct tx_ask ask;
  const char *bad = sim_tx_ask_read(raw, &ask);
  if (!bad && ask.contracts > 1) // not written again, since it goes no further
    buf_str(out, raw);
  else if (!bad)
    sim_tx_ask_encode(&ask, a, out);
  return bad;
}

struct tx *sim_tx_new(struct str raw, const struct str *signatures, int n, const char **why) {
  struct arena a;
  struct buf bytes;
  arena_init(&a, 64 << 20);
  buf_init(&bytes, &a, 16 << 20);
  *why = canonical(raw, &a, &bytes);
  struct tx *t = NULL;
  if (!*why) {
    t = calloc(1, sizeof *t);
    BUG_IF(!t, "out of memory");
    t->raw = kept(buf_view(&bytes));
    t->block = -1;
    sha256(t->raw, t->id);
    sim_tx_ask_read(t->raw, &t->ask);
    for (int i = 0; i < n && i < TX_SIGNATURES_MAX; i++)
      t->signatures[t->n_signatures++] = kept(signatures[i]);
  }
  arena_free(&a);
  return t;
}

struct tx *sim_tx_read(struct str bytes, const char **why) {
  struct sim_pb r;
  struct sim_pb_field f;
  struct str raw = STR(""), signatures[TX_SIGNATURES_MAX];
  int n = 0;
  sim_pb_open(&r, bytes);
  while (sim_pb_next(&r, &f))
    if (f.number == 1 && f.bytes.p)
      raw = f.bytes;
    else if (f.number == 2 && n < TX_SIGNATURES_MAX && f.bytes.p)
      signatures[n++] = f.bytes;
  *why = r.bad;
  return r.bad ? NULL : sim_tx_new(raw, signatures, n, why);
}

void sim_tx_sign(struct tx *t, const struct sim_key *key) {
  uint8_t signature[SIGNATURE_BYTES];
  sim_sign(key, t->id, 27, signature);
  BUG_IF(t->n_signatures == TX_SIGNATURES_MAX, "too many signatures");
  t->signatures[t->n_signatures++] = kept((struct str){(char *)signature, sizeof signature});
}

void sim_receipt_clear(struct sim_receipt *r) {
  free(r->logs);
  free(r->internals);
  *r = (struct sim_receipt){.outcome = OUTCOME_DEFAULT};
}

void sim_tx_free(struct tx *t) {
  for (int i = 0; i < t->n_signatures; i++)
    free((char *)t->signatures[i].p);
  free((char *)t->raw.p);
  sim_receipt_clear(&t->receipt);
  free(t);
}

void sim_tx_encode(const struct tx *t, bool with_ret, struct buf *out) {
  sim_pb_message(out, 1, t->raw);
  for (int i = 0; i < t->n_signatures; i++)
    sim_pb_message(out, 2, t->signatures[i]);
  const uint8_t ret[] = {0x18, (uint8_t)t->ret};
  if (with_ret && !t->genesis)
    sim_pb_message(out, 5, (struct str){(const char *)ret, sizeof ret});
}

void sim_tx_leaf(struct tx *t, struct arena *a) {
  struct buf bytes;
  buf_init(&bytes, a, 2 * TX_BYTES_MAX);
  sim_tx_encode(t, true, &bytes);
  sha256(buf_view(&bytes), t->leaf);
}

// One more place of `size` bytes.
static void *one_more(void *list, int n, int *cap, size_t size) {
  if (n < *cap)
    return list;
  *cap = *cap ? *cap * 2 : 2;
  list = realloc(list, (size_t)*cap * size);
  BUG_IF(!list, "out of memory");
  return list;
}

struct tx_log *sim_receipt_log(struct sim_receipt *r) {
  r->logs = one_more(r->logs, r->n_logs, &r->cap_logs, sizeof *r->logs);
  struct tx_log *l = &r->logs[r->n_logs++];
  *l = (struct tx_log){.n_topics = 0};
  return l;
}

struct tx_internal *sim_receipt_internal(struct sim_receipt *r) {
  r->internals = one_more(r->internals, r->n_internals, &r->cap_internals, sizeof *r->internals);
  struct tx_internal *i = &r->internals[r->n_internals++];
  *i = (struct tx_internal){.value = 0};
  return i;
}
