#include "http/page_checkout.h"
#include "base/jsonw.h"
#include "core/payment_id.h"
#include "flow/payments.h"
#include "http/app.h"
#include "http/page.h"

enum { STATUS_BYTES_MAX = 256 * 1024, SCRATCH_BYTES_MAX = 1024 * 1024 };

static struct app *app_of(const struct request *r) {
  return r->app;
}

static int64_t number(struct str s) { // 0, which no payment has, where it is none
  int64_t n;
  return str_to_i64(s, &n) ? n : 0;
}

static enum err read_view(struct request *r, int64_t id, struct checkout_facts *facts,
                          struct checkout_view *v) {
  struct env *env = app_of(r)->env;
  struct payment *p = ARENA_NEW(r->arena, struct payment);
  struct project *project = ARENA_NEW(r->arena, struct project);
  enum err e = flow_payment_find(env, r->arena, id, p, project);
  if (e != ERR_NONE)
    return e;
  facts->project = project;
  if (p->replaced_by)
    facts->newer_id = payment_id_from_row(&env->id_key, p->replaced_by);
  checkout_view_make(v, r->arena, p, facts);
  return ERR_NONE;
}

void page_checkout(struct request *r) {
  int64_t id = number(request_query(r, "id"));
  struct str chosen = request_query(r, "lang");
  struct checkout_facts facts = page_facts(r, chosen);
  struct checkout_view v;
  enum err e = read_view(r, id, &facts, &v);
  if (e == ERR_NONE)
    page_show(r, 200, &v);
  else
    page_refuse(r, e, id, chosen);
}

void page_checkout_bare(struct request *r) {
  request_redirect(r, str_printf(r->arena, "%.*s/pay/?%.*s", STR_FMT(page_prefix(r)), STR_FMT(r->query)));
}

// Long poll

// Does the page show something else than this?
static bool shows_other(struct request *r, int64_t version, enum checkout_state now) {
  struct str state = request_query(r, "s");
  return version != number(request_query(r, "v")) || (state.n && !str_eqc(state, checkout_state_name(now)));
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
  request_reply(r, err_status(e), "application/json",
                str_printf(r->arena, "{\"ok\":false,\"error\":\"%s\"}", err_sentence(e)));
}

static void answer_now(struct request *r) {
  struct checkout_view v;
  struct checkout_facts facts = page_facts(r, request_query(r, "lang"));
  enum err e = read_view(r, number(request_query(r, "id")), &facts, &v);
  if (e == ERR_NONE)
    answer_status(r, &v, shows_other(r, v.version, v.state));
  else
    refuse_status(r, e);
}

// In an arena of its own: whoever waits shall cost little, and there may be ten thousand of them.
static bool is_news(struct request *r) {
  struct app *app = app_of(r);
  struct arena scratch;
  struct payment p;
  arena_init(&scratch, SCRATCH_BYTES_MAX);
  enum err e = flow_payment_find(app->env, &scratch, number(request_query(r, "id")), &p, NULL);
  bool news = e != ERR_NONE || shows_other(r, p.version, checkout_state_of(&p, world_now(app->env->world)));
  arena_free(&scratch);
  return news;
}

void page_checkout_status(struct request *r) {
  struct app *app = app_of(r);
  int64_t row;
  if (!payment_id_to_row(&app->env->id_key, number(request_query(r, "id")), &row)) {
    refuse_status(r, ERR_NO_PAYMENT);
    return;
  }
  struct waiter *w = live_join(app->live, r, row);
  if (!is_news(r)) {
    live_park(app->live, w, answer_now);
    return;
  }
  live_leave(app->live, w);
  answer_now(r);
}

// Buttons

static void action_answer(struct request *r) {
  const struct flow_action *f = r->user;
  struct str chosen = page_facts(r, request_form(r, "lang")).chosen;
  if (f->job.result != ERR_NONE) {
    page_refuse(r, f->job.result, f->id, chosen);
    return;
  }
  page_headers(r);
  request_redirect(r, str_printf(r->arena, "%.*s/pay/?id=%lld%s%.*s", STR_FMT(page_prefix(r)),
                                 (long long)f->payment.id, chosen.n ? "&lang=" : "", STR_FMT(chosen)));
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
