#include "onchain.h"
#include "base/hex.h"
#include "daemon/watcher.h"
#include "flow/chain_view.h"
#include "sim.h"
#include "simnode/answers.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 3, PAYS_MAX = 512, TURNS = 3, QUIET_TURNS = 60, FETCH_ARENA_MAX = 1 << 29, AHEAD_MS = 60000 };
#define SECOND INT64_C(1000000)

enum weather { FINE, AWAY, SLOW, REFUSES, BROKEN, CUT, WEATHERS };
static const char *const weather_names[] = {"fine", "away", "slow", "refuses", "broken", "cut"};

struct pay { // what was sent, and so what must arrive
  uint8_t txid[32];
  struct tron_address to;
  int64_t amount;
  enum sim_kind kind;
};

struct onchain {
  struct sim *sim;
  struct sim_chain *chain;
  struct sim_node nodes[NODES];
  enum weather weather[NODES];
  char urls[NODES][16], genesis[65];
  struct chain_node configured[NODES];
  struct settings_nodes list;
  struct settings_chain settings;
  int liar; // the only one who may lie; -1: nobody
  struct pay pays[PAYS_MAX];
  int n_pays;
  int64_t final; // highest block that has ever been: it stays, though a fork may put the rule's height back
  struct arena answers;
};

// ---- the network -----------------------------------------------------------------------------------------

static struct sim_request request_of(const struct fetch *f, int *node) {
  const char *p = f->url.p + strlen("http://n"), *path = memchr(p, '/', f->url.n - strlen("http://n"));
  *node = *p - '0';
  return (struct sim_request){.method = f->body.p ? "POST" : "GET",
                              .path = {path, (size_t)(f->url.p + f->url.n - path)},
                              .body = f->body};
}

static void serve(struct onchain *l, struct fetch *f) {
  int i;
  struct sim_request q = request_of(f, &i);
  struct sim_answer answer;
  f->error = FETCH_NO_CONNECTION;
  if (l->weather[i] == AWAY)
    return;
  f->error = FETCH_TIMEOUT;
  if (l->weather[i] == SLOW)
    return;
  f->error = FETCH_OK;
  f->status = 200;
  arena_reset(&l->answers);
  sim_answer(&l->nodes[i], &q, &l->answers, &answer);
  if (l->weather[i] == REFUSES)
    answer.body =
        STR("{\"Error\":\"request rate exceeded the allowed_rps(3), and the query server is suspended "
            "for 2 s\"}");
  else
    f->status = answer.status;
  if (l->weather[i] == CUT)
    answer.body.n /= 2;
  if (l->weather[i] == BROKEN)
    f->status = 502;
  f->answer = str_copy(f->arena, answer.body);
}

static void run(struct fetcher *self, struct fetch *list, size_t n) {
  struct feeder *feeder = (struct feeder *)self;
  for (size_t i = 0; i < n; i++)
    serve(feeder->node->sim->onchain, &list[i]);
}

static void nothing(struct fetcher *self) {
  (void)self;
}

// ---- made and taken down ---------------------------------------------------------------------------------

struct onchain *onchain_new(struct sim *s) {
  if (s->seed % 5 != 4)
    return NULL;
  struct onchain *l = calloc(1, sizeof *l);
  bool alone = s->seed % 10 == 4;
  l->sim = s;
  l->chain = sim_new(&(struct sim_options){.witnesses = 3 + 2 * (int)(s->seed / 20 % 2),
                                           .genesis_ms = s->now_us / 3000000 * 3000 - 60000});
  l->liar = alone ? -1 : (int)(s->seed / 40 % NODES);
  l->list = (struct settings_nodes){l->configured, alone ? 1 : NODES};
  for (int i = 0; i < NODES; i++) {
    l->nodes[i] = (struct sim_node){.chain = l->chain, .solid_lag = i % 2};
    snprintf(l->urls[i], sizeof l->urls[i], "http://n%d", i);
    l->configured[i] = (struct chain_node){.url = str_of(l->urls[i]), .solidity = str_of(l->urls[i])};
  }
  l->settings = (struct settings_chain){.network = NETWORK_CUSTOM,
                                        .trust = alone ? TRUST_ONE : TRUST_QUORUM,
                                        .k = alone ? 1 : 2,
                                        .token = l->chain->contracts.token};
  hex_encode(sim_block(l->chain, 0)->id, 32, l->genesis);
  if (!alone) // as of the public networks: otherwise the first to answer would say which chain it is
    l->settings.genesis = str_of(l->genesis);
  arena_init(&l->answers, FETCH_ARENA_MAX);
  sim_mine(l->chain, 10);
  l->final = sim_solid(l->chain);
  return l;
}

