// The nodes of the chain, asked by doctor itself: reachable, the same chain, lag, agreement, limits, clock,
// and what then rests on whom.
#include "daemon/doctor.h"
#include "node/client.h"
#include "node/token.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
  BLOCKS_A_DAY = 28800,
  REQUESTS_A_BLOCK = 3, // node/chain.h: of each node, when level
  HEAD_OLD_S = 30,      // java-tron makes a block every 3 s
  HEAD_EARLY_S = 5,     // a block from the future: our clock is wrong
  SOLID_FAR_BLOCKS = 60,
  ANSWER_SLOW_MS = 1500,
  PATIENCE_MS = 2000, // for a node's limit per second
};
#define NODES_ARENA_MAX ((size_t)512 << 20)

struct seen { // of one node
  struct node *node;
  struct str name;
  bool usable;
  uint8_t genesis[BLOCK_ID_N], common[BLOCK_ID_N]; // block 0; the newest block that all call final
  bool has_common;
  int64_t head, head_ms, solid, took_us;
};

struct look {
  struct doctor *d;
  const struct settings *s;
  struct fetcher *fetcher;
  struct arena arena; // of answers
  struct seen seen[NODES_MAX];
  int n;
};

static void found(struct look *l, const struct seen *n, enum finding state, const char *text) {
  struct arena *a = l->d->a;
  doctor_found(l->d, "node", state, str_printf(a, "%.*s %s", STR_FMT(n->name), text),
               state == GOOD ? NULL : "look at this node, or name another one: node = URL");
}

// Its limit per second is kept to; false: it cannot be asked soon.
static bool wait_for(struct node *n) {
  int64_t wait_us = node_free_us(n) - world_now(&world_real);
  if (wait_us > 0 && wait_us < PATIENCE_MS * INT64_C(1000))
    usleep((useconds_t)wait_us + 1);
  return wait_us < PATIENCE_MS * INT64_C(1000);
}

// A block, asked of one node. False: `why`.
static bool ask_block(struct look *l, struct ask k, struct block *out, struct str *why) {
  struct block_json json = {.token = &l->s->chain.token, .arena = &l->arena};
  wait_for(k.node);
  node_ask(l->fetcher, &k, 1, &l->arena);
  *why = k.why;
  if (k.outcome == OUTCOME_ABSENT)
    *why = STR("it has not got it");
  if (k.outcome != OUTCOME_ANSWER)
    return false;
  bool good = block_read(&json, k.answer, out) == SAID_THIS;
  *why = good ? STR_NONE : json.why;
  return good;
}

static void unusable(struct look *l, struct seen *n, const char *what, struct str why) {
  n->usable = false;
  found(l, n, BAD, str_printf(l->d->a, "cannot be used: %s: %.*s", what, STR_FMT(why)).p);
}

// Block 0, the newest block, the newest final one.
static void meet(struct look *l, struct seen *n) {
  struct block b;
  struct str why;
  struct node_state s;
  node_state_get(n->node, &s);
  n->name = s.name;
  n->usable = true;
  if (!ask_block(l, (struct ask){.node = n->node, .what = ASK_BLOCK}, &b, &why)) {
    unusable(l, n, "block 0", why);
    return;
  }
  memcpy(n->genesis, b.id, sizeof n->genesis);
  if (!ask_block(l, (struct ask){.node = n->node, .what = ASK_HEAD}, &b, &why)) {
    unusable(l, n, "the newest block", why);
    return;
  }
  n->head = b.header.number;
  n->head_ms = b.header.time_ms;
  node_state_get(n->node, &s);
  n->took_us = s.took_us;
  if (!ask_block(l, (struct ask){.node = n->node, .what = ASK_SOLID}, &b, &why)) {
    unusable(l, n, "/walletsolidity", why);
    return;
  }
  n->solid = b.header.number;
}

