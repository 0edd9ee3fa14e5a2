#include "node/token.h"
#include "base/jsonr.h"

#include <string.h>

// --- answers ---

enum { HAS_RESULT = 1, HAS_TRUE = 2, HAS_CODE = 4, HAS_WORD = 8, HAS_FAILED = 16, HAS_OTHER_WORDS = 32 };

static void read_result(struct jsonr *r, int *has) {
  struct str key;
  bool yes;
  *has |= HAS_RESULT;
  jsonr_open(r, '{');
  while (jsonr_key(r, &key))
    if (!str_eqc(key, "result")) { // a code or a message: nothing else is there
      *has |= HAS_CODE;
      jsonr_skip(r);
    } else if (jsonr_bool(r, &yes)) {
      *has |= yes ? HAS_TRUE : HAS_CODE;
    }
}

// The first item; of a call that reverted it is something else than a word.
static void read_words(struct jsonr *r, int *has, uint8_t word[32]) {
  struct str text;
  if (!jsonr_open(r, '['))
    return;
  for (int i = 0; jsonr_item(r); i++) {
    struct jsonr ahead = *r;
    bool is_word = i == 0 && jsonr_hex(&ahead, word, 32);
    *has |= is_word ? HAS_WORD : HAS_OTHER_WORDS;
    jsonr_str(r, &text);
  }
}

static void read_rets(struct jsonr *r, int *has) {
  struct str key;
  jsonr_open(r, '[');
  while (jsonr_item(r)) {
    jsonr_open(r, '{');
    while (jsonr_key(r, &key)) {
      *has |= str_eqc(key, "ret") ? HAS_FAILED : 0;
      jsonr_skip(r);
    }
  }
}

static void read_transaction(struct jsonr *r, int *has) {
  struct str key;
  jsonr_open(r, '{');
  while (jsonr_key(r, &key))
    if (str_eqc(key, "ret"))
      read_rets(r, has);
    else
      jsonr_skip(r);
}

enum said answer_word(struct str answer, uint8_t word[32]) {
  struct jsonr r;
  struct str key;
  int has = 0;
  bool twice = false;
  jsonr_init(&r, answer);
  jsonr_open(&r, '{');
  while (jsonr_key(&r, &key))
    if (str_eqc(key, "result")) {
      twice = twice || has & HAS_RESULT;
      read_result(&r, &has);
    } else if (str_eqc(key, "constant_result")) {
      twice = twice || has & (HAS_WORD | HAS_OTHER_WORDS);
      read_words(&r, &has, word);
    } else if (str_eqc(key, "transaction")) {
      read_transaction(&r, &has);
    } else {
      jsonr_skip(&r);
    }
  if (!jsonr_end(&r) || twice || !(has & HAS_RESULT))
    return SAID_RUBBISH;
  if (has & HAS_FAILED)
    return has & HAS_TRUE ? SAID_NOTHING : SAID_ERROR;
  if (has & HAS_CODE)
    return SAID_ERROR;
  return (has & (HAS_TRUE | HAS_WORD | HAS_OTHER_WORDS)) == (HAS_TRUE | HAS_WORD) ? SAID_THIS : SAID_RUBBISH;
}

enum said answer_maintenance(struct str answer, int64_t *time_ms) {
  struct jsonr r;
  struct str key;
  int found = 0;
  jsonr_init(&r, answer);
  jsonr_open(&r, '{');
  while (jsonr_key(&r, &key))
    if (str_eqc(key, "num"))
      found += jsonr_i64(&r, time_ms);
    else
      jsonr_skip(&r);
  return jsonr_end(&r) && found == 1 && *time_ms > 0 ? SAID_THIS : SAID_RUBBISH;
}

// One {"key":…,"value":…}: is it this one?
static bool read_parameter(struct jsonr *r, const char *name, int64_t *value) {
  struct str key, text = STR_NONE;
  *value = 0; // left out when 0
  jsonr_open(r, '{');
  while (jsonr_key(r, &key))
    if (str_eqc(key, "key"))
      jsonr_str(r, &text);
    else if (str_eqc(key, "value"))
      jsonr_i64(r, value);
    else
      jsonr_skip(r);
  return str_eqc(text, name);
}

enum said answer_parameter(struct str answer, const char *name, int64_t *out) {
  struct jsonr r;
  struct str key;
  int64_t value;
  int found = 0, lists = 0;
  jsonr_init(&r, answer);
  jsonr_open(&r, '{');
  while (jsonr_key(&r, &key))
    if (!str_eqc(key, "chainParameter")) {
      jsonr_skip(&r);
    } else if (jsonr_open(&r, '[')) {
      for (lists++; jsonr_item(&r);)
        if (read_parameter(&r, name, &value)) {
          *out = value;
          found++;
        }
    }
  if (!jsonr_end(&r) || lists != 1 || found > 1)
    return SAID_RUBBISH;
  return found ? SAID_THIS : SAID_NOTHING;
}

// --- the token ---

