// What clients, payers, time and the disk do.
#include "sim.h"
#include "flow/payments.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

enum { ARENA_MAX = 1 << 24, AGAIN_MAX = 16, ORDERS_NEAR = 12, SWEEP_LIMIT = 100 };

static struct intent op_new(struct node *n, enum op_kind kind) {
  struct sim *s = n->sim;
  clock_tick(s, rng_between(&s->rng, 1, 40000)); // no two operations have the same time
  struct intent op = {.kind = kind, .now_us = s->now_us, .fired = gateway_faults(n)};
  return op;
}

// ---- creates ---------------------------------------------------------------------------------------------

static const struct {
  const char *text;
  int64_t micro;
  int scale;
} amounts[] = {{"50.00", 50000000, 2}, {"50", 50000000, 0},          {"12.345", 12345000, 3},
               {"0.05", 50000, 2},     {"100.000001", 100000001, 6}, {"50.01", 50010000, 2}};
enum { AMOUNTS = sizeof amounts / sizeof *amounts };

static uint64_t hash(const char *text) {
  uint64_t h = 14695981039346656037u;
  for (; *text; text++)
    h = (h ^ (unsigned char)*text) * 1099511628211u;
  return h;
}

// One of the ways in which a request can be wrong, and its place in the order of checks.
enum wrong {
  WRONG_NOTHING,
  WRONG_KEY,
  WRONG_SIGNATURE,
  WRONG_V2,
  WRONG_NO_IDEMPOTENCY,
  WRONG_ORDER,
  WRONG_URL,
  WRONG_ZERO,
  WRONG_SMALL,
  WRONGS
};

struct draft {
  struct intent op;
  struct signature sign;
  struct o_key *key;
  char body[512];
};

static const char *refusal_of(struct node *n, const struct draft *d, enum wrong wrong) {
  const struct view *v = wrong == WRONG_KEY ? NULL : gateway_view(n, d->op.project, d->op.mode, d->key);
  if (!v || (v->expires_us && v->expires_us <= d->op.now_us))
    return "invalid_api_key";
  if (wrong == WRONG_SIGNATURE || wrong == WRONG_V2)
    return "invalid_signature";
  if (d->sign.v2 && !d->sign.idempotency)
    return "idempotency_key_required";
  if (!d->sign.v2 && v->require_v2)
    return "version_2_required";
  d->key->used = true; // signed well
  if (!v->enabled)
    return "project_disabled";
  if (v->live != (d->op.mode == 1))
    return "wrong_mode";
  if (wrong == WRONG_ORDER)
    return "invalid_order_id";
  if (wrong == WRONG_URL)
    return "success_url_domain";
  return wrong == WRONG_ZERO ? "invalid_amount" : wrong == WRONG_SMALL ? "amount_too_small" : NULL;
}

static void write_body(const struct sim *s, struct draft *d, const char *amount, enum wrong wrong) {
  const struct o_project *p = &s->oracle->projects[d->op.project];
  char order[64] = "";
  if (wrong != WRONG_ORDER)
    snprintf(order, sizeof order, "\"order_id\":\"%s\",", d->op.order);
  snprintf(d->body, sizeof d->body,
           "{%s\"amount\":\"%s\",\"description\":\"Order\",\"success_url\":\"%s/ok\"}", order,
           wrong == WRONG_ZERO    ? "0.00"
           : wrong == WRONG_SMALL ? "0.009"
                                  : amount,
           wrong == WRONG_URL ? "https://elsewhere.example.org" : p->website);
  d->op.request = hash(d->body);
}

