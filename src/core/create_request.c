#include "core/create_request.h"
#include "base/text.h"
#include "core/website.h"

#include <jansson.h>
#include <string.h>

// What the pre-scan remembers: where the numbers of two top-level fields stand in the source.
struct tokens {
  struct str amount, order_id;
};

struct scan {
  const char *p, *end;
  int depth;
  struct str text; // the last string, without quotes
};

static bool is_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// Stays on the closing quote, or on the last byte where there is none.
static void skip_string(struct scan *s) {
  const char *from = ++s->p;
  for (; s->p < s->end && *s->p != '"'; s->p++)
    if (*s->p == '\\' && s->p + 1 < s->end)
      s->p++;
  s->text = (struct str){from, (size_t)(s->p - from)};
  if (s->p == s->end)
    s->p--;
}

static struct str number_after(const struct scan *s) {
  const char *from = s->p + 1;
  while (from < s->end && (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\r'))
    from++;
  const char *to = from;
  while (to < s->end && is_number_char(*to))
    to++;
  return (struct str){from, (size_t)(to - from)};
}

// One pass over the raw bytes. It may misread what is not JSON: jansson refuses that afterwards.
static enum err scan_body(struct str body, struct tokens *out) {
  struct scan s = {body.p, body.p + body.n, 0, STR_NONE};
  for (; s.p < s.end; s.p++) {
    if (*s.p == '"')
      skip_string(&s);
    else if (*s.p == '{' || *s.p == '[')
      s.depth++;
    else if (*s.p == '}' || *s.p == ']')
      s.depth--;
    else if (*s.p == ':' && s.depth == 1 && str_eq(s.text, STR("amount")))
      out->amount = number_after(&s);
    else if (*s.p == ':' && s.depth == 1 && str_eq(s.text, STR("order_id")))
      out->order_id = number_after(&s);
    if (s.depth > REQUEST_DEPTH_MAX)
      return ERR_JSON_DEPTH;
  }
  return ERR_NONE;
}

static struct str text_of(const json_t *value) {
  return (struct str){json_string_value(value), json_string_length(value)};
}

static bool is_integer(struct str token) {
  if (token.n && token.p[0] == '-')
    token = (struct str){token.p + 1, token.n - 1};
  for (size_t i = 0; i < token.n; i++)
    if (token.p[i] < '0' || token.p[i] > '9')
      return false;
  return token.n > 0;
}

static enum err take_order_id(struct arena *a, const json_t *value, struct str token, struct str *out) {
  struct str id = json_is_string(value) ? text_of(value) : token;
  if (json_is_number(value) ? !is_integer(token) : !json_is_string(value))
    return ERR_ORDER_ID;
  if (!text_printable(id, 1, ORDER_ID_CHARS_MAX))
    return ERR_ORDER_ID;
  *out = str_copy(a, id);
  return ERR_NONE;
}

// A field that may be left out, null or empty, which is all the same.
static enum err take_text(struct arena *a, const json_t *value, enum err wrong, struct str *out) {
  *out = STR_NONE;
  if (!value || json_is_null(value))
    return ERR_NONE;
  if (!json_is_string(value))
    return wrong;
  if (json_string_length(value))
    *out = str_copy(a, text_of(value));
  return ERR_NONE;
}

// What is neither text nor a number becomes empty text, which is no amount: that is said when its turn comes.
// So does a number whose field's name was spelt with escapes: without a token its own text is not at hand.
static struct str take_amount(struct arena *a, const json_t *value, struct str token) {
  if (!value || json_is_null(value))
    return STR_NONE;
  if (json_is_string(value))
    return str_copy(a, text_of(value));
  return json_is_number(value) && token.n ? str_copy(a, token) : STR("");
}

static enum err take_fields(struct arena *a, const json_t *root, const struct tokens *t,
                            struct create_request *out, const char **param) {
  enum err e = take_order_id(a, json_object_get(root, *param = "order_id"), t->order_id, &out->order_id);
  if (e != ERR_NONE)
    return e;
  e = take_text(a, json_object_get(root, *param = "description"), ERR_DESCRIPTION, &out->description);
  if (e != ERR_NONE || !text_lines(out->description, DESCRIPTION_CHARS_MAX))
    return ERR_DESCRIPTION;
  e = take_text(a, json_object_get(root, *param = "success_url"), ERR_SUCCESS_URL, &out->success_url);
  if (e != ERR_NONE)
    return e;
  e = take_text(a, json_object_get(root, *param = "fail_url"), ERR_FAIL_URL, &out->fail_url);
  out->amount_text = take_amount(a, json_object_get(root, "amount"), t->amount);
  return e;
}

enum err create_request_parse(struct arena *a, struct str body, struct create_request *out,
                              const char **param) {
  struct tokens tokens = {STR_NONE, STR_NONE};
  *out = (struct create_request){0};
  *param = NULL;
  if (!body.p)
    return ERR_JSON;
  enum err e = scan_body(body, &tokens);
  if (e != ERR_NONE)
    return e;
  // Integers as reals: one that is too long for a C integer is no error then, and ours are read from the text
  // anyway.
  size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
  json_t *root = json_loadb(body.p, body.n, flags, NULL);
  if (!root)
    return ERR_JSON;
  e = json_is_object(root) ? take_fields(a, root, &tokens, out, param) : ERR_NOT_OBJECT;
  json_decref(root);
  if (e == ERR_NONE)
    *param = NULL;
  return e;
}

static enum err check_url(struct str website_host, struct str url, enum err malformed, enum err foreign) {
  switch (url.p ? website_match(website_host, url) : MATCH_OK) {
  case MATCH_OK:
    return ERR_NONE;
  case MATCH_MALFORMED:
    return malformed;
  case MATCH_FOREIGN:
    return foreign;
  }
  return malformed;
}

enum err create_request_urls(const struct create_request *r, struct str website_host, const char **param) {
  *param = "success_url";
  enum err e = check_url(website_host, r->success_url, ERR_SUCCESS_URL, ERR_SUCCESS_HOST);
  if (e != ERR_NONE)
    return e;
  *param = "fail_url";
  e = check_url(website_host, r->fail_url, ERR_FAIL_URL, ERR_FAIL_HOST);
  if (e == ERR_NONE)
    *param = NULL;
  return e;
}

enum err create_request_amount(struct create_request *r, struct usdt min, struct usdt max,
                               const char **param) {
  *param = "amount";
  if (!r->amount_text.p)
    return ERR_AMOUNT_MISSING;
  enum err e = usdt_parse(r->amount_text, &r->amount, &r->scale);
  if (e != ERR_NONE)
    return e;
  if (usdt_cmp(r->amount, min) < 0)
    return ERR_AMOUNT_MIN;
  if (usdt_cmp(r->amount, max) > 0)
    return ERR_AMOUNT_MAX;
  *param = NULL;
  return ERR_NONE;
}
