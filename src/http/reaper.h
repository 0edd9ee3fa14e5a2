// The open connections: how many, how many per client, how far each one is; and a thread that closes the slow
// ones.
//
// libmicrohttpd only knows idle time. The reaper ends a connection by shutdown() of its socket, which the
// pool thread that owns the connection then notices; it never frees anything. Shared by all pool threads and
// the reaper's own: the list is under a mutex (once per connection), the rest is atomic.
#pragma once
#include "base/world.h"
#include "http/client.h"

#include <stdatomic.h>

enum phase {
  PHASE_FRESH, // accepted, nothing read yet
  PHASE_HEAD,  // request line seen
  PHASE_BODY,
  PHASE_WORK, // ours to be slow
  PHASE_ANSWER,
  PHASE_IDLE,  // kept open between requests
  PHASE_ENDED, // shut down by the reaper
};

struct conn {
  struct conn *next, *prev;
  struct address peer;
  int fd;
  uint32_t slot; // of the per-address counters
  _Atomic int phase;
  _Atomic int64_t since_ms;   // when the phase began
  _Atomic int64_t request_ms; // when the request line was seen
  _Atomic int64_t body_bytes;
};

struct reaper;

struct reaper_options {
  const struct world *world;
  const struct proxy_list *trusted; // their connections are not counted per address
  int connections_max;              // 0: limits.h
  int per_address_max;              // 0: limits.h
};

struct reaper *reaper_start(const struct reaper_options *o);
void reaper_stop(struct reaper *r); // all connections must be closed

bool reaper_admits(struct reaper *r, const struct address *peer);
struct conn *reaper_open(struct reaper *r, int fd, const struct address *peer);
void reaper_close(struct reaper *r, struct conn *c); // before the descriptor is closed; frees c
int reaper_connections(const struct reaper *r);

void conn_enter(struct conn *c, enum phase phase, int64_t now_ms);
// How many connections are in PHASE_WORK: in a handler or suspended by one.
int reaper_working(struct reaper *r);

// Has this connection used up its time? Pure, for the tests.
bool conn_is_late(const struct conn *c, int64_t now_ms);