enum { DECIMALS, BASIS_POINTS, MAXIMUM_FEE, PAUSED, DEPRECATED, METHODS };
static const struct str methods[METHODS] = {
    [DECIMALS] = {"decimals()", sizeof "decimals()" - 1},
    [BASIS_POINTS] = {"basisPointsRate()", sizeof "basisPointsRate()" - 1},
    [MAXIMUM_FEE] = {"maximumFee()", sizeof "maximumFee()" - 1},
    [PAUSED] = {"paused()", sizeof "paused()" - 1},
    [DEPRECATED] = {"deprecated()", sizeof "deprecated()" - 1},
};

static bool word_i64(const uint8_t word[32], int64_t *out) {
  uint64_t v = 0;
  for (int i = 0; i < 24; i++)
    if (word[i])
      return false;
  for (int i = 24; i < 32; i++)
    v = v << 8 | word[i];
  *out = (int64_t)(v & INT64_MAX);
  return v <= INT64_MAX;
}

// What a call came to; `why` where it is not OUTCOME_ANSWER.
static enum outcome value_of(const struct ask *k, int64_t *out, bool *reverted, struct str *why) {
  uint8_t word[32];
  *reverted = false;
  *why = k->why;
  if (k->outcome == OUTCOME_REFUSED || k->outcome == OUTCOME_LATER)
    return k->outcome;
  enum said said = k->outcome == OUTCOME_ABSENT ? SAID_RUBBISH : answer_word(k->answer, word);
  switch (said) {
  case SAID_THIS:
    if (word_i64(word, out))
      return OUTCOME_ANSWER;
    *why = STR("the token's contract says a number that does not fit");
    return OUTCOME_ABSENT;
  case SAID_NOTHING:
    *reverted = true;
    *why = STR("the token's contract does not know a method of USDT");
    return OUTCOME_ABSENT;
  case SAID_ERROR:
    *why = STR("there is no such contract on this chain, or the node runs no constant calls");
    return OUTCOME_ABSENT;
  case SAID_RUBBISH:
    break;
  }
  *why = STR("the node's answer to a constant call makes no sense");
  node_blame(k->node, *why);
  return OUTCOME_REFUSED;
}

static void set_value(struct token_state *s, int method, int64_t value) {
  switch (method) {
  case DECIMALS:
    s->decimals = value;
    break;
  case BASIS_POINTS:
    s->fee_bps = value;
    break;
  case MAXIMUM_FEE:
    s->fee_max = value;
    break;
  case PAUSED:
    s->paused = value != 0;
    break;
  case DEPRECATED:
    s->deprecated = value != 0;
    break;
  }
  s->known |= 1 << method;
}

enum outcome token_ask(const struct token_question *q, struct token_state *out, struct str *why) {
  struct ask asks[METHODS];
  int method[METHODS], m = 0;
  enum outcome worst = OUTCOME_ANSWER;
  for (int i = 0; i < METHODS; i++)
    if (!(out->known & 1 << i)) {
      asks[m] = (struct ask){.node = q->node, .what = ASK_CALL, .address = q->token, .function = methods[i]};
      method[m++] = i;
    }
  node_ask(q->fetcher, asks, m, q->arena);
  *why = STR_NONE;
  for (int i = 0; i < m; i++) {
    struct str reason;
    int64_t value = 0;
    bool reverted;
    enum outcome o = value_of(&asks[i], &value, &reverted, &reason);
    if (o == OUTCOME_ANSWER || (reverted && q->may_be_plain && method[i] != DECIMALS)) {
      set_value(out, method[i], value);
    } else if (worst == OUTCOME_ANSWER || o == OUTCOME_ABSENT) {
      worst = o;
      *why = reason;
    }
  }
  return worst;
}

bool token_same(const struct token_state *a, const struct token_state *b) {
  return a->decimals == b->decimals && a->fee_bps == b->fee_bps && a->fee_max == b->fee_max &&
         a->paused == b->paused && a->deprecated == b->deprecated;
}

struct str token_trouble(const struct token_state *s) {
  if (s->decimals != TOKEN_DECIMALS)
    return STR("the token has not 6 decimals: it is not USDT");
  if (s->deprecated)
    return STR("the token's contract is deprecated: its transfers are made by another one");
  if (s->paused)
    return STR("the token is paused: nobody can transfer it");
  if (s->fee_bps > 0 && s->fee_max > 0)
    return STR("the token takes a fee of each transfer: less arrives than was sent");
  return STR_NONE;
}

enum outcome token_balance(const struct token_question *q, const struct tron_address *who, int64_t *out,
                           struct str *why) {
  struct buf b;
  bool reverted;
  buf_init(&b, q->arena, 96);
  for (int i = -12; i < ADDRESS_N; i++)
    buf_printf(&b, "%02x", i < 0 ? 0 : who->account[i]);
  struct ask k = {
      .node = q->node, .what = ASK_CALL, .address = q->token, .function = STR("balanceOf(address)")};
  k.argument = buf_view(&b);
  node_ask(q->fetcher, &k, 1, q->arena);
  return value_of(&k, out, &reverted, why);
}
