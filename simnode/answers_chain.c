// Blocks, transactions, receipts, witnesses.
#include "simnode/answers_internal.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

static void empty(struct asked *q) {
  buf_c(q->out, "{}");
}

static void put_text_hex(struct asked *q, const char *name, struct str bytes) {
  if (bytes.n)
    put_hex(q, name, bytes.p, bytes.n);
}

static void put_positive(struct asked *q, const char *name, int64_t v) { // defaults are absent
  if (v != 0)
    jsonw_ki64(q->w, name, v);
}

static const char *type_name(int type) {
  return type == TX_TRIGGER ? "TriggerSmartContract" : "TransferContract";
}

static void put_contract(struct asked *q, const struct tx *t) {
  const struct tx_ask *k = &t->ask;
  bool call = k->type == TX_TRIGGER;
  char url[80];
  snprintf(url, sizeof url, "type.googleapis.com/protocol.%s", type_name(k->type));
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "parameter");
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "value");
  jsonw_open(q->w, '{');
  if (call)
    put_text_hex(q, "data", k->data);
  put_positive(q, call ? "call_value" : "amount", k->amount);
  if (t->genesis)
    put_hex(q, "owner_address", "0x000000000000000000000", 23);
  else
    put_address(q, "owner_address", &k->owner);
  put_address(q, call ? "contract_address" : "to_address", &k->to);
  jsonw_close(q->w, '}');
  jsonw_kstr(q->w, "type_url", str_of(url));
  jsonw_close(q->w, '}');
  jsonw_kstr(q->w, "type", str_of(type_name(k->type)));
  put_positive(q, "Permission_id", k->permission);
  jsonw_close(q->w, '}');
}

void put_ask(struct asked *q, const struct tx *t) {
  const struct tx_ask *k = &t->ask;
  put_hex(q, "txID", t->id, 32);
  jsonw_key(q->w, "raw_data");
  jsonw_open(q->w, '{');
  if (q->visible && k->memo.n)
    jsonw_kstr(q->w, "data", k->memo);
  else
    put_text_hex(q, "data", k->memo);
  jsonw_key(q->w, "contract");
  jsonw_open(q->w, '[');
  put_contract(q, t);
  jsonw_close(q->w, ']');
  if (k->has_ref) {
    put_hex(q, "ref_block_bytes", k->ref_bytes, 2);
    put_hex(q, "ref_block_hash", k->ref_hash, 8);
  }
  put_positive(q, "expiration", k->expiration);
  put_positive(q, "fee_limit", k->fee_limit);
  put_positive(q, "timestamp", k->timestamp);
  jsonw_close(q->w, '}');
  put_hex(q, "raw_data_hex", t->raw.p, t->raw.n);
}

static void put_tx(struct asked *q, const struct tx *t, enum sim_outcome ret) {
  jsonw_open(q->w, '{');
  if (!t->genesis) {
    jsonw_key(q->w, "ret");
    jsonw_open(q->w, '[');
    jsonw_open(q->w, '{');
    jsonw_kstr(q->w, "contractRet", str_of(sim_outcome_name(ret)));
    jsonw_close(q->w, '}');
    jsonw_close(q->w, ']');
    jsonw_key(q->w, "signature");
    jsonw_open(q->w, '[');
    for (int i = 0; i < t->n_signatures; i++)
      put_hex(q, NULL, t->signatures[i].p, t->signatures[i].n);
    jsonw_close(q->w, ']');
  }
  put_ask(q, t);
  jsonw_close(q->w, '}');
}

static void put_header(struct asked *q, const struct sim_block *b) {
  jsonw_key(q->w, "block_header");
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "raw_data");
  jsonw_open(q->w, '{');
  put_positive(q, "number", b->number);
  put_hex(q, "txTrieRoot", b->root, 32);
  if (b->witness < 0) {
    static const char say[] =
        "A new system must allow existing systems to be linked together without requiring any "
        "central control or coordination";
    put_hex(q, "witness_address", say, sizeof say - 1);
  } else
    put_address(q, "witness_address", &q->chain->witnesses[b->witness].key.address);
  put_hex(q, "parentHash", b->parent, 32);
  if (b->witness >= 0)
    jsonw_ki64(q->w, "version", 32);
  put_positive(q, "timestamp", b->time_ms);
  jsonw_close(q->w, '}');
  if (b->witness >= 0)
    put_hex(q, "witness_signature", b->signature, sizeof b->signature);
  jsonw_close(q->w, '}');
}

