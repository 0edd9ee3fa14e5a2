// Receipts of a block, and which of the token's transfers may be credited: tron.md 3.3, 3.4.
#include "base/hex.h"
#include "wire/block_json.h"

#include <string.h>

enum { TRANSFERS_FIRST = 16, TOPICS_OF_TRANSFER = 3, WORD_N = 32, ABOVE_ADDRESS_N = WORD_N - ADDRESS_N };

struct reading {
  struct jsonr r;
  const struct block *block;
  struct block_json *json;
  struct receipts *out;
  int cap;
  const char *why;
};

static bool rubbish(struct reading *x, const char *why) {
  if (!x->r.bad)
    x->why = why;
  return jsonr_refuse(&x->r);
}

// --- one log ---

struct log_text {
  struct str address, data, topics[TOPICS_OF_TRANSFER];
  int n_topics;
};

static bool log_text(struct reading *x, struct log_text *t) {
  static const char *const names[] = {"address", "topics", "data"};
  struct members m = {names, 3, 0, false};
  struct str topic;
  *t = (struct log_text){.n_topics = 0};
  if (!jsonr_open(&x->r, '{'))
    return false;
  for (int which; member_next(&x->r, &m, &which);) {
    if (which == 0)
      jsonr_str(&x->r, &t->address);
    else if (which == 2)
      jsonr_str(&x->r, &t->data);
    else
      for (jsonr_open(&x->r, '['); jsonr_item(&x->r) && jsonr_str(&x->r, &topic); t->n_topics++)
        if (t->n_topics < TOPICS_OF_TRANSFER)
          t->topics[t->n_topics] = topic;
  }
  return !x->r.bad;
}

// An address in a topic; none where something stands above it.
static bool topic_address(struct str topic, struct tron_address *out) {
  static const uint8_t zeros[ABOVE_ADDRESS_N];
  uint8_t word[WORD_N];
  if (!hex_decode(topic, word, sizeof word) || memcmp(word, zeros, sizeof zeros) != 0)
    return false;
  memcpy(out->account, word + ABOVE_ADDRESS_N, ADDRESS_N);
  return true;
}

static bool word_value(struct str data, int64_t *out) {
  uint8_t word[WORD_N];
  return hex_decode(data, word, sizeof word) && transfer_value(word, out);
}

// What the event is, by keccak256 of its signature.
static bool is_transfer(const struct log_text *t) {
  return t->n_topics == TOPICS_OF_TRANSFER &&
         str_eq_nocase(t->topics[0], STR("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"));
}

static int token_event(const struct log_text *t) {
  static const struct {
    const char *topic;
    int event;
  } events[] = {
      {"b044a1e409eac5c48e5af22d4af52670dd1a99059537a78b31b48c6500a6354e", TOKEN_PARAMS},
      {"cc358699805e9a8b7f77b522628c7cb9abd07d9efb86b6fb616af1609036a99e", TOKEN_DEPRECATED},
      {"6985a02210a168e66602d3235cb6db0e70f92b3ba4d376a33c0f3d9434bff625", TOKEN_PAUSED},
      {"7805862f689e2f13df9f062ff482ad3ad112aca9e0847911ed832e158c525b33", TOKEN_UNPAUSED},
  };
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (t->n_topics > 0 && str_eq_nocase(t->topics[0], str_of(events[i].topic)))
      return events[i].event;
  return 0;
}

static struct transfer_log *room(struct reading *x) {
  struct receipts *out = x->out;
  if (out->n == x->cap) {
    struct transfer_log *old = out->transfers;
    x->cap = x->cap ? 2 * x->cap : TRANSFERS_FIRST;
    out->transfers = ARENA_ARRAY(x->json->arena, struct transfer_log, x->cap);
    if (out->n > 0)
      memcpy(out->transfers, old, sizeof *old * (size_t)out->n);
  }
  return &out->transfers[out->n];
}

// The token's own logs only: any contract can write the same words (tron.md 2.8).
static bool is_tokens(struct reading *x, struct str address) {
  uint8_t account[ADDRESS_N];
  if (!address.p)
    return false;
  if (!hex_decode(address, account, sizeof account))
    return rubbish(x, "a log whose address is not 20 bytes in hexadecimal");
  return memcmp(account, x->json->token->account, ADDRESS_N) == 0;
}

