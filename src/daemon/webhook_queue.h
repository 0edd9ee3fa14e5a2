// Deliveries that a webhook worker has in memory, by host in the order in which they came. Used on the
// worker's thread.
#pragma once
#include "flow/webhooks.h"
#include "net/poster.h"

// How soon a host answers, by its last post.
enum pace { PACE_UNKNOWN, PACE_QUICK, PACE_SLOW };

struct host {
  struct host *next; // in its hash slot
  struct str name;
  struct item *first, **last; // queued
  int queued, running, taken; // taken: in memory, until the outcome is stored
  int64_t pause_until_us;     // the store refused something: do not spin
  enum pace pace;
  int64_t slow_until_us; // kept in memory so long
};

struct webhook_worker;

// A delivery in memory: queued, then sent, then settled.
struct item {
  struct webhook_worker *worker; // who has it
  struct host *host;
  struct item *next;      // in its host's queue, in the settled list, among the spare ones
  struct item *next_same; // in the index by id
  struct arena arena;
  struct delivery delivery;
  int64_t lease_end_us; // by the clock of world_mono(); INT64_MAX: nobody else can take it
  bool sent;            // it has an outcome, to be stored
  struct post post;
  struct flow_settle settle;
};

enum { HOST_SLOTS = 4096 }; // hash slots; more hosts share them

struct webhook_queue {
  struct host *hosts[HOST_SLOTS];
  struct item *by_id[HOST_SLOTS];
  struct item *spare;
  int taken;
};

// NULL: it has nothing in memory and nothing is remembered of it.
struct host *queue_host(struct webhook_queue *q, struct str name);
void queue_forget(struct webhook_queue *q, struct host *h); // nothing of it may be taken

// Copies the delivery to the end of its host's queue. What is in memory already stays as it is. The new item,
// or NULL.
struct item *queue_put(struct webhook_queue *q, const struct delivery *d);
struct item *queue_pop(struct host *h);                   // the host's first; it must have one
void queue_drop(struct webhook_queue *q, struct item *i); // popped, and done with

void queue_free(struct webhook_queue *q); // what it holds