static void put_block(struct asked *q, const struct sim_block *b, bool detail) {
  uint8_t id[32];
  memcpy(id, b->id, 32);
  if (q->node->lie == LIE_ID)
    id[31] ^= 1;
  jsonw_open(q->w, '{');
  put_hex(q, "blockID", id, 32);
  put_header(q, b);
  if (detail && b->n) {
    jsonw_key(q->w, "transactions");
    jsonw_open(q->w, '[');
    for (int i = 0; i < b->n; i++) {
      enum sim_outcome ret = b->txs[i]->ret;
      if (q->node->lie == LIE_TX && i == 0)
        ret = ret == OUTCOME_SUCCESS ? OUTCOME_REVERT : OUTCOME_SUCCESS;
      put_tx(q, b->txs[i], ret);
    }
    jsonw_close(q->w, ']');
  }
  jsonw_close(q->w, '}');
}

static void block_or_nothing(struct asked *q, const struct sim_block *b, bool detail) {
  if (b)
    put_block(q, b, detail);
  else
    empty(q);
}

void answer_nowblock(struct asked *q) {
  block_or_nothing(q, seen_block(q, seen_head(q)), true);
}

void answer_blockbynum(struct asked *q) {
  int64_t number;
  if (ask_int(q, "num", &number))
    block_or_nothing(q, seen_block(q, number), true);
}

static const struct sim_block *by_id(struct asked *q, struct str id) {
  int64_t number = 0;
  if (id.n != 32)
    return NULL;
  for (int i = 0; i < 8; i++)
    number = number << 8 | (uint8_t)id.p[i];
  const struct sim_block *b = seen_block(q, number);
  return b && memcmp(b->id, id.p, 32) == 0 ? b : NULL;
}

void answer_blockbyid(struct asked *q) {
  struct str id;
  if (ask_hex(q, "value", &id))
    block_or_nothing(q, by_id(q, id), true);
}

void answer_block(struct asked *q) {
  struct str what = str_of(ask_text(q, "id_or_num"));
  const json_t *detail = json_object_get(q->args, "detail");
  bool full = json_is_true(detail) || (json_is_string(detail) && !strcmp(json_string_value(detail), "true"));
  int64_t number = seen_head(q);
  struct str id = STR("");
  const json_t *plain = json_object_get(q->args, "id_or_num");
  if (json_is_integer(plain))
    number = json_integer_value(plain);
  else if (what.p && !str_to_i64(what, &number)) {
    if (what.n != 64 || !ask_hex(q, "id_or_num", &id)) {
      q->error = "id must be legal block hash.";
      return;
    }
    block_or_nothing(q, by_id(q, id), full);
    return;
  }
  block_or_nothing(q, seen_block(q, number), full);
}

static void put_range(struct asked *q, int64_t from, int64_t to) {
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "block");
  jsonw_open(q->w, '[');
  for (int64_t i = from; i < to; i++) {
    const struct sim_block *b = seen_block(q, i);
    if (b)
      put_block(q, b, true);
  }
  jsonw_close(q->w, ']');
  jsonw_close(q->w, '}');
}

void answer_limitnext(struct asked *q) {
  int64_t from, to;
  if (!ask_int(q, "startNum", &from) || !ask_int(q, "endNum", &to))
    return;
  if (from < 0 || to <= from || to - from > 100)
    empty(q);
  else
    put_range(q, from, to);
}

void answer_latestnum(struct asked *q) {
  int64_t n;
  if (!ask_int(q, "num", &n))
    return;
  if (n <= 0 || n >= 100)
    empty(q);
  else
    put_range(q, seen_head(q) - n + 1, seen_head(q) + 1);
}

// Pending ones too on the full node, and those of blocks that are gone (tron.md 3.3).
static const struct tx *seen_tx(struct asked *q) {
  struct str id;
  if (!ask_hex(q, "value", &id) || id.n != 32)
    return NULL;
  const struct tx *t = sim_tx(q->chain, (const uint8_t *)id.p);
  return t && (t->block < 0 ? !q->solid : t->block <= seen_head(q)) ? t : NULL;
}

void answer_txbyid(struct asked *q) {
  const struct tx *t = seen_tx(q);
  if (t)
    put_tx(q, t, t->ret);
  else if (!q->error)
    empty(q);
}

// Receipts.