static void sign_draft(struct sim *s, struct draft *d, enum wrong wrong) {
  const struct o_project *p = &s->oracle->projects[d->op.project];
  int n = p->n_keys[d->op.mode], at = n > 1 && rng_percent(&s->rng, 25) ? (int)rng_below(&s->rng, n) : n - 1;
  d->key = &s->oracle->projects[d->op.project].keys[d->op.mode][at];
  if (d->key->lost)
    d->key = (struct o_key *)o_newest_key(p, d->op.mode);
  d->sign = (struct signature){.api_key = wrong == WRONG_KEY ? "pk_test_nobody" : d->key->api_key,
                               .secret = d->key->secret,
                               .bad = wrong == WRONG_SIGNATURE};
  d->sign.v2 =
      wrong == WRONG_V2 || wrong == WRONG_NO_IDEMPOTENCY || rng_percent(&s->rng, p->require_v2 ? 90 : 25);
  d->sign.bad_v2 = wrong == WRONG_V2;
  if (d->sign.v2 && wrong != WRONG_NO_IDEMPOTENCY) {
    // now and then a key that has been used already
    int number = s->n_keys && rng_percent(&s->rng, 20) ? (int)rng_below(&s->rng, s->n_keys) : s->n_keys++;
    snprintf(d->op.idempotency, sizeof d->op.idempotency, "key-%d", number);
    d->sign.idempotency = d->op.idempotency;
  }
}

static void send_create(struct node *n, struct draft *d, enum wrong wrong) {
  struct sim *s = n->sim;
  d->op.refusal = refusal_of(n, d, wrong);
  struct view *v =
      &n->views[d->op.project][d->op.mode][d->key - s->oracle->projects[d->op.project].keys[d->op.mode]];
  d->op.policy = v->policy;
  d->op.cap = v->cap;
  d->op.events = v->events;
  trace(s, "node %d: create project %d mode %d order %s %s key %s refusal %s", n->number, d->op.project,
        d->op.mode, d->op.order, d->body, d->op.idempotency, d->op.refusal ? d->op.refusal : "-");
  if (!call_create(n, &d->op, &d->sign, d->body))
    v->known = false;
}

static void remember(struct sim *s, const struct draft *d) {
  if (d->op.refusal)
    return;
  int at = s->n_again < AGAIN_MAX ? s->n_again++ : (int)rng_below(&s->rng, AGAIN_MAX);
  s->again[at] = d->op;
}

void steps_create(struct node *n, int project, int order, bool well) {
  struct sim *s = n->sim;
  struct draft d = {.op = op_new(n, DO_CREATE)};
  struct rng *r = &s->rng;
  const struct o_project *p = &s->oracle->projects[d.op.project = project];
  enum wrong wrong = !well && rng_percent(r, 12) ? (enum wrong)rng_below(r, WRONGS) : WRONG_NOTHING;
  d.op.mode = rng_percent(r, 94) ? p->live : !p->live;
  snprintf(d.op.order, sizeof d.op.order, "o-%d", order);
  // a repeated order has mostly its amount
  int amount = rng_percent(r, 80) ? (int)(hash(d.op.order) % AMOUNTS) : (int)rng_below(r, AMOUNTS);
  d.op.amount = amounts[amount].micro;
  d.op.scale = amounts[amount].scale;
  sign_draft(s, &d, wrong);
  write_body(s, &d, amounts[amount].text, wrong);
  send_create(n, &d, wrong);
  remember(s, &d);
}

static void step_create(struct node *n) {
  struct sim *s = n->sim;
  struct rng *r = &s->rng;
  // where another node has just changed something
  int project = s->n_nodes > 1 && rng_percent(r, 30) ? s->changed_project : (int)rng_below(r, PROJECTS);
  int order = s->n_orders && rng_percent(r, 45)
                  ? s->n_orders - 1 - (int)rng_below(r, s->n_orders < ORDERS_NEAR ? s->n_orders : ORDERS_NEAR)
                  : s->n_orders++;
  steps_create(n, project, order, false);
}

// The answer was lost, or the client believes so: the same request once more.
static void step_again(struct node *n) {
  struct sim *s = n->sim;
  struct draft d = {.op = op_new(n, DO_CREATE)};
  if (!s->n_again)
    return;
  const struct intent *before = &s->again[rng_below(&s->rng, s->n_again)];
  int64_t now_us = d.op.now_us, fired = d.op.fired;
  d.op = *before;
  d.op.now_us = now_us;
  d.op.fired = fired;
  const struct o_project *p = &s->oracle->projects[d.op.project];
  d.key = (struct o_key *)o_newest_key(p, d.op.mode);
  d.sign =
      (struct signature){.api_key = d.key->api_key, .secret = d.key->secret, .v2 = d.op.idempotency[0] != 0};
  d.sign.idempotency = d.op.idempotency[0] ? d.op.idempotency : NULL;
  int amount = 0;
  while (amounts[amount].micro != d.op.amount || amounts[amount].scale != d.op.scale)
    amount++;
  write_body(s, &d, amounts[amount].text, WRONG_NOTHING);
  send_create(n, &d, WRONG_NOTHING);
}

