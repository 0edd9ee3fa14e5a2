#include "http/framing.h"
#include "http/limits.h"

#include <string.h>

// RFC 9110 5.6.2
static bool is_token(struct str s) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum && (c == 0 || !strchr(marks, c)))
      return false;
  }
  return s.n > 0;
}

// Field values: visible characters, blanks, and bytes above 127.
static bool is_value(struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if ((c < ' ' && c != '\t') || c == 0x7f)
      return false;
  }
  return true;
}

// Targets: visible ASCII without what RFC 3986 never allows raw and parsers disagree about.
static bool is_target(struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\' || c == '"' || c == '<' || c == '>')
      return false;
  }
  return s.n > 0;
}

static bool is_host(struct str s) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!ok && (c == 0 || !strchr("-._~:[]", c)))
      return false;
  }
  return s.n > 0;
}

void framing_begin(struct framing *f, struct str method, struct str target, struct str version) {
  *f = (struct framing){0};
  f->bad = !is_token(method) || (!str_eqc(version, "HTTP/1.1") && !str_eqc(version, "HTTP/1.0"));
  f->bad |= target.p != method.p + method.n + 1 || version.p != target.p + target.n + 1;
  f->end = version.p + version.n + 2;
}

static bool named(struct str name, const char *lower) {
  return str_eq_nocase(name, str_of(lower));
}

static void note_length(struct framing *f, struct str value) {
  f->lengths++;
  f->has_length = true;
  f->bad |= value.n > 18 || !str_to_i64(value, &f->content_length);
}

static void note_encoding(struct framing *f, struct str value) {
  f->encodings++;
  f->chunked = named(value, "chunked");
  f->bad |= !f->chunked;
}

static void note_forwarded(struct framing *f, struct str value) {
  if (f->n_forwarded == FORWARDED_LINES_MAX)
    memmove(f->forwarded_for, f->forwarded_for + 1, sizeof f->forwarded_for - sizeof *f->forwarded_for);
  else
    f->n_forwarded++;
  f->forwarded_for[f->n_forwarded - 1] = value;
}

void framing_header(struct framing *f, struct str name, struct str value) {
  f->headers++;
  if (name.p != f->end || value.p < name.p + name.n + 1 || !is_token(name) || !is_value(value))
    f->bad = true;
  f->end = value.p + value.n + 2;
  if (named(name, "host")) {
    f->hosts++;
    f->host = str_trim(value);
    f->bad |= !is_host(f->host);
  } else if (named(name, "content-length")) {
    note_length(f, value);
  } else if (named(name, "transfer-encoding")) {
    note_encoding(f, value);
  } else if (named(name, "content-type")) {
    f->bad |= f->content_type.p != NULL;
    f->content_type = str_trim(value);
  } else if (named(name, "x-forwarded-for")) {
    note_forwarded(f, str_trim(value));
  }
}

enum err framing_end(struct framing *f, struct str method, struct str version, size_t head_bytes) {
  bool old = str_eqc(version, "HTTP/1.0");
  if (f->headers > REQUEST_HEADERS_MAX || head_bytes > REQUEST_HEAD_BYTES_MAX)
    return ERR_HEADERS_TOO_LARGE;
  if (f->bad || f->end + 2 != method.p + head_bytes)
    return ERR_FRAMING;
  if (f->hosts > 1 || (f->hosts == 0 && !old) || f->lengths > 1 || f->encodings > 1)
    return ERR_FRAMING;
  if (f->encodings && (f->lengths || old))
    return ERR_FRAMING;
  return ERR_NONE;
}

bool framing_target(struct str target, struct str authority, struct str *origin_form) {
  if (!is_target(target))
    return false;
  if (target.n && target.p[0] == '/') {
    *origin_form = target;
    return true;
  }
  struct str rest = target;
  static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
  for (size_t i = 0; i < 2; i++) {
    if (target.n < schemes[i].n || !str_eq_nocase((struct str){target.p, schemes[i].n}, schemes[i]))
      continue;
    rest = (struct str){target.p + schemes[i].n, target.n - schemes[i].n};
    if (rest.n < authority.n || !str_eq_nocase((struct str){rest.p, authority.n}, authority))
      return false;
    *origin_form = (struct str){rest.p + authority.n, rest.n - authority.n};
    return authority.n > 0 && origin_form->n > 0 && origin_form->p[0] == '/';
  }
  return false;
}