void put_logs(struct asked *q, const char *name, const struct tx_log *logs, int n) {
  if (n == 0)
    return;
  jsonw_key(q->w, name);
  jsonw_open(q->w, '[');
  for (int i = 0; i < n; i++) {
    jsonw_open(q->w, '{');
    put_hex(q, "address", logs[i].address.account, ADDRESS_N);
    put_text_hex(q, "data", (struct str){(const char *)logs[i].data, logs[i].n_data});
    jsonw_key(q->w, "topics");
    jsonw_open(q->w, '[');
    for (int k = 0; k < logs[i].n_topics; k++)
      put_hex(q, NULL, logs[i].topics[k], 32);
    jsonw_close(q->w, ']');
    jsonw_close(q->w, '}');
  }
  jsonw_close(q->w, ']');
}

static void put_internals(struct asked *q, const struct sim_receipt *r) {
  if (r->n_internals == 0)
    return;
  jsonw_key(q->w, "internal_transactions");
  jsonw_open(q->w, '[');
  for (int i = 0; i < r->n_internals; i++) {
    jsonw_open(q->w, '{');
    put_hex(q, "hash", r->internals[i].hash, 32);
    put_address(q, "caller_address", &r->internals[i].caller);
    put_address(q, "transferTo_address", &r->internals[i].to);
    jsonw_key(q->w, "callValueInfo");
    jsonw_open(q->w, '[');
    jsonw_open(q->w, '{');
    put_positive(q, "callValue", r->internals[i].value);
    jsonw_close(q->w, '}');
    jsonw_close(q->w, ']');
    put_hex(q, "note", "call", 4);
    if (r->outcome != OUTCOME_SUCCESS)
      jsonw_kbool(q->w, "rejected", true);
    jsonw_close(q->w, '}');
  }
  jsonw_close(q->w, ']');
}

static void put_receipt(struct asked *q, const struct sim_receipt *r) {
  jsonw_key(q->w, "receipt");
  jsonw_open(q->w, '{');
  if (r->outcome != OUTCOME_DEFAULT)
    jsonw_kstr(q->w, "result", str_of(sim_outcome_name(r->outcome)));
  put_positive(q, "energy_usage", r->energy_usage);
  put_positive(q, "energy_fee", r->energy_fee);
  put_positive(q, "energy_usage_total", r->energy_total);
  put_positive(q, "net_usage", r->net_usage);
  put_positive(q, "net_fee", r->net_fee);
  put_positive(q, "energy_penalty_total", r->penalty);
  jsonw_close(q->w, '}');
}

static void put_info(struct asked *q, const struct tx *t, const struct sim_receipt *r) {
  bool failed = r->outcome > OUTCOME_SUCCESS;
  jsonw_open(q->w, '{');
  put_hex(q, "id", t->id, 32);
  put_positive(q, "fee", r->fee);
  put_positive(q, "blockNumber", t->block);
  put_positive(q, "blockTimeStamp", q->chain->blocks[t->block].time_ms);
  jsonw_key(q->w, "contractResult");
  jsonw_open(q->w, '[');
  put_hex(q, NULL, r->output, r->n_output);
  jsonw_close(q->w, ']');
  if (t->ask.type == TX_TRIGGER)
    put_address(q, "contract_address", &t->ask.to);
  put_receipt(q, r);
  put_logs(q, "log", r->logs, r->n_logs);
  if (failed)
    jsonw_kstr(q->w, "result", STR("FAILED"));
  if (failed && r->message)
    put_message(q, "resMessage", r->message, false);
  put_internals(q, r);
  jsonw_close(q->w, '}');
}

static bool is_token(const struct asked *q, const struct tx_log *l) {
  return memcmp(&l->address, &q->chain->contracts.token, sizeof l->address) == 0;
}

static void invent(const struct asked *q, struct tx_log *l, const struct tron_address *to, int64_t amount) {
  *l = (struct tx_log){.address = q->chain->contracts.token, .n_topics = 3, .n_data = SIM_WORD};
  sim_keccak("Transfer(address,address,uint256)", l->topics[0]);
  sim_word_address(&q->chain->bank.address, l->topics[1]);
  sim_word_address(to, l->topics[2]);
  sim_word_number(amount, l->data);
}

