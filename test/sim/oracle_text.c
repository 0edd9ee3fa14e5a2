// The documented texts, put together from the model.
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BASE_URL "https://pay.shop.test"

const char *text_status(int status) {
  static const char *const names[] = {"pending", "paid", "expired", "failed"};
  return names[status];
}

static const char *sub_name(int sub) {
  static const char *const names[] = {"null",           "\"waiting\"",   "\"seen\"",
                                      "\"confirming\"", "\"underpaid\"", "\"overpaid\"",
                                      "\"late\"",       "\"review\"",    "\"cancelled\""};
  return names[sub];
}

const char *text_event(int event) {
  return event == TOLD_PAID      ? "paid"
         : event == TOLD_EXPIRED ? "expired"
         : event == TOLD_FAILED  ? "failed"
                                 : "underpaid";
}

// At least 2 decimals, the merchant's own number of them where it is more.
static void put_amount(int64_t micro, int scale, char out[48]) {
  int decimals = scale < 2 ? 2 : scale;
  int64_t fraction = micro % 1000000;
  for (int i = decimals; i < 6; i++)
    fraction /= 10;
  snprintf(out, 48, "%lld.%0*d", (long long)(micro / 1000000), decimals & 7, (int)fraction);
}

static void put_time(int64_t us, const char *format, char out[32]) {
  time_t s = (time_t)(us / 1000000);
  struct tm tm;
  gmtime_r(&s, &tm);
  strftime(out, 32, format, &tm);
}

struct parts {
  char amount[48], pay_amount[48], expires[32], expires_iso[32], paid[32], paid_iso[32];
};

static struct parts parts_of(const struct o_payment *p) {
  struct parts t;
  put_amount(p->amount, p->scale, t.amount);
  put_amount(p->pay_amount, 6, t.pay_amount);
  put_time(p->expires_us, "%Y-%m-%d %H:%M:%S", t.expires);
  put_time(p->expires_us, "%Y-%m-%dT%H:%M:%SZ", t.expires_iso);
  put_time(p->paid_us, "%Y-%m-%d %H:%M:%S", t.paid);
  put_time(p->paid_us, "%Y-%m-%dT%H:%M:%SZ", t.paid_iso);
  return t;
}

int o_status_at(const struct o_payment *p, int64_t now_us) {
  return p->status == O_PENDING && p->is_test && now_us >= p->expires_us ? O_EXPIRED : p->status;
}

static int sub_at(const struct oracle *o, const struct o_payment *p, int64_t now_us) {
  if (p->seen)
    return o->head > p->seen_number ? SUBST_CONFIRMING : SUBST_SEEN;
  return p->sub == SUBST_WAITING && o_status_at(p, now_us) == O_EXPIRED ? SUBST_NONE : p->sub;
}

static const char *yes_no(bool b) {
  return b ? "true" : "false";
}

void text_answer(const struct oracle *o, const struct o_payment *p, int64_t now_us, char out[ANSWER_TEXT]) {
  struct parts t = parts_of(p);
  char paid[256] = "";
  if (p->status == O_PAID)
    snprintf(paid, sizeof paid, ",\"txid\":\"%s\",\"paid_at\":\"%s\",\"paid_at_iso\":\"%s\"", p->txid, t.paid,
             t.paid_iso);
  snprintf(
      out, ANSWER_TEXT,
      "{\"ok\":true,\"payment\":{\"payment_id\":%lld,\"order_id\":\"%s\",\"status\":\"%s\",\"amount\":\"%s\","
      "\"pay_amount\":\"%s\",\"currency\":\"USDT\",\"network\":\"TRC20\",\"address\":\"%s\",\"payment_url\":"
      "\"" BASE_URL
      "/pay/?id=%lld\",\"expires_at\":\"%s\",\"is_test\":%s,\"expires_at_iso\":\"%s\",\"substatus\":%s%s}}",
      (long long)p->id, p->order, text_status(o_status_at(p, now_us)), t.amount, t.pay_amount, p->address,
      (long long)p->id, t.expires, yes_no(p->is_test), t.expires_iso, sub_name(sub_at(o, p, now_us)), paid);
}

void text_public(const struct oracle *o, const struct o_payment *p, int64_t now_us, char out[ANSWER_TEXT]) {
  struct parts t = parts_of(p);
  (void)o;
  snprintf(
      out, ANSWER_TEXT,
      "{\"ok\":true,\"payment\":{\"payment_id\":%lld,\"status\":\"%s\",\"amount\":\"%s\",\"pay_amount\":\"%"
      "s\","
      "\"currency\":\"USDT\",\"network\":\"TRC20\",\"address\":\"%s\",\"expires_at\":\"%s\",\"is_test\":%s}}",
      (long long)p->id, text_status(o_status_at(p, now_us)), t.amount, t.pay_amount, p->address, t.expires,
      yes_no(p->is_test));
}

void text_webhook(const struct oracle *o, const struct o_payment *p, const struct o_delivery *d,
                  char out[ANSWER_TEXT]) {
  struct parts t = parts_of(p);
  char paid[160] = "\"txid\":null,\"paid_at\":null";
  if (d->event == TOLD_PAID)
    snprintf(paid, sizeof paid, "\"txid\":\"%s\",\"paid_at\":\"%s\"", p->txid, t.paid);
  snprintf(out, ANSWER_TEXT,
           "{\"payment_id\":%lld,\"app_id\":%lld,\"order_id\":\"%s\",\"status\":\"%s\",\"amount\":\"%s\","
           "\"pay_amount\":\"%s\","
           "\"currency\":\"USDT\",\"network\":\"TRC20\",%s,\"is_test\":%s}",
           (long long)p->id, (long long)o->projects[p->project].id, p->order, text_event(d->event), t.amount,
           t.pay_amount, paid, yes_no(p->is_test));
}

bool text_field(const char *body, const char *name, char *out, size_t n) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *p = strstr(body, key);
  if (!p)
    return false;
  p += strlen(key);
  bool quoted = *p == '"';
  p += quoted;
  size_t length = strcspn(p, quoted ? "\"" : ",}");
  if (length >= n)
    return false;
  memcpy(out, p, length);
  out[length] = 0;
  return true;
}

int64_t text_micro(const char *amount) {
  char *end;
  int64_t micro = strtoll(amount, &end, 10) * 1000000, unit = 100000;
  for (end += *end == '.'; *end >= '0' && *end <= '9'; end++, unit /= 10)
    micro += (*end - '0') * unit;
  return micro;
}
