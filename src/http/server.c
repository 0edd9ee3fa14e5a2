#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(const struct server *s) {
  return world_mono(s->o.world);
}

// ---- requests kept for reuse -------------------------------------------------------------------

static struct server_request *take_request(struct server *s) {
  pthread_mutex_lock(&s->reuse_mutex);
  struct server_request *q = s->reuse;
  if (q) {
    s->reuse = q->next;
    s->n_reuse--;
  }
  pthread_mutex_unlock(&s->reuse_mutex);
  if (q)
    return q;
  q = calloc(1, sizeof *q);
  BUG_IF(!q, "out of memory");
  arena_init(&q->arena, REQUEST_ARENA_BYTES_MAX);
  return q;
}

static void free_request(struct server_request *q) {
  arena_free(&q->arena);
  free(q);
}

static void keep_request(struct server *s, struct server_request *q) {
  arena_reset(&q->arena);
  pthread_mutex_lock(&s->reuse_mutex);
  bool keep = s->n_reuse < REQUESTS_KEPT_FOR_REUSE;
  if (keep) {
    q->next = s->reuse;
    s->reuse = q;
    s->n_reuse++;
  }
  pthread_mutex_unlock(&s->reuse_mutex);
  if (!keep)
    free_request(q);
}

static void clear_request(struct server_request *q) {
  struct arena arena = q->arena;
  memset(&q->r, 0, offsetof(struct request, headers));
  q->r.n_headers = 0;
  memset((char *)q + sizeof q->r, 0, offsetof(struct server_request, id) - sizeof q->r);
  q->arena = arena;
}

// A keyed hash of a counter: unique, and nobody learns from one id what the next will be.
static void make_id(struct server *s, char out[33]) {
  uint64_t n = atomic_fetch_add_explicit(&s->id_count, 1, memory_order_relaxed);
  unsigned char hash[crypto_shorthash_siphashx24_BYTES];
  crypto_shorthash_siphashx24(hash, (const unsigned char *)&n, sizeof n, s->id_key);
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < sizeof hash; i++) {
    out[2 * i] = digits[hash[i] >> 4];
    out[2 * i + 1] = digits[hash[i] & 15];
  }
  out[32] = 0;
}

// ---- answers -----------------------------------------------------------------------------------

static void add_header(struct MHD_Response *resp, const char *name, const char *value) {
  BUG_IF(MHD_add_response_header(resp, name, value) != MHD_YES, "header refused");
}

static bool must_close(const struct server_request *q) {
  bool page = !q->r.route || q->r.route->access == ACCESS_PUBLIC;
  return q->close || (page && reaper_connections(q->server->reaper) > CONNECTIONS_KEPT_MAX);
}

static struct MHD_Response *build_answer(struct server_request *q) {
  struct request *r = &q->r;
  struct MHD_Response *resp =
      MHD_create_response_from_buffer(r->answer.n, (void *)(uintptr_t)r->answer.p, MHD_RESPMEM_PERSISTENT);
  BUG_IF(!resp, "out of memory");
  bool cache = false;
  for (int i = 0; i < r->n_headers; i++) {
    cache |= strcasecmp(r->headers[i].name, "Cache-Control") == 0;
    add_header(resp, r->headers[i].name, r->headers[i].value.p);
  }
  if (r->content_type.p)
    add_header(resp, "Content-Type", r->content_type.p);
  if (!cache)
    add_header(resp, "Cache-Control", "no-store");
  add_header(resp, "X-Content-Type-Options", "nosniff");
  add_header(resp, "X-Request-Id", q->id);
  if (must_close(q))
    add_header(resp, "Connection", "close");
  return resp;
}

static enum MHD_Result send_answer(struct server_request *q) {
  BUG_IF(q->r.status == 0, "handler neither answered nor suspended");
  struct MHD_Response *resp = build_answer(q);
  q->stage = STAGE_DONE;
  conn_enter(q->conn, PHASE_ANSWER, now_us(q->server) / 1000);
  enum MHD_Result ok = MHD_queue_response(q->mhd, (unsigned)q->r.status, resp);
  MHD_destroy_response(resp);
  return ok;
}

static enum MHD_Result refuse(struct server_request *q, enum err e) {
  q->close = true;
  request_error(&q->r, e, NULL);
  return send_answer(q);
}

// ---- which route -------------------------------------------------------------------------------

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

