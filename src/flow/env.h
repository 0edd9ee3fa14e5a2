// What every use case is given: the world, the store, and what this gateway is.
#pragma once
#include "base/seal.h"
#include "base/world.h"
#include "core/chain.h"
#include "core/payment_id.h"
#include "store/store.h"

#include <stdatomic.h>

struct bell;
struct chain_view;
struct key_cache;
struct notify;
struct pools;

// What this node knows of the others' changes (flow/configuration.h).
struct configuration {
  int64_t changes;           // the count, as last seen
  _Atomic int64_t looked_us; // when that was, by the monotonic clock; 0: this node does not look
};

struct env {
  const struct world *world;
  struct store *store;
  struct bell *bell;
  enum network network;
  struct chain_view *chain; // NULL: no node is configured
  struct notify *notify;    // other nodes; NULL: there are none, or nothing is told to them
  struct key_cache *keys;
  struct configuration configuration;
  struct pools *pools;          // allocation hints, used by the writer only
  const struct seal_key *seal;  // opens the secrets in the database
  struct payment_id_key id_key; // from the database, loaded by env_load()
  struct str base_url;          // without a slash at the end
  int64_t fee_bps;              // operator's setting: of every live credit
  bool allow_http_webhooks;     // operator's setting: http targets
};

enum env_state {
  ENV_FAILED, // the database does not answer
  ENV_LOADED,
  ENV_WRONG_KEY,  // the seal is not the one that belongs to the database
  ENV_UNFINISHED, // a move to this database has not come to its end
};

// Reads what lives in the database (payment id key), makes it at the first start: whoever is first of several
// nodes. `error` says why it is not ENV_LOADED.
enum env_state env_load(struct env *env, char *error, size_t error_size);
