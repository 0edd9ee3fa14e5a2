// Who the witnesses are: from the stored state, the operator's file or K nodes; and what the state asks.
#include "node/chain_internal.h"

#include <string.h>

#define QUESTION_US (INT64_C(10) * 1000000)

// Asks one node after the other until K have said the same. False: not now.
typedef bool read_fn(struct str answer, const void *asked, void *out);
typedef bool same_fn(const void *a, const void *b);
struct poll {
  struct ask ask;
  read_fn *read;
  same_fn *same;
  const void *asked;
  size_t size;       // of what is read
  int64_t before_ms; // only nodes whose head is before this; 0: any
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
    if (!peer_askable(c, i) || (p->before_ms && c->peers[i].head_us / 1000 >= p->before_ms))
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
  return answer_parameter(answer, asked, out) == SAID_THIS && *(int64_t *)out > 0;
}

static bool same_interval(const void *a, const void *b) {
  return !memcmp(a, b, sizeof(int64_t));
}

static bool ask_set(struct chain *c, int64_t before_ms, struct witness_list *out) {
  return poll(c,
              &(struct poll){.ask = {.what = ASK_WITNESSES},
                             .read = read_list,
                             .same = same_list,
                             .size = sizeof *out,
                             .before_ms = before_ms},
              out);
}

static bool first_set(struct chain *c, struct witness_list *out) {
  return c->o.witnesses.p ? witness_list_of_file(c->o.witnesses, out) : ask_set(c, 0, out);
}

bool witnesses_open(struct chain *c, const struct chain_cursor *cursor) {
  struct witnesses_start start = {
      .genesis_ms = c->genesis_ms, .number = cursor->number, .time_ms = cursor->time_us / 1000};
  struct witness_list set;
  if (c->has_witnesses)
    return true;
  memcpy(start.id, cursor->id.bytes, BLOCK_ID_N);
  c->has_witnesses = c->o.witnesses.p && witnesses_read(c->o.witnesses, &c->at) &&
                     c->at.number == cursor->number && !memcmp(c->at.id, start.id, BLOCK_ID_N);
  if (!c->has_witnesses) {
    bool good = c->genesis_ms &&
                poll(c,
                     &(struct poll){.ask = {.what = ASK_PARAMETERS},
                                    .read = read_interval,
                                    .same = same_interval,
                                    .asked = "getMaintenanceTimeInterval",
                                    .size = sizeof start.interval_ms},
                     &start.interval_ms) &&
                first_set(c, &set);
    if (!good)
      return false;
    witnesses_begin(&c->at, &start, &set);
    c->has_witnesses = true;
  }
  c->fed = c->given = c->at;
  return true;
}

static bool answer_keys(struct chain *c, const struct witnesses_question *q) {
  bool told = false;
  for (int i = 0; i < q->n_keys; i++) {
    struct tron_address key;
    if (!poll(c,
              &(struct poll){.ask = {.what = ASK_ACCOUNT, .address = q->keys[i]},
                             .read = read_key,
                             .same = same_key,
                             .asked = &q->keys[i],
                             .size = sizeof key},
              &key))
      continue;
    witnesses_key(&c->at, &q->keys[i], &key);
    told = true;
  }
  return told;
}

static bool answer_set(struct chain *c, const struct witnesses_question *q) {
  struct witness_list set;
  return q->set && ask_set(c, q->boundary_ms + c->at.interval_ms, &set) &&
         witnesses_name(&c->at, q->boundary_ms, &set);
}

// The answers are told to the cursor's state, and the line is fed to it anew.
void witnesses_answer(struct chain *c) {
  struct witnesses_question q;
  int64_t now_us = world_now(c->world);
  if (c->o.trust != TRUST_VERIFIED || !c->has_witnesses)
    return;
  if (c->question_us > now_us + QUESTION_US)
    c->question_us = now_us;
  witnesses_ask(&c->fed, &q);
  if ((!q.set && !q.n_keys) || c->question_us > now_us)
    return;
  c->question_us = now_us + QUESTION_US;
  bool keys = answer_keys(c, &q), set = answer_set(c, &q);
  if (keys || set)
    c->fed = c->at;
}