// Fills in path, query and route from the target's origin form.
static enum err locate(struct server_request *q, struct str target) {
  struct request *r = &q->r;
  const struct server *s = q->server;
  const char *mark = memchr(target.p, '?', target.n);
  struct str path = {target.p, mark ? (size_t)(mark - target.p) : target.n}, inner;
  r->query = mark ? (struct str){mark + 1, target.n - path.n - 1} : STR_NONE;
  r->target = target;
  r->path = path;
  bool method_ok = false;
  if (strip_prefix(s, path, &inner) && (r->route = find_route(s, r->method, inner, &method_ok)) != NULL) {
    r->path = inner;
  } else if ((r->route = find_route(s, r->method, path, &method_ok)) != NULL) {
    if (s->o.prefix.n)
      r->target = str_printf(r->arena, "%.*s%.*s", STR_FMT(s->o.prefix), STR_FMT(target));
  } else {
    if (strip_prefix(s, path, &inner))
      r->path = inner;
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

// "/pay" where only "/pay/" exists: a page's address with its slash forgotten.
static bool forgotten_slash(struct server_request *q) {
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

// ---- the course of a request -------------------------------------------------------------------

static enum MHD_Result run(struct server_request *q, request_fn *fn) {
  fn(&q->r);
  return q->parked ? MHD_YES : send_answer(q);
}

static enum MHD_Result work(struct server_request *q) {
  struct request *r = &q->r;
  q->stage = STAGE_WORK;
  conn_enter(q->conn, PHASE_WORK, now_us(q->server) / 1000);
  if (q->body.full)
    q->early = ERR_BODY_TOO_LARGE;
  if (q->early == ERR_NOT_FOUND && forgotten_slash(q))
    return send_answer(q);
  if (q->early == ERR_NONE && atomic_load_explicit(&q->server->stopping, memory_order_relaxed)) {
    q->close = true;
    q->early = ERR_STOPPING;
  }
  if (q->early != ERR_NONE) {
    if (q->allow)
      request_add_header(r, "Allow", str_of(q->allow));
    request_error(r, q->early, NULL);
    return send_answer(q);
  }
  r->body = r->route->body_type ? buf_view(&q->body) : STR("");
  if (q->server->o.admit)
    q->server->o.admit(r);
  return r->status ? send_answer(q) : run(q, r->route->handle);
}

static enum MHD_Result go_on(struct server_request *q) {
  request_fn *then = q->then;
  q->then = NULL;
  q->parked = false;
  return run(q, then);
}

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                   const char *value, size_t value_n) {
  (void)kind;
  framing_header(cls, (struct str){name, name_n}, (struct str){value ? value : "", value_n});
  return MHD_YES;
}

static enum err check_head(struct server_request *q, struct str method, struct str version,
                           struct str *target) {
  const union MHD_ConnectionInfo *size =
      MHD_get_connection_info(q->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  framing_begin(&q->framing, method, q->uri, version);
  MHD_get_connection_values_n(q->mhd, MHD_HEADER_KIND, each_header, &q->framing);
  enum err e = framing_end(&q->framing, method, version, size->header_size);
  if (e != ERR_NONE)
    return e;
  struct str authority = q->server->o.host.n ? q->server->o.host : q->framing.host;
  return framing_target(q->r.target, authority, target) ? ERR_NONE : ERR_FRAMING;
}

static enum MHD_Result begin(struct server_request *q, const char *method, const char *version) {
  struct request *r = &q->r;
  r->method = str_of(method);
  struct str target;
  enum err e = check_head(q, r->method, str_of(version), &target);
  struct address client = client_address(&q->server->trusted, &q->conn->peer, q->framing.forwarded_for);
  r->client = address_text(&client, q->client);
  r->client_key = str_copy(r->arena, address_limit_key(&client));
  if (e != ERR_NONE) {
    metric_add(METRIC_FRAMING_REFUSED, 1);
    return refuse(q, e);
  }
  q->early = locate(q, target);
  const struct framing *f = &q->framing;
  if (f->has_length && f->content_length > REQUEST_BODY_BYTES_MAX)
    q->early = ERR_BODY_TOO_LARGE;
  bool expects = q->early != ERR_NONE && request_header(r, "Expect").p;
  if (f->content_length > REQUEST_DRAIN_BYTES_MAX || expects)
    return refuse(q, q->early);
  q->stage = STAGE_BODY;
  buf_init(&q->body, r->arena, REQUEST_BODY_BYTES_MAX);
  if (f->content_length || f->chunked)
    conn_enter(q->conn, PHASE_BODY, now_us(q->server) / 1000);
  return MHD_YES;
}

// What exceeds the limit is read and forgotten, up to a limit of its own.
static enum MHD_Result take_body(struct server_request *q, const char *data, size_t n) {
  int64_t total =
      atomic_fetch_add_explicit(&q->conn->body_bytes, (int64_t)n, memory_order_relaxed) + (int64_t)n;
  if (q->early == ERR_NONE)
    buf_add(&q->body, data, n);
  if (q->early != ERR_NONE && total > REQUEST_BODY_BYTES_MAX)
    q->early = ERR_BODY_TOO_LARGE;
  return total > REQUEST_DRAIN_BYTES_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **context) {
  (void)cls, (void)mhd, (void)url;
  struct server_request *q = *context;
  switch (q->stage) {
  case STAGE_HEAD:
    return begin(q, method, version);
  case STAGE_BODY:
    if (*n == 0)
      return work(q);
    size_t got = *n;
    *n = 0;
    return take_body(q, data, got);
  case STAGE_WORK:
    return go_on(q);
  case STAGE_DONE:
    *n = 0;
    return MHD_YES;
  }
  return MHD_NO;
}

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
  struct server *s = cls;
  struct server_request *q = take_request(s);
  clear_request(q);
  q->server = s;
  q->mhd = mhd;
  q->conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  q->start_us = now_us(s);
  q->uri = str_of(uri);
  make_id(s, q->id);
  q->r.priv = q;
  q->r.arena = &q->arena;
  q->r.app = s->o.app;
  q->r.id = (struct str){q->id, 32};
  q->r.target = str_copy(&q->arena, q->uri);
  atomic_fetch_add(&s->running, 1);
  conn_enter(q->conn, PHASE_HEAD, q->start_us / 1000);
  return q;
}

// A refusal is what a shop's developer asks about, with the request id. What strangers can cause at will
// stays out.
static enum log_level level_of(int status) {
  if (status >= 500)
    return LOG_WARN;
  return status >= 400 && status != 404 && status != 429 ? LOG_INFO : LOG_DEBUG;
}

static void log_request(const struct server_request *q, int64_t us) {
  const struct request *r = &q->r;
  const char *event = r->status >= 500 ? "request failed" : r->status >= 400 ? "request refused" : "request";
  LOG_WITH(level_of(r->status), event, LOG_S("request_id", r->id), LOG_S("method", r->method),
           LOG_S("path", r->path), LOG_I("status", r->status), LOG_I("duration_us", us),
           LOG_S("client", r->client), LOG_END);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code) {
  (void)mhd, (void)code;
  struct server *s = cls;
  struct server_request *q = *context;
  if (!q)
    return;
  *context = NULL;
  int64_t now = now_us(s);
  conn_enter(q->conn, PHASE_IDLE, now / 1000);
  if (q->r.status) {
    int i = q->r.route ? (int)(q->r.route - s->o.routes) : s->n_routes;
    route_stats_count(&s->stats[i], q->r.status, now - q->start_us);
    log_request(q, now - q->start_us);
  }
  keep_request(s, q);
  atomic_fetch_sub(&s->running, 1);
}

// ---- connections -------------------------------------------------------------------------------

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t n) {
  (void)n;
  struct server *s = cls;
  struct address peer;
  if (address_of_socket(sa, &peer) && reaper_admits(s->reaper, &peer))
    return MHD_YES;
  metric_add(METRIC_CONNECTIONS_REFUSED, 1);
  return MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  struct server *s = cls;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    reaper_close(s->reaper, *context);
    return;
  }
  struct address peer = {0};
  address_of_socket(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, &peer);
  int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  *context = reaper_open(s->reaper, fd, &peer);
}

