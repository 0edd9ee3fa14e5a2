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

// NULL when no thread can be started. Listens to env->bell: start it before anything rings.
struct webhook_worker *webhook_worker_start(const struct webhook_worker_options *o);

// Starts nothing new, waits for what runs (at most a post's timeout), stores the outcomes. The writer must still run.
void webhook_worker_stop(struct webhook_worker *w);
void webhook_worker_free(struct webhook_worker *w); // after the writer has stopped