// The receipt as this node tells it. `last` of its block.
static struct sim_receipt told(struct asked *q, const struct tx *t, bool last) {
  struct sim_receipt r = t->receipt;
  struct tx_log *logs = arena_alloc(q->a, ((size_t)r.n_logs + 1) * sizeof *logs);
  int n = 0;
  for (int i = 0; i < r.n_logs; i++) {
    if (q->node->lie == LIE_HIDE && is_token(q, &r.logs[i]))
      continue;
    logs[n] = r.logs[i];
    if (q->node->lie == LIE_VALUE && is_token(q, &logs[n]))
      logs[n].data[SIM_WORD - 1] ^= 1;
    n++;
  }
  if (q->node->lie == LIE_OUTCOME && r.outcome > OUTCOME_SUCCESS) {
    r.outcome = OUTCOME_SUCCESS;
    if (n == 0 && t->ask.data.n >= 4 + 2 * SIM_WORD) {
      struct tron_address to;
      memcpy(to.account, t->ask.data.p + 4 + SIM_WORD - ADDRESS_N, ADDRESS_N);
      invent(q, &logs[n], &to, 0);
      memcpy(logs[n++].data, t->ask.data.p + 4 + SIM_WORD, SIM_WORD);
    }
  }
  if (q->node->lie == LIE_EXTRA && last && r.outcome == OUTCOME_SUCCESS)
    invent(q, &logs[n++], &q->node->lie_to, q->node->lie_amount);
  r.logs = logs;
  r.n_logs = n;
  return r;
}

void answer_infobyid(struct asked *q) {
  const struct tx *t = seen_tx(q);
  if (!t || t->block <= 0) {
    if (!q->error)
      empty(q);
    return;
  }
  const struct sim_block *b = &q->chain->blocks[t->block];
  struct sim_receipt r = told(q, t, b->txs[b->n - 1] == t);
  put_info(q, t, &r);
  put_spaced(q, 0);
}

void answer_infobynum(struct asked *q) {
  int64_t number;
  if (!ask_int(q, "num", &number))
    return;
  if (number <= 0) {
    empty(q);
    return;
  }
  const struct sim_block *b = seen_block(q, number);
  int n = b ? b->n : 0;
  if (q->node->lie == LIE_SHORT && n > 0)
    n--;
  jsonw_open(q->w, '[');
  for (int i = 0; i < n; i++) {
    struct sim_receipt r = told(q, b->txs[i], i == n - 1);
    put_info(q, b->txs[i], &r);
  }
  jsonw_close(q->w, ']');
}

void answer_count(struct asked *q) {
  int64_t number;
  if (!ask_int(q, "num", &number))
    return;
  const struct sim_block *b = seen_block(q, number);
  buf_printf(q->out, "{\"count\": %d}", b ? b->n : 0);
}

void answer_pendinglist(struct asked *q) {
  jsonw_open(q->w, '{');
  if (q->chain->n_pending) {
    jsonw_key(q->w, "txId");
    jsonw_open(q->w, '[');
    for (int i = 0; i < q->chain->n_pending; i++)
      put_hex(q, NULL, q->chain->pending[i]->id, 32);
    jsonw_close(q->w, ']');
  }
  jsonw_close(q->w, '}');
}

void answer_pendingsize(struct asked *q) {
  buf_printf(q->out, "{\"pendingSize\": %d}", q->chain->n_pending);
}

// Witnesses.

static int64_t of_witness(struct asked *q, enum slot_kind kind, int i) {
  struct tron_address a = sim_slot_number(i);
  return sim_value(q->chain, (struct sim_slot){kind, &a, NULL}, q->solid);
}

void answer_witnesses(struct asked *q) {
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "witnesses");
  jsonw_open(q->w, '[');
  for (int i = 0; i < q->chain->n_witnesses; i++) {
    int64_t latest = of_witness(q, SLOT_LATEST, i);
    bool active = false;
    char url[40];
    for (int k = 0; k < q->chain->options.witnesses; k++)
      active = active || sim_active(q->chain, k) == i;
    snprintf(url, sizeof url, "http://w%d.invalid", i + 1);
    jsonw_open(q->w, '{');
    put_address(q, "address", &q->chain->witnesses[i].key.address);
    put_positive(q, "voteCount", of_witness(q, SLOT_VOTES, i));
    jsonw_kstr(q->w, "url", str_of(url));
    put_positive(q, "totalProduced", of_witness(q, SLOT_MADE, i));
    if (latest > 0) {
      jsonw_ki64(q->w, "latestBlockNum", latest);
      jsonw_ki64(q->w, "latestSlotNum",
                 (q->chain->blocks[latest].time_ms - q->chain->options.genesis_ms) /
                     q->chain->options.slot_ms);
    }
    if (active)
      jsonw_kbool(q->w, "isJobs", true);
    jsonw_close(q->w, '}');
  }
  jsonw_close(q->w, ']');
  jsonw_close(q->w, '}');
  put_spaced(q, 0);
}

void answer_nextmaintenance(struct asked *q) {
  struct tron_address next = sim_slot_number(OF_CHAIN_NEXT_MAINTENANCE);
  buf_printf(q->out, "{\"num\": %lld}",
             (long long)sim_value(q->chain, (struct sim_slot){SLOT_CHAIN, &next, NULL}, false));
}
