// One simulated run: the real use cases and handlers on one thread, with a clock, randomness, storage and
// receivers that follow from the seed.
#pragma once
#include "base/bell.h"
#include "daemon/webhook_worker.h"
#include "http/app.h"
#include "oracle.h"
#include "random.h"

enum { CALLS_MAX = 32, RECEIVERS = 5, POSTS_MAX = 64, STEPS_LEAST = 200, FAULTS_LEAST = 5 };

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

struct receivers {      // behind struct poster
  struct poster poster; // first
  struct sim *sim;
  enum mood mood[RECEIVERS];
  struct {
    struct post *post;
    int64_t until_us;
  } running[POSTS_MAX];
  int n_running;
  bool calm; // liveness: everybody answers
};

struct sim {
  uint64_t seed;
  bool trace, checked;
  struct rng rng;     // what happens
  struct rng entropy; // what the program draws
  int64_t now_us, mono_us;
  struct world world;
  // the gateway
  struct seal_key seal;
  struct env env;
  struct bell bell;
  struct app app;
  struct webhook_worker *worker;
  struct receivers receivers;
  bool running;
  // requests
  struct call *queued[CALLS_MAX];
  int n_queued;
  // what was made
  struct oracle *oracle;
  struct intent again[16]; // requests to send once more
  int n_again, n_orders, n_keys;
  int64_t steps, restarts, fired_before; // faults before the last start
};

// ---- gateway.c ----
void gateway_setup(void);          // once: the template database
void gateway_begin(struct sim *s); // an empty database with this run's projects
void gateway_end(struct sim *s);
void gateway_restart(struct sim *s); // orderly
void gateway_recover(struct sim *s); // after a crash: whatever ran is gone, then everything stored is checked
bool gateway_crashed(void);
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
void call_create(struct sim *s, const struct intent *op, const struct signature *sign, const char *body);
void call_action(struct sim *s, const struct intent *op, int64_t id);
// Answers at once: payment-status. sign NULL: unsigned.
int call_status(struct sim *s, int64_t id, const struct signature *sign, char *body, size_t size);
void calls_run(struct sim *s, int batch); // runs the store's queue and hears the answers
void calls_drop(struct sim *s);           // after a crash: nobody will answer

// ---- receivers.c ----
void receivers_init(struct sim *s);
void receivers_abort(struct sim *s); // the machine has stopped: what runs gets no answer
void receiver_url(int receiver, int path, char out[URL_TEXT]);

// ---- steps.c, operator.c ----
void steps_one(struct sim *s);
bool operator_step(struct sim *s); // one change of the operator
void operator_add_projects(struct sim *s);

void trace(const struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
