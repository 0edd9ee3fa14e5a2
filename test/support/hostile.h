// Nodes in the test's own process: one simulated chain, made once, told by several nodes as time passes on a
// clock of the test's own; the first of them answers as a case wants it. The fetcher that the gateway's side
// is given goes straight to them.
#pragma once
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fetch.h"
#include "node/chain.h"
#include "simnode/answers.h"

enum { NODES_N = 3, CHAIN_BLOCKS = 80, FORK_AT = 14, NODE_MS = 12, MEMO_N = 1 << 14 };

#define SECOND_US INT64_C(1000000)

// --- the chain, and a second one that is the same up to a block ---

struct story {
  struct sim_chain *chain;
  int64_t solid[CHAIN_BLOCKS + 1]; // after each block
};
static struct story truth, other, foreign; // foreign: not even the same first block

static struct arena nodes_arena;

static void tell_story(struct story *s, const char *seed, int64_t other_from) {
  struct sim_options o = {.seed = seed, .witnesses = 5};
  s->chain = sim_new(&o);
  struct sim_key shop = sim_person(s->chain, "shop"), second = sim_person(s->chain, "second");
  const char *payer = "payer";
  for (int64_t b = 1; b <= CHAIN_BLOCKS; b++) {
    if (b >= other_from)
      payer = "somebody else";
    for (int k = 0; k < SIM_KINDS; k++)
      if (b < 45 && b % 3 != 0 && (k + b) % 4 != 0) { // each third block is empty
        struct sim_payment p = {payer, k % 2 ? shop.address : second.address, 1000000 * b + k,
                                (enum sim_kind)k};
        sim_pay(s->chain, &p, NULL);
      }
    sim_mine(s->chain, 1);
    s->solid[b] = sim_solid(s->chain);
  }
}

static void nodes_begin(void) {
  arena_init(&nodes_arena, SIM_ANSWER_MAX);
  tell_story(&truth, "hostile", CHAIN_BLOCKS + 1);
  tell_story(&other, "hostile", FORK_AT);
  tell_story(&foreign, "foreign", CHAIN_BLOCKS + 1);
}

// --- the clock ---

static int64_t nodes_wall_us, nodes_mono_us;
static uint64_t nodes_random_state;

static int64_t nodes_now(void *self) {
  (void)self;
  return nodes_wall_us;
}

static int64_t nodes_mono(void *self) {
  (void)self;
  return nodes_mono_us;
}