static bool is_genesis(struct look *l, const struct seen *n) {
  struct buf b;
  buf_init(&b, l->d->a, 2 * BLOCK_ID_N + 1);
  for (int i = 0; i < BLOCK_ID_N; i++)
    buf_printf(&b, "%02x", n->genesis[i]);
  if (l->s->chain.genesis.p)
    return str_eq(buf_view(&b), l->s->chain.genesis);
  for (int i = 0; i < l->n; i++) // a custom network: as the first one says
    if (l->seen[i].usable)
      return memcmp(l->seen[i].genesis, n->genesis, BLOCK_ID_N) == 0;
  return true;
}

static void check_lag(struct look *l, struct seen *n, int64_t best) {
  int64_t behind = best - n->head, final = n->head - n->solid;
  bool far = final > SOLID_FAR_BLOCKS, slow = n->took_us > ANSWER_SLOW_MS * INT64_C(1000);
  enum finding state = behind > 2 || far || slow ? WARNING : GOOD;
  struct str text =
      str_printf(l->d->a, "is at block %" PRId64 ", final %" PRId64 ", answers in %" PRId64 " ms%s%s%s",
                 n->head, n->solid, n->took_us / 1000, behind > 2 ? "; others are further" : "",
                 far ? "; blocks do not become final" : "", slow ? "; that is slow" : "");
  found(l, n, state, text.p);
}

static void check_limits(struct look *l, const struct seen *n) {
  struct node_state s;
  node_state_get(n->node, &s);
  int64_t need = (int64_t)BLOCKS_A_DAY * REQUESTS_A_BLOCK;
  if (!s.per_day || s.per_day * 9 / 10 >= need)
    return;
  struct str text =
      str_printf(l->d->a, "%.*s: %" PRId64 " requests a day do not follow the chain, which takes %" PRId64,
                 STR_FMT(n->name), s.per_day, need);
  doctor_found(l->d, "node limits", WARNING, text, "use a key with a higher limit, or a node of your own");
}

static void check_token(struct look *l, const struct seen *n) {
  struct token_question q = {.fetcher = l->fetcher,
                             .node = n->node,
                             .arena = &l->arena,
                             .token = l->s->chain.token,
                             .may_be_plain = l->s->chain.network == NETWORK_CUSTOM};
  struct token_state t = {0};
  struct str why;
  enum outcome o = token_ask(&q, &t, &why);
  while (o == OUTCOME_LATER && wait_for(n->node))
    o = token_ask(&q, &t, &why);
  if (o == OUTCOME_ANSWER)
    why = token_trouble(&t);
  if (why.p)
    doctor_found(l->d, "token", o == OUTCOME_ANSWER && t.decimals == TOKEN_DECIMALS ? WARNING : BAD,
                 str_printf(l->d->a, "%.*s: %.*s", STR_FMT(n->name), STR_FMT(why)), NULL);
}

// The newest block that all call final: its id must be one.
static void check_agreement(struct look *l) {
  int64_t number = INT64_MAX;
  struct seen *first = NULL;
  int usable = 0;
  bool same = true;
  for (int i = 0; i < l->n; i++)
    if (l->seen[i].usable) {
      usable++;
      number = l->seen[i].solid < number ? l->seen[i].solid : number;
    }
  for (int i = 0; usable > 1 && i < l->n; i++) {
    struct seen *n = &l->seen[i];
    struct block b;
    struct str why;
    struct ask k = {.node = n->node, .what = ASK_SOLID_BLOCK, .number = number};
    if (!n->usable || !ask_block(l, k, &b, &why))
      continue;
    memcpy(n->common, b.id, BLOCK_ID_N);
    first = first ? first : n;
    same = same && memcmp(first->common, n->common, BLOCK_ID_N) == 0;
  }
  if (first)
    doctor_found(l->d, "agreement", same ? GOOD : BAD,
                 str_printf(l->d->a, "%s block %" PRId64 ", final for all",
                            same ? "the nodes agree on" : "the nodes contradict each other about", number),
                 same ? NULL : "find out which node is right before you take payments");
}

