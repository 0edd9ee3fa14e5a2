// Sends the webhooks that are due: one thread, many connections, fair between hosts.
//
// On a database that other nodes use too each delivery is taken with a lease. An attempt begins only while
// enough of the lease is left for a whole one, by a clock of this machine that was read before the lease was
// asked for: a node that was paused (or a machine that slept) begins nothing that another may have taken.
#pragma once
#include "flow/webhooks.h"
#include "net/poster.h"

enum {
  WEBHOOK_LEASE_MS = 30 * 1000,
  WEBHOOK_MARGIN_MS = 1000, // clocks that run at different speeds, and the time that sending itself takes
};
_Static_assert(WEBHOOK_LEASE_MS > 2 * (POST_TIMEOUT_MS + WEBHOOK_MARGIN_MS), "time to wait for a slow post");

struct webhook_worker;

struct webhook_worker_options {
  struct env *env;
  struct poster *poster; // made for this worker; poster_run() is called on its thread only
  int concurrency;       // posts at the same time
  int per_host;          // of these, to one host
  int lease_ms;          // 0: WEBHOOK_LEASE_MS
  int timeout_ms;        // the longest that a post may take; 0: POST_TIMEOUT_MS
};

// Listens to env->bell: make it before anything rings.
struct webhook_worker *webhook_worker_new(const struct webhook_worker_options *o);

// One turn: takes in what was settled, reads what is due, sends, works on the connections for at most
// `wait_ms` (less when something is to be done). The simulator calls it by itself.
void webhook_worker_turn(struct webhook_worker *w, int wait_ms);

bool webhook_worker_start(struct webhook_worker *w); // a thread that takes turns; false: there is none

// Starts nothing new, gives back what was taken and not sent, waits for what runs (at most a post's timeout),
// hands the outcomes to the store. The writer must still run.
void webhook_worker_stop(struct webhook_worker *w);
void webhook_worker_free(struct webhook_worker *w); // after the writer has stopped, and all that read
