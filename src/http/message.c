// What a handler reads from its request and puts into its answer, where no connection is needed: the
// simulator uses it as it is, with a stand-in for request.c.
#include "http/limits.h"
#include "http/server.h"

#include <string.h>

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Percent-decoding of a form field; STR_NONE where it is malformed or not text.
static struct str decode(struct arena *a, struct str s) {
  char *p = arena_alloc(a, s.n + 1);
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i] == '+' ? ' ' : s.p[i];
    if (c == '%') {
      if (s.n - i < 3 || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
        return STR_NONE;
      c = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
      i += 2;
    }
    if (c == 0)
      return STR_NONE;
    p[n++] = c;
  }
  struct str out = {p, n};
  return str_is_utf8(out) ? out : STR_NONE;
}

static struct str cut(struct str *rest, char at) {
  const char *p = rest->n ? memchr(rest->p, at, rest->n) : NULL;
  struct str head = {rest->p, p ? (size_t)(p - rest->p) : rest->n};
  size_t skip = head.n + (p ? 1 : 0);
  *rest = (struct str){rest->p + skip, rest->n - skip};
  return head;
}

static struct str field(struct arena *a, struct str fields, const char *name) {
  for (int i = 0; i < REQUEST_FIELDS_MAX && fields.n; i++) {
    struct str value = cut(&fields, '&');
    struct str key = cut(&value, '=');
    if (str_eqc(key, name) || (memchr(key.p ? key.p : "", '%', key.n) && str_eqc(decode(a, key), name)))
      return decode(a, value);
  }
  return STR_NONE;
}

struct str request_query(struct request *r, const char *name) {
  return field(r->arena, r->query, name);
}

struct str request_form(struct request *r, const char *name) {
  return field(r->arena, r->body, name);
}

void request_reply(struct request *r, int status, const char *content_type, struct str body) {
  r->status = status;
  r->content_type = str_of(content_type);
  r->answer = body;
}

void request_redirect(struct request *r, struct str location) {
  request_reply(r, 303, NULL, STR(""));
  request_add_header(r, "Location", location);
}

// The one place through which header values go out.
void request_add_header(struct request *r, const char *name, struct str value) {
  if (!value.p || value.n > RESPONSE_HEADER_BYTES_MAX || r->n_headers == RESPONSE_HEADERS_MAX)
    return;
  for (size_t i = 0; i < value.n; i++)
    if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
      return;
  r->headers[r->n_headers++] = (struct response_header){name, str_copy(r->arena, value)};
}