static void check_clock_by_chain(struct look *l, int64_t head_ms) {
  int64_t age_s = (world_now(&world_real) / 1000 - head_ms) / 1000;
  bool early = age_s<-HEAD_EARLY_S, old = age_s> HEAD_OLD_S;
  if (!early && !old)
    return;
  struct str text =
      early ? str_printf(l->d->a,
                         "the newest block is %" PRId64 " s in the future: this machine's clock is slow",
                         -age_s)
            : str_printf(l->d->a,
                         "the newest block is %" PRId64 " s old: the nodes or this machine's clock are wrong",
                         age_s);
  doctor_found(l->d, "chain clock", early ? BAD : WARNING, text, "timedatectl set-ntp true");
}

// What the operator relies on.
static void check_trust(struct look *l, int usable) {
  const struct settings_chain *c = &l->s->chain;
  bool alone = c->k == 1;
  const char *text = "what is credited rests on one node's word";
  if (c->trust == TRUST_VERIFIED)
    text =
        alone
            ? "blocks and direct transfers are verified; transfers by other contracts rest on one node's word"
            : "blocks and direct transfers are verified; for transfers by other contracts nodes must agree";
  else if (!alone)
    text = "nodes must agree on each block and transfer";
  doctor_found(l->d, "trust", alone ? WARNING : GOOD, str_printf(l->d->a, "%s: %s", l->s->trust, text),
               alone ? "name more nodes and set trust = verified:2" : NULL);
  if (c->trust == TRUST_VERIFIED && !*l->s->witness_file)
    doctor_found(l->d, "witnesses", WARNING,
                 STR("the first set of witnesses is what the nodes said at the first start"),
                 "pin it with witness_file = FILE");
  if (usable < c->k)
    doctor_found(
        l->d, "nodes", BAD,
        str_printf(l->d->a, "%d of them can be used, %d must agree: nothing is credited", usable, c->k),
        "name more nodes: node = URL");
}

static void look_at(struct look *l) {
  int64_t best = 0, head_ms = 0;
  int usable = 0;
  for (int i = 0; i < l->n; i++) {
    meet(l, &l->seen[i]);
    arena_reset(&l->arena);
  }
  for (int i = 0; i < l->n; i++) {
    struct seen *n = &l->seen[i];
    if (n->usable && !is_genesis(l, n)) {
      n->usable = false;
      found(l, n, BAD, "is on another chain: its block 0 is another one");
    }
    best = n->usable && n->head > best ? n->head : best;
    head_ms = n->usable && n->head_ms > head_ms ? n->head_ms : head_ms;
    usable += n->usable;
  }
  for (int i = 0; i < l->n; i++) {
    if (!l->seen[i].usable)
      continue;
    check_lag(l, &l->seen[i], best);
    check_limits(l, &l->seen[i]);
    check_token(l, &l->seen[i]);
    arena_reset(&l->arena);
  }
  check_agreement(l);
  if (usable)
    check_clock_by_chain(l, head_ms);
  check_trust(l, usable);
}

void doctor_nodes(struct doctor *d) {
  const struct settings *s = &d->c->settings;
  if (!s->node.n) {
    doctor_found(d, "nodes", WARNING, STR("no node is named: live payments are not seen"),
                 "name one: node = URL");
    return;
  }
  struct look *l = ARENA_NEW(d->a, struct look);
  l->d = d;
  l->s = s;
  l->n = s->node.n;
  l->fetcher = fetcher_create(&world_real);
  if (!l->fetcher) {
    doctor_found(d, "nodes", BAD, STR("there is no room to ask them"), NULL);
    return;
  }
  arena_init(&l->arena, NODES_ARENA_MAX);
  for (int i = 0; i < l->n; i++)
    l->seen[i].node = node_new(&s->node.list[i], &world_real);
  look_at(l);
  for (int i = 0; i < l->n; i++)
    node_free(l->seen[i].node);
  arena_free(&l->arena);
  l->fetcher->free(l->fetcher);
}
