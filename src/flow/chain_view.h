// How the chain stands, as this node knows it: put there by the watcher (daemon/watcher.h), which on nodes
// that do not watch themselves reads it from the database; read by pages, health and metrics. Any thread.
#pragma once
#include "core/chain.h"

struct chain_view;

struct chain_view *chain_view_new(void);
void chain_view_free(struct chain_view *v);                              // NULL is fine
void chain_view_set(struct chain_view *v, const struct chain_status *s); // copies the text
// `v` NULL: a gateway without nodes. The text belongs to the arena.
void chain_view_get(struct chain_view *v, struct arena *a, struct chain_status *out);
int64_t chain_view_head(struct chain_view *v); // 0: not known. Without a lock
