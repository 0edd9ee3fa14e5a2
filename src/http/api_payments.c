#include "http/api_payments.h"
#include "base/metrics.h"
#include "core/answer.h"
#include "flow/admin.h"
#include "flow/payments.h"
#include "http/app.h"
#include "http/auth.h"

#include <string.h>

static const char json[] = "application/json";
enum { ANSWER_MAX_BYTES = 16384 };

static void refuse(struct request *r, enum err e, const char *param) {
  if (err_status(e) == 503)
    request_add_header(r, "Retry-After", STR("1"));
  if (e == ERR_NO_ADDRESS_FREE)
    metric_add(METRIC_NO_ADDRESS_FREE, 1);
  request_error(r, e, param);
}

struct create {
  struct flow_create flow; // first: the job's address is this one's
  struct auth auth;
};

static enum err check_project(const struct credential *c) {
  const struct project *p = &c->project;
  if (!p->enabled)
    return ERR_DISABLED;
  if (c->mode == MODE_LIVE && !p->live)
    return ERR_MODE_TEST;
  if (c->mode == MODE_TEST && p->live)
    return ERR_MODE_LIVE;
  return p->website_host.p ? ERR_NONE : ERR_NO_WEBSITE;
}

static void create_answered(struct request *r) {
  struct create *c = r->user;
  enum err e = c->flow.job.result;
  if (e != ERR_NONE) {
    refuse(r, e, e == ERR_ORDER_AMOUNT ? "amount" : NULL);
    return;
  }
  metric_add(c->flow.replayed  ? METRIC_REPLAYED
             : c->flow.is_test ? METRIC_CREATED_TEST
                               : METRIC_CREATED_LIVE,
             1);
  if (c->flow.replayed)
    request_add_header(r, "Idempotent-Replayed", STR("true"));
  request_reply(r, 200, json, c->flow.answer);
}

// The credential goes back here: where the client has hung up, nobody is called to answer.
static void wake(struct job *j) {
  struct create *c = (struct create *)j;
  key_drop(c->auth.credential);
  request_resume(j->user);
}

// Everything that can be refused without the database, in the documented order.
static enum err read_create(struct request *r, struct create *c, const char **param) {
  const struct project *p = &c->auth.credential->project;
  struct create_request *request = &c->flow.request;
  enum err e = check_project(c->auth.credential);
  if (e == ERR_NONE)
    e = create_request_parse(r->arena, r->body, request, param);
  if (e == ERR_NONE)
    e = create_request_urls(request, p->website_host, param);
  if (e == ERR_NONE)
    e = create_request_amount(request, p->min_amount, p->max_amount, param);
  return e;
}

void api_create_payment(struct request *r) {
  struct app *app = r->app;
  struct create *c = ARENA_NEW(r->arena, struct create);
  const char *param = NULL;
  enum err e = auth_check(r, &c->auth);
  if (e == ERR_NONE && (e = read_create(r, c, &param)) == ERR_NONE) {
    c->flow.project = &c->auth.credential->project;
    c->flow.is_test = c->auth.credential->mode == MODE_TEST;
    c->flow.idempotency_key = c->auth.idempotency_key;
    memcpy(c->flow.request_hash, c->auth.request_hash, sizeof c->flow.request_hash);
    c->flow.job.user = r;
    c->flow.job.done = wake;
    r->user = c;
    request_suspend(r, create_answered);
    if ((e = flow_create_start(app->env, r->arena, &c->flow)) != ERR_NONE) {
      c->flow.job.result = e;
      wake(&c->flow.job);
    }
    return;
  }
  key_drop(c->auth.credential);
  refuse(r, e, param);
}

static void reply_payment(struct request *r, const struct payment *p, bool in_full) {
  struct app *app = r->app;
  struct buf b;
  int64_t now_us = world_now(app->env->world);
  buf_init(&b, r->arena, ANSWER_MAX_BYTES);
  if (in_full)
    answer_payment(&b, p, app->env->base_url, now_us);
  else
    answer_payment_public(&b, p, now_us);
  request_reply(r, 200, json, buf_view(&b));
}

static enum err status_signed(struct request *r, int64_t id) {
  struct app *app = r->app;
  struct auth auth;
  struct payment p;
  enum err e = auth_check(r, &auth);
  if (e != ERR_NONE)
    return e;
  int64_t project_id = auth.credential->project.id;
  key_drop(auth.credential);
  if (id < 0)
    return ERR_PAYMENT_ID;
  e = flow_payment_find(app->env, r->arena, id, &p, NULL);
  if (e == ERR_NONE && p.project_id != project_id)
    e = ERR_NO_PAYMENT; // another project's numbers are none of its business
  if (e == ERR_NONE)
    reply_payment(r, &p, true);
  return e;
}

static enum err status_public(struct request *r, int64_t id) {
  struct app *app = r->app;
  struct payment p;
  struct project project;
  if (id < 0)
    return ERR_PAYMENT_ID;
  enum err e = flow_payment_find(app->env, r->arena, id, &p, &project);
  if (e == ERR_NONE && !project.public_status)
    e = ERR_PUBLIC_STATUS_OFF;
  if (e == ERR_NONE)
    reply_payment(r, &p, false);
  return e;
}

void api_payment_status(struct request *r) {
  int64_t id;
  struct str text = request_query(r, "payment_id");
  if (!text.p || !str_to_i64(text, &id))
    id = -1;
  enum err e = auth_present(r) ? status_signed(r, id) : status_public(r, id);
  if (e != ERR_NONE)
    refuse(r, e, e == ERR_PAYMENT_ID ? "payment_id" : NULL);
}
