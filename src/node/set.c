// Who the witnesses are: from the stored state, the operator's file or K nodes; and what the state asks.
#include "node/chain_internal.h"

#include <string.h>

#define OPEN_US (INT64_C(5) * 1000000)
#define SET_US  (INT64_C(60) * 1000000)
#define KEYS_US (INT64_C(6) * 1000000)
enum { KEYS_AT_ONCE = 4 };

// Is it time, by a clock that may go back?
static bool is_due(const struct chain *c, int64_t *at_us, int64_t again_us) {
  int64_t now_us = world_now(c->world);
  if (*at_us > now_us && *at_us <= now_us + again_us)
    return false;
  *at_us = now_us + again_us;
  return true;
}

// Asks one node after the other until K have said the same. False: not now.
typedef bool read_fn(struct str answer, const void *asked, void *out);
typedef bool same_fn(const void *a, const void *b);
struct poll {
  struct ask ask;
  read_fn *read;
  same_fn *same;
  const void *asked;
  size_t size; // of what is read
};

static bool poll(struct chain *c, const struct poll *p, void *out) {
  struct arena a;
  int n = 0;
  bool agreed = false;
  arena_init(&a, 1 << 20);
  uint8_t *said = arena_alloc(&a, p->size * PEERS_MAX);
  for (int i = 0; i < c->n && !agreed; i++) {
    struct ask ask = p->ask;
    ask.node = c->peers[i].node;
    if (!peer_askable(c, i))
      continue;
    node_ask(c->o.fetcher, &ask, 1, &c->scratch);
    bool good = ask.outcome == OUTCOME_ANSWER && p->read(ask.answer, p->asked, said + p->size * (size_t)n);
    arena_reset(&c->scratch);
    if (!good)
      continue;
    int same = 0;
    for (int j = 0; j <= n; j++)
      same += p->same(said + p->size * (size_t)j, said + p->size * (size_t)n);
    agreed = same >= c->o.k;
    memcpy(out, said + p->size * (size_t)n++, p->size);
  }
  arena_free(&a);
  return agreed;
}

static bool read_list(struct str answer, const void *asked, void *out) {
  (void)asked;
  return witness_list_of_answer(answer, out);
}

static bool same_list(const void *a, const void *b) {
  return witness_list_same(a, b);
}

static bool read_key(struct str answer, const void *asked, void *out) {
  return witness_key_of_answer(answer, asked, out);
}

static bool same_key(const void *a, const void *b) {
  return !memcmp(a, b, sizeof(struct tron_address));
}

static bool read_interval(struct str answer, const void *asked, void *out) {
  return answer_parameter(answer, asked, out) == SAID_THIS && *(int64_t *)out >= SLOT_MS &&
         *(int64_t *)out <= BLOCK_TIME_MAX_MS;
}

static bool same_time(const void *a, const void *b) {
  return !memcmp(a, b, sizeof(int64_t));
}

static bool read_due(struct str answer, const void *asked, void *out) {
  (void)asked;
  return answer_maintenance(answer, out) == SAID_THIS && *(int64_t *)out > 0 &&
         *(int64_t *)out <= BLOCK_TIME_MAX_MS;
}

static bool read_genesis_time(struct str answer, const void *asked, void *out) {
  struct arena a;
  struct block b;
  const struct chain *c = asked;
  arena_init(&a, 64 << 20);
  struct block_json json = {.token = &c->o.token, .arena = &a};
  bool good = block_read(&json, answer, &b) == SAID_THIS && b.header.number == 0 && b.header.time_ms >= 0 &&
              b.header.time_ms <= BLOCK_TIME_MAX_MS;
  if (good)
    *(int64_t *)out = b.header.time_ms;
  arena_free(&a);
  return good;
}

static bool ask_time(struct chain *c, enum ask_what what, read_fn *read, const void *asked, int64_t *out) {
  return poll(
      c,
      &(struct poll){
          .ask = {.what = what}, .read = read, .same = same_time, .asked = asked, .size = sizeof *out},
      out);
}

static bool ask_set(struct chain *c, struct witness_list *out) {
  return poll(c,
              &(struct poll){
                  .ask = {.what = ASK_WITNESSES}, .read = read_list, .same = same_list, .size = sizeof *out},
              out);
}

static bool start_anew(struct chain *c, struct witnesses_start *start) {
  struct witness_list set;
  bool good = ask_time(c, ASK_BLOCK, read_genesis_time, c, &start->genesis_ms) &&
              ask_time(c, ASK_PARAMETERS, read_interval, "getMaintenanceTimeInterval", &start->interval_ms) &&
              ask_time(c, ASK_MAINTENANCE, read_due, NULL, &start->due_ms) &&
              (witness_list_of_file(c->o.witness_file, &set) || ask_set(c, &set)) &&
              start->time_ms >= start->genesis_ms;
  if (good)
    witnesses_begin(&c->at, start, &set);
  return good;
}

