// Requests that wait for a payment to change: parked without a thread until the bell rings for their payment
// or WAIT_MS pass.
//
// No wake-up is lost if the handler keeps to this order:
//
//   wait.rings = live_rings(live, payment_row);
//   read the payment, however long that takes;
//   if (its version is not the one the client has seen)
//     answer;
//   else
//     live_park(live, r, &wait, then);                    // last thing: r belongs to `then` now
//
// A change committed before the read is seen by the read; one committed after it rings after live_rings(),
// and live_park() then calls `then` at once. `then` reads again and answers, changed or not; the client asks
// anew.
//
// One mutex per group of payments. A client that leaves is noticed within some two seconds.
#pragma once
#include "base/bell.h"
#include "base/world.h"
#include "http/server.h"

struct live;

// What is waited for.
struct live_wait {
  int64_t row, version; // the payment as the client has seen it
  uint32_t rings;       // live_rings() before that was compared
  int within_ms;        // at most; 0: as long as others do
};

enum {
  LIVE_WAITERS_MAX = 16384
}; // beyond it live_park() calls `then` at once: the page falls back to asking

struct live *live_start(const struct world *w, int wait_ms); // 0: WAIT_MS; waits take up to a quarter longer
// Wakes everybody and makes every later live_park() call `then` at once. Before server_stop().
void live_quiet(struct live *l);
void live_free(struct live *l); // after server_stop()

uint32_t live_rings(struct live *l, int64_t payment_row); // so far, of its group of payments
void live_park(struct live *l, struct request *r, const struct live_wait *wait, request_fn *then);

// For a look at what all of them wait for: fills `out` from group *from on, which is moved on; returns how
// many, 0 at the end. A payment stands in it once for some that wait for it, with the oldest version.
size_t live_list(struct live *l, uint32_t *from, struct live_wait *out, size_t max);

bell_fn live_ring; // bell_listen(bell, live_ring, live)
int live_waiting(const struct live *l);