void onchain_free(struct onchain *l) {
  if (!l)
    return;
  sim_free(l->chain);
  arena_free(&l->answers);
  free(l);
}

void onchain_attach(struct node *n) {
  struct onchain *l = n->sim->onchain;
  n->watcher = NULL;
  if (!l)
    return;
  n->feeder = (struct feeder){.fetcher = {run, nothing, nothing}, .node = n};
  n->env.chain = chain_view_new();
  n->watcher = watcher_new(&(struct watcher_options){
      .env = &n->env, .chain = &l->settings, .nodes = &l->list, .fetcher = &n->feeder.fetcher});
}

void onchain_detach(struct node *n, bool orderly) {
  if (!n->watcher)
    return;
  if (orderly)
    watcher_stop(n->watcher);
  watcher_free(n->watcher);
  chain_view_free(n->env.chain);
  n->watcher = NULL;
  n->env.chain = NULL;
}

// ---- what is true ----------------------------------------------------------------------------------------

static const struct pay *pay_of(const struct onchain *l, const struct tx *t) {
  for (int i = 0; i < l->n_pays; i++)
    if (memcmp(l->pays[i].txid, t->id, sizeof t->id) == 0)
      return &l->pays[i];
  return NULL;
}

static int arrivals_of(enum sim_kind kind) {
  switch (kind) {
  case SIM_DIRECT:
  case SIM_FROM:
  case SIM_INTERNAL:
  case SIM_FAKE_AND_REAL:
  case SIM_DIRTY:
    return 1;
  case SIM_TWICE:
    return 2;
  case SIM_FAKE:
  case SIM_REVERT:
  case SIM_OUT_OF_ENERGY:
  case SIM_OUT_OF_TIME:
  case SIM_ILLEGAL:
  case SIM_TRX:
  case SIM_KINDS:
    break;
  }
  return 0;
}

// Which of its logs they are is the chain's; how many, and of what, was decided when it was sent.
static void arrive(const struct onchain *l, struct o_block *b, const struct tx *t, const struct pay *p) {
  int n = 0;
  for (int i = 0; i < t->receipt.n_logs && t->ret == OUTCOME_SUCCESS; i++) {
    struct o_arrival *a = &b->arrivals[b->n];
    char to[ADDRESS_TEXT_N + 1];
    if (memcmp(&t->receipt.logs[i].address, &l->settings.token, sizeof l->settings.token) != 0)
      continue;
    if (b->n == ARRIVALS_MAX)
      violation(l->sim->oracle, "too many transfers in a block for the model");
    a->log_index = i;
    a->value = p->amount;
    hex_encode(t->id, sizeof t->id, a->txid);
    address_format(&p->to, to);
    snprintf(a->to, sizeof a->to, "%s", to);
    b->n++;
    n++;
  }
  if (n != 0 && n != arrivals_of(p->kind))
    violation(l->sim->oracle, "%s made %d transfers", sim_kind_names[p->kind], n);
}

bool onchain_block(struct onchain *l, int64_t number, struct o_block *out) {
  const struct sim_block *b = sim_block(l->chain, number);
  *out = (struct o_block){.number = number};
  if (!b)
    return false;
  out->time_us = b->time_ms * 1000;
  memcpy(out->id, b->id, sizeof out->id);
  for (int i = 0; i < b->n; i++) {
    const struct pay *p = pay_of(l, b->txs[i]);
    if (p)
      arrive(l, out, b->txs[i], p);
  }
  return true;
}

