#include "core/answer.h"
#include "base/jsonw.h"
#include "base/timefmt.h"

static void put_usdt(struct jsonw *w, const char *name, struct usdt v, int scale) {
  jsonw_key(w, name);
  buf_char(w->out, '"');
  usdt_format(w->out, v, scale);
  buf_char(w->out, '"');
  w->comma = true;
}

static void put_time(struct jsonw *w, const char *name, int64_t us) {
  char text[TIME_SQL_N + 1];
  time_sql_put(us, text);
  jsonw_kstr(w, name, (struct str){text, TIME_SQL_N});
}

static void put_time_iso(struct jsonw *w, const char *name, int64_t us) {
  char text[TIME_ISO_N + 1];
  time_iso_put(us, text);
  jsonw_kstr(w, name, (struct str){text, TIME_ISO_N});
}

static void put_payment_url(struct jsonw *w, struct str base_url, int64_t id) {
  jsonw_key(w, "payment_url");
  buf_char(w->out, '"');
  buf_str(w->out, base_url); // checked at start: a URL without characters that JSON would escape
  buf_c(w->out, "/pay/?id=");
  buf_i64(w->out, id);
  buf_char(w->out, '"');
  w->comma = true;
}

static void open_payment(struct jsonw *w, struct buf *out) {
  jsonw_init(w, out);
  jsonw_open(w, '{');
  jsonw_kbool(w, "ok", true);
  jsonw_key(w, "payment");
  jsonw_open(w, '{');
}

static void close_payment(struct jsonw *w) {
  jsonw_close(w, '}');
  jsonw_close(w, '}');
}

void answer_payment(struct buf *out, const struct payment *p, struct str base_url, int64_t now_us) {
  struct jsonw w;
  open_payment(&w, out);
  jsonw_ki64(&w, "payment_id", p->id);
  jsonw_kstr(&w, "order_id", p->order_id);
  jsonw_kstr(&w, "status", str_of(pay_status_name(payment_status_at(p, now_us))));
  put_usdt(&w, "amount", p->amount, p->scale);
  put_usdt(&w, "pay_amount", p->pay_amount, 6);
  jsonw_kstr(&w, "currency", STR("USDT"));
  jsonw_kstr(&w, "network", STR("TRC20"));
  jsonw_kstr(&w, "address", p->address);
  put_payment_url(&w, base_url, p->id);
  put_time(&w, "expires_at", p->expires_us);
  jsonw_kbool(&w, "is_test", p->is_test);
  put_time_iso(&w, "expires_at_iso", p->expires_us);
  jsonw_kstr(&w, "substatus", str_of(pay_sub_name(payment_sub_at(p, now_us))));
  if (p->status == PAY_PAID) {
    jsonw_kstr(&w, "txid", p->txid);
    put_time(&w, "paid_at", p->paid_us);
    put_time_iso(&w, "paid_at_iso", p->paid_us);
  }
  close_payment(&w);
}

void answer_payment_public(struct buf *out, const struct payment *p, int64_t now_us) {
  struct jsonw w;
  open_payment(&w, out);
  jsonw_ki64(&w, "payment_id", p->id);
  jsonw_kstr(&w, "status", str_of(pay_status_name(payment_status_at(p, now_us))));
  put_usdt(&w, "amount", p->amount, p->scale);
  put_usdt(&w, "pay_amount", p->pay_amount, 6);
  jsonw_kstr(&w, "currency", STR("USDT"));
  jsonw_kstr(&w, "network", STR("TRC20"));
  jsonw_kstr(&w, "address", p->address);
  put_time(&w, "expires_at", p->expires_us);
  jsonw_kbool(&w, "is_test", p->is_test);
  close_payment(&w);
}
