// Accounts, calls that change nothing, transactions that are made for a client, broadcasting.
#include "simnode/answers_internal.h"
#include "simnode/parameters.h"

#include "base/hex.h"
#include "wire/keccak.h"

#include <stdio.h>
#include <string.h>

static void empty(struct asked *q) {
  buf_c(q->out, "{}");
}

void answer_parameters(struct asked *q) {
  static const struct {
    const char *key;
    int64_t value;
  } list[] = {
#define X(key, value) {#key, value},
      PARAMETERS(X)
#undef X
  };
  buf_printf(q->out, "{\"chainParameter\": [{\"key\": \"getMaintenanceTimeInterval\",\"value\": %lld}",
             (long long)q->chain->options.maintenance_ms);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (list[i].value)
      buf_printf(q->out, ",{\"key\": \"%s\",\"value\": %lld}", list[i].key, (long long)list[i].value);
    else
      buf_printf(q->out, ",{\"key\": \"%s\"}", list[i].key);
  buf_c(q->out, "]}");
}

void answer_energyprices(struct asked *q) {
  buf_printf(q->out, "{\"prices\": \"0:100,%lld:%d\"}", (long long)q->chain->options.genesis_ms,
             SIM_ENERGY_FEE);
}

void answer_bandwidthprices(struct asked *q) {
  buf_printf(q->out, "{\"prices\": \"0:10,%lld:%d\"}", (long long)q->chain->options.genesis_ms, SIM_NET_FEE);
}

void answer_memofee(struct asked *q) {
  buf_c(q->out, "{\"prices\": \"0:1000000\"}");
}

static void put_num_id(struct asked *q, const char *name, int64_t number) {
  char text[96], id[65];
  hex_encode(q->chain->blocks[number].id, 32, id);
  snprintf(text, sizeof text, "Num:%lld,ID:%s", (long long)number, id);
  jsonw_kstr(q->w, name, str_of(text));
}

void answer_nodeinfo(struct asked *q) {
  int64_t head = sim_node_head(q->node), begin = head > 5 ? head - 5 : 0;
  jsonw_open(q->w, '{');
  jsonw_ki64(q->w, "activeConnectCount", 0);
  jsonw_ki64(q->w, "beginSyncNum", begin);
  put_num_id(q, "block", head);
  buf_c(
      q->out,
      ",\"cheatWitnessInfoMap\":{},\"configNodeInfo\":{\"activeNodeSize\":0,\"allowAdaptiveEnergy\":1,"
      "\"allowCreationOfContracts\":1,\"backupListenPort\":10001,\"backupMemberSize\":0,\"backupPriority\":8,"
      "\"codeVersion\":\"4.8.0\",\"dbVersion\":2,\"discoverEnable\":false,\"listenPort\":18888,"
      "\"maxConnectCount\":1,\"maxTimeRatio\":5.0,\"minParticipationRate\":0,\"minTimeRatio\":0.0,"
      "\"p2pVersion\":\"333\",\"passiveNodeSize\":0,\"sameIpMaxConnectCount\":2,\"sendNodeSize\":0,"
      "\"supportConstant\":true,\"versionNum\":\"18631\"},\"currentConnectCount\":0,\"machineInfo\":{"
      "\"cpuCount\":2,\"cpuRate\":0.5,\"deadLockThreadCount\":0,\"deadLockThreadInfoList\":[],"
      "\"freeMemory\":24193482752,\"javaVersion\":\"17.0.15\",\"jvmFreeMemory\":2900627656,"
      "\"jvmTotalMemory\":3113877504,\"memoryDescInfoList\":[{\"initSize\":2555904,\"maxSize\":5828608,"
      "\"name\":\"Metaspace\",\"useRate\":0.25,\"useSize\":1366016}],\"osName\":\"Linux\","
      "\"processCpuRate\":0.01,\"threadCount\":91,\"totalMemory\":25276502016},\"passiveConnectCount\":0,"
      "\"peerList\":[]");
  put_num_id(q, "solidityBlock", sim_node_solid(q->node));
  jsonw_ki64(q->w, "totalFlow", 0);
  jsonw_close(q->w, '}');
}

// Accounts.

