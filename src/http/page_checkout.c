#include "http/page_checkout.h"
#include "base/bug.h"
#include "base/jsonw.h"
#include "core/payment_id.h"
#include "flow/chain_view.h"
#include "flow/payments.h"
#include "http/app.h"
#include "http/limits.h"
#include "http/page.h"
#include "http/visit.h"

#include <stdlib.h>

enum { STATUS_BYTES_MAX = 256 * 1024, SCRATCH_BYTES_MAX = 1024 * 1024 };

static struct app *app_of(const struct request *r) {
  return r->app;
}

static int64_t number(struct str s) { // 0, which no payment has, where it is none
  int64_t n;
  return str_to_i64(s, &n) ? n : 0;
}

static void show(struct request *r) {
  struct str chosen = request_query(r, "lang");
  struct checkout_view v;
  enum err e = visit_view(r, chosen, &v);
  v.claiming = e == ERR_NONE && v.can_claim && request_query(r, "claim").n;
  if (e == ERR_NONE)
    page_show(r, 200, &v);
  else
    page_refuse(r, e, number(request_query(r, "id")), chosen);
}

void page_checkout(struct request *r) {
  visit(r, ARENA_NEW(r->arena, struct visit), number(request_query(r, "id")), show);
}

void page_checkout_bare(struct request *r) {
  request_redirect(r, str_printf(r->arena, "%.*s/pay/?%.*s", STR_FMT(page_prefix(r)), STR_FMT(r->query)));
}

// Long poll

// What a page shows, as far as time and the chain change it.
struct shown {
  enum checkout_state state;
  bool delayed;
};

// Does the page show something else than this?
static bool shows_other(struct request *r, int64_t version, struct shown now) {
  struct str state = request_query(r, "s"), delayed = request_query(r, "d");
  return version != number(request_query(r, "v")) ||
         (state.n && !str_eqc(state, checkout_state_name(now.state))) ||
         (delayed.n && str_eqc(delayed, "1") != now.delayed);
}

static void answer_status(struct request *r, const struct checkout_view *v, bool news) {
  struct buf o, html;
  struct jsonw w;
  buf_init(&o, r->arena, STATUS_BYTES_MAX);
  jsonw_init(&w, &o);
  jsonw_open(&w, '{');
  jsonw_ki64(&w, "version", v->version);
  jsonw_kstr(&w, "status", str_of(pay_status_name(v->status)));
  jsonw_kstr(&w, "substatus", str_of(pay_sub_name(v->sub)));
  jsonw_kstr(&w, "state", str_of(v->state_name));
  if (v->blocks_needed) {
    jsonw_ki64(&w, "blocks_done", v->blocks_done);
    jsonw_ki64(&w, "blocks_needed", v->blocks_needed);
    jsonw_ki64(&w, "seconds_left", v->seconds_left);
  }
  if (news) {
    buf_init(&html, r->arena, STATUS_BYTES_MAX / 2);
    html_checkout_live(&html, v);
    jsonw_kstr(&w, "html", buf_view(&html));
  }
  jsonw_close(&w, '}');
  page_headers(r);
  request_reply(r, 200, "application/json", buf_view(&o));
}

static void refuse_status(struct request *r, enum err e) {
  page_headers(r);
  if (err_status(e) == 503)
    request_add_header(r, "Retry-After", STR("1"));
  request_reply(r, err_status(e), "application/json",
                str_printf(r->arena, "{\"ok\":false,\"error\":\"%s\"}", err_sentence(e)));
}

static void tell_state(struct request *r) {
  struct checkout_view v;
  enum err e = visit_view(r, request_query(r, "lang"), &v);
  if (e == ERR_NONE)
    answer_status(r, &v, shows_other(r, v.version, (struct shown){v.state, v.delayed}));
  else
    refuse_status(r, e);
}

static void answer_now(struct request *r) {
  visit(r, ARENA_NEW(r->arena, struct visit), number(request_query(r, "id")), tell_state);
}

// What is kept of a request that may wait: little, there may be ten thousand of them.
struct poll {
  struct live_wait wait;
  struct reading reading;
  enum err result;
  struct shown shown;
};