// ---- start and stop ----------------------------------------------------------------------------

static int listen_failed(int fd, const char *what, const char *where, char *error, size_t n) {
  snprintf(error, n, "cannot %s %s: %s", what, where, strerror(errno));
  if (fd >= 0)
    close(fd);
  return -1;
}

static int open_listener(const struct addrinfo *ai, const char *where, char *error, size_t n) {
  int one = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return listen_failed(fd, "make a socket for", where, error, n);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // accepted sockets inherit it
  if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
    return listen_failed(fd, "listen on", where, error, n);
  return fd;
}

// "127.0.0.1:8080" or "[::1]:8080": numbers only, a name could mean several addresses.
static int listen_on(const char *where, char *error, size_t n) {
  char host[64];
  const char *colon = strrchr(where, ':');
  size_t len = colon ? (size_t)(colon - where) : 0;
  bool brackets = len > 2 && where[0] == '[' && where[len - 1] == ']';
  if (!colon || len == 0 || len >= sizeof host) {
    snprintf(error, n, "listen address %s is not ADDRESS:PORT", where);
    return -1;
  }
  snprintf(host, sizeof host, "%.*s", (int)(len - (brackets ? 2 : 0)), where + (brackets ? 1 : 0));
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                           .ai_socktype = SOCK_STREAM},
                  *ai;
  if (getaddrinfo(host, colon + 1, &hints, &ai) != 0) {
    snprintf(error, n, "listen address %s is not ADDRESS:PORT in numbers", where);
    return -1;
  }
  int fd = open_listener(ai, where, error, n);
  freeaddrinfo(ai);
  return fd;
}

static int port_of(int fd) {
  struct sockaddr_storage sa;
  socklen_t n = sizeof sa;
  if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
    return 0;
  const void *p = &sa;
  return ntohs(sa.ss_family == AF_INET ? ((const struct sockaddr_in *)p)->sin_port
                                       : ((const struct sockaddr_in6 *)p)->sin6_port);
}