int64_t onchain_solid(const struct onchain *l) {
  return l->final;
}

// Was this sent by anybody, to this address, by a call that shows it before it is final? (A node may lie
// about the outcome.)
bool onchain_was_sent(const struct onchain *l, const char *txid, const char *to) {
  for (int i = 0; i < l->n_pays; i++) {
    char id[65], text[ADDRESS_TEXT_N + 1];
    hex_encode(l->pays[i].txid, 32, id);
    address_format(&l->pays[i].to, text);
    if (strcmp(id, txid) == 0)
      return strcmp(text, to) == 0;
  }
  return false;
}

// ---- what happens ----------------------------------------------------------------------------------------

static int64_t amount_for(struct rng *r, const struct o_payment *p) {
  int64_t rest = p->pay_amount > p->received ? p->pay_amount - p->received : p->pay_amount;
  switch (rng_below(r, 10)) {
  case 0:
    return rest / 2;
  case 1:
    return rest + 1000000;
  case 2:
    return 5000;
  case 3:
    return rest - 20000 > 0 ? rest - 20000 : 1;
  case 4:
    return p->pay_amount;
  case 5:
    return rng_between(r, 1, 100000000);
  default:
    return rest;
  }
}

static const struct o_payment *to_be_paid(struct sim *s) {
  const struct oracle *o = s->oracle;
  const struct o_payment *p = NULL;
  for (int i = 0; i < 12; i++) {
    const struct o_payment *at = &o->payments[rng_below(&s->rng, o->n_payments)];
    if (!at->is_test && (!p || (p->status != O_PENDING && rng_percent(&s->rng, 80))))
      p = at;
  }
  return p;
}

static void pay(struct onchain *l) {
  static const enum sim_kind odd[] = {SIM_FROM,    SIM_INTERNAL, SIM_TWICE,         SIM_FAKE,
                                      SIM_DIRTY,   SIM_REVERT,   SIM_OUT_OF_ENERGY, SIM_OUT_OF_TIME,
                                      SIM_ILLEGAL, SIM_TRX,      SIM_FAKE_AND_REAL};
  struct sim *s = l->sim;
  const struct o_payment *p = s->oracle->n_payments ? to_be_paid(s) : NULL;
  if (!p || l->n_pays == PAYS_MAX)
    return;
  struct sim_payment sent = {.amount = amount_for(&s->rng, p), .kind = SIM_DIRECT};
  if (rng_percent(&s->rng, 40))
    sent.kind = odd[rng_below(&s->rng, sizeof odd / sizeof *odd)];
  address_parse(str_of(p->address), &sent.to);
  const struct tx *t = sim_pay(l->chain, &sent, NULL);
  trace(s, "pays %s %lld to %s (order %s)%s", sim_kind_names[sent.kind], (long long)sent.amount, p->address,
        p->order, t ? "" : ": refused");
  if (!t)
    return;
  struct pay *record = &l->pays[l->n_pays++];
  *record = (struct pay){.to = sent.to, .amount = sent.amount, .kind = sent.kind};
  memcpy(record->txid, t->id, sizeof record->txid);
  stats_count("sent", sim_kind_names[sent.kind]);
}

static void finalise(struct onchain *l) {
  if (sim_solid(l->chain) > l->final)
    l->final = sim_solid(l->chain);
}

static void mine(struct onchain *l, int64_t n) {
  sim_clock(l->chain, l->sim->now_us / 1000);
  if (sim_head(l->chain)->time_ms > l->sim->now_us / 1000 + AHEAD_MS)
    return; // the clock went back
  sim_mine(l->chain, n);
  finalise(l);
  trace(l->sim, "mined up to %lld, final %lld", (long long)sim_head(l->chain)->number,
        (long long)sim_solid(l->chain));
}

static void fork(struct onchain *l) {
  int64_t most = sim_head(l->chain)->number - l->final;
  int64_t depth = most > 0 ? rng_between(&l->sim->rng, 1, most) : 0;
  enum sim_fork how = (enum sim_fork)rng_below(&l->sim->rng, 3);
  sim_clock(l->chain, l->sim->now_us / 1000);
  if (!depth || !sim_fork(l->chain, depth, how))
    return;
  finalise(l);
  stats_count("chain", how == FORK_DROP ? "fork, transactions gone" : "fork");
  trace(l->sim, "fork of %lld, head %lld", (long long)depth, (long long)sim_head(l->chain)->number);
}

