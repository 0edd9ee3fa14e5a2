// What the files of the server share: server.c (its life), course.c (a request's way through libmicrohttpd),
// hall.c (those that wait for long), locate.c and request.c (the handler's side).
#pragma once
#include "http/framing.h"
#include "http/limits.h"
#include "http/reaper.h"
#include "http/route_stats.h"
#include "http/server.h"

#include <microhttpd.h>
#include <pthread.h>

enum stage {
  STAGE_HEAD, // request line seen
  STAGE_BODY,
  STAGE_WORK, // the handler has been called
  STAGE_DONE, // answer queued
};

enum suspension {
  SUSPENDED_NOT,
  SUSPENDED_SHORT, // in the library, until the writer has answered
  SUSPENDED_LONG,  // in the hall
};

struct kept_header {
  struct str name, value;
};

enum { ADDED_HEADERS_MAX = 5 };

struct server_request {
  struct request r;
  struct arena arena;
  struct server *server;
  struct loop *loop;          // whose thread the request is on
  struct MHD_Connection *mhd; // NULL in the hall
  struct conn *conn;
  struct buf body;
  struct framing framing;
  request_fn *then; // while suspended
  enum stage stage;
  enum err early;    // the first failure of the checks before the handler
  const char *allow; // of a 405
  struct str uri;    // where the target stood in the read buffer
  bool close;
  enum suspension *suspension; // of whoever runs the handler: a suspended request is no longer its to look at
  struct kept_header *kept;    // in the hall: the request's headers
  int n_kept;
  int64_t start_us;
  char id[33];
  char client[ADDRESS_TEXT_BYTES];
  struct server_request *next; // in the list of those kept for reuse, or called in the hall
};

// Who comes later than this gets a 503.
enum stop {
  STOP_NOT,
  STOP_NEW,  // requests that begin; what has begun is finished
  STOP_WORK, // the grace is over: also what is still being received
};

struct server {
  struct server_options o;
  struct loops *loops;
  int listener, connections_max; // what each loop is made with
  struct reaper *reaper;
  struct hall *hall;
  struct proxy_list trusted;
  struct route_stats *stats; // per route, the last one for requests without a route
  int n_routes, port;
  unsigned char id_key[16];
  _Atomic uint64_t id_count;
  _Atomic int running; // requests begun and not finished
  _Atomic enum stop stop;
  pthread_mutex_t reuse_mutex;
  struct server_request *reuse;
  int n_reuse;
};
