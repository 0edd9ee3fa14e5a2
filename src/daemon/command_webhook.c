// Commands about webhook deliveries.
#include "base/timefmt.h"
#include "daemon/command.h"
#include "flow/admin.h"

static enum err optional_number(struct call *c, const char *name, int64_t *out) {
  *out = 0;
  return call_text(c, name).p ? call_number(c, name, out) : ERR_NONE;
}

// All fields but the attempts.
static void put_delivery(struct call *c, const struct delivery_info *d) {
  jsonw_ki64(&c->out, "id", d->id);
  jsonw_ki64(&c->out, "app_id", d->app_id);
  jsonw_ki64(&c->out, "payment_id", d->payment_id);
  jsonw_kstr(&c->out, "event", d->event);
  jsonw_kstr(&c->out, "status", d->status);
  call_time_field(c, "created_at", d->created_us);
  call_time_field(c, "next_at", d->next_us);
  call_time_field(c, "delivered_at", d->delivered_us);
  jsonw_kstr(&c->out, "url", d->url);
}

enum err command_webhook_list(struct call *c) {
  struct delivery_filter f = {.status = call_text(c, "status")};
  struct delivery_info *list;
  int n;
  enum err e = optional_number(c, "project", &f.app_id);
  if (!e)
    e = optional_number(c, "payment", &f.payment_id);
  if (!e)
    e = optional_number(c, "before", &f.before_id);
  if (!e)
    e = call_limit(c, COMMAND_ROWS_DEFAULT, &f.limit);
  if (!e && f.status.p && !str_eqc(f.status, "pending") && !str_eqc(f.status, "delivered") &&
      !str_eqc(f.status, "failed"))
    e = call_refuse(c, ERR_SETTING, "status", "The status is pending, delivered or failed.");
  if (!e)
    e = admin_delivery_list(c->env, c->a, &f, &list, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++) {
    jsonw_open(&c->out, '{');
    put_delivery(c, &list[i]);
    jsonw_ki64(&c->out, "attempts", list[i].attempts);
    jsonw_close(&c->out, '}');
  }
  jsonw_close(&c->out, ']');
  return ERR_NONE;
}

static void put_attempt(struct call *c, const struct attempt_info *t) {
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "number", t->number);
  call_time_field(c, "at", t->at_us);
  jsonw_ki64(&c->out, "milliseconds", t->duration_us / 1000);
  jsonw_key(&c->out, "http_status");
  if (t->http_status)
    jsonw_i64(&c->out, t->http_status);
  else
    jsonw_null(&c->out);
  jsonw_kstr(&c->out, "error", t->error);
  jsonw_kstr(&c->out, "answer", t->excerpt);
  jsonw_close(&c->out, '}');
}

enum err command_webhook_show(struct call *c) {
  struct delivery_info d;
  struct attempt_info *attempts;
  int n;
  int64_t id;
  enum err e = call_number(c, "id", &id);
  if (!e)
    e = admin_delivery_find(c->env, c->a, id, &d);
  if (!e)
    e = admin_delivery_attempts(c->env, c->a, id, &attempts, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  put_delivery(c, &d);
  jsonw_kstr(&c->out, "webhook_id", d.webhook_id);
  jsonw_kstr(&c->out, "body", d.body);
  jsonw_key(&c->out, "attempts");
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++)
    put_attempt(c, &attempts[i]);
  jsonw_close(&c->out, ']');
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

// One delivery by its number, or all of a project's from a range of time.
enum err command_webhook_replay(struct call *c) {
  struct replay_range r;
  int64_t n;
  enum err e = optional_number(c, "id", &r.id);
  if (!e)
    e = optional_number(c, "project", &r.app_id);
  if (!e)
    e = call_time(c, "from", 0, &r.from_us);
  if (!e)
    e = call_time(c, "to", world_now(c->env->world) + 1, &r.to_us);
  if (!e && (r.id != 0) == (r.app_id != 0))
    e = call_refuse(c, ERR_SETTING, NULL,
                    "Name one delivery by its ID, or a project with --project (--from, --to).");
  if (!e && r.app_id && !call_text(c, "from").p)
    e = call_refuse(c, ERR_SETTING, "from", "Say from when on with --from, such as 2026-07-01T18:30:00Z.");
  if (!e)
    e = admin_delivery_replay(c->env, c->a, &r, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "replayed", n);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}
