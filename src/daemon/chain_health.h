// What /healthz says. Also how the chain stands as an object, for `chain status`.
#pragma once
#include "base/jsonw.h"
#include "daemon/watcher.h"

// False: something is in trouble. `w` NULL: no node is named.
bool chain_health(struct env *env, struct watcher *w, struct buf *json);

// The members that both have: block, head, solid …, trouble; null what is not known.
void chain_health_members(struct jsonw *j, struct arena *a, const struct chain_status *s);
// "nodes": […] where this one asks them.
void chain_health_nodes(struct jsonw *j, struct arena *a, struct watcher *w);
