// HTTP requests without HTTP: the handlers of src/http/ run as they are; this file stands in for request.c
// and server.c.
#include "base/hmac.h"
#include "http/api_payments.h"
#include "http/page_checkout.h"
#include "order.h"
#include "sim.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALL_HEADERS_MAX = 8, CALL_ARENA_MAX = 1 << 21 };

struct server_request {
  struct {
    const char *name;
    struct str value;
  } headers[CALL_HEADERS_MAX];
  int n_headers;
  request_fn *then;
  bool resumed;
};

struct call {
  struct request r;
  struct server_request priv;
  struct arena arena;
  struct intent op;
  bool used;
};

static struct call calls[CALLS_MAX];

// ---- what handlers see -----------------------------------------------------------------------------------

struct str request_header(const struct request *r, const char *name) {
  for (int i = 0; i < r->priv->n_headers; i++)
    if (strcasecmp(r->priv->headers[i].name, name) == 0)
      return r->priv->headers[i].value;
  return STR_NONE;
}

void request_error(struct request *r, enum err e, const char *param) {
  (void)param;
  request_reply(r, err_status(e), "application/json",
                str_printf(r->arena, "{\"ok\":false,\"code\":\"%s\"}", err_code(e)));
}

void request_suspend(struct request *r, request_fn *then) {
  r->priv->then = then;
}

void request_hold(struct request *r, request_fn *then) {
  request_suspend(r, then);
}

bool request_is_gone(const struct request *r) {
  (void)r;
  return false;
}

void request_resume(struct request *r) {
  r->priv->resumed = true;
}

// ---- making them -----------------------------------------------------------------------------------------

static struct call *call_new(struct node *n, const char *method, const char *target, const char *body) {
  for (int i = 0; i < CALLS_MAX; i++) {
    struct call *c = &calls[i];
    if (c->used)
      continue;
    if (!c->arena.max)
      arena_init(&c->arena, CALL_ARENA_MAX);
    arena_reset(&c->arena);
    c->used = true;
    c->priv = (struct server_request){0};
    c->r = (struct request){.arena = &c->arena,
                            .method = str_of(method),
                            .app = &n->app,
                            .priv = &c->priv,
                            .client = STR("203.0.113.9")};
    c->r.target = str_copy(&c->arena, str_of(target));
    c->r.body = str_copy(&c->arena, str_of(body));
    const char *query = strchr(c->r.target.p, '?');
    c->r.path = query ? (struct str){c->r.target.p, (size_t)(query - c->r.target.p)} : c->r.target;
    c->r.query = query ? str_of(query + 1) : STR_NONE;
    return c;
  }
  violation(n->sim->oracle, "too many requests at once");
}

static void call_free(struct call *c) {
  if (c->r.at_end)
    c->r.at_end(&c->r);
  c->used = false;
}

static void add_header(struct call *c, const char *name, const char *value) {
  c->priv.headers[c->priv.n_headers].name = name;
  c->priv.headers[c->priv.n_headers++].value = str_copy(&c->arena, str_of(value));
}

static void hex_of(const unsigned char *mac, char out[65]) {
  for (int i = 0; i < 32; i++)
    snprintf(out + 2 * i, 3, "%02x", mac[i]);
}

static void sign_text(const char *secret, struct str text, char out[65]) {
  struct hmac_key *key = hmac_key_create(secret, strlen(secret));
  unsigned char mac[HMAC_N];
  hmac_sign(key, text, mac);
  hmac_key_free(key);
  hex_of(mac, out);
}

static void sign(struct sim *s, struct call *c, const struct signature *sign) {
  char hex[65];
  if (!sign->no_key)
    add_header(c, "X-API-Key", sign->api_key);
  if (!sign->v2 || sign->bad_v2) {
    sign_text(sign->bad ? "another" : sign->secret, c->r.body, hex);
    add_header(c, "X-Signature", hex);
  }
  if (!sign->v2)
    return;
  long long seconds = (long long)(s->now_us / 1000000);
  add_header(c, "X-Timestamp", str_printf(&c->arena, "%lld", seconds).p);
  if (sign->idempotency)
    add_header(c, "Idempotency-Key", sign->idempotency);
  struct str text =
      str_printf(&c->arena, "v2\n%lld\n%.*s\n%.*s\n%s\n%.*s", seconds, STR_FMT(c->r.method),
                 STR_FMT(c->r.target), sign->idempotency ? sign->idempotency : "", STR_FMT(c->r.body));
  sign_text(sign->bad || sign->bad_v2 ? "another" : sign->secret, text, hex);
  add_header(c, "X-Signature-V2", hex);
}

// ---- answers ---------------------------------------------------------------------------------------------

static int64_t location_id(const struct call *c) {
  for (int i = 0; i < c->r.n_headers; i++)
    if (strcmp(c->r.headers[i].name, "Location") == 0)
      return strtoll(strchr(c->r.headers[i].value.p, '=') + 1, NULL, 10);
  return 0;
}

// Another node has changed the project's addresses since this one has looked.
static bool has_old_list(const struct node *n, const struct o_project *p) {
  for (int i = 0; i < n->sim->n_nodes; i++)
    if (i != n->number && p->listed_seq[i] > n->seq)
      return true;
  return false;
}

