// Use cases of the webhook worker: what is due, how it is signed, what came of it.
//
// Delivery is at least once: a delivery stays due in the database until its outcome is committed. The worker
// remembers what it has under way, so that nothing is sent twice at the same time.
#pragma once
#include "core/webhook.h"
#include "flow/env.h"

struct delivery {
  int64_t id, payment_row, project_id;
  bool is_test;
  struct str webhook_id, url, host, body;
  int attempts;       // made so far, in all
  int round_attempts; // made since it was queued or replayed: the schedule counts these
  int64_t version;
};

enum delivery_status { DELIVERY_PENDING = 0, DELIVERY_DONE = 1, DELIVERY_FAILED = 2 }; // stored

// How many more may be taken for this host now.
typedef int deliveries_room(void *self, struct str host);

struct deliveries_due {
  // input
  deliveries_room *room;
  void *self;
  int limit;
  // result
  struct delivery *list;
  int n;
  int64_t next_us; // when the next one becomes due; INT64_MAX: none waits
};
// The deliveries that are due, at most `room` for each host and `limit` in all, fair between hosts. What is
// under way already is given again: the caller skips it, and counts it in `room`.
enum err flow_deliveries_due(struct env *env, struct arena *a, struct deliveries_due *due) MUST_CHECK;

// How many deliveries wait, and when the oldest of them was made (0: none waits).
enum err flow_deliveries_waiting(struct env *env, struct arena *a, int64_t *n, int64_t *oldest_us) MUST_CHECK;

// Keys to sign with, kept in memory until a project or key changes. Used on the worker's thread only.
struct signers;
struct signers *signers_new(void);
void signers_free(struct signers *s);

// The keys for a delivery's project and mode at `now_us`. ERR_STORE when they cannot be read or opened.
enum err signers_find(struct signers *s, struct env *env, const struct delivery *d, int64_t now_us,
                      struct webhook_signers *out);

struct flow_settle {
  struct job job;
  struct env *env;
  // input
  struct delivery delivery;
  int64_t at_us, duration_us;
  int http_status;           // 0: no answer
  struct str error, excerpt; // absent: none
  int64_t retry_after_s;
};
enum err flow_settle_start(struct env *env, struct arena *a, struct flow_settle *f) MUST_CHECK;