static uint64_t nodes_next_random(void) { // splitmix
  uint64_t z = nodes_random_state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static void nodes_random(void *self, void *out, size_t n) {
  (void)self;
  for (size_t i = 0; i < n; i++)
    ((uint8_t *)out)[i] = (uint8_t)nodes_next_random();
}

static const struct world nodes_world = {nodes_now, nodes_mono, nodes_random, NULL};

static void nodes_pass(int64_t us) {
  nodes_wall_us += us;
  nodes_mono_us += us;
}

static int64_t block_us(int64_t number) {
  return sim_block(truth.chain, number)->time_ms * 1000;
}

static int64_t head_now(void) {
  int64_t h = CHAIN_BLOCKS;
  while (h > 0 && block_us(h) > nodes_wall_us)
    h--;
  return h;
}

// --- what a node says, at a height of its own ---

struct view {
  const struct story *story;
  int64_t head, solid;
};

struct memo {
  char *key;
  struct str body;
  int status;
};
static struct memo memos[MEMO_N];

static struct memo *memo_of(const char *key) {
  size_t i = str_hash(str_of(key)) % MEMO_N;
  while (memos[i].key && strcmp(memos[i].key, key) != 0)
    i = (i + 1) % MEMO_N;
  return &memos[i];
}

// The honest answer for such a view, made once.
static const struct memo *honest(const struct view *v, struct str path, struct str body) {
  char key[512];
  bool by_number = memmem(path.p, path.n, "bynum", 5) || memmem(path.p, path.n, "byblocknum", 10);
  int64_t number = -1;
  if (by_number)
    sscanf(body.p, "{\"num\":%lld", (long long *)&number);
  bool solid = str_starts(path, STR("/walletsolidity"));
  int64_t top = solid ? v->solid : v->head;
  snprintf(key, sizeof key, "%p %.*s %.*s %lld", (const void *)v->story, STR_FMT(path), STR_FMT(body),
           by_number ? (long long)(number <= top) : (long long)top);
  struct memo *m = memo_of(key);
  if (m->key)
    return m;
  struct sim_node n = {.chain = v->story->chain, .lag = sim_head(v->story->chain)->number - v->head};
  n.solid_lag = sim_solid(v->story->chain) - v->solid;
  struct sim_request q = {"POST", path, STR(""), body};
  struct sim_answer out;
  sim_answer(&n, &q, &nodes_arena, &out);
  m->key = strdup(key);
  m->status = out.status;
  m->body = (struct str){memcpy(malloc(out.body.n + 1), out.body.p, out.body.n), out.body.n};
  arena_reset(&nodes_arena);
  return m;
}

// --- changes of an answer: a little language of paths into its JSON ---

// "a.b[2].c", "[*]" for each, "[-1]" for the last. Calls `change` for what the path leads to.
typedef bool change_fn(json_t *parent, const char *key, size_t index, const char *argument);

static bool walk(json_t *at, const char *path, change_fn *change, const char *argument) {
  bool changed = false;
  if (*path == '.')
    path++;
  if (*path == '[') {
    const char *rest = strchr(path, ']') + 1;
    size_t n = json_array_size(at);
    long want = path[1] == '*' ? 0 : strtol(path + 1, NULL, 10);
    size_t from = want < 0 ? n - (size_t)-want : (size_t)want, to = path[1] == '*' ? n : from + 1;
    for (size_t i = from; json_is_array(at) && i < to && i < json_array_size(at); i++)
      changed |= *rest ? walk(json_array_get(at, i), rest, change, argument) : change(at, NULL, i, argument);
    return changed;
  }
  char key[64];
  size_t n = strcspn(path, ".[");
  snprintf(key, sizeof key, "%.*s", (int)n, path);
  if (!json_is_object(at))
    return false;
  return path[n] ? walk(json_object_get(at, key), path + n, change, argument) : change(at, key, 0, argument);
}

static json_t *value_at(json_t *parent, const char *key, size_t i) {
  return key ? json_object_get(parent, key) : json_array_get(parent, i);
}

static bool put_at(json_t *parent, const char *key, size_t i, json_t *v) {
  return v && (key ? json_object_set_new_nocheck(parent, key, v) : json_array_set_new(parent, i, v)) == 0;
}

static bool change_set(json_t *parent, const char *key, size_t i, const char *argument) {
  json_t *was = value_at(parent, key, i), *v = json_loads(argument, JSON_DECODE_ANY, NULL);
  assert(v);
  bool differs = !was || !json_equal(was, v);
  return put_at(parent, key, i, v) && differs;
}

static bool change_delete(json_t *parent, const char *key, size_t i, const char *argument) {
  (void)argument;
  return (key ? json_object_del(parent, key) : json_array_remove(parent, i)) == 0;
}

static bool change_add(json_t *parent, const char *key, size_t i, const char *argument) {
  json_t *v = value_at(parent, key, i);
  return json_is_integer(v) && put_at(parent, key, i, json_integer(json_integer_value(v) + atoll(argument)));
}

// The hex digit at that place (from the end where negative) becomes another one.
static bool change_digit(json_t *parent, const char *key, size_t i, const char *argument) {
  json_t *v = value_at(parent, key, i);
  size_t n = json_string_length(v);
  long at = atol(argument);
  if (!n || (at < 0 ? (size_t)-at > n : (size_t)at >= n))
    return false;
  char *text = strdup(json_string_value(v)), *c = &text[at < 0 ? n - (size_t)-at : (size_t)at];
  *c = *c == '7' ? '3' : '7';
  bool done = put_at(parent, key, i, json_string(text));
  free(text);
  return done;
}

static bool change_text(json_t *parent, const char *key, size_t i, const char *argument) { // a number as text
  (void)argument;
  char text[32];
  json_t *v = value_at(parent, key, i);
  snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
  return json_is_integer(v) && put_at(parent, key, i, json_string(text));
}

static bool change_upper(json_t *parent, const char *key, size_t i, const char *argument) {
  (void)argument;
  json_t *v = value_at(parent, key, i);
  if (!json_is_string(v))
    return false;
  char *text = strdup(json_string_value(v));
  bool changed = false;
  for (char *c = text; *c; c++)
    if (*c >= 'a' && *c <= 'f') {
      *c = (char)(*c - 32);
      changed = true;
    }
  changed = put_at(parent, key, i, json_string(text)) && changed;
  free(text);
  return changed;
}

static bool change_append(json_t *parent, const char *key, size_t i, const char *argument) { // to a string
  char text[4096];
  json_t *v = value_at(parent, key, i);
  if (!json_is_string(v) || json_string_length(v) > 3000)
    return false;
  snprintf(text, sizeof text, "%s%s", json_string_value(v), argument);
  return put_at(parent, key, i, json_string(text));
}

static bool change_cut(json_t *parent, const char *key, size_t i,
                       const char *argument) { // digits from the end
  json_t *v = value_at(parent, key, i);
  size_t n = json_string_length(v), less = (size_t)atol(argument);
  return json_is_string(v) && n >= less &&
         put_at(parent, key, i, json_stringn(json_string_value(v), n - less));
}

// An array: its first two change places, the first is told twice, all but the first go, an item is added.
static bool change_swap(json_t *parent, const char *key, size_t i, const char *argument) {
  (void)argument;
  json_t *list = value_at(parent, key, i);
  if (json_array_size(list) < 2)
    return false;
  json_t *first = json_incref(json_array_get(list, 0));
  bool same = json_equal(first, json_array_get(list, 1));
  json_array_set(list, 0, json_array_get(list, 1));
  return json_array_set_new(list, 1, first) == 0 && !same;
}

static bool change_twice(json_t *parent, const char *key, size_t i, const char *argument) {
  (void)argument;
  json_t *list = value_at(parent, key, i), *copy = json_deep_copy(json_array_get(list, 0));
  return copy && json_array_insert_new(list, 0, copy) == 0;
}

static bool change_push(json_t *parent, const char *key, size_t i, const char *argument) {
  json_t *list = value_at(parent, key, i), *v = json_loads(argument, JSON_DECODE_ANY, NULL);
  assert(v);
  if (!list && key) {
    list = json_array();
    json_object_set_new(parent, key, list);
  }
  return json_array_append_new(list, v) == 0;
}

static const struct {
  const char *name;
  change_fn *change;
} changes[] = {
    {"set", change_set},   {"del", change_delete},  {"add", change_add},       {"digit", change_digit},
    {"text", change_text}, {"upper", change_upper}, {"append", change_append}, {"cut", change_cut},
    {"swap", change_swap}, {"twice", change_twice}, {"push", change_push},
};

// One step, "set path argument"; "a" is the answer, of several blocks each of them. In arguments $TOKEN and
// $FAKE are the contracts, 40 digits.
static bool change_step(json_t *root, const char *step, bool is_batch) {
  char name[16], told[128], path[160];
  int used = 0;
  sscanf(step, "%15s %127s%n", name, told, &used);
  snprintf(path, sizeof path, is_batch && told[1] == '.' ? "a.block[*]%s" : "a%s", told + 1);
  const char *argument = step + used + (step[used] == ' ');
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    if (strcmp(name, changes[i].name) == 0)
      return walk(root, path, changes[i].change, argument);
  fprintf(stderr, "no change \"%s\"\n", step);
  abort();
}

static char *with_contracts(const char *text) {
  char *out = calloc(1, strlen(text) + 400), *o = out;
  for (const char *p = text; *p;) {
    bool token = strncmp(p, "$TOKEN", 6) == 0, fake = strncmp(p, "$FAKE", 5) == 0;
    if (!token && !fake) {
      *o++ = *p++;
      continue;
    }
    const struct tron_address *a = token ? &truth.chain->contracts.token : &truth.chain->contracts.fake;
    for (int i = 0; i < ADDRESS_N; i++)
      o += sprintf(o, "%02x", a->account[i]);
    p += token ? 6 : 5;
  }
  return out;
}

// Steps are parted by ";". False: nothing was changed.
static bool change_answer(const struct fetch *f, const char *steps, struct str *out) {
  struct str answer = *out;
  bool is_batch = memmem(f->url.p, f->url.n, "bylimitnext", 11);
  json_error_t e;
  json_t *root = json_object();
  json_object_set_new(root, "a", json_loadb(answer.p, answer.n, 0, &e));
  char *all = with_contracts(steps);
  bool changed = false;
  for (char *save, *step = strtok_r(all, ";", &save); step; step = strtok_r(NULL, ";", &save))
    changed |= change_step(root, step + strspn(step, " "), is_batch);
  char *text = json_dumps(json_object_get(root, "a"), JSON_COMPACT | JSON_ENCODE_ANY);
  *out = text ? str_copy(f->arena, str_of(text)) : STR("");
  free(text);
  free(all);
  json_decref(root);
  return changed;
}
