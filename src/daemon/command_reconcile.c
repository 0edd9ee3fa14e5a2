// What lies at receiving addresses by the chain, beside what the book says of them.
#include "daemon/command.h"
#include "flow/chain_view.h"
#include "flow/holdings.h"
#include "node/token.h"

#include <time.h>

enum { PAUSES = 5, KEY_PER_S = 5, PAUSE_US = 3000000, PATIENCE_US = 10000000, ASK_ARENA_MAX = 64 << 20 };

struct reconcile {
  struct call *c;
  struct fetcher *fetcher;
  struct node *nodes[NODES_MAX];
  struct chain_node configs[NODES_MAX];
  int n, k;
  int pauses;         // left: other commands wait for this page
  struct arena arena; // of one question
};

static void pause_us(int64_t us) {
  nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static void open_nodes(struct reconcile *r) {
  const struct settings *s = r->c->gateway->settings;
  r->fetcher = fetcher_create(&world_real);
  r->k = s->chain.k;
  r->n = s->node.n;
  r->pauses = r->c->gateway->watcher ? PAUSES : 0; // without one the book does not move
  arena_init(&r->arena, ASK_ARENA_MAX);
  for (int i = 0; i < r->n; i++) {
    r->configs[i] = s->node.list[i];
    if (r->configs[i].key.p && (!r->configs[i].per_s || r->configs[i].per_s > KEY_PER_S))
      r->configs[i].per_s = KEY_PER_S; // the watcher asks with the same key
    r->nodes[i] = node_new(&r->configs[i], &world_real);
  }
}

static void close_nodes(struct reconcile *r) {
  for (int i = 0; i < r->n; i++)
    node_free(r->nodes[i]);
  r->fetcher->free(r->fetcher);
  arena_free(&r->arena);
}

// Waits where the node's budget says so, but not for a node that rests for long.
static enum outcome ask_node(struct reconcile *r, int i, const struct tron_address *who, int64_t *balance,
                             struct str *why) {
  const struct token_question q = {.fetcher = r->fetcher,
                                   .node = r->nodes[i],
                                   .arena = &r->arena,
                                   .token = r->c->gateway->settings->chain.token};
  enum outcome o;
  int64_t until_us = world_mono(&world_real) + PATIENCE_US;
  for (;;) {
    arena_reset(&r->arena);
    o = token_balance(&q, who, balance, why);
    int64_t wait_us = node_free_us(r->nodes[i]) - world_now(&world_real);
    if (o == OUTCOME_ANSWER || o == OUTCOME_ABSENT || world_mono(&world_real) + wait_us > until_us)
      return o;
    pause_us(wait_us > 1000 ? wait_us : 1000);
  }
}

// As many nodes as must agree on anything. False: they cannot be had, or do not.
static bool ask_balance(struct reconcile *r, const struct tron_address *who, int64_t *balance,
                        struct str *why) {
  int agree = 0;
  for (int i = 0; i < r->n && agree < r->k; i++) {
    int64_t said;
    if (ask_node(r, i, who, &said, why) != OUTCOME_ANSWER)
      continue;
    if (agree && said != *balance) {
      *why = STR("nodes disagree");
      return false;
    }
    *balance = said;
    agree++;
  }
  return agree == r->k;
}

struct finding_of {
  bool asked, equal;
  int64_t balance;
  struct str why;
};

// A node may be a few blocks ahead of the book: looked at again before it is a difference.
static enum err compare(struct reconcile *r, struct holding *h, struct finding_of *f) {
  struct tron_address who;
  *f = (struct finding_of){0};
  if (!address_parse(h->address, &who)) {
    f->why = STR("not an address");
    return ERR_NONE;
  }
  for (;;) {
    f->asked = ask_balance(r, &who, &f->balance, &f->why);
    f->equal = f->asked && f->balance == h->received.micro;
    // what an owner takes from his own address is no news
    if (f->equal || h->custody == CUSTODY_MERCHANT || r->pauses == 0)
      return ERR_NONE;
    r->pauses--;
    pause_us(PAUSE_US);
    enum err e = flow_holding(r->c->env, r->c->a, h);
    if (e)
      return e;
  }
}

static const char *result_of(const struct holding *h, const struct finding_of *f) {
  if (!f->asked)
    return "unknown";
  if (f->equal)
    return "equal";
  return h->custody == CUSTODY_OPERATOR ? "differs" : "shown";
}

static void put(struct call *c, const struct holding *h, const struct finding_of *f) {
  struct jsonw *j = &c->out;
  jsonw_open(j, '{');
  jsonw_ki64(j, "id", h->id);
  jsonw_kstr(j, "address", h->address);
  jsonw_ki64(j, "app_id", h->project_id);
  jsonw_kstr(j, "custody", h->custody == CUSTODY_OPERATOR ? STR("operator") : STR("merchant"));
  jsonw_kstr(j, "book", usdt_text(c->a, h->received, 6));
  jsonw_kstr(j, "chain", f->asked ? usdt_text(c->a, (struct usdt){f->balance}, 6) : STR_NONE);
  jsonw_kstr(j, "result", str_of(result_of(h, f)));
  jsonw_kstr(j, "why", f->asked ? STR_NONE : f->why);
  jsonw_close(j, '}');
}

static enum err check_ready(struct call *c) {
  struct chain_status s;
  if (!c->gateway->settings->node.n)
    return call_refuse(c, ERR_SETTING, "node", "No node is named: the chain cannot be asked (node = URL).");
  chain_view_get(c->env->chain, c->a, &s);
  if (s.behind)
    return call_refuse(c, ERR_SETTING, "chain",
                       "The book is behind the chain: try again when it is level (cryptopay chain status).");
  return ERR_NONE;
}

// One page: the command line asks for one after the other.
enum err command_reconcile(struct call *c) {
  struct reconcile r = {.c = c};
  struct holdings page = {0};
  struct finding_of f;
  enum err e = check_ready(c);
  if (!e && call_text(c, "project").p)
    e = call_number(c, "project", &page.project_id);
  if (!e && call_text(c, "after").p)
    e = call_number(c, "after", &page.after_id);
  if (!e)
    e = flow_holdings(c->env, c->a, &page);
  if (e)
    return e;
  open_nodes(&r);
  jsonw_open(&c->out, '[');
  for (int i = 0; i < page.n && !e; i++) {
    e = compare(&r, &page.list[i], &f);
    if (!e)
      put(c, &page.list[i], &f);
  }
  jsonw_close(&c->out, ']');
  close_nodes(&r);
  return e;
}
