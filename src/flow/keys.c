#include "flow/keys.h"
#include "base/bug.h"
#include "base/log.h"
#include "flow/configuration.h"
#include "flow/projects.h"
#include "flow/rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024, PROBES = 4, ENTRY_MAX_BYTES = 65536, JOB_MAX_BYTES = 65536 };

struct entry {
  struct credential credential; // first: key_drop() gets this address
  _Atomic int refs;
  _Atomic bool marked;
  uint8_t hash[SHA256_N];
  struct arena arena;
};

struct key_cache {
  struct projects *projects;
  pthread_rwlock_t lock;
  _Atomic int64_t generation;
  _Atomic int searches; // under way
  struct entry *slots[SLOTS];
};

struct key_cache *key_cache_new(void) {
  struct key_cache *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  pthread_rwlock_init(&c->lock, NULL);
  c->projects = projects_new();
  return c;
}

void key_drop(struct credential *credential) {
  struct entry *e = (struct entry *)credential;
  if (!e || atomic_fetch_sub(&e->refs, 1) > 1)
    return;
  hmac_key_free(e->credential.secret);
  arena_free(&e->arena);
  free(e);
}

void key_cache_clear(struct key_cache *c) {
  projects_clear(c->projects);
  pthread_rwlock_wrlock(&c->lock);
  atomic_fetch_add(&c->generation, 1);
  for (int i = 0; i < SLOTS; i++) {
    if (c->slots[i])
      key_drop(&c->slots[i]->credential);
    c->slots[i] = NULL;
  }
  pthread_rwlock_unlock(&c->lock);
}

struct projects *key_cache_projects(struct key_cache *c) {
  return c->projects;
}

void key_cache_free(struct key_cache *c) {
  key_cache_clear(c);
  projects_free(c->projects);
  pthread_rwlock_destroy(&c->lock);
  free(c);
}

int64_t key_cache_generation(const struct key_cache *c) {
  return atomic_load(&c->generation);
}

static size_t slot_of(const uint8_t hash[SHA256_N], size_t probe) {
  size_t first;
  memcpy(&first, hash, sizeof first);
  return (first + probe) % SLOTS;
}

static struct entry *cached(struct key_cache *c, const uint8_t hash[SHA256_N]) {
  struct entry *found = NULL;
  pthread_rwlock_rdlock(&c->lock);
  for (size_t i = 0; i < PROBES && !found; i++) {
    struct entry *e = c->slots[slot_of(hash, i)];
    if (e && memcmp(e->hash, hash, SHA256_N) == 0)
      found = e;
  }
  if (found)
    atomic_fetch_add(&found->refs, 1);
  pthread_rwlock_unlock(&c->lock);
  return found;
}

// Puts an entry in, unless something was changed since it was read; a full neighbourhood loses its first.
static void remember(struct key_cache *c, struct entry *e, int64_t generation) {
  pthread_rwlock_wrlock(&c->lock);
  if (atomic_load(&c->generation) == generation) {
    size_t at = slot_of(e->hash, 0);
    for (size_t i = 0; i < PROBES; i++)
      if (!c->slots[slot_of(e->hash, i)]) {
        at = slot_of(e->hash, i);
        break;
      }
    if (c->slots[at])
      key_drop(&c->slots[at]->credential);
    atomic_fetch_add(&e->refs, 1);
    c->slots[at] = e;
  }
  pthread_rwlock_unlock(&c->lock);
}

struct str seal_context(struct arena *a, const char *what, int64_t project_id, int mode) {
  return str_printf(a, "credentials.%s/%lld/%d", what, (long long)project_id, mode);
}

static enum err search_step(struct job *j) {
  struct key_search *s = (struct key_search *)j;
  if (j->round == 0) {
    s->key_row = s->project_row = NULL;
    JOB_OP(j, Q_CREDENTIAL_BY_HASH, v_blob((struct str){(const char *)s->entry->hash, SHA256_N}));
  } else if (j->round == 1 && job_rows(j, 0)->n == 1) {
    s->key_row = rows_at(job_rows(j, 0), 0);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(s->key_row[1].i));
  } else if (j->round == 2 && job_rows(j, 0)->n == 1) {
    s->project_row = rows_at(job_rows(j, 0), 0);
  }
  return ERR_NONE;
}