// ---- payers ----------------------------------------------------------------------------------------------

static int pick_payment(struct sim *s) {
  int n = s->oracle->n_payments;
  int near = n < 20 ? n : 20;
  return rng_percent(&s->rng, 80) ? n - 1 - (int)rng_below(&s->rng, near) : (int)rng_below(&s->rng, n);
}

void steps_action(struct node *n, int payment) {
  struct sim *s = n->sim;
  struct intent op = op_new(n, DO_ACTION);
  op.payment = payment;
  op.action = (enum action)rng_below(&s->rng, ACTIONS);
  const struct o_payment *p = &s->oracle->payments[op.payment];
  memcpy(op.order, p->order, sizeof op.order);
  trace(s, "node %d: action %d on payment %d", n->number, op.action, op.payment);
  call_action(n, &op, p->id);
}

static void step_action(struct node *n) {
  if (n->sim->oracle->n_payments)
    steps_action(n, pick_payment(n->sim));
}

static void step_status(struct node *n) {
  struct sim *s = n->sim;
  char body[ANSWER_TEXT] = "", expected[ANSWER_TEXT], code[64] = "";
  struct oracle *o = s->oracle;
  if (!o->n_payments)
    return;
  clock_tick(s, 1);
  int64_t fired = gateway_faults(n);
  struct o_payment *p = &o->payments[pick_payment(s)];
  int reader = rng_percent(&s->rng, 75) ? p->project : (int)rng_below(&s->rng, PROJECTS);
  struct o_project *project = &o->projects[reader];
  int mode = (int)rng_below(&s->rng, 2);
  struct o_key *key = (struct o_key *)o_newest_key(project, mode);
  bool in_public = rng_percent(&s->rng, 25);
  struct view none = {0}, *v = in_public ? &none : gateway_view(n, reader, mode, key);
  bool ended = v->expires_us && v->expires_us <= s->now_us;
  o->head = o->heads[n->number];
  struct signature sign = {
      .api_key = key->api_key, .secret = key->secret, .v2 = v->require_v2, .bad = rng_percent(&s->rng, 5)};
  int status = call_status(n, p->id, in_public ? NULL : &sign, body, sizeof body);
  if ((status == 500 || status == 503) && below->fired(n->number) > fired) {
    v->known = false;
    return;
  }
  if (in_public) {
    text_public(o, p, s->now_us, expected);
  } else if (ended || sign.bad || reader != p->project) {
    text_field(body, "code", code, sizeof code);
    if (strcmp(code, ended ? "invalid_api_key" : sign.bad ? "invalid_signature" : "payment_not_found") != 0)
      violation(o, "project %d asked for payment %lld of project %d: %d %s", reader, (long long)p->id,
                p->project, status, body);
    key->used |= !ended && !sign.bad;
    stats_count("reads", ended ? "key ended" : sign.bad ? "wrong signature" : "another project's payment");
    return;
  } else {
    key->used = true;
    if (p->status == O_PAID && !p->txid[0])
      text_field(body, "txid", p->txid, sizeof p->txid);
    text_answer(o, p, s->now_us, expected);
  }
  if (status != 200 || strcmp(body, expected) != 0)
    violation(o, "status: expected\n  %s\ngot %d\n  %s", expected, status, body);
  stats_count("reads", in_public ? "unsigned" : "signed");
}

// ---- workers and time ------------------------------------------------------------------------------------

