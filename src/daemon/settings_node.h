// A node in the settings: URL [solidity=URL] [key=KEY] [rate=N] [per_day=N].
#pragma once
#include "node/chain.h"

enum { NODES_MAX = 16, NODE_TEXT_MAX = 2048 };

// NULL, or why it is none, in words that do not repeat it: somewhere in it stands a key. Texts belong to the
// arena.
const char *settings_node_parse(struct str text, struct arena *a, struct chain_node *out);
// The same for people's eyes: the key as "***".
struct str settings_node_shown(const struct chain_node *n, struct arena *a);
