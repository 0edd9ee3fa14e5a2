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
  const struct flow_create *f = r->user;
  enum err e = f->job.result;
  if (e != ERR_NONE) {
    refuse(r, e, e == ERR_ORDER_AMOUNT ? "amount" : NULL);
    return;
  }
  metric_add(f->replayed ? METRIC_REPLAYED : f->is_test ? METRIC_CREATED_TEST : METRIC_CREATED_LIVE, 1);
  if (f->replayed)
    request_add_header(r, "Idempotent-Replayed", STR("true"));
  request_reply(r, 200, json, f->answer);
}

static void wake(struct job *j) {
  request_resume(j->user);
}

// Everything that can be refused without the database, in the documented order.
static enum err read_create(struct request *r, struct flow_create *f, const char **param) {
  const struct credential *c = r->auth->credential;
  struct create_request *request = &f->request;
  f->project = &c->project;
  f->is_test = c->mode == MODE_TEST;
  f->idempotency_key = r->auth->idempotency_key;
  memcpy(f->request_hash, r->auth->request_hash, sizeof f->request_hash);
  enum err e = check_project(c);
  if (e == ERR_NONE)
    e = create_request_parse(r->arena, r->body, request, param);
  if (e == ERR_NONE)
    e = create_request_urls(request, c->project.website_host, param);
  if (e == ERR_NONE)
    e = create_request_amount(request, c->project.min_amount, c->project.max_amount, param);
  return e;
}

static void create_signed(struct request *r) {
  struct app *app = r->app;
  const char *param = NULL;
  enum err e = r->auth->result;
  struct flow_create *f = ARENA_NEW(r->arena, struct flow_create);
  if (e == ERR_NONE)
    e = read_create(r, f, &param);
  if (e != ERR_NONE) {
    refuse(r, e, param);
    return;
  }
  f->job.user = r;
  f->job.done = wake;
  r->user = f;
  request_suspend(r, create_answered);
  if ((e = flow_create_start(app->env, r->arena, f)) != ERR_NONE) {
    f->job.result = e;
    request_resume(r);
  }
}

void api_create_payment(struct request *r) {
  auth_check(r, create_signed);
}

// ---- status ------------------------------------------------------------------------------------

struct status {
  struct flow_find find; // first: the job's address is this one's
  struct reading reading;
};

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

// What of a payment that was found may be told to whom has asked.
static enum err may_tell(const struct request *r, const struct flow_find *f) {
  if (f->job.result != ERR_NONE)
    return f->job.result;
  if (!r->auth)
    return f->project.public_status ? ERR_NONE : ERR_PUBLIC_STATUS_OFF;
  // another project's numbers are none of its business
  return f->payment.project_id == r->auth->credential->project.id ? ERR_NONE : ERR_NO_PAYMENT;
}

static void status_found(struct request *r) {
  const struct status *s = r->user;
  enum err e = may_tell(r, &s->find);
  if (e == ERR_NONE)
    reply_payment(r, &s->find.payment, r->auth != NULL);
  else
    refuse(r, e, NULL);
}

static void status_done(struct job *j) {
  reading_done(&((struct status *)j)->reading);
}

static void status_read(struct request *r) {
  const struct app *app = r->app;
  struct status *s = ARENA_NEW(r->arena, struct status);
  struct str text = request_query(r, "payment_id");
  enum err e = r->auth ? r->auth->result : ERR_NONE;
  if (e == ERR_NONE && (!text.p || !str_to_i64(text, &s->find.id)))
    e = ERR_PAYMENT_ID;
  if (e != ERR_NONE) {
    refuse(r, e, e == ERR_PAYMENT_ID ? "payment_id" : NULL);
    return;
  }
  r->user = s;
  s->find.with_project = !r->auth;
  s->find.job.done = status_done;
  reading_init(&s->reading, r);
  reading_then(&s->reading, flow_payment_find_start(app->env, r->arena, &s->find), status_found);
}

void api_payment_status(struct request *r) {
  if (auth_present(r))
    auth_check(r, status_read);
  else
    status_read(r);
}
