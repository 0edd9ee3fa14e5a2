#include "core/webhook.h"
#include "base/bug.h"
#include "base/jsonw.h"
#include "base/timefmt.h"

#include <sodium.h>
#include <string.h>

#define SECRET_PREFIX STR("whsec_")

enum {
  BASE64 = sodium_base64_VARIANT_ORIGINAL,
  SIGNATURE_BASE64 = sodium_base64_ENCODED_LEN(HMAC_N, BASE64)
};

const char *webhook_status(enum webhook_event event) {
  switch (event) {
  case EVENT_PAID:
    return "paid";
  case EVENT_EXPIRED:
    return "expired";
  case EVENT_FAILED:
    return "failed";
  case EVENT_UNDERPAID:
    return "underpaid";
  }
  BUG("no such event");
}

bool webhook_event_parse(struct str name, enum webhook_event *event) {
  static const enum webhook_event all[] = {EVENT_PAID, EVENT_EXPIRED, EVENT_FAILED, EVENT_UNDERPAID};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (str_eqc(name, webhook_status(all[i]))) {
      *event = all[i];
      return true;
    }
  return false;
}

static void key_amount(struct jsonw *w, const char *name, struct usdt v, int scale) {
  jsonw_key(w, name);
  buf_char(w->out, '"');
  usdt_format(w->out, v, scale);
  buf_char(w->out, '"');
  w->comma = true;
}

void webhook_body(struct buf *out, const struct payment *p, enum webhook_event event) {
  bool paid = event == EVENT_PAID;
  char at[TIME_SQL_N + 1];
  time_sql_put(p->paid_us, at);
  struct jsonw w;
  jsonw_init(&w, out);
  jsonw_open(&w, '{');
  jsonw_ki64(&w, "payment_id", p->id);
  jsonw_ki64(&w, "app_id", p->project_id);
  jsonw_kstr(&w, "order_id", p->order_id);
  jsonw_kstr(&w, "status", str_of(webhook_status(event)));
  key_amount(&w, "amount", p->amount, p->scale);
  key_amount(&w, "pay_amount", p->pay_amount, 6);
  jsonw_kstr(&w, "currency", STR("USDT"));
  jsonw_kstr(&w, "network", STR("TRC20"));
  jsonw_kstr(&w, "txid", paid ? p->txid : STR_NONE);
  jsonw_kstr(&w, "paid_at", paid ? (struct str){at, TIME_SQL_N} : STR_NONE);
  jsonw_kbool(&w, "is_test", p->is_test);
  jsonw_close(&w, '}');
}

// A payment's number is already unguessable and each of its changes has its own version.
struct str webhook_id(struct arena *a, const struct payment *p, enum webhook_event event) {
  return str_printf(a, "msg_%lld_%lld_%s", (long long)p->id, (long long)p->version, webhook_status(event));
}

bool webhook_next(int attempt, int64_t now_us, int64_t retry_after_s, int64_t *next_us) {
  static const int64_t waits_us[WEBHOOK_ATTEMPTS - 1] = {5 * MINUTE_US, 15 * MINUTE_US, HOUR_US};
  BUG_IF(attempt < 1, "attempts count from 1");
  if (attempt >= WEBHOOK_ATTEMPTS)
    return false;
  int64_t wait_us = waits_us[attempt - 1];
  int64_t asked_us = retry_after_s > HOUR_US / SECOND_US ? HOUR_US : retry_after_s * SECOND_US;
  *next_us = now_us + (asked_us > wait_us ? asked_us : wait_us);
  return true;
}

bool webhook_accepted(int status) {
  return status >= 200 && status <= 299;
}

bool webhook_secret_key(struct str secret, uint8_t key[WEBHOOK_KEY_MAX], size_t *n) {
  if (!str_starts(secret, SECRET_PREFIX))
    return false;
  const char *text = secret.p + SECRET_PREFIX.n;
  size_t text_n = secret.n - SECRET_PREFIX.n;
  return sodium_base642bin(key, WEBHOOK_KEY_MAX, text, text_n, NULL, n, NULL, BASE64) == 0 &&
         *n >= WEBHOOK_KEY_MIN;
}

struct str webhook_secret_text(struct arena *a, const uint8_t *key, size_t n) {
  size_t text_n = sodium_base64_encoded_len(n, BASE64); // with the NUL
  char *p = arena_alloc(a, SECRET_PREFIX.n + text_n);
  memcpy(p, SECRET_PREFIX.p, SECRET_PREFIX.n);
  sodium_bin2base64(p + SECRET_PREFIX.n, text_n, key, n, BASE64);
  return (struct str){p, SECRET_PREFIX.n + text_n - 1};
}

struct str webhook_signature(struct arena *a, const struct webhook_signers *s, struct str id, int64_t unix_s,
                             struct str body) {
  struct str stamp = str_printf(a, ".%lld.", (long long)unix_s);
  struct str signed_parts[] = {id, stamp, body};
  struct buf out;
  buf_init(&out, a, WEBHOOK_SECRETS_MAX * (SIGNATURE_BASE64 + 4));
  for (size_t i = 0; i < s->standard_n; i++) {
    uint8_t mac[HMAC_N];
    char text[SIGNATURE_BASE64];
    hmac_sign_parts(s->standard[i], signed_parts, 3, mac);
    sodium_bin2base64(text, sizeof text, mac, sizeof mac, BASE64);
    buf_c(&out, i ? " v1," : "v1,");
    buf_c(&out, text);
  }
  return buf_view(&out);
}

struct str *webhook_headers(struct arena *a, const struct webhook_signers *s, struct str id, struct str body,
                            int64_t now_us) {
  int64_t unix_s = now_us / SECOND_US;
  struct str standard = webhook_signature(a, s, id, unix_s, body);
  char hex[HMAC_HEX_N + 1];
  hmac_sign_hex(s->api, body, hex);
  struct str *lines = ARENA_ARRAY(a, struct str, WEBHOOK_HEADERS);
  lines[0] = STR("Content-Type: application/json");
  lines[1] = str_printf(a, "X-Signature: %s", hex);
  lines[2] = str_printf(a, "webhook-id: %.*s", STR_FMT(id));
  lines[3] = str_printf(a, "webhook-timestamp: %lld", (long long)unix_s);
  lines[4] = str_printf(a, "webhook-signature: %.*s", STR_FMT(standard));
  return lines;
}