// One of three says what it likes; each may be away or behind.
static void change_weather(struct onchain *l) {
  struct rng *r = &l->sim->rng;
  int i = (int)rng_below(r, l->list.n);
  struct sim_node *n = &l->nodes[i];
  l->weather[i] = rng_percent(r, 50) ? FINE : (enum weather)rng_below(r, WEATHERS);
  n->lag = rng_percent(r, 70) ? 0 : rng_between(r, 1, 6);
  if (i == l->liar) {
    n->lie = rng_percent(r, 25) ? LIE_NONE : (enum sim_lie)rng_below(r, LIES);
    stats_count("lies", sim_lie_names[n->lie]);
    if (l->sim->oracle->n_payments) {
      const struct o_payment *p = &l->sim->oracle->payments[rng_below(r, l->sim->oracle->n_payments)];
      address_parse(str_of(p->address), &n->lie_to);
      n->lie_amount = p->pay_amount;
    }
  }
  stats_count("weather", weather_names[l->weather[i]]);
  trace(l->sim, "chain node %d: %s, %lld behind, lie %s", i, weather_names[l->weather[i]], (long long)n->lag,
        sim_lie_names[n->lie]);
}

// The gateway looks; what it has stored is compared after each turn.
static void look(struct node *n, int turns) {
  struct sim *s = n->sim;
  calls_run(n, 1000);
  for (int i = 0; i < turns && !gateway_crashed(n); i++) {
    oracle_chain_settle(s->oracle);
    int64_t wait_us = watcher_turn(n->watcher);
    if (gateway_crashed(n))
      return;
    s->oracle->heads[n->number] = chain_view_head(n->env.chain);
    oracle_chain_follow(s->oracle);
    trace(s, "node %d has looked at the chain: cursor %lld", n->number, (long long)s->oracle->cursor);
    if (wait_us > 3 * SECOND)
      return;
    clock_tick(s, wait_us > 1000 ? wait_us : 1000);
  }
}

void onchain_step(struct node *n) {
  struct onchain *l = n->sim->onchain;
  struct rng *r = &n->sim->rng;
  int64_t kind = rng_below(r, 100);
  if (kind < 45) {
    pay(l);
    mine(l, rng_between(r, 0, 2));
  } else if (kind < 52) {
    fork(l);
  } else if (kind < 62) {
    change_weather(l);
  } else {
    mine(l, rng_between(r, 1, 4));
  }
  if (kind % 2)
    look(n, (int)rng_between(r, 1, TURNS));
}

static void catch_up(struct sim *s) {
  int64_t wanted = s->onchain->final;
  for (int turn = 0; s->oracle->cursor < wanted; turn++) {
    if (turn == QUIET_TURNS)
      violation(s->oracle, "the cursor stays at %lld, though %lld is final", (long long)s->oracle->cursor,
                (long long)wanted);
    clock_tick(s, 10 * SECOND);
    for (int i = 0; i < s->n_nodes; i++) {
      below->on(i);
      look(&s->nodes[i], 2);
    }
  }
}

void onchain_quiet(struct sim *s) {
  struct onchain *l = s->onchain;
  for (int i = 0; i < NODES; i++) {
    l->weather[i] = FINE;
    l->nodes[i].lag = l->nodes[i].solid_lag = 0;
    if (i != l->liar) // who lies goes on lying
      l->nodes[i].lie = LIE_NONE;
  }
  if (sim_head(l->chain)->time_ms * 1000 > s->now_us)
    clock_tick(s, sim_head(l->chain)->time_ms * 1000 - s->now_us);
  mine(l, 12);
  catch_up(s);
  for (int i = 0; i < 2; i++) { // what has ended is given back when the chain's time is looked at again
    mine(l, 3);
    catch_up(s);
  }
}
