// How the chain stands, said by the watcher: into the view, to the other gateways, the metrics and the log.
#pragma once
#include "flow/env.h"
#include "node/chain.h"

#include <pthread.h>
#include <stdatomic.h>

struct watcher_report {
  struct env *env;
  bool told_behind, told_trouble, level;
  int64_t tell_next_us, progress_next_us, rescan_next_us; // monotonic
  int64_t rescan_found, rescan_differing;
  struct chain_status told;
  pthread_mutex_t mutex;
  struct arena arena; // of the nodes below; guarded by the mutex
  struct chain_node_status *nodes;
  int n_nodes;
  int64_t disagreements;
  _Atomic int64_t disagreed_us; // monotonic; 0: never
};

void watcher_report_init(struct watcher_report *r, struct env *env);
void watcher_report_free(struct watcher_report *r);
// By the one that asks nodes, after each turn.
void watcher_report_status(struct watcher_report *r, const struct chain_status *s);
void watcher_report_nodes(struct watcher_report *r, struct chain *c);
struct rescan_piece {   // blocks that have been read again
  int64_t next, to;     // the first that has not; the last that will be
  int found, differing; // transfers that were missing in the book, and such that stand there differently
};
void watcher_report_rescan(struct watcher_report *r, const struct rescan_piece *p);
// By the others: what it told.
void watcher_report_follow(struct watcher_report *r);
// From any thread; texts belong to the arena.
int watcher_report_get_nodes(struct watcher_report *r, struct arena *a, struct chain_node_status **out);
