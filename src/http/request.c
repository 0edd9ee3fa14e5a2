#include "base/bug.h"
#include "base/jsonw.h"
#include "http/hall.h"
#include "http/loops.h"

#include <string.h>
#include <sys/socket.h>

static struct str kept_header(const struct server_request *q, struct str name) {
  for (int i = 0; i < q->n_kept; i++)
    if (str_eq_nocase(q->kept[i].name, name))
      return str_trim(q->kept[i].value);
  return STR_NONE;
}

struct str request_header(const struct request *r, const char *name) {
  if (!r->priv->mhd)
    return kept_header(r->priv, str_of(name));
  const char *value = NULL;
  size_t n = 0;
  if (MHD_lookup_connection_value_n(r->priv->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) !=
          MHD_YES ||
      !value)
    return STR_NONE;
  return str_trim((struct str){value, n});
}

static void error_json(struct request *r, enum err e, const char *param) {
  struct buf b;
  struct jsonw w;
  buf_init(&b, r->arena, 2048);
  jsonw_init(&w, &b);
  jsonw_open(&w, '{');
  jsonw_kbool(&w, "ok", false);
  jsonw_kstr(&w, "error", str_of(err_sentence(e)));
  jsonw_kstr(&w, "code", str_of(err_code(e)));
  if (param)
    jsonw_kstr(&w, "param", str_of(param));
  jsonw_kstr(&w, "request_id", r->id);
  jsonw_close(&w, '}');
  request_reply(r, err_status(e), "application/json", buf_view(&b));
}

static bool wants_json(const struct request *r) {
  return (r->route && r->route->access != ACCESS_PUBLIC) || str_starts(r->path, STR("/api/"));
}

void request_error(struct request *r, enum err e, const char *param) {
  r->refusal = err_code(e);
  if (wants_json(r))
    error_json(r, e, param);
  else if (r->priv->server->o.error_page)
    r->priv->server->o.error_page(r, e);
  else
    request_reply(r, err_status(e), "text/plain; charset=utf-8",
                  str_printf(r->arena, "%s\nRequest %.*s\n", err_sentence(e), STR_FMT(r->id)));
}

static void set_aside(struct server_request *q, request_fn *then, enum suspension how) {
  BUG_IF(*q->suspension != SUSPENDED_NOT, "suspended twice");
  *q->suspension = how;
  q->then = then;
}

void request_suspend(struct request *r, request_fn *then) {
  struct server_request *q = r->priv;
  set_aside(q, then, SUSPENDED_SHORT);
  if (q->mhd)
    MHD_suspend_connection(q->mhd);
}

void request_hold(struct request *r, request_fn *then) {
  struct server_request *q = r->priv;
  if (!q->mhd || hall_take(q->server->hall, q))
    set_aside(q, then, SUSPENDED_LONG);
  else
    request_suspend(r, then);
}

bool request_is_gone(const struct request *r) {
  char c;
  return !r->priv->mhd && recv(r->priv->conn->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void request_resume(struct request *r) {
  struct server_request *q = r->priv;
  if (q->mhd)
    loop_resume(q->loop, q->mhd);
  else
    hall_call(q->server->hall, q);
}