static int64_t of(struct asked *q, enum slot_kind kind, const struct tron_address *who) {
  return sim_value(q->chain, (struct sim_slot){kind, who, NULL}, q->solid);
}

static void put_permission(struct asked *q, const char *type, int id, const struct tron_address *key) {
  jsonw_open(q->w, '{');
  char name[16];
  size_t n = 0;
  if (strcmp(type, "Owner") != 0) {
    jsonw_kstr(q->w, "type", str_of(type));
    jsonw_ki64(q->w, "id", id);
  }
  for (; type[n]; n++)
    name[n] = (char)(type[n] | 32);
  jsonw_kstr(q->w, "permission_name", (struct str){name, n});
  jsonw_ki64(q->w, "threshold", 1);
  if (id == 2)
    jsonw_kstr(q->w, "operations", STR("7fff1fc0033e0100000000000000000000000000000000000000000000000000"));
  jsonw_key(q->w, "keys");
  jsonw_open(q->w, '[');
  jsonw_open(q->w, '{');
  put_address(q, "address", key);
  jsonw_ki64(q->w, "weight", 1);
  jsonw_close(q->w, '}');
  jsonw_close(q->w, ']');
  jsonw_close(q->w, '}');
}

static void put_permissions(struct asked *q, const struct tron_address *who) {
  jsonw_key(q->w, "owner_permission");
  put_permission(q, "Owner", 0, who);
  for (int i = 0; i < q->chain->n_witnesses; i++) {
    const struct sim_witness *w = &q->chain->witnesses[i];
    if (memcmp(&w->key.address, who, sizeof *who) != 0)
      continue;
    jsonw_key(q->w, "witness_permission");
    put_permission(q, "Witness", 1, w->rotated ? &w->permission.address : who);
  }
  jsonw_key(q->w, "active_permission");
  jsonw_open(q->w, '[');
  put_permission(q, "Active", 2, who);
  jsonw_close(q->w, ']');
}

void answer_account(struct asked *q) {
  struct tron_address who;
  bool given;
  if (!ask_address(q, "address", &who, &given))
    return;
  bool contract = given && sim_contracts_has(&q->chain->contracts, &who);
  int64_t made = given ? of(q, SLOT_ACCOUNT, &who) : 0, used = given ? of(q, SLOT_FREE_NET, &who) : 0;
  if (!made && !contract) {
    empty(q);
    return;
  }
  jsonw_open(q->w, '{');
  if (contract) {
    put_hex(q, "account_name", "Tok", 3);
    jsonw_kstr(q->w, "type", STR("Contract"));
  }
  put_address(q, "address", &who);
  if (of(q, SLOT_TRX, &who))
    jsonw_ki64(q->w, "balance", of(q, SLOT_TRX, &who));
  if (made)
    jsonw_ki64(q->w, "create_time", made);
  if (used) {
    jsonw_ki64(q->w, "latest_opration_time", of(q, SLOT_FREE_NET_MS, &who));
    jsonw_ki64(q->w, "free_net_usage", used);
    jsonw_ki64(q->w, "latest_consume_free_time", of(q, SLOT_FREE_NET_MS, &who));
  }
  buf_c(q->out, ",\"net_window_size\":28800000,\"net_window_optimized\":true,\"account_resource\":{"
                "\"energy_window_size\":28800000,\"energy_window_optimized\":true}");
  if (!contract)
    put_permissions(q, &who);
  buf_c(q->out,
        ",\"frozenV2\":[{},{\"type\":\"ENERGY\"},{\"type\":\"TRON_POWER\"}],\"asset_optimized\":true");
  jsonw_close(q->w, '}');
  put_spaced(q, 0);
}

void answer_resource(struct asked *q) {
  struct tron_address who;
  bool given;
  if (!ask_address(q, "address", &who, &given))
    return;
  if (!given || !of(q, SLOT_ACCOUNT, &who)) {
    empty(q);
    return;
  }
  jsonw_open(q->w, '{');
  if (of(q, SLOT_FREE_NET, &who))
    jsonw_ki64(q->w, "freeNetUsed", of(q, SLOT_FREE_NET, &who));
  jsonw_ki64(q->w, "freeNetLimit", SIM_FREE_NET);
  jsonw_ki64(q->w, "TotalNetLimit", INT64_C(43200000000));
  jsonw_ki64(q->w, "TotalNetWeight", 1000000);
  jsonw_ki64(q->w, "TotalEnergyLimit", INT64_C(180000000000));
  jsonw_ki64(q->w, "TotalEnergyWeight", 20000000);
  jsonw_close(q->w, '}');
  put_spaced(q, 0);
}

