#include "base/jsonw.h"

#include <string.h>

void jsonw_init(struct jsonw *w, struct buf *out) {
  *w = (struct jsonw){.out = out};
}

static void before_value(struct jsonw *w) {
  if (w->comma)
    buf_char(w->out, ',');
  w->comma = true;
}

void jsonw_open(struct jsonw *w, char bracket) {
  before_value(w);
  buf_char(w->out, bracket);
  w->comma = false;
}

void jsonw_close(struct jsonw *w, char bracket) {
  buf_char(w->out, bracket);
  w->comma = true;
}

void jsonw_key(struct jsonw *w, const char *name) {
  before_value(w);
  buf_char(w->out, '"');
  buf_c(w->out, name);
  buf_add(w->out, "\":", 2);
  w->comma = false;
}

static void escaped(struct buf *out, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
  const char *at = strchr(from, c);
  if (c && at) {
    buf_char(out, '\\');
    buf_char(out, to[at - from]);
  } else {
    char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    buf_add(out, u, sizeof u);
  }
}

void jsonw_str(struct jsonw *w, struct str s) {
  if (!s.p) {
    jsonw_null(w);
    return;
  }
  before_value(w);
  buf_char(w->out, '"');
  size_t from = 0;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
      continue;
    buf_add(w->out, s.p + from, i - from);
    escaped(w->out, c);
    from = i + 1;
  }
  buf_add(w->out, s.p + from, s.n - from);
  buf_char(w->out, '"');
}

void jsonw_i64(struct jsonw *w, int64_t v) {
  before_value(w);
  buf_i64(w->out, v);
}

static void jsonw_bool(struct jsonw *w, bool v) {
  before_value(w);
  buf_c(w->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w) {
  before_value(w);
  buf_c(w->out, "null");
}

void jsonw_kstr(struct jsonw *w, const char *name, struct str s) {
  jsonw_key(w, name);
  jsonw_str(w, s);
}

void jsonw_ki64(struct jsonw *w, const char *name, int64_t v) {
  jsonw_key(w, name);
  jsonw_i64(w, v);
}

void jsonw_kbool(struct jsonw *w, const char *name, bool v) {
  jsonw_key(w, name);
  jsonw_bool(w, v);
}
