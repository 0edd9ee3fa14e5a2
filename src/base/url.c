#include "base/url.h"

#include <string.h>

static struct str slice(struct str s, size_t from, size_t to) {
  return (struct str){s.p + from, to - from};
}

// Position of the first byte of `s` from `from` on that is in `set`; s.n where there is none.
static size_t find_any(struct str s, size_t from, const char *set) {
  while (from < s.n && !strchr(set, s.p[from]))
    from++;
  return from;
}

// No byte that any reader may strip, fold or take for a separator. UTF-8 is allowed, its C1 controls are not.
static bool bytes_ok(struct str s) {
  bool ascii = true;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c <= ' ' || c == 0x7F || c == '\\')
      return false;
    if (c == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xA0)
      return false;
    ascii &= c < 0x80;
  }
  return ascii || str_is_utf8(s);
}

static bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool bracketed(struct str host) {
  if (host.n < 4 || host.p[host.n - 1] != ']')
    return false;
  for (size_t i = 1; i < host.n - 1; i++)
    if (!is_alnum(host.p[i]) && host.p[i] != ':' && host.p[i] != '.')
      return false;
  return true;
}

static bool host_ok(struct str host) {
  if (host.n == 0)
    return false;
  if (host.p[0] == '[')
    return bracketed(host);
  for (size_t i = 0; i < host.n; i++)
    if (!is_alnum(host.p[i]) && !strchr("-._", host.p[i]) && (unsigned char)host.p[i] < 0x80)
      return false;
  return true;
}

static bool port_ok(struct str digits, int *port) {
  int64_t v;
  if (digits.n > 5 || !str_to_i64(digits, &v) || v < 1 || v > 65535)
    return false;
  *port = (int)v;
  return true;
}

static bool split_authority(struct str authority, struct url *out) {
  for (size_t i = authority.n; i > 0 && !out->has_userinfo; i--)
    if (authority.p[i - 1] == '@') {
      out->has_userinfo = true;
      authority = slice(authority, i, authority.n);
    }
  size_t from = 0;
  if (authority.n && authority.p[0] == '[')
    from = find_any(authority, 0, "]");
  size_t colon = find_any(authority, from, ":");
  out->host = slice(authority, 0, colon);
  if (colon < authority.n && !port_ok(slice(authority, colon + 1, authority.n), &out->port))
    return false;
  return host_ok(out->host);
}

static void split_rest(struct str rest, struct url *out) {
  size_t hash = find_any(rest, 0, "#");
  if (hash < rest.n)
    out->fragment = slice(rest, hash + 1, rest.n);
  rest.n = hash;
  size_t question = find_any(rest, 0, "?");
  if (question < rest.n)
    out->query = slice(rest, question + 1, rest.n);
  out->path = slice(rest, 0, question);
}

bool url_split(struct str text, struct url *out) {
  if (!text.p)
    return false;
  size_t scheme = find_any(text, 0, ":");
  *out = (struct url){.https = str_eq_nocase(slice(text, 0, scheme), STR("https"))};
  if (!out->https && !str_eq_nocase(slice(text, 0, scheme), STR("http")))
    return false;
  struct str rest = slice(text, scheme, text.n);
  if (!str_starts(rest, STR("://")) || !bytes_ok(rest))
    return false;
  rest = slice(rest, 3, rest.n);
  size_t end = find_any(rest, 0, "/?#");
  split_rest(slice(rest, end, rest.n), out);
  return split_authority(slice(rest, 0, end), out);
}

bool url_host_is_ascii(struct str host) {
  for (size_t i = 0; i < host.n; i++)
    if ((unsigned char)host.p[i] >= 0x80)
      return false;
  return true;
}
