#include "http/html.h"

#include <string.h>

static const char *reference(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&#34;";
  case '\'':
    return "&#39;";
  }
  return NULL;
}

void html_escape(struct buf *o, struct str s) {
  size_t from = 0;
  for (size_t i = 0; i < s.n; i++) {
    const char *ref = reference(s.p[i]);
    if (!ref)
      continue;
    buf_add(o, s.p + from, i - from);
    buf_c(o, ref);
    from = i + 1;
  }
  if (s.n > from)
    buf_add(o, s.p + from, s.n - from);
}

void html_escape_c(struct buf *o, const char *s) {
  html_escape(o, str_of(s));
}

void html_int(struct buf *o, int64_t v) {
  buf_i64(o, v);
}

void html_markup(struct buf *o, struct markup m) {
  buf_str(o, m.html);
}

static bool is_relative(struct str url) {
  if (str_starts(url, STR("//")) || str_starts(url, STR("/\\")) || str_starts(url, STR("\\")))
    return false;
  for (size_t i = 0; i < url.n; i++) {
    if (url.p[i] == '/' || url.p[i] == '?' || url.p[i] == '#')
      return true;
    if (url.p[i] == ':' || (unsigned char)url.p[i] <= ' ')
      return false;
  }
  return true;
}

void html_link(struct buf *o, struct str url) {
  static const char *const schemes[] = {"https://", "http://", "mailto:", "tron:"};
  bool allowed = is_relative(url);
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    size_t n = strlen(schemes[i]);
    allowed |= url.n >= n && str_eq_nocase((struct str){url.p, n}, (struct str){schemes[i], n});
  }
  html_escape(o, allowed ? url : STR("#"));
}

void html_link_c(struct buf *o, const char *url) {
  html_link(o, str_of(url));
}
