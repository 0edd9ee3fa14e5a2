#include "daemon/base_url.h"

#include <arpa/inet.h>
#include <string.h>

enum { HOST_MAX = 253 };

static bool in_set(char c, const char *set) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(set, c));
}

static bool all_in_set(struct str s, const char *set) {
  for (size_t i = 0; i < s.n; i++)
    if (!in_set(s.p[i], set))
      return false;
  return true;
}

static bool is_ip6(struct str bracketed) {
  char text[INET6_ADDRSTRLEN];
  struct in6_addr parsed;
  if (bracketed.n < 4 || bracketed.n - 2 >= sizeof text || bracketed.p[bracketed.n - 1] != ']')
    return false;
  memcpy(text, bracketed.p + 1, bracketed.n - 2);
  text[bracketed.n - 2] = 0;
  return inet_pton(AF_INET6, text, &parsed) == 1;
}

static bool is_host(struct str s) {
  if (s.n == 0 || s.n > HOST_MAX)
    return false;
  if (s.p[0] == '[')
    return is_ip6(s);
  return s.p[0] != '-' && s.p[0] != '.' && all_in_set(s, "-.") && !memmem(s.p, s.n, "..", 2);
}

// The port is whatever follows the last colon outside brackets; 0 where there is none.
static bool split_authority(struct str s, struct str *host, int64_t *port) {
  const char *colon = memrchr(s.p, ':', s.n);
  const char *bracket = memrchr(s.p, ']', s.n);
  *host = s;
  *port = 0;
  if (colon && (!bracket || colon > bracket)) {
    host->n = (size_t)(colon - s.p);
    struct str digits = {colon + 1, s.n - host->n - 1};
    if (digits.n > 5 || !str_to_i64(digits, port) || *port < 1 || *port > 65535)
      return false;
  }
  return is_host(*host);
}

bool host_port_split(struct str text, struct str *host, int64_t *port) {
  return text.n > 0 && split_authority(text, host, port) && *port != 0;
}

// localhost, a name below it, 127.0.0.0/8 or [::1].
static bool host_is_loopback(struct str host) {
  char text[INET_ADDRSTRLEN];
  struct in_addr ip;
  if (str_eq_nocase(host, STR("localhost")) || str_eqc(host, "[::1]"))
    return true;
  struct str tail = STR(".localhost");
  if (host.n > tail.n && str_eq_nocase((struct str){host.p + host.n - tail.n, tail.n}, tail))
    return true;
  if (host.n >= sizeof text)
    return false;
  memcpy(text, host.p, host.n);
  text[host.n] = 0;
  return inet_pton(AF_INET, text, &ip) == 1 && (ntohl(ip.s_addr) >> 24) == 127;
}

// Slashes at the end are dropped; empty, "." and ".." segments would be rewritten by browsers and proxies.
static const char *check_prefix(struct str *path) {
  while (path->n && path->p[path->n - 1] == '/')
    path->n--;
  if (!all_in_set(*path, "/-._~"))
    return "the path may have only letters, digits and - . _ ~ /";
  for (size_t at = 0; at < path->n;) {
    const char *from = path->p + at + 1;
    const char *slash = memchr(from, '/', path->n - at - 1);
    struct str segment = {from, slash ? (size_t)(slash - from) : path->n - at - 1};
    if (segment.n == 0 || str_eqc(segment, ".") || str_eqc(segment, ".."))
      return "the path has an empty segment, \".\" or \"..\"";
    at += 1 + segment.n;
  }
  return NULL;
}

static struct str lower(struct arena *a, struct str s) {
  char *p = str_c(a, s);
  for (size_t i = 0; i < s.n; i++)
    if (p[i] >= 'A' && p[i] <= 'Z')
      p[i] = (char)(p[i] + ('a' - 'A'));
  return (struct str){p, s.n};
}

const char *base_url_parse(struct str text, struct arena *a, struct base_url *out) {
  struct str host;
  int64_t port;
  bool https = text.n > 8 && str_eq_nocase((struct str){text.p, 8}, STR("https://"));
  bool http = text.n > 7 && str_eq_nocase((struct str){text.p, 7}, STR("http://"));
  if (!https && !http)
    return "it must begin with https:// or http://";
  if (text.n > BASE_URL_MAX)
    return "it is too long";
  if (memchr(text.p, '?', text.n) || memchr(text.p, '#', text.n))
    return "it may have no query (?) and no fragment (#)";
  size_t skip = https ? 8 : 7;
  struct str rest = {text.p + skip, text.n - skip};
  if (memchr(rest.p, '@', rest.n))
    return "it may have no user name";
  const char *slash = memchr(rest.p, '/', rest.n);
  struct str authority = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
  struct str prefix = {rest.p + authority.n, rest.n - authority.n};
  if (authority.n == 0 || !split_authority(authority, &host, &port))
    return "its host or port is not valid";
  const char *why = check_prefix(&prefix);
  if (why)
    return why;
  struct str name = lower(a, host);
  bool named_port = port != 0 && port != (https ? 443 : 80);
  struct str place = named_port ? str_printf(a, "%.*s:%d", STR_FMT(name), (int)port) : name;
  *out = (struct base_url){.authority = place, .prefix = str_copy(a, prefix), .https = https};
  out->text = str_printf(a, "%s://%.*s%.*s", https ? "https" : "http", STR_FMT(place), STR_FMT(prefix));
  out->loopback = host_is_loopback(name);
  return NULL;
}