// What the client hears.
static struct heard hear(struct node *n, struct call *c) {
  struct heard h = {.op = c->op, .location_id = location_id(c)};
  h.faulty = below->fired(n->number) > c->op.fired;
  h.answer = (struct answer){.status = c->r.status, .body = str_c(&c->arena, c->r.answer)};
  if (h.answer.status != 200)
    text_field(h.answer.body, "code", h.code, sizeof h.code);
  for (int i = 0; i < c->r.n_headers; i++)
    h.answer.replayed |= strcmp(c->r.headers[i].name, "Idempotent-Replayed") == 0;
  bool refused = h.code[0] && strcmp(h.code, "unavailable") != 0 && strcmp(h.code, "busy") != 0 &&
                 strcmp(h.code, "internal") != 0;
  // A node whose COMMIT has not ended, for want of its answer, says so to those who come after, too.
  bool away = strcmp(h.code, "unavailable") == 0;
  h.unknown = (h.faulty || away) && below->nodes > 1 && h.answer.status >= 500 && !refused;
  h.op.old_list = has_old_list(n, &n->sim->oracle->projects[c->op.project]);
  trace(n->sim, "  %s order %s payment %d: %d %s", c->op.kind == DO_CREATE ? "create" : "action", c->op.order,
        c->op.payment, h.answer.status, h.code);
  return h;
}

static void tell_oracle(struct node *n, struct heard *list, int count) {
  struct sim *s = n->sim;
  for (int i = 0; i < count; i++)
    list[i].answer.code = list[i].code;
  s->oracle->head = s->oracle->heads[n->number];
  s->oracle->hints_true = !s->onchain && s->n_nodes == 1 && below->fired(n->number) == n->fired_before;
  bool any = below->nodes > 1;
  for (int i = 0; i < count; i++) // what has failed runs again behind the others
    any |= list[i].faulty;
  if (any)
    order_any(s->oracle, list, count, false);
  else
    order_as_given(s->oracle, list, count);
}

// false: it could not be read who asks.
static bool start(struct node *n, struct call *c, const struct intent *op, request_fn *handler) {
  c->op = *op;
  handler(&c->r);
  if (!c->priv.then) {
    struct heard h = hear(n, c);
    tell_oracle(n, &h, 1);
    call_free(c);
    return !h.unknown;
  } else if (n->n_queued == CALLS_MAX) {
    violation(n->sim->oracle, "too many requests at once");
  } else {
    n->queued[n->n_queued++] = c;
  }
  return true;
}

bool call_create(struct node *n, const struct intent *op, const struct signature *signature,
                 const char *body) {
  struct call *c = call_new(n, "POST", "/api/create-payment.php", body);
  sign(n->sim, c, signature);
  return start(n, c, op, api_create_payment);
}

static const char *const action_words[] = {"pay",    "underpay", "overpay", "late",
                                           "expire", "cancel",   "cancel",  "extend"};

void call_action(struct node *n, const struct intent *op, int64_t id) {
  char body[96];
  snprintf(body, sizeof body, "id=%lld&action=%s", (long long)id, action_words[op->action]);
  struct call *c = call_new(n, "POST",
                            op->action == DO_CANCEL   ? "/pay/cancel"
                            : op->action == DO_EXTEND ? "/pay/extend"
                                                      : "/pay/test",
                            body);
  (void)start(n, c, op,
              op->action == DO_CANCEL   ? page_checkout_cancel
              : op->action == DO_EXTEND ? page_checkout_extend
                                        : page_checkout_test);
}

int call_status(struct node *n, int64_t id, const struct signature *signature, char *body, size_t size) {
  char target[96];
  snprintf(target, sizeof target, "/api/payment-status.php?payment_id=%lld", (long long)id);
  struct call *c = call_new(n, "GET", target, "");
  if (signature)
    sign(n->sim, c, signature);
  api_payment_status(&c->r);
  snprintf(body, size, "%.*s", STR_FMT(c->r.answer));
  call_free(c);
  return c->r.status;
}

int calls_take(struct node *n, struct heard *list) {
  bool crashed = gateway_crashed(n);
  int left = 0, count = 0;
  for (int i = 0; i < n->n_queued; i++) {
    struct call *c = n->queued[i];
    if (!crashed && !c->priv.resumed) {
      n->queued[left++] = c;
      continue;
    }
    c->priv.then(&c->r); // gives back what the handler holds, too
    list[count] = hear(n, c);
    list[count++].unknown |= crashed;
    c->used = false; // its memory stays until the next request
  }
  n->n_queued = left;
  return count;
}

void calls_run(struct node *n, int batch) {
  while (!gateway_crashed(n) && store_run_queued(n->env.store, (size_t)batch) && !gateway_crashed(n)) {
    struct heard list[CALLS_MAX];
    tell_oracle(n, list, calls_take(n, list));
  }
}

// They may have happened: the database will tell.
void calls_drop(struct node *n) {
  for (int i = 0; i < n->n_queued; i++) {
    struct call *c = n->queued[i];
    if (c->priv.then)
      c->priv.then(&c->r); // gives back what the handler holds
    oracle_open(n->sim->oracle, &c->op);
    call_free(c);
  }
  n->n_queued = 0;
}
