#include "node/client.h"
#include "base/metrics.h"
#include "base/bug.h"
#include "base/jsonr.h"
#include "node/budget.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  ERROR_BYTES_MAX = 4096, // errors are short; longer answers are looked at by who reads them
  REST_FIRST_S = 1,
};

#define SECOND_US INT64_C(1000000)

struct node {
  const struct chain_node *config;
  const struct world *world;
  struct str name;
  char *key_header; // NULL: no key
  struct budget budget;
  struct str trouble;
  int failures;              // one after the other
  bool failed;               // in this run
  int64_t rests_until_us;    // monotonic
  int64_t heard_us, took_us; // of the last usable answer
  int64_t blamed;
};

static bool is_trongrid(struct str name) {
  struct str host = {name.p, name.n};
  const char *colon = memchr(name.p, ':', name.n);
  if (colon)
    host.n = (size_t)(colon - name.p);
  return str_ends(host, STR(".trongrid.io")) || str_eqc(host, "trongrid.io");
}

static struct str host_and_port(struct str url) {
  const char *scheme = memmem(url.p, url.n, "://", 3);
  size_t from = scheme ? (size_t)(scheme - url.p) + 3 : 0, to = from;
  for (; to < url.n && url.p[to] != '/'; to++)
    if (url.p[to] == '@') // a name and a password are not told
      from = to + 1;
  return (struct str){url.p + from, to - from};
}

struct node *node_new(const struct chain_node *config, const struct world *world) {
  struct node *n = calloc(1, sizeof *n);
  BUG_IF(!n, "out of memory");
  n->config = config;
  n->world = world;
  n->name = host_and_port(config->url);
  bool limited = config->key.p || is_trongrid(n->name);
  int64_t per_s = config->per_s ? config->per_s : limited ? NODE_KEY_PER_S : NODE_PER_S;
  int64_t per_day = config->per_day ? config->per_day : limited ? NODE_KEY_PER_DAY : 0;
  budget_init(&n->budget, per_s, per_day, world_now(world), world_mono(world));
  if (config->key.p)
    BUG_IF(asprintf(&n->key_header, "TRON-PRO-API-KEY: %.*s", STR_FMT(config->key)) < 0, "out of memory");
  return n;
}

void node_free(struct node *n) {
  if (n && n->key_header)
    explicit_bzero(n->key_header, strlen(n->key_header));
  if (n)
    free(n->key_header);
  free(n);
}

// --- requests ---

static const struct {
  const char *path;
  bool solid, large;
} calls[] = {
    [ASK_HEAD] = {"/wallet/getnowblock", false, true},
    [ASK_SOLID] = {"/walletsolidity/getnowblock", true, true},
    [ASK_BLOCK] = {"/wallet/getblockbynum", false, true},
    [ASK_BLOCKS] = {"/wallet/getblockbylimitnext", false, true},
    [ASK_SOLID_BLOCK] = {"/walletsolidity/getblockbynum", true, true},
    [ASK_RECEIPTS] = {"/walletsolidity/gettransactioninfobyblocknum", true, true},
    [ASK_CALL] = {"/walletsolidity/triggerconstantcontract", true, false},
    [ASK_ACCOUNT] = {"/walletsolidity/getaccount", true, false},
    [ASK_WITNESSES] = {"/wallet/listwitnesses", false, false},
    [ASK_MAINTENANCE] = {"/wallet/getnextmaintenancetime", false, false},
    [ASK_PARAMETERS] = {"/wallet/getchainparameters", false, false},
};

static struct str address_hex(struct arena *a, const struct tron_address *address) {
  struct buf b;
  buf_init(&b, a, 64);
  buf_c(&b, "41");
  for (int i = 0; i < ADDRESS_N; i++)
    buf_printf(&b, "%02x", address->account[i]);
  return buf_view(&b);
}

static struct str body_of(const struct ask *k, struct arena *a) {
  struct str address;
  switch (k->what) {
  case ASK_BLOCK:
  case ASK_SOLID_BLOCK:
  case ASK_RECEIPTS:
    return str_printf(a, "{\"num\":%" PRId64 "}", k->number);
  case ASK_BLOCKS:
    return str_printf(a, "{\"startNum\":%" PRId64 ",\"endNum\":%" PRId64 "}", k->number, k->end);
  case ASK_CALL: // nobody in particular asks: the contract itself
    address = address_hex(a, &k->address);
    return str_printf(a,
                      "{\"owner_address\":\"%.*s\",\"contract_address\":\"%.*s\","
                      "\"function_selector\":\"%.*s\",\"parameter\":\"%.*s\"}",
                      STR_FMT(address), STR_FMT(address), STR_FMT(k->function), STR_FMT(k->argument));
  case ASK_ACCOUNT:
    return str_printf(a, "{\"address\":\"%.*s\"}", STR_FMT(address_hex(a, &k->address)));
  case ASK_HEAD:
  case ASK_SOLID:
  case ASK_WITNESSES:
  case ASK_MAINTENANCE:
  case ASK_PARAMETERS:
    return STR("{}");
  }
  BUG("what is asked");
}

