#include "http/page.h"
#include "http/app.h"
#include "flow/chain_view.h"
#include "http/lang.h"

#include <string.h>

enum { PAGE_BYTES_MAX = 128 * 1024, RETRY_S = 5 };

#define HTML "text/html; charset=utf-8"

static const struct app *app_of(const struct request *r) {
  return r->app;
}

void page_headers(struct request *r) {
  request_add_header(
      r, "Content-Security-Policy",
      STR("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"));
  request_add_header(r, "Referrer-Policy", STR("no-referrer"));
  request_add_header(r, "X-Frame-Options", STR("DENY"));
  request_add_header(r, "Cross-Origin-Opener-Policy", STR("same-origin"));
  request_add_header(r, "Cross-Origin-Resource-Policy", STR("same-origin"));
  request_add_header(r, "Cache-Control", STR("no-store"));
  if (str_starts(app_of(r)->env->base_url, STR("https://")))
    request_add_header(r, "Strict-Transport-Security", STR("max-age=31536000"));
}

// "https://host:8080/x" -> "host:8080/x"; absent where there is no scheme.
static struct str after_scheme(struct str url) {
  for (size_t i = 0; i + 3 <= url.n; i++)
    if (memcmp(url.p + i, "://", 3) == 0)
      return (struct str){url.p + i + 3, url.n - i - 3};
  return STR_NONE;
}

static size_t authority_length(struct str s) {
  const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
  return slash ? (size_t)(slash - s.p) : s.n;
}

struct str page_prefix(const struct request *r) {
  struct str s = after_scheme(app_of(r)->env->base_url);
  size_t n = authority_length(s);
  return n < s.n ? (struct str){s.p + n, s.n - n} : STR("");
}

bool page_is_foreign(const struct request *r) {
  struct str site = request_header(r, "Sec-Fetch-Site");
  if (site.p)
    return !str_eqc(site, "same-origin") && !str_eqc(site, "none");
  // Our own forms send "null" where a browser goes by the letter of Referrer-Policy: no-referrer.
  struct str origin = request_header(r, "Origin");
  if (!origin.p || str_eqc(origin, "null"))
    return false;
  struct str ours = after_scheme(app_of(r)->env->base_url), theirs = after_scheme(origin);
  ours.n = authority_length(ours);
  return !str_eq_nocase(theirs, ours) && !str_eq_nocase(theirs, request_header(r, "Host"));
}

struct checkout_facts page_facts(const struct request *r, struct str chosen) {
  const struct env *env = app_of(r)->env;
  enum lang lang = lang_pick(chosen, request_header(r, "Accept-Language"));
  bool known = chosen.n && str_eq_nocase(chosen, str_of(lang_tags[lang]));
  struct checkout_facts facts = {
      .lang = lang,
      .chosen = known ? str_of(lang_tags[lang]) : STR_NONE,
      .now_us = world_now(env->world),
      .network = env->network,
  };
  chain_view_get(env->chain, r->arena, &facts.chain);
  return facts;
}

void page_show(struct request *r, int status, struct checkout_view *v) {
  struct buf o;
  buf_init(&o, r->arena, PAGE_BYTES_MAX);
  v->root = page_prefix(r);
  html_checkout(&o, v);
  page_headers(r);
  request_reply(r, status, HTML, buf_view(&o));
}

static enum checkout_state state_for(enum err e) {
  int status = err_status(e);
  if (status == 404)
    return CHECKOUT_UNKNOWN;
  return status == 409 ? CHECKOUT_TOO_LATE : CHECKOUT_TROUBLE;
}

// Loaded again by itself, with and without JavaScript: a payer's page must not end here. What answers a
// button's POST cannot be loaded again: from there it goes back to the payment.
static void retry(struct request *r, struct checkout_view *v) {
  request_add_header(r, "Retry-After", STR("1"));
  v->passes = v->id || !str_eqc(r->method, "POST");
  if (v->id)
    request_add_header(r, "Refresh",
                       str_printf(r->arena, "%d; url=./?id=%lld%s%.*s", RETRY_S, (long long)v->id,
                                  v->chosen.n ? "&lang=" : "", STR_FMT(v->chosen)));
  else if (v->passes)
    request_add_header(r, "Refresh", str_printf(r->arena, "%d", RETRY_S));
}

void page_refuse(struct request *r, enum err e, int64_t id, struct str chosen) {
  struct checkout_view v;
  struct checkout_facts facts = page_facts(r, chosen);
  enum checkout_state state = state_for(e);
  checkout_view_message(&v, state, state == CHECKOUT_UNKNOWN ? 0 : id, &facts);
  if (err_status(e) == 503)
    retry(r, &v);
  page_show(r, err_status(e), &v);
}

// Refused before its handler: of what it asks for, only what its address and its form say is known.
void page_error(struct request *r, enum err e) {
  struct str id = request_query(r, "id"), lang = request_query(r, "lang");
  int64_t number = 0;
  if (!str_to_i64(id.p ? id : request_form(r, "id"), &number))
    number = 0;
  page_refuse(r, e, number, lang.p ? lang : request_form(r, "lang"));
}

static const char *type_of(const char *name) {
  const char *dot = strrchr(name, '.');
  if (dot && strcmp(dot, ".css") == 0)
    return "text/css; charset=utf-8";
  return dot && strcmp(dot, ".js") == 0 ? "text/javascript; charset=utf-8" : "image/svg+xml";
}

void page_static(struct request *r) {
  static const struct str folder = {"/static/", sizeof "/static/" - 1};
  for (const struct embedded *e = web_assets; e->name; e++) {
    if (r->path.n <= folder.n || !str_eqc((struct str){r->path.p + folder.n, r->path.n - folder.n}, e->name))
      continue;
    request_add_header(r, "Cache-Control", STR("public, max-age=31536000, immutable"));
    request_add_header(r, "Cross-Origin-Resource-Policy", STR("same-origin"));
    request_reply(r, 200, type_of(e->name), (struct str){e->data, e->size});
    return;
  }
  page_error(r, ERR_NOT_FOUND);
}
