// Sends the webhooks that are due: one thread, many connections, fair between hosts.
#pragma once
#include "flow/webhooks.h"
#include "net/poster.h"

struct webhook_worker;

struct webhook_worker_options {
  struct env *env;
  struct poster *poster; // made for this worker; poster_run() is called on its thread only
  int concurrency;       // posts at the same time
  int per_host;          // of these, to one host
};

// Listens to env->bell: make it before anything rings.
struct webhook_worker *webhook_worker_new(const struct webhook_worker_options *o);

// One turn: takes in what was settled, reads what is due, sends, works on the connections for at most
// `wait_ms` (less when something is to be done). The simulator calls it by itself.
void webhook_worker_turn(struct webhook_worker *w, int wait_ms);

bool webhook_worker_start(struct webhook_worker *w); // a thread that takes turns; false: there is none

// Starts nothing new, waits for what runs (at most a post's timeout), hands the outcomes to the store. The
// writer must still run.
void webhook_worker_stop(struct webhook_worker *w);
void webhook_worker_free(struct webhook_worker *w); // after the writer has stopped
