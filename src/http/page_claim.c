#include "http/page_claim.h"
#include "core/txid.h"
#include "flow/transfers.h"
#include "http/app.h"
#include "http/page.h"
#include "http/visit.h"

struct claim {
  struct visit visit; // first: it is r->user while the page is made
  struct flow_claim flow;
  enum checkout_claim answer;
  int status;
  struct str lang, entered;
  char txid[TXID_HEX_N + 1];
};

static void show(struct request *r) {
  const struct claim *c = r->user;
  struct checkout_view v;
  enum err e = visit_view(r, c->lang, &v);
  if (e != ERR_NONE) {
    page_refuse(r, e, c->flow.id, c->lang);
    return;
  }
  checkout_view_claimed(&v, c->answer, c->entered);
  page_show(r, c->status, &v);
}

static void answer(struct request *r, struct claim *c, enum checkout_claim what, int status) {
  c->answer = what;
  c->status = status;
  visit(r, &c->visit, c->flow.id, show);
}

static enum checkout_claim what_is_said(enum claim_answer known) {
  switch (known) {
  case CLAIM_CREDITED:
  case CLAIM_COUNTS:
    return CLAIMED_CREDITED;
  case CLAIM_REVIEWED:
    return CLAIMED_REVIEW;
  case CLAIM_NOTED:
    break;
  }
  return CLAIMED_NOTED;
}

static void looked_up(struct request *r) {
  struct claim *c = r->user;
  const struct flow_claim *f = &c->flow;
  enum err e = f->job.result;
  if (e == ERR_MOVE) // it has all it needs: its page says so
    visit_redirect(r, f->id, c->lang);
  else if (e == ERR_CLAIMS)
    answer(r, c, CLAIMED_MANY, 429);
  else if (e != ERR_NONE)
    page_refuse(r, e, f->id, c->lang);
  else
    answer(r, c, what_is_said(f->answer), 200);
}

static void claim_done(struct job *j) { // on the writer's thread
  request_resume(j->user);
}

static void look_up(struct request *r, struct claim *c) {
  const struct app *app = r->app;
  c->flow.txid = (struct str){c->txid, TXID_HEX_N};
  c->flow.job.done = claim_done;
  c->flow.job.user = r;
  request_suspend(r, looked_up);
  enum err e = flow_claim_start(app->env, r->arena, &c->flow);
  if (e == ERR_NONE)
    return;
  c->flow.job.result = e;
  request_resume(r);
}

// Per address, so that nobody tries out hashes, and per payment, whoever knows its number.
static int64_t wait_s(const struct request *r, int64_t id) {
  const struct app *app = r->app;
  int64_t now_us = world_mono(app->env->world);
  int64_t by_address = rate_take(app->rate, RATE_CLAIM, r->client_key, now_us);
  struct str payment = str_printf(r->arena, "payment %lld", (long long)id);
  return by_address ? by_address : rate_take(app->rate, RATE_CLAIM, payment, now_us);
}

void page_claim(struct request *r) {
  struct claim *c = ARENA_NEW(r->arena, struct claim);
  int64_t wait;
  c->lang = request_form(r, "lang");
  c->entered = request_form(r, "txid");
  if (!str_to_i64(request_form(r, "id"), &c->flow.id))
    c->flow.id = 0; // which no payment has
  r->user = c;
  if (page_is_foreign(r)) {
    page_refuse(r, ERR_FOREIGN, c->flow.id, c->lang);
  } else if (!txid_find(c->entered, c->txid)) {
    answer(r, c, CLAIMED_WRONG, 422);
  } else if ((wait = wait_s(r, c->flow.id)) > 0) {
    request_add_header(r, "Retry-After", str_printf(r->arena, "%lld", (long long)wait));
    answer(r, c, CLAIMED_OFTEN, 429);
  } else {
    look_up(r, c);
  }
}
