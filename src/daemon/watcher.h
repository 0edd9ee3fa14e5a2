// Joins the two sides of the chain: what nodes say (node/chain.h) is credited (flow/blocks.h), in order, and
// how it stands is put into env->chain. Where several gateways use one database, the one that holds the lease
// "watch" asks nodes and credits; the others read every second what it tells. The lease saves requests; what
// keeps two from crediting is the cursor, which is moved by compare-and-swap: a node that was paused moves
// nothing.
//
// What the store refuses for the moment is tried again, with the same blocks; nothing is skipped.
#pragma once
#include "daemon/settings.h"
#include "flow/env.h"

enum { WATCH_LEASE_MS = 30 * 1000, WATCH_RENEW_MS = 5 * 1000, WITNESS_FILE_MAX = 1 << 20 };

struct watcher_options {
  struct env *env; // with a view in env->chain
  const struct settings_chain *chain;
  const struct settings_nodes *nodes;
  struct fetcher *fetcher; // the watcher's from now on; used on its thread only, but for stop()
  int64_t start_block;     // 0: the newest final one
  struct str witness_file; // its text; absent: none
};

struct watcher;
struct watcher *watcher_new(const struct watcher_options *o);
// With everything as the settings say. Sets env->chain, which the caller frees after the watcher. NULL:
// *error, absent where no node is named.
struct watcher *watcher_make(const struct settings *s, struct env *env, struct arena *a, struct str *error);
// One turn; gives how many microseconds nothing is to be done. The simulator and `rescan` call it by
// themselves.
int64_t watcher_turn(struct watcher *w);
bool watcher_start(struct watcher *w); // a thread that takes turns; false: there is none
// Ends requests that run, finishes what is being stored, gives the lease back, also where there is no thread.
// The writer must still run.
void watcher_stop(struct watcher *w);
void watcher_free(struct watcher *w);
void watcher_wake(struct watcher *w); // from any thread: look now, a rescan was asked for

// Does this one ask nodes, or another gateway? From any thread.
bool watcher_is_watching(const struct watcher *w);
// The nodes as they were after the last turn, from any thread; 0 where another gateway asks.
int watcher_nodes(struct watcher *w, struct arena *a, struct chain_node_status **out);

// Have nodes disagreed lately? From any thread.
bool watcher_disagreed(const struct watcher *w);

// Does the database follow the chain that the settings name? False: *error says which one it follows. At the
// start, when nothing runs yet.
bool watcher_check(struct env *env, const struct settings_chain *c, struct arena *a, struct str *error);
