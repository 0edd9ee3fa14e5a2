// Commands about payments.
#include "core/answer.h"
#include "daemon/command.h"
#include "flow/admin.h"
#include "flow/payments.h"

enum { ANSWER_MAX = 64 << 10 };

static enum err call_status(struct call *c, int *status) {
  struct str text = call_text(c, "status");
  *status = -1;
  if (!text.p)
    return ERR_NONE;
  for (int s = 0; s < PAY_STATUSES; s++)
    if (str_eqc(text, pay_status_name((enum pay_status)s)))
      *status = s;
  return *status >= 0
             ? ERR_NONE
             : call_refuse(c, ERR_SETTING, "status", "The status is pending, paid, expired or failed.");
}

// "Before" is a payment's public number: the list goes on after it.
static enum err call_before(struct call *c, int64_t *row) {
  struct payment p;
  struct project project;
  int64_t id;
  *row = 0;
  if (!call_text(c, "before").p)
    return ERR_NONE;
  enum err e = call_number(c, "before", &id);
  if (!e)
    e = flow_payment_find(c->env, c->a, id, &p, &project);
  if (!e)
    *row = p.row;
  return e;
}

static void put_row(struct call *c, const struct payment *p) {
  enum pay_status status = payment_status_at(p, world_now(c->env->world));
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "payment_id", p->id);
  jsonw_ki64(&c->out, "app_id", p->project_id);
  jsonw_kstr(&c->out, "order_id", p->order_id);
  jsonw_kstr(&c->out, "status", str_of(pay_status_name(status)));
  jsonw_kstr(&c->out, "substatus", str_of(status == p->status ? pay_sub_name(p->sub) : NULL));
  jsonw_kstr(&c->out, "amount", usdt_text(c->a, p->amount, p->scale));
  jsonw_kstr(&c->out, "pay_amount", usdt_text(c->a, p->pay_amount, 6));
  jsonw_kstr(&c->out, "received", usdt_text(c->a, p->received, 6));
  jsonw_kstr(&c->out, "address", p->address);
  jsonw_kbool(&c->out, "is_test", p->is_test);
  call_time_field(c, "created_at", p->created_us);
  call_time_field(c, "expires_at", p->expires_us);
  call_time_field(c, "paid_at", p->paid_us);
  jsonw_close(&c->out, '}');
}

enum err command_payment_list(struct call *c) {
  struct payment_filter f = {0};
  struct payment *list;
  int n;
  enum err e = call_text(c, "project").p ? call_number(c, "project", &f.app_id) : ERR_NONE;
  if (!e)
    e = call_status(c, &f.status);
  if (!e)
    e = call_before(c, &f.before_id);
  if (!e)
    e = call_limit(c, COMMAND_ROWS_DEFAULT, &f.limit);
  if (!e)
    e = admin_payment_list(c->env, c->a, &f, &list, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++)
    put_row(c, &list[i]);
  jsonw_close(&c->out, ']');
  return ERR_NONE;
}

static enum err put_timeline(struct call *c, const struct payment *p) {
  struct payment_event *events;
  int n;
  enum err e = admin_payment_events(c->env, c->a, p, &events, &n);
  jsonw_key(&c->out, "timeline");
  jsonw_open(&c->out, '[');
  for (int i = 0; !e && i < n; i++) {
    jsonw_open(&c->out, '{');
    call_time_field(c, "at", events[i].at_us);
    jsonw_kstr(&c->out, "event", events[i].kind);
    jsonw_kstr(&c->out, "detail", events[i].detail);
    jsonw_close(&c->out, '}');
  }
  jsonw_close(&c->out, ']');
  return e;
}

// {"payment":{"ok":true,"payment":{…}},"timeline":[…]}: the first is what a signed status request is answered
// with.
enum err command_payment_show(struct call *c) {
  struct payment p;
  struct project project;
  struct buf answer;
  int64_t id;
  enum err e = call_number(c, "id", &id);
  if (!e)
    e = flow_payment_find(c->env, c->a, id, &p, &project);
  if (e)
    return e;
  buf_init(&answer, c->a, ANSWER_MAX);
  answer_payment(&answer, &p, c->env->base_url, world_now(c->env->world));
  jsonw_open(&c->out, '{');
  jsonw_key(&c->out, "payment");
  buf_str(c->out.out, buf_view(&answer));
  c->out.comma = true; // the answer was a whole value
  e = put_timeline(c, &p);
  jsonw_close(&c->out, '}');
  return e;
}
