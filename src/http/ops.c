#include "http/ops.h"
#include "base/metrics.h"

enum { METRICS_BYTES_MAX = 256 * 1024, HEALTH_BYTES_MAX = 16 * 1024 };

static void ops_live(struct request *r) {
  request_reply(r, 200, "text/plain", STR("alive\n"));
}

static void ops_ready(struct request *r) {
  const struct ops *o = r->app;
  bool ready = !o->ready || o->ready(o->self);
  request_reply(r, ready ? 200 : 503, "text/plain", ready ? STR("ready\n") : STR("not ready\n"));
}

static void ops_health(struct request *r) {
  const struct ops *o = r->app;
  struct buf b;
  buf_init(&b, r->arena, HEALTH_BYTES_MAX);
  bool well = o->health(o->self, &b);
  request_reply(r, well ? 200 : 503, "application/json", buf_view(&b));
}

static void ops_metrics(struct request *r) {
  const struct ops *o = r->app;
  struct buf b;
  buf_init(&b, r->arena, METRICS_BYTES_MAX);
  if (o->server) {
    metric_set(METRIC_CONNECTIONS, server_connections(o->server));
    metric_set(METRIC_IN_FLIGHT, server_running(o->server));
  }
  if (o->measure)
    o->measure(o->self);
  metrics_print(&b);
  if (o->server)
    server_metrics(o->server, &b);
  request_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&b));
}

const struct route ops_routes[] = {
    {"GET", "/livez", ACCESS_OPERATOR, NULL, ops_live, "livez"},
    {"GET", "/readyz", ACCESS_OPERATOR, NULL, ops_ready, "readyz"},
    {"GET", "/healthz", ACCESS_OPERATOR, NULL, ops_health, "healthz"},
    {"GET", "/metrics", ACCESS_OPERATOR, NULL, ops_metrics, "metrics"},
    {0},
};