static int64_t most_of(const struct ask *k) {
  return calls[k->what].large ? NODE_BLOCK_BYTES : NODE_SMALL_BYTES;
}

static int64_t limit_of(const struct ask *k) {
  return k->max_bytes > 0 && k->max_bytes < most_of(k) ? k->max_bytes : most_of(k);
}

static struct fetch fetch_of(const struct ask *k, struct arena *a) {
  const struct node *n = k->node;
  struct str base = calls[k->what].solid ? n->config->solidity : n->config->url;
  bool large = calls[k->what].large;
  return (struct fetch){
      .url = str_printf(a, "%.*s%s", STR_FMT(base), calls[k->what].path),
      .body = body_of(k, a),
      .header = n->key_header ? str_of(n->key_header) : STR_NONE,
      .timeout_ms = large ? NODE_BLOCK_MS : NODE_SMALL_MS,
      .max_bytes = (size_t)limit_of(k),
      .arena = a,
  };
}

// --- answers ---

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct str trim(struct str s) {
  while (s.n && is_space(s.p[0]))
    s = (struct str){s.p + 1, s.n - 1};
  while (s.n && is_space(s.p[s.n - 1]))
    s.n--;
  return s;
}

// The text of a member "Error" on top. Absent: there is none.
static struct str error_in(struct str answer) {
  struct jsonr r;
  struct str key, text = STR_NONE;
  jsonr_init(&r, answer);
  if (answer.n > ERROR_BYTES_MAX || jsonr_peek(&r) != '{' || !jsonr_open(&r, '{'))
    return STR_NONE;
  while (jsonr_key(&r, &key)) {
    bool is_error = str_eq_nocase(key, STR("error"));
    if (is_error && jsonr_peek(&r) == '"')
      jsonr_str(&r, &text);
    else
      jsonr_skip(&r);
    if (is_error && !text.p)
      text = STR("");
  }
  return text;
}

// "… the query server is suspended for 27 s". 0: nothing of that kind.
static int64_t suspended_s(struct str text) {
  static const char words[] = "suspended for ";
  const char *at = text.n ? memmem(text.p, text.n, words, sizeof words - 1) : NULL;
  if (!at)
    return 0;
  struct str rest = {at + sizeof words - 1, (size_t)(text.p + text.n - at) - (sizeof words - 1)},
             digits = rest;
  for (digits.n = 0; digits.n < rest.n && digits.n < 9 && rest.p[digits.n] >= '0' && rest.p[digits.n] <= '9';)
    digits.n++;
  int64_t s;
  return str_to_i64(digits, &s) ? s : 0;
}

static struct str sentence_of_status(int status) {
  if (status == 429)
    return STR("the node limits how much it is asked");
  if (status == 401 || status == 403)
    return STR("the node refuses access: is its API key right?");
  if (status == 404 || status == 405)
    return STR("there is no node's API at this URL");
  if (status >= 300 && status < 400)
    return STR("the node's URL leads elsewhere");
  if (status >= 500)
    return STR("the node is out of order");
  return STR("the node answers with a status that it should not have");
}

// Why this is no answer to work with; absent: it is one. `rest_s`: how long the node wants to be left alone.
static struct str refusal(const struct fetch *f, int64_t *rest_s) {
  struct str answer = trim(f->answer);
  *rest_s = f->retry_after_s;
  if (f->error != FETCH_OK)
    return str_of(fetch_error_sentence(f->error));
  struct str error = error_in(answer);
  int64_t suspended = suspended_s(answer.n <= ERROR_BYTES_MAX ? answer : STR_NONE);
  *rest_s = suspended > *rest_s ? suspended : *rest_s;
  if (suspended && (f->status != 200 || error.p))
    return STR("the node limits how much it is asked");
  if (f->status != 200)
    return sentence_of_status(f->status);
  if (error.p)
    return STR("the node answers with an error");
  if (str_starts(answer, STR("this API is closed")))
    return STR("the node is a lite node: it has no old blocks");
  if (!answer.n || (answer.p[0] != '{' && answer.p[0] != '['))
    return STR("the node's answer is no JSON");
  *rest_s = 0;
  return STR_NONE;
}

static bool is_empty(struct str answer) {
  if (answer.n < 2 || answer.n > 8)
    return false;
  struct str inside = trim((struct str){answer.p + 1, answer.n - 2});
  return inside.n == 0 && ((answer.p[0] == '{' && answer.p[answer.n - 1] == '}') ||
                           (answer.p[0] == '[' && answer.p[answer.n - 1] == ']'));
}

// --- rest ---