bool witnesses_open(struct chain *c, const struct chain_cursor *cursor) {
  struct witnesses_start start = {.number = cursor->number, .time_ms = cursor->time_us / 1000};
  if (c->has_witnesses)
    return true;
  memcpy(start.id, cursor->id.bytes, BLOCK_ID_N);
  c->has_witnesses = c->o.witnesses.p && witnesses_read(c->o.witnesses, &c->at) &&
                     c->at.number == cursor->number && !memcmp(c->at.id, start.id, BLOCK_ID_N);
  if (!c->has_witnesses)
    c->has_witnesses = is_due(c, &c->open_us, OPEN_US) && start_anew(c, &start);
  if (c->has_witnesses)
    c->fed = c->given = c->at;
  return c->has_witnesses;
}

// The key is the one that we know: then this signature is not the block's. Another node may have it.
static bool find_signature(struct chain *c, struct version *v, const struct tron_address *key) {
  bool found = false;
  for (int i = 0; i < c->n && !found; i++) {
    struct ask ask = {.node = c->peers[i].node, .what = ASK_BLOCK, .number = v->b.header.number};
    struct block b;
    struct signed_header h;
    if (!peer_askable(c, i))
      continue;
    node_ask(c->o.fetcher, &ask, 1, &c->scratch);
    found = ask.outcome == OUTCOME_ANSWER && block_read(&c->json, ask.answer, &b) == SAID_THIS &&
            signed_header_of(&b.header, &h) && !memcmp(h.id, v->id.bytes, BLOCK_ID_N) &&
            address_same(&h.signer, key);
    if (found) {
      v->signed_header = h;
      memcpy(v->b.header.signature, h.header.signature, SIGNATURE_N);
    }
    arena_reset(&c->parse);
    arena_reset(&c->scratch);
  }
  return found;
}

static bool find_signatures(struct chain *c, const struct tron_address *who, const struct tron_address *key) {
  for (int i = c->line.n_line - 1; i >= 0; i--) {
    struct version *v = c->line.places[i].line;
    if (v->checked && address_same(&v->b.header.witness, who) && !address_same(&v->signed_header.signer, key))
      return find_signature(c, v, key); // the newest is enough
  }
  return false;
}

static bool answer_keys(struct chain *c, const struct witnesses_question *q) {
  bool told = false;
  if (q->n_keys == 0 || !is_due(c, &c->keys_us, KEYS_US))
    return false;
  for (int i = 0; i < q->n_keys && i < KEYS_AT_ONCE; i++) {
    const struct tron_address *who = &q->keys[(c->key_turn + i) % q->n_keys];
    struct tron_address key;
    if (poll(c,
             &(struct poll){.ask = {.what = ASK_ACCOUNT, .address = *who},
                            .read = read_key,
                            .same = same_key,
                            .asked = who,
                            .size = sizeof key},
             &key))
      told |= witnesses_key(&c->at, who, &key) || find_signatures(c, who, &key);
  }
  c->key_turn += KEYS_AT_ONCE;
  return told;
}

// The operator's file, once a quorum of turns since then shows that it is not the old one.
static bool name_by_file(struct chain *c, int64_t boundary_ms) {
  struct witness_list set;
  struct witnesses trial = c->fed;
  int turns = 0;
  for (int i = 0; i < trial.turns.n; i++)
    turns += trial.turns.of[i] >= 0;
  return witness_list_of_file(c->o.witness_file, &set) && turns >= witnesses_quorum(trial.n) &&
         witnesses_name(&trial, boundary_ms, &set) && witnesses_name(&c->at, boundary_ms, &set);
}

void witnesses_retell(struct chain *c) {
  struct witnesses_question q;
  if (c->told.n == 0 || c->fed.told.n > 0)
    return;
  witnesses_ask(&c->fed, &q);
  if (q.boundary_ms == c->told_ms)
    witnesses_tell(&c->fed, &c->told);
}

// After a maintenance K nodes are asked for the new set, those whose next one is ours. When all stands still
// for it, they answer for it.
static bool answer_set(struct chain *c, const struct witnesses_question *q) {
  struct witness_list set;
  int64_t due_ms;
  if (q->set && name_by_file(c, q->boundary_ms))
    return true;
  if ((!q->set && c->fed.told.n > 0) || !is_due(c, &c->told_us, SET_US) ||
      !ask_time(c, ASK_MAINTENANCE, read_due, NULL, &due_ms) || due_ms != c->fed.next_ms || !ask_set(c, &set))
    return false;
  c->told = set;
  c->told_ms = q->boundary_ms;
  witnesses_retell(c);
  return q->set && witnesses_name(&c->at, q->boundary_ms, &set);
}

// The answers are told to the cursor's state, and the line is fed to it anew.
void witnesses_answer(struct chain *c) {
  struct witnesses_question q;
  if (c->o.trust != TRUST_VERIFIED || !c->has_witnesses)
    return;
  witnesses_ask(&c->fed, &q);
  bool keys = answer_keys(c, &q), set = answer_set(c, &q);
  if (keys || set)
    c->fed = c->at;
}
