#include "http/course.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/locate.h"
#include "http/loops.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

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

void course_free(struct server_request *q) {
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
    course_free(q);
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

int course_headers(const struct server_request *q, struct response_header *out) {
  const struct request *r = &q->r;
  bool cache = false;
  int n = 0;
  for (; n < r->n_headers; n++) {
    out[n] = r->headers[n];
    cache |= strcasecmp(out[n].name, "Cache-Control") == 0;
  }
  if (r->content_type.p)
    out[n++] = (struct response_header){"Content-Type", r->content_type};
  if (!cache)
    out[n++] = (struct response_header){"Cache-Control", STR("no-store")};
  out[n++] = (struct response_header){"X-Content-Type-Options", STR("nosniff")};
  out[n++] = (struct response_header){"X-Request-Id", r->id};
  if (must_close(q))
    out[n++] = (struct response_header){"Connection", STR("close")};
  return n;
}

static struct MHD_Response *build_answer(const struct server_request *q) {
  struct response_header all[RESPONSE_HEADERS_MAX + ADDED_HEADERS_MAX];
  struct MHD_Response *resp = MHD_create_response_from_buffer(q->r.answer.n, (void *)(uintptr_t)q->r.answer.p,
                                                              MHD_RESPMEM_PERSISTENT);
  BUG_IF(!resp, "out of memory");
  int n = course_headers(q, all);
  for (int i = 0; i < n; i++)
    add_header(resp, all[i].name, all[i].value.p);
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

// ---- the course of a request -------------------------------------------------------------------

static enum MHD_Result run(struct server_request *q, request_fn *fn) {
  enum suspension s = SUSPENDED_NOT;
  q->suspension = &s;
  fn(&q->r);
  switch (s) {
  case SUSPENDED_NOT:
    return send_answer(q);
  case SUSPENDED_SHORT:
    return MHD_YES;
  case SUSPENDED_LONG: // q is another thread's already
    return MHD_NO;
  }
  return MHD_NO;
}

static enum MHD_Result work(struct server_request *q) {
  struct request *r = &q->r;
  q->stage = STAGE_WORK;
  conn_enter(q->conn, PHASE_WORK, now_us(q->server) / 1000);
  if (q->body.full)
    q->early = ERR_BODY_TOO_LARGE;
  if (q->early == ERR_NOT_FOUND && locate_forgotten_slash(q))
    return send_answer(q);
  if (atomic_load(&q->server->stop) != STOP_NOT)
    q->close = true;
  if (q->early == ERR_NONE && atomic_load(&q->server->stop) == STOP_WORK)
    q->early = ERR_STOPPING;
  r->body = r->route && r->route->body_type ? buf_view(&q->body) : STR("");
  if (q->early != ERR_NONE) {
    if (q->allow)
      request_add_header(r, "Allow", str_of(q->allow));
    if (q->early == ERR_STOPPING)
      request_add_header(r, "Retry-After", STR("1"));
    request_error(r, q->early, NULL);
    return send_answer(q);
  }
  if (q->server->o.admit)
    q->server->o.admit(r);
  return r->status ? send_answer(q) : run(q, r->route->handle);
}

static enum MHD_Result go_on(struct server_request *q) {
  request_fn *then = q->then;
  q->then = NULL;
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
  struct address client =
      client_address(&q->server->trusted, &q->conn->peer, q->framing.forwarded_for, q->framing.n_forwarded);
  r->client = address_text(&client, q->client);
  r->client_key = str_copy(r->arena, address_limit_key(&client));
  if (e != ERR_NONE) {
    metric_add(METRIC_FRAMING_REFUSED, 1);
    locate_path(q, r->target);
    return refuse(q, e);
  }
  q->early = locate(q, target);
  if (q->early == ERR_NONE && atomic_load(&q->server->stop) != STOP_NOT)
    q->early = ERR_STOPPING;
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

// A request that has gone to the hall is nothing that the library may speak of any more.
static enum MHD_Result keep_context(enum MHD_Result result, void **context) {
  if (result == MHD_NO)
    *context = NULL;
  return result;
}

enum MHD_Result course_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *n, void **context) {
  (void)cls, (void)mhd, (void)url;
  struct server_request *q = *context;
  switch (q->stage) {
  case STAGE_HEAD:
    return begin(q, method, version);
  case STAGE_BODY:
    if (*n) {
      size_t got = *n;
      *n = 0;
      return take_body(q, data, got);
    }
    return keep_context(work(q), context);
  case STAGE_WORK:
    return keep_context(go_on(q), context);
  case STAGE_DONE:
    *n = 0;
    return MHD_YES;
  }
  return MHD_NO;
}

void *course_request_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
  struct server *s = cls;
  struct server_request *q = take_request(s);
  clear_request(q);
  q->server = s;
  q->mhd = mhd;
  q->loop = loop_here();
  q->conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  q->start_us = now_us(s);
  q->uri = str_of(uri);
  make_id(s, q->id);
  q->r.priv = q;
  q->r.arena = &q->arena;
  q->r.app = s->o.app;
  q->r.id = (struct str){q->id, 32};
  q->r.path = STR("");
  q->r.target = str_copy(&q->arena, q->uri);
  atomic_fetch_add(&s->running, 1);
  conn_enter(q->conn, PHASE_HEAD, q->start_us / 1000);
  return q;
}

// A refusal is what a shop's developer asks about, with the request id. What strangers can cause at will
// stays out, and what a probe asks every few seconds.
static enum log_level level_of(const struct request *r) {
  if (r->route && r->route->access == ACCESS_OPERATOR)
    return LOG_DEBUG;
  if (r->status >= 500)
    return LOG_WARN;
  return r->route && r->status >= 400 && r->status != 429 ? LOG_INFO : LOG_DEBUG;
}

static void log_request(const struct server_request *q, int64_t us) {
  const struct request *r = &q->r;
  const char *event = r->status >= 500 ? "request failed" : r->status >= 400 ? "request refused" : "request";
  struct log_field fields[9] = {LOG_S("request_id", r->id), LOG_S("method", r->method),
                                LOG_S("path", r->path),     LOG_I("status", r->status),
                                LOG_I("duration_us", us),   LOG_S("client", r->client)};
  int n = 6;
  if (r->refusal)
    fields[n++] = LOG_C("code", r->refusal);
  if (r->fault.p)
    fields[n++] = LOG_S("fault", r->fault);
  log_write(level_of(r), event, fields);
}

void course_end(struct server *s, struct server_request *q) {
  int64_t took_us = now_us(s) - q->start_us;
  if (q->r.status) {
    int i = q->r.route ? (int)(q->r.route - s->o.routes) : s->n_routes;
    route_stats_count(&s->stats[i], q->r.status, took_us);
    log_request(q, took_us);
  }
  if (q->r.at_end)
    q->r.at_end(&q->r);
  keep_request(s, q);
  atomic_fetch_sub(&s->running, 1);
}

void course_completed(void *cls, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode code) {
  (void)mhd, (void)code;
  struct server *s = cls;
  struct server_request *q = *context;
  if (!q)
    return;
  *context = NULL;
  conn_enter(q->conn, PHASE_IDLE, now_us(s) / 1000);
  course_end(s, q);
}
