// One simulated run: the real use cases and handlers, with a clock, randomness, faults and receivers that
// follow from the seed. On SQLite (in memory, with a disk that fails) one node; on PostgreSQL up to
// GATEWAYS_MAX nodes on one database, with connections that fail.
#pragma once
#include "base/bell.h"
#include "daemon/webhook_worker.h"
#include "below.h"
#include "http/app.h"
#include "onchain.h"
#include "net/fetch.h"
#include "oracle.h"
#include "random.h"

enum { CALLS_MAX = 48, RECEIVERS = 5, POSTS_MAX = 64, STEPS_LEAST = 200, FAULTS_LEAST = 5 };

struct call; // an HTTP request on its way (call.c)

enum mood {
  MOOD_UP,
  MOOD_DOWN,
  MOOD_BROKEN,
  MOOD_SLOW,
  MOOD_REDIRECT,
  MOOD_RETRY_AFTER,
  MOOD_FLAPPING,
  MOOD_LOSES_ANSWER,
  MOODS
};

struct courier {        // a node's way to the receivers
  struct poster poster; // first
  struct node *node;
  struct {
    struct post *post;
    struct o_delivery *delivery;
    int64_t from_us, until_us;
  } running[POSTS_MAX];
  int n_running;
};

// What a node remembers of a project, under one key: as it was when it was read.
struct view {
  bool known, live, enabled, require_v2;
  int64_t generation; // of the cache
  int64_t cap, expires_us;
  struct o_policy policy;
  int events;
};

struct feeder {           // a node's way to those of the chain
  struct fetcher fetcher; // first
  struct node *node;
};

struct watcher;

struct node { // one gateway
  struct sim *sim;
  int number;
  struct world world;
  struct env env;
  struct bell bell;
  struct app app;
  struct webhook_worker *worker;
  struct courier courier;
  struct watcher *watcher; // NULL: this run has no chain
  struct feeder feeder;
  bool running;
  int64_t asleep_until; // step: it does nothing before, then goes on with what it remembers
  // requests
  struct call *queued[CALLS_MAX];
  int n_queued;
  int64_t fired_before; // faults before the last start
  // what it knows of others
  struct view views[PROJECTS][2][KEYS_MAX];
  int64_t seq;       // changes of the operator that it must have heard of
  int64_t looked_us; // by the monotonic clock; 0: it does not look
};

struct sim {
  uint64_t seed;
  bool trace, checked;
  struct rng rng;     // what happens
  struct rng entropy; // what the program draws
  int64_t now_us, mono_us;
  struct seal_key seal;
  struct payment_id_key id_key;
  struct node nodes[GATEWAYS_MAX];
  int n_nodes;
  enum mood mood[RECEIVERS];
  bool calm;               // liveness: everybody answers
  struct onchain *onchain; // NULL: without a chain
  // what was made
  struct oracle *oracle;
  struct intent again[16]; // requests to send once more
  int n_again, n_orders, n_keys;
  int changed_project; // by the operator, last
  int64_t steps, restarts;
};

// ---- gateway.c ----
void gateway_setup(void);          // once: the template database
void gateway_begin(struct sim *s); // an empty database with this run's projects
void gateway_end(struct sim *s);
struct view *gateway_view(struct node *n, int project, int mode, const struct o_key *key); // now
bool gateway_is_fresh(const struct node *n); // it may rely on its memory
void gateway_follow(struct node *n);         // it looks for what others have changed
void gateway_restart(struct node *n);        // orderly
void gateway_recover(
    struct node *n); // after a crash: whatever ran is gone, then everything stored is checked
bool gateway_crashed(const struct node *n);
int64_t gateway_faults(const struct node *n); // so far; those whose effects last do not count yet
void clock_tick(struct sim *s, int64_t us);

// ---- call.c ----
struct signature {
  const char *api_key, *secret;
  bool v2;
  bool bad_v2; // version 2 headers that do not fit, beside a good version 1 signature
  bool bad;    // another secret
  bool no_key;
  const char *idempotency;
};
// false: the node could not read who asks
bool call_create(struct node *n, const struct intent *op, const struct signature *sign, const char *body);
void call_action(struct node *n, const struct intent *op, int64_t id);
// Answers at once: payment-status. sign NULL: unsigned.
int call_status(struct node *n, int64_t id, const struct signature *sign, char *body, size_t size);
void calls_run(struct node *n, int batch); // runs the store's queue and hears the answers
void calls_drop(struct node *n);           // after a crash: nobody will answer

// Those that have ended, or all where the node has crashed: what was heard. The oracle is not told.
struct heard;
int calls_take(struct node *n, struct heard *list);

// ---- receivers.c ----
void receivers_init(struct sim *s);
struct poster *receivers_courier(struct node *n);
void receivers_abort(struct node *n); // the machine has stopped: what runs gets no answer
void receiver_url(int receiver, int path, char out[URL_TEXT]);

// ---- steps.c, operator.c ----
void steps_one(struct sim *s);
void steps_create(struct node *n, int project, int order, bool well); // well: a request without a mistake
void steps_action(struct node *n, int payment);
void together_step(struct sim *s);  // together.c: several nodes at once
bool operator_step(struct node *n); // one change of the operator
void operator_add_projects(struct node *n);

void trace(const struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