static void rest(struct node *n, int64_t asked_s) {
  uint32_t random;
  world_random(n->world, &random, sizeof random);
  n->failures += n->failures < 30 && !n->failed; // several requests of one run fail as one
  n->failed = true;
  int64_t grown_s = (int64_t)REST_FIRST_S << (n->failures - 1 < 10 ? n->failures - 1 : 10);
  int64_t s = grown_s < NODE_REST_MAX_S ? grown_s : NODE_REST_MAX_S;
  int64_t us = s * SECOND_US * (75 + random % 51) / 100; // between 3/4 and 5/4 of it
  if (asked_s > 0)                                       // never less than was asked for
    us = (asked_s < NODE_ASKED_REST_MAX_S ? asked_s : NODE_ASKED_REST_MAX_S) * SECOND_US + random % SECOND_US;
  int64_t until_us = world_mono(n->world) + us;
  if (until_us > n->rests_until_us)
    n->rests_until_us = until_us;
}

static int64_t wait_of(struct node *n) {
  int64_t mono_us = world_mono(n->world), wait_us = budget_wait(&n->budget, world_now(n->world), mono_us);
  int64_t rest_us = n->rests_until_us - mono_us;
  return rest_us > wait_us ? rest_us : wait_us;
}

static bool may_ask(struct ask *k) {
  struct node *n = k->node;
  int64_t wait_us = wait_of(n);
  if (wait_us > 0) {
    bool rests = n->rests_until_us > world_mono(n->world);
    k->outcome = OUTCOME_LATER;
    k->why = rests && n->trouble.p ? n->trouble : STR("the node's limit of requests is used up");
    k->until_us = world_now(n->world) + wait_us;
    return false;
  }
  budget_take(&n->budget);
  return true;
}

static void count(const struct ask *k, const struct fetch *f, int64_t asked_rest_s) {
  bool limited = asked_rest_s > 0 || f->status == 403 || f->status == 429 || f->status == 503;
  if (!k->why.p)
    metric_add(METRIC_NODE_OK, 1);
  else if (f->error != FETCH_OK)
    metric_add(METRIC_NODE_UNREACHABLE, f->error != FETCH_STOPPED);
  else
    metric_add(limited ? METRIC_NODE_LIMITED : METRIC_NODE_REFUSED, 1);
}

static void judge(struct ask *k, const struct fetch *f) {
  struct node *n = k->node;
  int64_t rest_s;
  k->error = f->error;
  if (f->error == FETCH_TOO_LARGE && limit_of(k) < most_of(k)) {
    k->outcome = OUTCOME_REFUSED;
    k->why = STR("the answer is larger than was foreseen");
    k->until_us = world_now(n->world);
    return;
  }
  k->why = refusal(f, &rest_s);
  count(k, f, rest_s);
  if (k->why.p) {
    k->outcome = OUTCOME_REFUSED;
    n->trouble = k->why;
    if (f->error != FETCH_STOPPED)
      rest(n, rest_s);
    k->until_us = world_now(n->world) + wait_of(n);
    return;
  }
  k->answer = trim(f->answer);
  k->outcome = is_empty(k->answer) ? OUTCOME_ABSENT : OUTCOME_ANSWER;
  n->heard_us = world_now(n->world);
  n->took_us = f->took_us;
}

void node_ask(struct fetcher *fetcher, struct ask *list, int n, struct arena *a) {
  struct fetch *fetches = ARENA_ARRAY(a, struct fetch, n);
  struct ask **asked = ARENA_ARRAY(a, struct ask *, n);
  size_t m = 0;
  for (int i = 0; i < n; i++) {
    struct ask *k = &list[i];
    k->answer = k->why = STR_NONE;
    k->until_us = 0;
    k->error = FETCH_OK;
    k->node->failed = false;
    if (!may_ask(k))
      continue;
    fetches[m] = fetch_of(k, a);
    asked[m++] = k;
  }
  if (m)
    fetcher_run(fetcher, fetches, m);
  for (size_t i = 0; i < m; i++)
    judge(asked[i], &fetches[i]);
  for (size_t i = 0; i < m; i++)
    if (!asked[i]->node->failed) {
      asked[i]->node->failures = 0;
      asked[i]->node->trouble = STR_NONE;
    }
}

// --- about a node ---

void node_blame(struct node *n, struct str why) {
  n->blamed++;
  metric_add(METRIC_NODE_WRONG, 1);
  n->failed = false;
  n->trouble = why;
  rest(n, 0);
}

int64_t node_free_us(struct node *n) {
  return world_now(n->world) + wait_of(n);
}

void node_state_get(struct node *n, struct node_state *out) {
  int64_t rest_us = n->rests_until_us - world_mono(n->world);
  *out = (struct node_state){
      .name = n->name,
      .trouble = n->trouble,
      .heard_us = n->heard_us,
      .rests_until_us = rest_us > 0 ? world_now(n->world) + rest_us : 0,
      .requests_today = n->budget.taken,
      .per_s = n->budget.per_s,
      .per_day = n->budget.per_day,
      .blamed = n->blamed,
      .took_us = n->took_us,
  };
}