void answer_validate(struct asked *q) {
  struct str text = str_of(ask_text(q, "address"));
  struct tron_address a;
  uint8_t bytes[1 + ADDRESS_N];
  bool hex = text.n == 42 && hex_decode(text, bytes, sizeof bytes) && bytes[0] == 0x41;
  bool good = hex || address_parse(text, &a);
  jsonw_open(q->w, '{');
  jsonw_kbool(q->w, "result", good);
  jsonw_kstr(q->w, "message",
             hex    ? STR("Hex string format")
             : good ? STR("Base58check format")
                    : STR("Length error"));
  jsonw_close(q->w, '}');
}

// Calls.

static void put_refusal(struct asked *q, const char *code, const char *message) {
  jsonw_open(q->w, '{');
  jsonw_key(q->w, "result");
  jsonw_open(q->w, '{');
  jsonw_kstr(q->w, "code", str_of(code));
  put_message(q, "message", message, false);
  jsonw_close(q->w, '}');
  jsonw_close(q->w, '}');
}

#define INVALID "class java.security.InvalidParameterException : "

static const char *read_data(struct asked *q, struct str *data) {
  struct str parameter;
  const char *name = ask_text(q, "function_selector");
  *data = STR("");
  if (!name || !*name)
    return ask_hex(q, "data", data) ? NULL : INVALID "data";
  if (!ask_hex(q, "parameter", &parameter))
    return INVALID "parameter";
  char *bytes = arena_alloc(q->a, 4 + parameter.n);
  sim_selector(name, (uint8_t *)bytes);
  if (parameter.n)
    memcpy(bytes + 4, parameter.p, parameter.n);
  *data = (struct str){bytes, 4 + parameter.n};
  return NULL;
}

// What is asked for, as an unsigned transaction. NULL: it was refused, and said so.
static struct tx *read_call(struct asked *q, bool constant) {
  bool owner, contract;
  struct tx_ask k = {.type = TX_TRIGGER, .contracts = 1, .has_ref = true};
  const char *why = NULL;
  if (!ask_address(q, "owner_address", &k.owner, &owner) ||
      !ask_address(q, "contract_address", &k.to, &contract) || !ask_int(q, "fee_limit", &k.fee_limit) ||
      !ask_int(q, "call_value", &k.amount) || !ask_int(q, "Permission_id", &k.permission))
    return NULL;
  const struct sim_block *b = seen_block(q, seen_head(q));
  if (!owner)
    why = INVALID "owner_address isn't set.";
  else if (!contract)
    why = INVALID "At least one of contract_address and data must be set.";
  else
    why = read_data(q, &k.data);
  if (why) {
    put_refusal(q, "OTHER_ERROR", why);
    return NULL;
  }
  if (!sim_contracts_has(&q->chain->contracts, &k.to)) {
    put_refusal(q, "CONTRACT_VALIDATE_ERROR",
                constant ? "Smart contract is not exist." : "No contract or not a valid smart contract");
    return NULL;
  }
  memcpy(k.ref_bytes, b->id + 6, 2);
  memcpy(k.ref_hash, b->id + 8, 8);
  k.expiration = b->time_ms + TX_LIFE_MS;
  k.timestamp = b->time_ms + 1 + ++q->chain->asked % 1000;
  struct buf raw;
  buf_init(&raw, q->a, 2 * TX_BYTES_MAX);
  sim_tx_ask_encode(&k, q->a, &raw);
  return sim_tx_new(buf_view(&raw), NULL, 0, &why);
}

