// API keys: found by a hash of theirs, kept in memory with the secret keyed and the project beside it.
//
// An entry is never changed; any change of a project or of its keys empties the cache (key_cache_clear), so
// the next request reads the database. Shared between the threads of the HTTP pool.
#pragma once
#include "base/hmac.h"
#include "core/project.h"
#include "flow/env.h"

enum { KEY_SEARCHES_MAX = 256 };

struct credential {
  int64_t id;
  int mode;           // MODE_TEST or MODE_LIVE of flow/admin.h
  int64_t expires_us; // 0: in force without an end
  struct hmac_key *secret;
  struct project project;
  bool used; // a request signed with it has been seen
};

struct key_cache *key_cache_new(void);
void key_cache_free(struct key_cache *c);
void key_cache_clear(struct key_cache *c);
struct projects *key_cache_projects(struct key_cache *c); // flow/projects.h
int64_t key_cache_generation(const struct key_cache *c);  // goes up with every clear

// The credential of an API key that is in force now. What is not in memory is read from the database.
struct key_search {
  struct job job;
  struct env *env;
  // input
  int64_t now_us;
  void (*done)(void *user); // told on a thread of the store, unless the search has ended at once
  void *user;
  // result; give it back with key_drop()
  struct credential *credential; // NULL: there is none, or job.result says why that is not known
  // inside
  struct entry *entry;
  int64_t generation;
  const struct val *key_row, *project_row;
};
// true: it has ended already. ERR_BUSY when KEY_SEARCHES_MAX wait for the database: unknown keys shall not
// keep payments from being read.
bool key_search_start(struct env *env, struct str api_key, struct key_search *s) MUST_CHECK;

void key_drop(struct credential *c);

// The first good signature with this key: told to the database once (rotation needs to know).
void key_mark_used(struct env *env, struct credential *c);

// Contexts of sealed values: the table, the project and what it is, so that none opens in another's place.
struct str seal_context(struct arena *a, const char *what, int64_t project_id, int mode);