static void step_sweep(struct node *n) {
  struct sim *s = n->sim;
  struct arena a;
  struct intent op = op_new(n, DO_SWEEP);
  calls_run(n, 1000);
  if (gateway_crashed(n))
    return;
  arena_init(&a, ARENA_MAX);
  while (flow_sweep(&n->env, &a, SWEEP_LIMIT) == SWEEP_LIMIT)
    ;
  arena_free(&a);
  trace(s, "sweep");
  if (below->fired(n->number) == op.fired) {
    oracle_swept(s->oracle, op.now_us);
    return;
  }
  oracle_open(s->oracle, &op);
  if (!gateway_crashed(n))
    oracle_check(s->oracle, true);
}

static void after(struct node *n) {
  if (gateway_crashed(n))
    gateway_recover(n);
}

static void step_clock(struct sim *s) {
  struct rng *r = &s->rng;
  int64_t us;
  switch (rng_below(r, 10)) {
  case 0:
    us = -rng_between(r, 1, 5 * SECOND);
    break;
  case 1:
    us = rng_between(r, HOUR, 60 * HOUR);
    break;
  case 2:
  case 3:
    us = rng_between(r, MINUTE, 70 * MINUTE);
    break;
  default:
    us = rng_between(r, SECOND, 6 * MINUTE);
  }
  stats_count("clock", us < 0 ? "back" : us > HOUR ? "far" : "on");
  clock_tick(s, us);
  trace(s, "clock %+lld s", (long long)(us / SECOND));
  for (int i = 0; i < s->n_nodes && below->nodes > 1; i++) // they look each second, mostly
    if (s->nodes[i].asleep_until <= s->steps && !gateway_crashed(&s->nodes[i]) && rng_percent(r, 70)) {
      below->on(i);
      gateway_follow(&s->nodes[i]);
      after(&s->nodes[i]);
    }
}

static void step_mood(struct sim *s) {
  s->mood[rng_below(&s->rng, RECEIVERS)] =
      rng_percent(&s->rng, 40) ? MOOD_UP : (enum mood)rng_below(&s->rng, MOODS);
}

static void step_fault(struct node *n) {
  const char *what = below->trouble(n->number, &n->sim->rng);
  trace(n->sim, "fault of node %d: %s", n->number, what);
}

// A node that is paused does nothing for a while, as if its process were stopped, and then goes on.
static void step_pause(struct node *n) {
  n->asleep_until = n->sim->steps + rng_between(&n->sim->rng, 5, 60);
  stats_count("nodes", "paused");
  trace(n->sim, "node %d is paused", n->number);
}

static struct node *pick_node(struct sim *s) {
  struct node *n = &s->nodes[rng_below(&s->rng, s->n_nodes)];
  for (int i = 0; i < s->n_nodes && n->asleep_until > s->steps; i++)
    n = &s->nodes[(n->number + 1) % s->n_nodes];
  return n;
}

void steps_one(struct sim *s) {
  struct node *n = pick_node(s);
  int64_t kind = rng_below(&s->rng, 100);
  int batch = rng_percent(&s->rng, 30) ? 1 : (int)rng_between(&s->rng, 2, 12);
  s->steps++;
  below->on(n->number);
  if (s->n_nodes > 1 && rng_percent(&s->rng, 3))
    gateway_follow(n);
  else if (s->n_nodes > 1 && rng_percent(&s->rng, 2))
    step_pause(n);
  else if (s->n_nodes > 1 && rng_percent(&s->rng, 8))
    together_step(s);
  else if (s->onchain && rng_percent(&s->rng, 15))
    onchain_step(n);
  else if (kind < 26)
    step_create(n);
  else if (kind < 32)
    step_again(n);
  else if (kind < 52)
    step_action(n);
  else if (kind < 60)
    step_status(n);
  else if (kind < 76)
    webhook_worker_turn(n->worker, 0);
  else if (kind < 80)
    step_sweep(n);
  else if (kind < 87)
    step_clock(s);
  else if (kind < 91)
    (void)operator_step(n);
  else if (kind < 93)
    step_mood(s);
  else if (kind < 94 && rng_percent(&s->rng, 25))
    gateway_restart(n);
  else if (kind < 97)
    step_fault(n);
  else
    calls_run(n, batch);
  after(n);
  // Requests wait for company now and then, so that batches have several jobs.
  if (n->n_queued >= 12 || rng_percent(&s->rng, 45))
    calls_run(n, batch);
  after(n);
}