static void put_unsigned(struct asked *q, const struct tx *t, const struct sim_receipt *ran) {
  jsonw_key(q->w, "transaction");
  jsonw_open(q->w, '{');
  if (ran) {
    jsonw_key(q->w, "ret");
    jsonw_open(q->w, '[');
    jsonw_open(q->w, '{');
    if (ran->outcome != OUTCOME_SUCCESS)
      jsonw_kstr(q->w, "ret", STR("FAILED"));
    jsonw_close(q->w, '}');
    jsonw_close(q->w, ']');
  }
  jsonw_kbool(q->w, "visible", q->visible);
  put_ask(q, t);
  jsonw_close(q->w, '}');
}

static void put_good(struct asked *q, const char *message) {
  jsonw_key(q->w, "result");
  jsonw_open(q->w, '{');
  jsonw_kbool(q->w, "result", true);
  if (message)
    put_message(q, "message", message, false);
  jsonw_close(q->w, '}');
}

void answer_constant(struct asked *q) {
  struct sim_receipt r = {.outcome = OUTCOME_DEFAULT};
  struct tx *t = read_call(q, true);
  if (!t)
    return;
  struct sim_call call = {t->ask.owner, t->ask.to, t->ask.data};
  sim_constant(q->chain, &call, q->solid, &r);
  jsonw_open(q->w, '{');
  put_good(q, r.outcome == OUTCOME_SUCCESS ? NULL : r.message);
  jsonw_ki64(q->w, "energy_used", r.energy_total);
  jsonw_key(q->w, "constant_result");
  jsonw_open(q->w, '[');
  put_hex(q, NULL, r.output, r.n_output);
  jsonw_close(q->w, ']');
  put_logs(q, "logs", r.logs, r.outcome == OUTCOME_SUCCESS ? r.n_logs : 0);
  if (r.penalty)
    jsonw_ki64(q->w, "energy_penalty", r.penalty);
  put_unsigned(q, t, &r);
  jsonw_close(q->w, '}');
  sim_receipt_clear(&r);
  sim_tx_free(t);
}

void answer_estimate(struct asked *q) {
  struct sim_receipt r = {.outcome = OUTCOME_DEFAULT};
  struct tx *t = read_call(q, true);
  if (t) {
    struct sim_call call = {t->ask.owner, t->ask.to, t->ask.data};
    sim_constant(q->chain, &call, q->solid, &r);
    if (r.outcome != OUTCOME_SUCCESS)
      put_refusal(q, "CONTRACT_EXE_ERROR", r.message);
    else
      buf_printf(q->out, "{\"result\":{\"result\":true},\"energy_required\":%lld}",
                 (long long)(r.energy_total + r.energy_total / 16));
    sim_receipt_clear(&r);
    sim_tx_free(t);
  }
  if (!q->error)
    put_spaced(q, 0);
}

void answer_trigger(struct asked *q) {
  struct tx *t = read_call(q, false);
  if (!t)
    return;
  jsonw_open(q->w, '{');
  put_good(q, NULL);
  put_unsigned(q, t, NULL);
  jsonw_close(q->w, '}');
  sim_tx_free(t);
}

#define VALIDATE "class org.tron.core.exception.ContractValidateException : "

void answer_create(struct asked *q) {
  bool owner, to;
  const char *why;
  struct tx_ask k = {.type = TX_TRANSFER, .contracts = 1, .has_ref = true};
  const struct sim_block *b = seen_block(q, seen_head(q));
  if (!ask_address(q, "owner_address", &k.owner, &owner) || !ask_address(q, "to_address", &k.to, &to) ||
      !ask_int(q, "amount", &k.amount) || !ask_int(q, "Permission_id", &k.permission))
    return;
  if (!owner)
    q->error = VALIDATE "Invalid ownerAddress!";
  else if (!to)
    q->error = VALIDATE "Invalid toAddress!";
  else if (memcmp(&k.owner, &k.to, sizeof k.to) == 0)
    q->error = VALIDATE "Cannot transfer TRX to yourself.";
  else if (!of(q, SLOT_ACCOUNT, &k.owner))
    q->error = VALIDATE "Validate TransferContract error, no OwnerAccount.";
  else if (k.amount <= 0)
    q->error = VALIDATE "Amount must be greater than 0.";
  else if (of(q, SLOT_TRX, &k.owner) < k.amount)
    q->error = VALIDATE "Validate TransferContract error, balance is not sufficient.";
  if (q->error)
    return;
  memcpy(k.ref_bytes, b->id + 6, 2);
  memcpy(k.ref_hash, b->id + 8, 8);
  k.expiration = b->time_ms + TX_LIFE_MS;
  k.timestamp = b->time_ms + 1 + ++q->chain->asked % 1000;
  struct buf raw;
  buf_init(&raw, q->a, TX_BYTES_MAX);
  sim_tx_ask_encode(&k, q->a, &raw);
  struct tx *t = sim_tx_new(buf_view(&raw), NULL, 0, &why);
  jsonw_open(q->w, '{');
  jsonw_kbool(q->w, "visible", q->visible);
  put_ask(q, t);
  jsonw_close(q->w, '}');
  sim_tx_free(t);
}