// The look whether there is news, in memory of its own that is gone before the wait.
struct look {
  struct flow_find find; // first: the job's address is this one's
  struct request *request;
  struct arena arena;
};

static struct shown shown_now(const struct env *env, struct arena *a, const struct payment *p) {
  struct chain_status chain;
  int64_t now_us = world_now(env->world);
  enum checkout_state state = checkout_state_of(p, now_us);
  chain_view_get(env->chain, a, &chain);
  return (struct shown){state, checkout_is_delayed(p, state, &chain, now_us)};
}

static void look_end(struct look *l) {
  struct request *r = l->request;
  struct poll *p = r->user;
  const struct payment *now = &l->find.payment;
  p->result = l->find.job.result;
  p->wait.version = now->version;
  p->shown = shown_now(app_of(r)->env, &l->arena, now);
  arena_free(&l->arena);
  free(l);
}

static void look_done(struct job *j) {
  struct look *l = (struct look *)j;
  struct poll *p = l->request->user;
  look_end(l);
  reading_done(&p->reading);
}

// Nothing rings when a block is made: whoever waits for blocks asks often.
static bool counts_blocks(const struct shown *s) {
  return s->state == CHECKOUT_SEEN || s->state == CHECKOUT_CONFIRMING;
}

static void looked(struct request *r) {
  struct poll *p = r->user;
  p->wait.within_ms = counts_blocks(&p->shown) ? CONFIRMING_WAIT_MS : 0;
  if (p->result != ERR_NONE || shows_other(r, p->wait.version, p->shown))
    answer_now(r);
  else
    live_park(app_of(r)->live, r, &p->wait, answer_now);
}

static bool look_start(struct request *r) {
  struct look *l = calloc(1, sizeof *l);
  BUG_IF(!l, "out of memory");
  arena_init(&l->arena, SCRATCH_BYTES_MAX);
  l->request = r;
  l->find.id = number(request_query(r, "id"));
  l->find.job.done = look_done;
  bool ended = flow_payment_find_start(app_of(r)->env, &l->arena, &l->find);
  if (ended)
    look_end(l);
  return ended;
}

void page_checkout_status(struct request *r) {
  const struct app *app = app_of(r);
  struct poll *p = ARENA_NEW(r->arena, struct poll);
  if (!payment_id_to_row(&app->env->id_key, number(request_query(r, "id")), &p->wait.row)) {
    refuse_status(r, ERR_NO_PAYMENT);
    return;
  }
  r->user = p;
  reading_init(&p->reading, r);
  p->wait.rings = live_rings(app->live, p->wait.row);
  reading_then(&p->reading, look_start(r), looked);
}

// Buttons

static void action_answer(struct request *r) {
  const struct flow_action *f = r->user;
  struct str lang = request_form(r, "lang");
  if (f->job.result == ERR_NONE)
    visit_redirect(r, f->payment.id, lang);
  else
    page_refuse(r, f->job.result, f->id, page_facts(r, lang).chosen);
}

static void action_done(struct job *j) { // on the writer's thread
  request_resume(j->user);
}

static void act(struct request *r, enum payment_action action, bool test_chain) {
  int64_t id = number(request_form(r, "id"));
  if (page_is_foreign(r)) {
    page_refuse(r, ERR_FOREIGN, id, request_form(r, "lang"));
    return;
  }
  struct flow_action *f = ARENA_NEW(r->arena, struct flow_action);
  f->id = id;
  f->action = action;
  f->test_chain = test_chain;
  f->job.done = action_done;
  f->job.user = r;
  r->user = f;
  request_suspend(r, action_answer);
  enum err e = flow_action_start(app_of(r)->env, r->arena, f);
  if (e == ERR_NONE)
    return;
  f->job.result = e;
  request_resume(r);
}

void page_checkout_extend(struct request *r) {
  act(r, ACTION_EXTEND, false);
}

void page_checkout_cancel(struct request *r) {
  act(r, ACTION_CANCEL, false);
}

void page_checkout_test(struct request *r) {
  enum payment_action action;
  if (payment_action_parse(request_form(r, "action"), &action))
    act(r, action, true);
  else
    page_refuse(r, ERR_ACTION, number(request_form(r, "id")), request_form(r, "lang"));
}
