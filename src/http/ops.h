// The operations listener: /livez, /readyz, /healthz, /metrics. For the operator's network only, without
// authentication.
#pragma once
#include "http/server.h"

struct ops {
  struct server *server; // whose requests are counted in /metrics; may be NULL
  // Can this node serve (database open, not stopping)? NULL: yes.
  bool (*ready)(void *self);
  // Writes the JSON object of /healthz, false when something is in trouble: then the status is 503. Called on
  // a pool thread.
  bool (*health)(void *self, struct buf *json);
  void (*measure)(void *self); // sets gauges just before /metrics is printed; may be NULL
  void *self;
};

extern const struct route ops_routes[]; // the request's `app` is a struct ops