// Broadcasting. The node writes raw_data again from its JSON: a field that it does not know is lost.

static bool read_value(struct asked *q, json_t *value, struct tx_ask *k) {
  bool owner, to;
  json_t *outer = q->args;
  q->args = value;
  bool ok = ask_address(q, "owner_address", &k->owner, &owner) &&
            ask_address(q, k->type == TX_TRIGGER ? "contract_address" : "to_address", &k->to, &to) &&
            ask_int(q, k->type == TX_TRIGGER ? "call_value" : "amount", &k->amount) &&
            (k->type != TX_TRIGGER || ask_hex(q, "data", &k->data));
  q->args = outer;
  return ok;
}

static bool read_raw(struct asked *q, json_t *raw, struct tx_ask *k) {
  json_t *contract = json_array_get(json_object_get(raw, "contract"), 0), *outer = q->args;
  const char *type = json_string_value(json_object_get(contract, "type"));
  struct str bytes = STR(""), hash = STR("");
  k->type = type && strcmp(type, "TriggerSmartContract") == 0 ? TX_TRIGGER
            : type && strcmp(type, "TransferContract") == 0   ? TX_TRANSFER
                                                              : 0;
  k->contracts = k->type ? 1 : 0;
  q->args = raw;
  bool ok = ask_hex(q, "ref_block_bytes", &bytes) && ask_hex(q, "ref_block_hash", &hash) &&
            ask_int(q, "expiration", &k->expiration) && ask_int(q, "timestamp", &k->timestamp) &&
            ask_int(q, "fee_limit", &k->fee_limit);
  if (ok && q->visible)
    k->memo = str_of(ask_text(q, "data"));
  else
    ok = ok && ask_hex(q, "data", &k->memo);
  q->args = contract;
  ok = ok && ask_int(q, "Permission_id", &k->permission);
  q->args = outer;
  k->has_ref = bytes.n == 2 && hash.n == 8;
  if (k->has_ref) {
    memcpy(k->ref_bytes, bytes.p, 2);
    memcpy(k->ref_hash, hash.p, 8);
  }
  json_t *value = json_object_get(json_object_get(contract, "parameter"), "value");
  return ok && (k->type == 0 || read_value(q, value, k));
}

static int read_signatures(struct asked *q, struct str out[TX_SIGNATURES_MAX]) {
  json_t *list = json_object_get(q->args, "signature"), *item;
  size_t i;
  int n = 0;
  json_array_foreach(list, i, item) {
    struct str digits = str_of(json_string_value(item));
    char *bytes = arena_alloc(q->a, digits.n / 2 + 1);
    if (n < TX_SIGNATURES_MAX && digits.p && hex_decode(digits, bytes, digits.n / 2))
      out[n++] = (struct str){bytes, digits.n / 2};
  }
  return n;
}

void answer_broadcast(struct asked *q) {
  struct tx_ask k = {.type = 0};
  struct sim_verdict verdict;
  struct str signatures[TX_SIGNATURES_MAX];
  struct buf raw;
  const char *why;
  json_t *data = json_object_get(q->args, "raw_data");
  if (!json_is_object(data)) {
    q->error = "class java.lang.NullPointerException : Cannot invoke "
               "\"com.alibaba.fastjson.JSONObject.getJSONArray(String)\" because \"<local3>\" is null";
    return;
  }
  if (!read_raw(q, data, &k))
    return;
  buf_init(&raw, q->a, SIM_BODY_MAX);
  sim_tx_ask_encode(&k, q->a, &raw);
  struct tx *t = sim_tx_new(buf_view(&raw), signatures, read_signatures(q, signatures), &why);
  char id[65];
  hex_encode(t->id, 32, id);
  bool taken = sim_push(q->chain, t, &verdict);
  jsonw_open(q->w, '{');
  if (taken)
    jsonw_kbool(q->w, "result", true);
  else
    jsonw_kstr(q->w, "code", str_of(verdict.code));
  jsonw_kstr(q->w, "txid", str_of(id));
  if (!taken) {
    put_message(q, "message", verdict.message, q->visible);
    sim_tx_free(t);
  }
  jsonw_close(q->w, '}');
}

