#include "store/database_url.h"
#include "base/bug.h"
#include "store/store.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <string.h>

static const char *const special = "in user name and password write % as %25, / as %2F, @ as %40, : as %3A";

// What libpq says in front of the text it complains of, which may be the password; the name of a parameter is
// none.
static const char *reason(struct arena *a, const char *message) {
  struct str s = str_of(message ? message : "not a URL");
  s.n = strcspn(s.p, "\n");
  const char *quoted = memmem(s.p, s.n, ": \"", 3);
  if (quoted && !str_starts(s, STR("invalid URI query parameter")))
    s.n = (size_t)(quoted - s.p);
  return str_printf(a, "libpq does not take it: %.*s; %s", STR_FMT(s), special).p;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
  for (const PQconninfoOption *o = options; o->keyword; o++)
    if (strcmp(o->keyword, keyword) == 0)
      return o->val ? o->val : "";
  BUG("libpq has all of these");
}

// A password with an unescaped '/', '@' or ':' is cut apart: its pieces turn up as host, port or name.
static bool is_torn(const PQconninfoOption *options) {
  const char *ports = value_of(options, "port");
  return strspn(ports, "0123456789,") != strlen(ports) || strchr(value_of(options, "host"), '@') ||
         strchr(value_of(options, "dbname"), '@');
}

const char *database_url_check(const char *url, struct arena *a) {
  char *message = NULL;
  const char *why = NULL;
  if (!store_is_url(url))
    return "it must begin with postgres://, or be empty for SQLite in the data folder";
  PQconninfoOption *options = PQconninfoParse(url, &message);
  if (!options)
    why = reason(a, message);
  else if (is_torn(options))
    why = str_printf(a, "host, port or name are not understood; %s", special).p;
  PQconninfoFree(options);
  PQfreemem(message);
  return why;
}

static void put_escaped(struct buf *out, const char *text, const char *also) {
  for (const char *p = text; *p; p++) {
    if (isalnum((unsigned char)*p) || strchr("-._~", *p) || strchr(also, *p))
      buf_char(out, *p);
    else
      buf_printf(out, "%%%02X", (unsigned char)*p);
  }
}

// One item of a list with commas, and where the next one begins.
static const char *next_item(const char *list, struct str *item) {
  size_t n = strcspn(list, ",");
  *item = (struct str){list, n};
  return list[n] ? list + n + 1 : list + n;
}

// Hosts and ports are lists of the same length, or there is one port for all.
static void put_hosts(struct buf *out, const char *hosts, const char *ports) {
  struct str host, port;
  bool one_port = !strchr(ports, ',');
  do {
    hosts = next_item(hosts, &host);
    const char *next = next_item(ports, &port);
    ports = one_port ? ports : next;
    bool bracket = memchr(host.p, ':', host.n) != NULL;
    if (bracket)
      buf_char(out, '[');
    put_escaped(out, str_c(out->arena, host), ":");
    if (bracket)
      buf_char(out, ']');
    if (port.n)
      buf_printf(out, ":%.*s", STR_FMT(port));
    if (*hosts)
      buf_char(out, ',');
  } while (*hosts);
}

static bool is_secret(const PQconninfoOption *o) {
  return o->dispchar[0] == '*'; // libpq's own mark
}

static bool is_in_front(const PQconninfoOption *o) {
  static const char *const names[] = {"user", "password", "host", "port", "dbname"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(o->keyword, names[i]) == 0)
      return true;
  return false;
}

// With `mask` in place of what is secret; NULL leaves it out.
static struct str show(const char *url, const char *mask, struct arena *a) {
  struct buf out;
  char *message = NULL;
  PQconninfoOption *options = PQconninfoParse(url, &message);
  PQfreemem(message);
  if (!options)
    return STR("postgres://***");
  bool user = *value_of(options, "user"), password = mask && *value_of(options, "password");
  buf_init(&out, a, 65536);
  buf_c(&out, "postgres://");
  put_escaped(&out, value_of(options, "user"), "");
  if (password)
    buf_printf(&out, ":%s", mask);
  if (user || password)
    buf_char(&out, '@');
  put_hosts(&out, value_of(options, "host"), value_of(options, "port"));
  buf_char(&out, '/');
  put_escaped(&out, value_of(options, "dbname"), "");
  char before = '?';
  for (const PQconninfoOption *o = options; o->keyword; o++) {
    if (!o->val || is_in_front(o) || (is_secret(o) && !mask))
      continue;
    buf_printf(&out, "%c%s=", before, o->keyword);
    if (is_secret(o))
      buf_c(&out, mask);
    else
      put_escaped(&out, o->val, "/:,");
    before = '&';
  }
  PQconninfoFree(options);
  return buf_view(&out);
}

struct str database_url_shown(const char *url, struct arena *a) {
  return show(url, "***", a);
}

struct str database_url_bare(const char *url, struct arena *a) {
  return show(url, NULL, a);
}
