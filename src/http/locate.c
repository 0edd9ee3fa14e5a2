#include "http/locate.h"
#include "http/server_internal.h"

#include <string.h>

static bool same_path(const struct route *route, struct str path) {
  struct str wanted = str_of(route->path);
  if (wanted.n && wanted.p[wanted.n - 1] == '*') // all that begins so
    return str_starts(path, (struct str){wanted.p, wanted.n - 1});
  return strncmp(route->path, path.p, path.n) == 0 && route->path[path.n] == 0;
}

static bool serves(const struct route *route, struct str method) {
  return str_eqc(method, route->method) || (str_eqc(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

// The route of a path; *method_ok tells whether the method fits too. NULL: no such path.
static const struct route *find_route(const struct server *s, struct str method, struct str path,
                                      bool *method_ok) {
  const struct route *other = NULL;
  for (const struct route *route = s->o.routes; route->method; route++) {
    if (!same_path(route, path))
      continue;
    *method_ok = serves(route, method);
    if (*method_ok)
      return route;
    other = route;
  }
  return other;
}

static const char *allowed(const struct server *s, struct str path) {
  bool get = false, post = false;
  for (const struct route *route = s->o.routes; route->method; route++) {
    if (same_path(route, path)) {
      get |= strcmp(route->method, "GET") == 0;
      post |= strcmp(route->method, "POST") == 0;
    }
  }
  return get && post ? "GET, HEAD, POST" : get ? "GET, HEAD" : "POST";
}

static bool strip_prefix(const struct server *s, struct str path, struct str *inner) {
  struct str prefix = s->o.prefix;
  if (prefix.n == 0 || path.n <= prefix.n || path.p[prefix.n] != '/' || !str_starts(path, prefix))
    return false;
  *inner = (struct str){path.p + prefix.n, path.n - prefix.n};
  return true;
}

static bool content_type_is(struct str value, const char *wanted) {
  const char *semicolon = value.n ? memchr(value.p, ';', value.n) : NULL;
  if (semicolon)
    value.n = (size_t)(semicolon - value.p);
  return str_eq_nocase(str_trim(value), str_of(wanted));
}

static enum err wrong_type(const struct route *route) {
  return strcmp(route->body_type, "application/json") == 0 ? ERR_CONTENT_TYPE : ERR_FORM_TYPE;
}

static struct str path_of(struct str target) {
  const char *mark = memchr(target.p, '?', target.n);
  return (struct str){target.p, mark ? (size_t)(mark - target.p) : target.n};
}

void locate_path(struct server_request *q, struct str target) {
  q->r.path = path_of(target);
  strip_prefix(q->server, q->r.path, &q->r.path);
}

enum err locate(struct server_request *q, struct str target) {
  struct request *r = &q->r;
  const struct server *s = q->server;
  struct str path = path_of(target), inner;
  r->query = path.n < target.n ? (struct str){path.p + path.n + 1, target.n - path.n - 1} : STR_NONE;
  r->target = target;
  r->path = path;
  bool method_ok = false;
  if (strip_prefix(s, path, &inner) && (r->route = find_route(s, r->method, inner, &method_ok)) != NULL) {
    r->path = inner;
  } else if ((r->route = find_route(s, r->method, path, &method_ok)) != NULL) {
    if (s->o.prefix.n)
      r->target = str_printf(r->arena, "%.*s%.*s", STR_FMT(s->o.prefix), STR_FMT(target));
  } else {
    locate_path(q, target);
    return ERR_NOT_FOUND;
  }
  if (!method_ok) {
    q->allow = allowed(s, r->path);
    return ERR_METHOD;
  }
  if (r->route->body_type && !content_type_is(q->framing.content_type, r->route->body_type))
    return wrong_type(r->route);
  return ERR_NONE;
}

bool locate_forgotten_slash(struct server_request *q) {
  struct request *r = &q->r;
  bool method_ok = false;
  struct str with = str_printf(r->arena, "%.*s/", STR_FMT(r->path));
  const struct route *route = find_route(q->server, r->method, with, &method_ok);
  if (!route || !method_ok || !serves(route, STR("GET")))
    return false;
  request_reply(r, 308, NULL, STR(""));
  request_add_header(r, "Location",
                     str_printf(r->arena, "%.*s%.*s%s%.*s", STR_FMT(q->server->o.prefix), STR_FMT(with),
                                r->query.p ? "?" : "", STR_FMT(r->query)));
  return true;
}