// The transaction as JsonFormat prints it, for a text within JSON.
static struct str printed(struct asked *q, const struct tx *t) {
  struct buf text;
  struct jsonw w, *outer = q->w;
  const struct tx_ask *k = &t->ask;
  buf_init(&text, q->a, SIM_ANSWER_MAX / 16);
  jsonw_init(&w, &text);
  q->w = &w;
  jsonw_open(&w, '{');
  if (t->raw.n) {
    jsonw_key(&w, "raw_data");
    jsonw_open(&w, '{');
    if (k->has_ref) {
      put_hex(q, "ref_block_bytes", k->ref_bytes, 2);
      put_hex(q, "ref_block_hash", k->ref_hash, 8);
    }
    if (k->expiration)
      jsonw_ki64(&w, "expiration", k->expiration);
    jsonw_key(&w, "contract");
    jsonw_open(&w, '[');
    jsonw_open(&w, '{');
    jsonw_kstr(&w, "type", k->type == TX_TRIGGER ? STR("TriggerSmartContract") : STR("TransferContract"));
    jsonw_key(&w, "parameter");
    jsonw_open(&w, '{');
    jsonw_kstr(&w, "type_url",
               k->type == TX_TRIGGER ? STR("type.googleapis.com/protocol.TriggerSmartContract")
                                     : STR("type.googleapis.com/protocol.TransferContract"));
    put_hex(q, "value", k->contract.p ? k->contract.p : "", k->contract.n);
    jsonw_close(&w, '}');
    jsonw_close(&w, '}');
    jsonw_close(&w, ']');
    if (k->timestamp)
      jsonw_ki64(&w, "timestamp", k->timestamp);
    if (k->fee_limit)
      jsonw_ki64(&w, "fee_limit", k->fee_limit);
    jsonw_close(&w, '}');
  }
  if (t->n_signatures) {
    jsonw_key(&w, "signature");
    jsonw_open(&w, '[');
    for (int i = 0; i < t->n_signatures; i++)
      put_hex(q, NULL, t->signatures[i].p, t->signatures[i].n);
    jsonw_close(&w, ']');
  }
  jsonw_close(&w, '}');
  q->w = outer;
  return sim_spaced(q->a, buf_view(&text));
}

void answer_broadcasthex(struct asked *q) {
  struct sim_verdict verdict;
  struct str bytes;
  const char *why = "";
  const json_t *given = json_object_get(q->args, "transaction");
  bool number = json_is_integer(given);
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", number ? (long long)json_integer_value(given) : 0);
  if (number)
    json_object_set_new(q->args, "transaction", json_string(digits));
  if (!ask_hex(q, "transaction", &bytes)) {
    q->error = "class org.bouncycastle.util.encoders.DecoderException : exception decoding Hex string";
    return;
  }
  struct tx *t = sim_tx_read(bytes, &why);
  if (!t) {
    q->error = str_printf(q->a, "class com.google.protobuf.InvalidProtocolBufferException : %s", why).p;
    return;
  }
  char id[65];
  hex_encode(t->id, 32, id);
  struct str text = printed(q, t);
  bool taken = sim_push(q->chain, t, &verdict);
  jsonw_open(q->w, '{');
  jsonw_kbool(q->w, "result", taken);
  jsonw_kstr(q->w, "code", str_of(verdict.code));
  jsonw_kstr(q->w, "txid", str_of(id));
  jsonw_kstr(q->w, "message", str_of(verdict.message));
  jsonw_kstr(q->w, "transaction", text);
  jsonw_close(q->w, '}');
  if (!taken)
    sim_tx_free(t);
}