// As many connections as descriptors allow.
static int connections_max(int wanted) {
  struct rlimit l;
  if (wanted == 0)
    wanted = CONNECTIONS_MAX;
  if (getrlimit(RLIMIT_NOFILE, &l) != 0)
    return wanted;
  l.rlim_cur = l.rlim_max;
  setrlimit(RLIMIT_NOFILE, &l);
  getrlimit(RLIMIT_NOFILE, &l);
  if (l.rlim_cur < (rlim_t)wanted + CONNECTION_DESCRIPTORS_RESERVED)
    wanted = l.rlim_cur > 2 * CONNECTION_DESCRIPTORS_RESERVED
                 ? (int)l.rlim_cur - CONNECTION_DESCRIPTORS_RESERVED
                 : CONNECTION_DESCRIPTORS_RESERVED;
  return wanted;
}

static unsigned thread_count(int wanted) {
  long n = wanted ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
  if (n < 1)
    n = 1;
  return n > CONNECTION_THREADS_MAX ? CONNECTION_THREADS_MAX : (unsigned)n;
}

static struct MHD_Daemon *start_daemon(struct server *s, int fd, int connections) {
  unsigned threads = thread_count(s->o.threads);
  // The reaper counts exactly; the library's own limit is per thread and only must not come first.
  unsigned limit = (unsigned)connections * threads + threads;
  struct MHD_OptionItem items[] = {
      {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limit, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
      {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_request_line, s},
      {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
      {MHD_OPTION_END, 0, NULL},
  };
  return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0,
                          on_accept, s, on_request, s, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static void free_server(struct server *s) {
  while (s->reuse) {
    struct server_request *q = s->reuse;
    s->reuse = q->next;
    free_request(q);
  }
  pthread_mutex_destroy(&s->reuse_mutex);
  free(s->stats);
  free(s);
}

static struct server *new_server(const struct server_options *o) {
  struct server *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->o = *o;
  pthread_mutex_init(&s->reuse_mutex, NULL);
  world_random(o->world, s->id_key, sizeof s->id_key);
  while (o->routes[s->n_routes].method)
    s->n_routes++;
  s->stats = calloc((size_t)s->n_routes + 1, sizeof *s->stats);
  BUG_IF(!s->stats, "out of memory");
  for (int i = 0; i < s->n_routes; i++)
    s->stats[i].route = o->routes[i].metric;
  s->stats[s->n_routes].route = "none";
  return s;
}

struct server *server_start(const struct server_options *o, char *error, size_t error_size) {
  int fd = listen_on(o->listen, error, error_size);
  if (fd < 0)
    return NULL;
  struct server *s = new_server(o);
  if (!proxy_list_parse(&s->trusted, o->trusted_proxies)) {
    snprintf(error, error_size, "trusted proxies: %s is not a list of addresses and blocks",
             o->trusted_proxies);
    close(fd);
    free_server(s);
    return NULL;
  }
  s->port = port_of(fd);
  int connections = connections_max(o->connections_max);
  s->reaper = reaper_start(&(struct reaper_options){.world = o->world,
                                                    .trusted = &s->trusted,
                                                    .connections_max = connections,
                                                    .per_address_max = o->connections_per_address_max});
  s->daemon = start_daemon(s, fd, connections);
  if (!s->daemon) {
    snprintf(error, error_size, "cannot start the HTTP server on %s", o->listen);
    reaper_stop(s->reaper);
    close(fd);
    free_server(s);
    return NULL;
  }
  return s;
}

int server_port(const struct server *s) {
  return s->port;
}

int server_connections(const struct server *s) {
  return reaper_connections(s->reaper);
}

int server_running(const struct server *s) {
  return atomic_load(&s->running);
}

void server_metrics(const struct server *s, struct buf *out) {
  route_stats_print(s->stats, s->n_routes + 1, out);
}

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

// Suspended requests belong to somebody who has their memory in hands: they are waited for, never taken away.
// The library would abort if one were left.
static void wait_for_working(struct server *s) {
  for (int i = 0; reaper_working(s->reaper); i++) {
    if (i == 0)
      LOG(WARN, "waiting for requests that are suspended", LOG_I("requests", reaper_working(s->reaper)));
    nap();
  }
}

void server_stop(struct server *s, int grace_ms) {
  atomic_store(&s->stopping, true);
  int fd = MHD_quiesce_daemon(s->daemon);
  if (fd >= 0)
    close(fd);
  for (int64_t until = now_us(s) + grace_ms * 1000; atomic_load(&s->running) && now_us(s) < until;)
    nap();
  wait_for_working(s);
  MHD_stop_daemon(s->daemon);
  reaper_stop(s->reaper);
  free_server(s);
}