static bool fill(const struct env *env, struct entry *e, const struct key_search *s) {
  struct credential *c = &e->credential;
  struct str secret;
  row_to_project(s->project_row, &c->project);
  c->id = s->key_row[0].i;
  c->mode = (int)s->key_row[2].i;
  c->expires_us = s->key_row[7].i;
  c->used = s->key_row[8].i != 0;
  if (!unseal(&e->arena, env->seal, seal_context(&e->arena, "api_secret", c->project.id, c->mode),
              s->key_row[4].s, &secret)) {
    LOG(ERROR, "an API secret does not open with this secret key", LOG_I("app_id", c->project.id));
    return false;
  }
  c->secret = hmac_key_create(secret.p, secret.n);
  explicit_bzero((void *)(uintptr_t)secret.p, secret.n);
  return true;
}

static void give(struct key_search *s, struct entry *e) {
  bool in_force = !e->credential.expires_us || s->now_us < e->credential.expires_us;
  s->credential = in_force ? &e->credential : NULL;
  if (!in_force)
    key_drop(&e->credential);
}

static void search_end(struct key_search *s) {
  struct entry *e = s->entry;
  atomic_fetch_sub(&s->env->keys->searches, 1);
  if (s->job.result == ERR_NONE && s->project_row && !fill(s->env, e, s))
    s->job.result = ERR_STORE;
  if (s->job.result != ERR_NONE || !s->project_row) {
    key_drop(&e->credential);
    return;
  }
  remember(s->env->keys, e, s->generation);
  give(s, e);
}

static void search_done(struct job *j) {
  struct key_search *s = (struct key_search *)j;
  search_end(s);
  s->done(s->user);
}

// false: ended already.
static bool search_prepare(struct env *env, struct str api_key, struct key_search *s) {
  uint8_t hash[SHA256_N];
  sha256(api_key, hash);
  struct entry *e = configuration_is_fresh(env) ? cached(env->keys, hash) : NULL;
  s->env = env;
  s->credential = NULL;
  s->job = (struct job){.step = search_step, .done = search_done};
  if (e) {
    give(s, e);
    return false;
  }
  if (atomic_fetch_add(&env->keys->searches, 1) >= KEY_SEARCHES_MAX) {
    atomic_fetch_sub(&env->keys->searches, 1);
    s->job.result = ERR_BUSY;
    return false;
  }
  s->generation = key_cache_generation(env->keys);
  s->entry = calloc(1, sizeof *s->entry);
  BUG_IF(!s->entry, "out of memory");
  s->entry->refs = 1;
  arena_init(&s->entry->arena, ENTRY_MAX_BYTES);
  memcpy(s->entry->hash, hash, SHA256_N);
  s->job.arena = &s->entry->arena;
  return true;
}

bool key_search_start(struct env *env, struct str api_key, struct key_search *s) {
  if (!search_prepare(env, api_key, s))
    return true;
  bool ended = store_read_start(env->store, &s->job);
  if (ended)
    search_end(s);
  return ended;
}

struct mark {
  struct job job;
  struct env *env;
  int64_t id, now_us;
  struct arena arena;
};

static enum err mark_step(struct job *j) {
  struct mark *m = (struct mark *)j;
  if (j->round == 0) {
    configuration_count(j); // first: its row is what changes of keys wait for
    JOB_OP(j, Q_CREDENTIAL_USED, v_int(m->id), v_int(m->now_us));
  }
  return ERR_NONE;
}

static void mark_done(struct job *j) {
  struct mark *m = (struct mark *)j;
  configuration_committed(m->env); // signers and entries are to know it
  arena_free(&m->arena);
  free(m);
}

void key_mark_used(struct env *env, struct credential *c) {
  struct entry *e = (struct entry *)c;
  if (c->used || atomic_exchange(&e->marked, true))
    return;
  struct mark *m = calloc(1, sizeof *m);
  BUG_IF(!m, "out of memory");
  arena_init(&m->arena, JOB_MAX_BYTES);
  *m = (struct mark){
      .job = {.step = mark_step, .done = mark_done, .arena = &m->arena, .key = CONFIGURATION_KEY},
      .env = env,
      .id = c->id,
      .now_us = world_now(env->world),
      .arena = m->arena};
  if (store_submit(env->store, &m->job) != ERR_NONE) {
    atomic_store(&e->marked, false); // the next request tries again
    arena_free(&m->arena);
    free(m);
  }
}
