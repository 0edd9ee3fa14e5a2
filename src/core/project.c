#include "core/project.h"
#include "base/timefmt.h"
#include "core/webhook.h"
#include "core/website.h"

enum {
  NAME_CHARS_MAX = 100,
  SUPPORT_BYTES_MAX = 200,
};
#define WINDOW_MIN_US     (5 * MINUTE_US)
#define WINDOW_MAX_US     DAY_US
#define QUARANTINE_MAX_US (30 * DAY_US)

void project_init(struct project *p) {
  *p = (struct project){
      .enabled = true,
      .events = EVENT_PAID,
      .public_status = true,
      .min_amount = {10000},
      .max_amount = USDT(1000000),
      .surcharge_cap = {100000},
      .policy = {.window_us = 30 * MINUTE_US, .quarantine_us = 48 * HOUR_US, .accept_late = true},
  };
}

// 1 to 100 printable characters, no space at the ends.
static bool name_ok(struct str name) {
  size_t chars = 0;
  for (size_t i = 0; i < name.n; i++) {
    unsigned char c = (unsigned char)name.p[i];
    if (c < 0x20 || c == 0x7F)
      return false;
    chars += (c & 0xC0) != 0x80;
  }
  return str_is_utf8(name) && chars >= 1 && chars <= NAME_CHARS_MAX && str_trim(name).n == name.n;
}

static enum err set_yes_no(bool *to, struct str v) {
  bool yes = str_eqc(v, "yes") || str_eqc(v, "1");
  if (!yes && !str_eqc(v, "no") && !str_eqc(v, "0"))
    return ERR_SETTING;
  *to = yes;
  return ERR_NONE;
}

static enum err set_amount(struct usdt *to, struct str v) {
  int scale;
  return usdt_parse(v, to, &scale);
}

// A small sum that may be nothing. The cap keeps the number of amounts of one address, which a full pool
// walks through, within bounds.
static enum err set_small(struct usdt *to, struct str v) {
  struct usdt sum = {0};
  int scale;
  if (!str_eqc(v, "0")) {
    enum err e = usdt_parse(v, &sum, &scale);
    if (e != ERR_NONE)
      return e;
  }
  if (usdt_cmp(sum, USDT(1)) > 0)
    return ERR_SETTING;
  *to = sum;
  return ERR_NONE;
}

// "30m", "48h", "90s", "2d", or seconds.
static enum err set_duration(int64_t *to, struct str v, int64_t least_us, int64_t most_us) {
  int64_t unit = SECOND_US, n;
  if (v.n && (v.p[v.n - 1] < '0' || v.p[v.n - 1] > '9')) {
    char c = v.p[--v.n];
    unit = c == 's' ? SECOND_US : c == 'm' ? MINUTE_US : c == 'h' ? HOUR_US : c == 'd' ? DAY_US : 0;
  }
  if (!unit || !str_to_i64(v, &n) || n > most_us / unit || n * unit < least_us)
    return ERR_SETTING;
  *to = n * unit;
  return ERR_NONE;
}

static enum err set_website(struct project *p, struct arena *a, struct str v) {
  if (v.n == 0) {
    p->website = p->website_host = STR_NONE;
    return ERR_NONE;
  }
  enum err e = website_host(a, v, &p->website_host);
  if (e == ERR_NONE)
    p->website = v;
  return e;
}

static enum err set_webhook(struct project *p, struct arena *a, struct str v, bool allow_http) {
  if (v.n == 0) {
    p->webhook_url = STR_NONE;
    return ERR_NONE;
  }
  return website_webhook(a, v, allow_http, &p->webhook_url);
}

static enum err set_mode(struct project *p, struct str v) {
  if (!str_eqc(v, "live") && !str_eqc(v, "test"))
    return ERR_SETTING;
  p->live = str_eqc(v, "live");
  return ERR_NONE;
}

// "expired,failed": what is told beside "paid"; empty or "none": only that.
static enum err set_events(struct project *p, struct str v) {
  int events = EVENT_PAID;
  if (str_eqc(v, "none"))
    v.n = 0;
  while (v.n) {
    size_t n = 0;
    enum webhook_event e;
    while (n < v.n && v.p[n] != ',')
      n++;
    if (!webhook_event_parse(str_trim((struct str){v.p, n}), &e))
      return ERR_SETTING;
    events |= (int)e;
    n += n < v.n;
    v = (struct str){v.p + n, v.n - n};
  }
  p->events = events;
  return ERR_NONE;
}

static enum err set_name(struct project *p, struct str v) {
  if (!name_ok(v))
    return ERR_NAME;
  p->name = v;
  return ERR_NONE;
}

static enum err set_support(struct project *p, struct str v) {
  if (v.n > SUPPORT_BYTES_MAX || (v.n && !name_ok(v)))
    return ERR_SETTING;
  p->support = v.n ? v : STR_NONE;
  return ERR_NONE;
}

// X(name, help, how it is set): one table for project_set() and its help.
#define SETTING_LIST(X)                                                                                      \
  X("name", "what payers see", set_name(p, v))                                                               \
  X("mode", "test or live", set_mode(p, v))                                                                  \
  X("enabled", "yes or no: whether it makes new payments", set_yes_no(&p->enabled, v))                       \
  X("website", "URL of the shop; empty: none", set_website(p, a, v))                                         \
  X("webhook", "URL that is told of payments; empty: none", set_webhook(p, a, v, allow_http))                \
  X("support", "whom payers can ask: e-mail address or URL; empty: the website", set_support(p, v))          \
  X("webhook-events", "what is told beside paid: expired, failed, underpaid, or none", set_events(p, v))     \
  X("public-status", "yes or no: answer payment-status without a signature",                                 \
    set_yes_no(&p->public_status, v))                                                                        \
  X("require-v2", "yes or no: accept only signatures of version 2", set_yes_no(&p->require_v2, v))           \
  X("min-amount", "smallest amount of a payment", set_amount(&p->min_amount, v))                             \
  X("max-amount", "largest amount of a payment", set_amount(&p->max_amount, v))                              \
  X("surcharge-cap", "most that an amount is raised to tell payments apart",                                 \
    set_small(&p->surcharge_cap, v))                                                                         \
  X("window", "time to pay, 5m to 24h", set_duration(&p->policy.window_us, v, WINDOW_MIN_US, WINDOW_MAX_US)) \
  X("quarantine", "how long late money still finds its payment, up to 30d",                                  \
    set_duration(&p->policy.quarantine_us, v, 0, QUARANTINE_MAX_US))                                         \
  X("accept-late", "yes or no: late money pays, or waits for review", set_yes_no(&p->policy.accept_late, v)) \
  X("tolerance", "an underpayment up to this still pays", set_small(&p->policy.tolerance, v))

const struct project_setting project_settings[] = {
#define X(name, help, how) {name, help},
    SETTING_LIST(X)
#undef X
        {0},
};

enum err project_set(struct project *p, struct arena *a, struct str key, struct str v, bool allow_http) {
#define X(name, help, how)                                                                                   \
  if (str_eqc(key, name))                                                                                    \
    return how;
  SETTING_LIST(X)
#undef X
  return ERR_SETTING;
}