static void log_read(struct reading *x, int tx, int index, int *events) {
  struct log_text t;
  if (!log_text(x, &t) || !is_tokens(x, t.address))
    return;
  struct transfer_log *to = room(x);
  *to = (struct transfer_log){.tx = tx, .log_index = index};
  if (!is_transfer(&t))
    *events |= token_event(&t);
  else if (topic_address(t.topics[1], &to->from) && topic_address(t.topics[2], &to->to) &&
           word_value(t.data, &to->value))
    x->out->n++;
}

// --- one receipt ---

struct info {
  uint8_t id[SHA256_N];
  int64_t number, time_ms;
  bool failed;   // `result` is there at all
  bool executed; // the virtual machine says SUCCESS
  int events;
};

static void receipt(struct reading *x, struct info *i) {
  static const char *const names[] = {"result"};
  struct members m = {names, 1, 0, false};
  struct str result;
  if (!jsonr_open(&x->r, '{'))
    return;
  for (int which; member_next(&x->r, &m, &which);)
    i->executed = jsonr_str(&x->r, &result) && str_eqc(result, "SUCCESS");
}

static void logs(struct reading *x, int tx, int *events) {
  int index = 0;
  for (jsonr_open(&x->r, '['); jsonr_item(&x->r); index++)
    log_read(x, tx, index, events);
}

enum { INFO_ID, INFO_NUMBER, INFO_TIME, INFO_RESULT, INFO_RECEIPT, INFO_LOG, INFO_N };

static bool info(struct reading *x, int tx, struct info *i) {
  static const char *const names[INFO_N] = {"id",     "blockNumber", "blockTimeStamp",
                                            "result", "receipt",     "log"};
  struct members m = {names, INFO_N, 0, false};
  struct jsonr *r = &x->r;
  struct str result;
  *i = (struct info){.number = 0};
  if (!jsonr_open(r, '{'))
    return false;
  for (int which; member_next(r, &m, &which);) {
    if (which == INFO_ID)
      jsonr_hex(r, i->id, sizeof i->id);
    else if (which == INFO_NUMBER)
      jsonr_i64(r, &i->number);
    else if (which == INFO_TIME)
      jsonr_i64(r, &i->time_ms);
    else if (which == INFO_RESULT)
      i->failed = jsonr_str(r, &result);
    else if (which == INFO_RECEIPT)
      receipt(x, i);
    else
      logs(x, tx, &i->events);
  }
  return !r->bad;
}

static bool belongs(struct reading *x, int tx, const struct info *i) {
  const struct block *b = x->block;
  if (memcmp(i->id, b->txs[tx].id, sizeof i->id) != 0)
    return rubbish(x, "receipts of other transactions than the block's, or in another order");
  if (i->number != b->header.number || i->time_ms != b->header.time_ms)
    return rubbish(x, "receipts of another block");
  return true;
}

// How many there were.
static int all(struct reading *x) {
  int tx = 0;
  for (jsonr_open(&x->r, '['); jsonr_item(&x->r); tx++) {
    struct info i;
    int before = x->out->n;
    if (tx == x->block->n) {
      rubbish(x, "more receipts than transactions");
      return tx;
    }
    if (!info(x, tx, &i) || !belongs(x, tx, &i))
      return tx;
    // a receipt that failed can carry logs, and the block has its own word (tron.md 3.4)
    if (!i.failed && i.executed && x->block->txs[tx].succeeded)
      x->out->token_events |= i.events;
    else
      x->out->n = before;
  }
  if (tx != x->block->n && tx > 0)
    rubbish(x, "fewer receipts than transactions");
  return tx;
}

enum said receipts_read(struct block_json *j, struct str answer, const struct block *b,
                        struct receipts *out) {
  struct reading x = {.block = b, .json = j, .out = out};
  j->why = STR_NONE;
  *out = (struct receipts){.n = 0};
  jsonr_init(&x.r, answer);
  if (jsonr_peek(&x.r) != '[')
    return said_instead(answer, &j->why);
  int n = all(&x);
  if (jsonr_end(&x.r))
    return n == b->n ? SAID_THIS : SAID_NOTHING;
  j->why = str_of(x.why ? x.why : "not JSON, or not receipts");
  return SAID_RUBBISH;
}
