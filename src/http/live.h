// Requests that wait for a payment to change: parked without a thread until the bell rings for their payment
// or WAIT_MS pass.
//
// No wake-up is lost if the handler keeps to this order:
//
//   struct waiter *w = live_join(live, r, payment_row);  // from here on a ring is remembered
//   read the payment;
//   if (its version is not the one the client has seen)
//     { live_leave(live, w); answer; }
//   else
//     live_park(live, w, then);                           // last thing: r belongs to `then` now
//
// A change committed before the read is seen by the read; one committed after it rings after live_join(), and
// live_park() then calls `then` at once. `then` reads again and answers, changed or not; the client asks
// anew.
//
// One mutex per group of payments. A client that leaves is noticed within some two seconds.
#pragma once
#include "base/bell.h"
#include "base/world.h"
#include "http/server.h"

struct live;
struct waiter; // in the request's arena

enum {
  LIVE_WAITERS_MAX = 16384
}; // beyond it live_park() calls `then` at once: the page falls back to asking

struct live *live_start(const struct world *w, int wait_ms); // 0: WAIT_MS; waits take up to a quarter longer
// Wakes everybody and makes every later live_park() call `then` at once. Before server_stop().
void live_quiet(struct live *l);
void live_free(struct live *l); // after server_stop()

struct waiter *live_join(struct live *l, struct request *r, int64_t payment_row);
void live_leave(struct live *l, struct waiter *w);
void live_park(struct live *l, struct waiter *w, request_fn *then);

bell_fn live_ring; // bell_listen(bell, live_ring, live)
int live_waiting(const struct live *l);
