#include "core/website.h"
#include "base/url.h"

#include <idn2.h>
#include <libpsl.h>
#include <string.h>

enum { HOST_MAX = 253, LABEL_MAX = 63 };

// Names that never belong to a site on the public internet: IANA's registry of special-use domain names (RFC
// 6761 and later), "internal" (reserved by ICANN in 2024), and the names of private networks in RFC 6762,
// appendix G. example.com, .net and .org are in that registry too, but the documentation uses them: allowed.
static const char *const reserved[] = {
    "localhost", "test",     "invalid", "example",     "local", "onion", "arpa", "alt",
    "internal",  "intranet", "private", "localdomain", "corp",  "home",  "lan",
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static struct str last_label(struct str host) {
  size_t from = host.n;
  while (from > 0 && host.p[from - 1] != '.')
    from--;
  return (struct str){host.p + from, host.n - from};
}

// Letters, digits and hyphens in labels of 1 to 63, at least two of them (RFC 1123).
static bool is_dns_name(struct str host) {
  size_t label = 0, dots = 0;
  if (host.n == 0 || host.n > HOST_MAX)
    return false;
  for (size_t i = 0; i < host.n; i++) {
    char c = host.p[i];
    bool ends = i + 1 == host.n || host.p[i + 1] == '.';
    if (c == '.' ? label == 0 : !is_digit(c) && !(c >= 'a' && c <= 'z') && (c != '-' || label == 0 || ends))
      return false;
    label = c == '.' ? 0 : label + 1;
    dots += c == '.';
    if (label > LABEL_MAX)
      return false;
  }
  return label > 0 && dots > 0;
}

// What the URL standard's parsers take for an IPv4 address, however it is written: the last label is a
// number.
static bool is_ipv4_like(struct str host) {
  struct str label = last_label(host);
  bool hex = str_starts(label, STR("0x"));
  for (size_t i = hex ? 2 : 0; i < label.n; i++)
    if (!is_digit(label.p[i]) && !(hex && label.p[i] >= 'a' && label.p[i] <= 'f'))
      return false;
  return true;
}

static bool is_reserved(struct str host) {
  struct str label = last_label(host);
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (str_eqc(label, reserved[i]))
      return true;
  return false;
}

// `host` is NUL-terminated.
static bool is_public_suffix(const char *host) {
  return psl_is_public_suffix2(psl_builtin(), host, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

// Names that are not plain ASCII go through IDNA 2008 with the mapping of UTS 46. That also finds digits and
// dots in other scripts, so what looks like an address is one afterwards.
static bool to_ascii(struct arena *a, struct str host, struct str *out) {
  char *name = NULL;
  if (host.n > HOST_MAX * 4)
    return false;
  bool ok = idn2_to_ascii_8z(str_c(a, host), &name, IDN2_NONTRANSITIONAL) == IDN2_OK;
  if (ok)
    *out = str_copy(a, str_of(name));
  idn2_free(name);
  return ok;
}

static bool has_punycode(struct str host) {
  for (size_t i = 0; i + 4 <= host.n; i++)
    if (str_eq_nocase((struct str){host.p + i, 4}, STR("xn--")))
      return true;
  return false;
}

static struct str without_dot(struct str host) {
  return host.n > 1 && host.p[host.n - 1] == '.' ? (struct str){host.p, host.n - 1} : host;
}

// ASCII, lower case, no trailing dot; NUL-terminated.
static bool normalise(struct arena *a, struct str host, struct str *out) {
  bool plain = url_host_is_ascii(host) && !has_punycode(host);
  if (!plain && !to_ascii(a, host, &host))
    return false;
  host = without_dot(host);
  char *p = str_c(a, host);
  for (size_t i = 0; i < host.n; i++)
    p[i] = lower(p[i]);
  *out = (struct str){p, host.n};
  return true;
}

static struct str without_www(struct str host) {
  return str_starts(host, STR("www.")) ? (struct str){host.p + 4, host.n - 4} : host;
}

enum err website_host(struct arena *a, struct str url, struct str *out) {
  struct url u;
  struct str host;
  if (url.n > WEBSITE_URL_MAX || !url_split(url, &u) || u.has_userinfo || !normalise(a, u.host, &host))
    return ERR_WEBSITE;
  if (!is_dns_name(host) || is_ipv4_like(host) || is_reserved(host) || is_public_suffix(host.p))
    return ERR_WEBSITE;
  // "www.com" and "www.co.uk" are names of their own
  struct str bare = without_www(host);
  *out = is_dns_name(bare) && !is_public_suffix(bare.p) ? bare : host;
  return ERR_NONE;
}

static bool same_host(struct str website, struct str host) {
  if (host.n == website.n + 4 && str_eq_nocase((struct str){host.p, 4}, STR("www.")))
    host = (struct str){host.p + 4, website.n};
  return str_eq_nocase(host, website);
}

// The name in its xn-- form in a buffer of the caller's: a redirect is checked on each create, without an
// arena.
static bool idn_host_matches(struct str website, struct str host) {
  char utf8[HOST_MAX * 4 + 1], *name = NULL;
  if (host.n >= sizeof utf8)
    return false;
  memcpy(utf8, host.p, host.n);
  utf8[host.n] = '\0';
  bool ok = idn2_to_ascii_8z(utf8, &name, IDN2_NONTRANSITIONAL) == IDN2_OK;
  ok = ok && same_host(website, without_dot(str_of(name)));
  idn2_free(name);
  return ok;
}

enum website_match website_match(struct str website, struct str url) {
  struct url u;
  if (url.n > WEBSITE_URL_MAX || !url_split(url, &u))
    return MATCH_MALFORMED;
  bool same =
      url_host_is_ascii(u.host) ? same_host(website, without_dot(u.host)) : idn_host_matches(website, u.host);
  if (!same)
    return MATCH_FOREIGN;
  return u.has_userinfo ? MATCH_MALFORMED : MATCH_OK;
}

static void add_ascii(struct buf *out, struct str s) {
  static const char hex[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x80)
      buf_char(out, s.p[i]);
    else
      buf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
  }
}

enum err website_webhook(struct arena *a, struct str url, bool allow_http, struct str *out) {
  struct url u;
  if (url.n > WEBSITE_URL_MAX || !url_split(url, &u) || u.has_userinfo || (!u.https && !allow_http))
    return ERR_WEBHOOK_URL;
  struct str host = u.host;
  if (!url_host_is_ascii(host) && (!to_ascii(a, host, &host) || !is_dns_name(host)))
    return ERR_WEBHOOK_URL;
  struct buf b;
  buf_init(&b, a, WEBSITE_URL_MAX);
  buf_c(&b, u.https ? "https://" : "http://");
  buf_str(&b, host);
  if (u.port)
    buf_char(&b, ':'), buf_i64(&b, u.port);
  add_ascii(&b, u.path);
  if (u.query.p)
    buf_char(&b, '?'), add_ascii(&b, u.query);
  *out = buf_view(&b);
  return b.full ? ERR_WEBHOOK_URL : ERR_NONE;
}
