// Use cases of the webhook worker: what is due, how it is signed, what came of it.
//
// Delivery is at least once: a delivery stays due in the database until its outcome is committed. The worker
// remembers what it has under way, so that nothing is sent twice at the same time.
//
// On a database that other processes use too a delivery is taken with a lease: it is due again when that
// ends, by the database's clock. Each change of the row moves its version on, and an outcome is stored only
// where the version is still the one that was taken: whoever was paused for longer than its lease settles
// nothing.
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

struct due_host {
  struct str host;
  int64_t next_us; // when its first delivery is due
  int room;        // the caller's: how many to take
};

// All hosts that have something pending, by name.
struct flow_due_hosts {
  struct job job;
  bool shared;
  // result
  struct due_host *list;
  int n, cap;
  int64_t now_us; // by the clock that next_us goes by
};
// true: ended already (job.result); false: job.done will be called.
bool flow_due_hosts_start(struct env *env, struct arena *a, struct flow_due_hosts *f) MUST_CHECK;

// Takes what is due, at most `room` of each host, and no more hosts once there are `limit` in all. Where
// nobody else uses the database this only reads: what is under way is given again, and the caller skips it.
struct flow_take {
  struct job job;
  bool shared;
  // input
  const struct due_host *hosts;
  int hosts_n, limit;
  int64_t lease_us;
  // result
  struct delivery *list;
  int n, cap;
  // inside
  int64_t now_us;
  int asked, queued; // hosts: in all, in the last round
};
// As above; the arena is this job's alone, `hosts` lie elsewhere.
bool flow_take_start(struct env *env, struct arena *a, struct flow_take *f) MUST_CHECK;

// Gives back what was taken and not sent: it is due at once. What another has taken over is left alone.
enum err flow_release(struct env *env, struct arena *a, const struct delivery *list, int n,
                      int64_t lease_us) MUST_CHECK;

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
  // result
  bool overtaken; // the delivery was taken over or replayed meanwhile: nothing was stored
};
enum err flow_settle_start(struct env *env, struct arena *a, struct flow_settle *f) MUST_CHECK;
