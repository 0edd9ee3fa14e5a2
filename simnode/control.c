#include "simnode/server.h"

#include "base/hex.h"
#include "base/jsonw.h"

#include <stdlib.h>
#include <string.h>

struct command {
  struct node *node;
  struct sim_chain *chain;
  json_t *args;
  struct arena *a;
  struct jsonw *w;
  const char *error;
};

static int64_t number(const struct command *c, const char *name, int64_t otherwise) {
  const json_t *v = json_object_get(c->args, name);
  return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static const char *text(const struct command *c, const char *name, const char *otherwise) {
  const char *v = json_string_value(json_object_get(c->args, name));
  return v ? v : otherwise;
}

static bool flag(const struct command *c, const char *name) {
  return json_is_true(json_object_get(c->args, name));
}

int64_t amount_read(const char *s) {
  int64_t v = 0;
  int decimals = -1;
  if (!*s)
    return -1;
  for (; *s; s++) {
    if (*s == '.' && decimals < 0)
      decimals = 0;
    else if (*s >= '0' && *s <= '9' && decimals < 6 && v < INT64_MAX / 1000) {
      v = v * 10 + (*s - '0');
      decimals += decimals >= 0;
    } else
      return -1;
  }
  for (int i = decimals < 0 ? 0 : decimals; i < 6; i++)
    v *= 10;
  return v;
}

static int64_t amount_of(const json_t *v) { // a number is millionths
  return json_is_integer(v)  ? json_integer_value(v)
         : json_is_string(v) ? amount_read(json_string_value(v))
                             : -1;
}

static bool address(struct command *c, const char *name, struct tron_address *out) {
  if (address_parse(str_of(text(c, name, "")), out))
    return true;
  c->error = "not an address";
  return false;
}

static int choice(struct command *c, const char *name, const char *const *names, int n) {
  const char *said = text(c, name, names[0]);
  for (int i = 0; i < n; i++)
    if (strcmp(said, names[i]) == 0)
      return i;
  c->error = "no such kind";
  return 0;
}

static void say_hex(struct command *c, const char *name, const uint8_t *bytes, size_t n) {
  char *digits = arena_alloc(c->a, 2 * n + 1);
  hex_encode(bytes, n, digits);
  jsonw_kstr(c->w, name, (struct str){digits, 2 * n});
}

static void say_address(struct command *c, const char *name, const struct tron_address *a) {
  char out[ADDRESS_TEXT_N + 1];
  address_format(a, out);
  if (name)
    jsonw_kstr(c->w, name, str_of(out));
  else
    jsonw_str(c->w, str_of(out));
}

static void say_tx(struct command *c, const struct tx *t) {
  if (!t) {
    c->error = c->error ? c->error : "refused";
    return;
  }
  say_hex(c, "txid", t->id, 32);
  jsonw_kstr(c->w, "outcome", str_of(sim_outcome_name(t->ret)));
}

// Money.

static void do_transfer(struct command *c) {
  struct sim_payment p = {.from = text(c, "from", "payer")};
  p.kind = (enum sim_kind)choice(c, "kind", sim_kind_names, SIM_KINDS);
  p.amount = amount_of(json_object_get(c->args, "amount"));
  if (!address(c, "to", &p.to) || c->error)
    return;
  if (p.amount < 0)
    c->error = "not an amount";
  else
    say_tx(c, sim_pay(c->chain, &p, &c->error));
}

enum { MANY = 500 };

static void do_many(struct command *c) {
  struct tron_address *to = arena_alloc(c->a, MANY * sizeof *to);
  int64_t *amounts = arena_alloc(c->a, MANY * sizeof *amounts);
  json_t *list = json_object_get(c->args, "to"), *item;
  size_t i;
  int n = 0;
  json_array_foreach(list, i, item) {
    const char *t = json_string_value(json_object_get(item, "to"));
    amounts[n] = amount_of(json_object_get(item, "amount"));
    if (n == MANY - 1 || !t || amounts[n] < 0 || !address_parse(str_of(t), &to[n++])) {
      c->error = "to: a list of {to, amount}";
      return;
    }
  }
  say_tx(c, sim_pay_many(c->chain, text(c, "from", "payer"), to, amounts, n));
}

static void do_faucet(struct command *c) {
  struct tron_address to;
  int64_t trx = amount_of(json_object_get(c->args, "trx")),
          usdt = amount_of(json_object_get(c->args, "usdt"));
  if (address(c, "to", &to))
    sim_faucet(c->chain, &to, trx < 0 ? 0 : trx, usdt < 0 ? 0 : usdt);
}

static void do_params(struct command *c) {
  sim_params(c->chain, number(c, "bps", 0), number(c, "max", 0));
}

static void do_pause(struct command *c) {
  sim_pause(c->chain, !json_is_false(json_object_get(c->args, "paused")));
}

static void do_deprecate(struct command *c) {
  sim_deprecate(c->chain);
}

// The chain.

void server_mine(struct server *s, int64_t n) {
  json_t *args = json_pack("{s:I,s:I}", "n", (json_int_t)n, "now", (json_int_t)s->chain->now_ms);
  journal_command(s, "mine", args);
  json_decref(args);
  sim_mine(s->chain, n);
}

static void do_mine(struct command *c) {
  int64_t now = number(c, "now", -1), n = number(c, "n", 1);
  if (now >= 0) // from the journal
    sim_clock(c->chain, now);
  if (n < 0 || n > 1000000)
    c->error = "n: 1 to 1 000 000";
  else
    sim_mine(c->chain, n);
}

static void do_pace(struct command *c) {
  c->node->server->pace_ms = number(c, "ms", 0);
}

static void do_fork(struct command *c) {
  static const char *const hows[] = {"keep", "late", "drop"};
  int how = choice(c, "how", hows, 3);
  if (!c->error && !sim_fork(c->chain, number(c, "depth", 1), (enum sim_fork)how))
    c->error = "so deep it is solid";
}

static void do_jump(struct command *c) {
  struct server *s = c->node->server;
  s->jump_ms += number(c, "ms", 0);
  if (c->chain->now_ms)
    sim_clock(c->chain, c->chain->now_ms + number(c, "ms", 0));
  else
    sim_skip(c->chain, number(c, "ms", 0) / c->chain->options.slot_ms);
  sim_mine(c->chain, 1);
}

static void do_skip(struct command *c) {
  sim_skip(c->chain, number(c, "slots", 1));
}

static void do_vote(struct command *c) {
  int64_t w = number(c, "witness", 0);
  if (w < 0 || w >= c->chain->n_witnesses)
    c->error = "no such witness";
  else
    sim_vote(c->chain, (int)w, number(c, "votes", 0));
}

static void do_rotate(struct command *c) {
  int64_t w = number(c, "witness", 0);
  if (w < 0 || w >= c->chain->n_witnesses)
    c->error = "no such witness";
  else
    sim_rotate(c->chain, (int)w, !json_is_false(json_object_get(c->args, "permission")));
}

// The node.

static void do_lag(struct command *c) {
  c->node->sim.lag = number(c, "blocks", 0);
  c->node->sim.solid_lag = number(c, "solid", 0);
}

static void do_stand(struct command *c) {
  c->node->sim.stands = json_is_false(json_object_get(c->args, "still")) ? 0 : sim_node_head(&c->node->sim);
}

static void do_lie(struct command *c) {
  struct sim_node *n = &c->node->sim;
  int lie = choice(c, "choice", sim_lie_names, LIES);
  if (lie == LIE_EXTRA && !address(c, "to", &n->lie_to))
    return;
  n->lie_amount = amount_of(json_object_get(c->args, "amount"));
  n->lie = (enum sim_lie)lie;
}

static void begin_trouble(struct command *c, enum trouble kind, const char *body, int64_t status) {
  struct node *n = c->node;
  free(n->body);
  n->trouble = kind;
  n->times = number(c, "times", 1);
  n->ms = number(c, "ms", 1000);
  n->bytes = number(c, "bytes", 64 << 20);
  n->status = (unsigned)number(c, "status", status);
  n->body = strdup(body);
}

static void do_limit(struct command *c) {
  struct str body =
      str_printf(c->a,
                 "{\"Error\":\"The key exceeds the frequency limit(15), and the query server is "
                 "suspended for %lld s\"}",
                 (long long)number(c, "seconds", 27));
  begin_trouble(c, TROUBLE_SAY, body.p, 429);
}

static void do_say(struct command *c) {
  begin_trouble(c, TROUBLE_SAY, text(c, "body", ""), 200);
}

static void do_stall(struct command *c) {
  begin_trouble(c, TROUBLE_STALL, "", 200);
}

static void do_flood(struct command *c) {
  begin_trouble(c, TROUBLE_FLOOD, "", 200);
}

static void do_cut(struct command *c) {
  begin_trouble(c, TROUBLE_CUT, "", 200);
}

static void do_heal(struct command *c) {
  c->node->trouble = TROUBLE_NONE;
  c->node->sim.lag = c->node->sim.solid_lag = c->node->sim.stands = 0;
  c->node->sim.lie = LIE_NONE;
}

static void do_serve(struct command *c) {
  c->node->sim.served = (flag(c, "full") ? SIM_FULL : 0) | (flag(c, "solid") ? SIM_SOLID : 0);
}

// Looking.

static void do_status(struct command *c) {
  const struct sim_block *head = sim_head(c->chain);
  struct tron_address who;
  jsonw_ki64(c->w, "head", head->number);
  jsonw_ki64(c->w, "head_ms", head->time_ms);
  jsonw_ki64(c->w, "solid", sim_solid(c->chain));
  jsonw_ki64(c->w, "pending", c->chain->n_pending);
  say_hex(c, "genesis", c->chain->blocks[0].id, 32);
  say_address(c, "token", &c->chain->contracts.token);
  say_address(c, "fake", &c->chain->contracts.fake);
  say_address(c, "sender", &c->chain->contracts.sender);
  if (address_parse(str_of(text(c, "address", "")), &who))
    jsonw_ki64(c->w, "balance", sim_balance(c->chain, &who));
}

static void do_witnesses(struct command *c) {
  jsonw_key(c->w, "witnesses");
  jsonw_open(c->w, '[');
  for (int i = 0; i < c->chain->options.witnesses; i++)
    say_address(c, NULL, &c->chain->witnesses[sim_active(c->chain, i)].key.address);
  jsonw_close(c->w, ']');
}

static void do_person(struct command *c) { // for a wallet that signs itself
  struct sim_key k = sim_person(c->chain, text(c, "name", "payer"));
  say_address(c, "address", &k.address);
  say_hex(c, "key", k.secret, 32);
}

static const struct {
  const char *name;
  void (*run)(struct command *c);
  bool kept; // it changes the chain
} commands[] = {
    {"transfer", do_transfer, true}, {"many", do_many, true},
    {"faucet", do_faucet, true},     {"params", do_params, true},
    {"pause", do_pause, true},       {"deprecate", do_deprecate, true},
    {"mine", do_mine, true},         {"fork", do_fork, true},
    {"jump", do_jump, true},         {"skip", do_skip, true},
    {"vote", do_vote, true},         {"rotate", do_rotate, true},
    {"person", do_person, true},     {"pace", do_pace, false},
    {"lag", do_lag, false},          {"stand", do_stand, false},
    {"lie", do_lie, false},          {"limit", do_limit, false},
    {"say", do_say, false},          {"stall", do_stall, false},
    {"flood", do_flood, false},      {"cut", do_cut, false},
    {"heal", do_heal, false},        {"serve", do_serve, false},
    {"status", do_status, false},    {"witnesses", do_witnesses, false},
};

bool control(struct node *n, const char *name, json_t *args, struct arena *a, struct buf *out) {
  struct jsonw w;
  struct command c = {n, n->server->chain, args, a, &w, NULL};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, name) != 0)
      continue;
    if (commands[i].kept)
      journal_command(n->server, name, args);
    jsonw_init(&w, out);
    jsonw_open(&w, '{');
    commands[i].run(&c);
    jsonw_close(&w, '}');
    if (!c.error)
      return true;
    out->n = 0;
    jsonw_init(&w, out);
    jsonw_open(&w, '{');
    jsonw_kstr(&w, "error", str_of(c.error));
    jsonw_close(&w, '}');
    return false;
  }
  buf_c(out, "{\"error\":\"no such command\"}");
  return false;
}
