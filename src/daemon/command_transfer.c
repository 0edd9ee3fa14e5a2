// Commands about transfers of the chain, and what the operator decides about them.
#include "base/hex.h"
#include "daemon/command.h"
#include "flow/transfers.h"

#include <string.h>

enum { TRANSFER_ROWS_DEFAULT = 50 };

// "TXID:INDEX"
static enum err call_transfer(struct call *c, const char *name, struct str *txid, int64_t *log_index) {
  struct str text = call_text(c, name);
  uint8_t bytes[TXID_N];
  char lower[2 * TXID_N + 1];
  const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
  size_t n = colon ? (size_t)(colon - text.p) : 0;
  if (!colon || !hex_decode((struct str){text.p, n}, bytes, sizeof bytes) ||
      !str_to_i64((struct str){colon + 1, text.n - n - 1}, log_index))
    return call_refuse(c, ERR_SETTING, name,
                       "A transfer is named TXID:INDEX: 64 hexadecimal digits, and its log's number.");
  hex_encode(bytes, sizeof bytes, lower);
  *txid = str_copy(c->a, str_of(lower));
  return ERR_NONE;
}

static void put_suggestions(struct call *c, const struct transfer_info *t) {
  jsonw_key(&c->out, "suggestions");
  jsonw_open(&c->out, '[');
  for (int i = 0; i < t->n_suggestions; i++) {
    const struct suggested *s = &t->suggestions[i];
    jsonw_open(&c->out, '{');
    jsonw_ki64(&c->out, "payment_id", s->payment_id);
    jsonw_kstr(&c->out, "why", str_of(suggestion_name(s->why)));
    jsonw_kstr(&c->out, "status", str_of(pay_status_name(s->status)));
    jsonw_kstr(&c->out, "pay_amount", usdt_text(c->a, s->pay_amount, 6));
    jsonw_kstr(&c->out, "order_id", s->order_id);
    jsonw_close(&c->out, '}');
  }
  jsonw_close(&c->out, ']');
}

static void put_row(struct call *c, const struct transfer_info *t) {
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "transfer", str_printf(c->a, "%.*s:%lld", STR_FMT(t->txid), (long long)t->log_index));
  jsonw_ki64(&c->out, "app_id", t->app_id);
  jsonw_kstr(&c->out, "value", usdt_text(c->a, t->value, 6));
  jsonw_kstr(&c->out, "address", t->address);
  jsonw_kstr(&c->out, "from", t->from);
  jsonw_ki64(&c->out, "block", t->block);
  call_time_field(c, "block_time", t->block_us);
  jsonw_key(&c->out, "payment_id");
  if (t->payment_id)
    jsonw_i64(&c->out, t->payment_id);
  else
    jsonw_null(&c->out);
  jsonw_kstr(&c->out, "reason", t->payment_id ? STR_NONE : str_of(match_reason_name(t->reason)));
  if (t->suggestions)
    put_suggestions(c, t);
  jsonw_close(&c->out, '}');
}

enum err command_transfer_list(struct call *c) {
  struct transfer_filter f = {.unmatched = json_is_true(json_object_get(c->args, "unmatched"))};
  struct transfer_info *list;
  struct str txid;
  int64_t log_index;
  int n;
  enum err e = call_text(c, "project").p ? call_number(c, "project", &f.app_id) : ERR_NONE;
  if (!e)
    e = call_limit(c, TRANSFER_ROWS_DEFAULT, &f.limit);
  if (!e && call_text(c, "before").p) {
    e = call_transfer(c, "before", &txid, &log_index);
    if (!e)
      e = flow_transfer_row(c->env, c->a, txid, log_index, &f.before);
  }
  if (!e)
    e = flow_transfer_list(c->env, c->a, &f, &list, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++)
    put_row(c, &list[i]);
  jsonw_close(&c->out, ']');
  return ERR_NONE;
}

static void put_payment(struct call *c, const struct payment *p) {
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "payment_id", p->id);
  jsonw_kstr(&c->out, "status", str_of(pay_status_name(p->status)));
  jsonw_kstr(&c->out, "substatus", str_of(pay_sub_name(p->sub)));
  jsonw_kstr(&c->out, "pay_amount", usdt_text(c->a, p->pay_amount, 6));
  jsonw_kstr(&c->out, "received", usdt_text(c->a, p->received, 6));
  jsonw_close(&c->out, '}');
}

enum err command_transfer_attach(struct call *c) {
  struct transfer_order o = {.reason = call_text(c, "reason")};
  struct payment p;
  enum err e = call_transfer(c, "txid:index", &o.txid, &o.log_index);
  if (!e)
    e = call_number(c, "payment_id", &o.payment_id);
  if (!e)
    e = flow_transfer_attach(c->env, c->a, &o, &p);
  if (!e)
    put_payment(c, &p);
  return e;
}

enum err command_payment_accept(struct call *c) {
  struct transfer_order o = {.reason = call_text(c, "reason")};
  struct payment p;
  enum err e = call_number(c, "id", &o.payment_id);
  if (!e)
    e = flow_payment_accept(c->env, c->a, &o, &p);
  if (e == ERR_MOVE)
    e = call_refuse(
        c, e, "id",
        "Nothing waits to be accepted: no money has arrived, it is paid already, or it is a test.");
  if (!e)
    put_payment(c, &p);
  return e;
}
