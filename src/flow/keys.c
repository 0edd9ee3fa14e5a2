#include "flow/keys.h"
#include "base/bug.h"
#include "base/log.h"
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
  pthread_rwlock_t lock;
  _Atomic int64_t generation;
  struct entry *slots[SLOTS];
};

struct key_cache *key_cache_new(void) {
  struct key_cache *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  pthread_rwlock_init(&c->lock, NULL);
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
  pthread_rwlock_wrlock(&c->lock);
  atomic_fetch_add(&c->generation, 1);
  for (int i = 0; i < SLOTS; i++) {
    if (c->slots[i])
      key_drop(&c->slots[i]->credential);
    c->slots[i] = NULL;
  }
  pthread_rwlock_unlock(&c->lock);
}

void key_cache_free(struct key_cache *c) {
  key_cache_clear(c);
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

struct lookup {
  struct job job;
  struct str hash;
  const struct val *credential, *project; // rows; NULL where there is none
};

static enum err lookup_step(struct job *j) {
  struct lookup *l = (struct lookup *)j;
  if (j->round == 0) {
    l->credential = l->project = NULL;
    JOB_OP(j, Q_CREDENTIAL_BY_HASH, v_blob(l->hash));
  } else if (j->round == 1 && job_rows(j, 0)->n == 1) {
    l->credential = rows_at(job_rows(j, 0), 0);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(l->credential[1].i));
  } else if (j->round == 2 && job_rows(j, 0)->n == 1) {
    l->project = rows_at(job_rows(j, 0), 0);
  }
  return ERR_NONE;
}

static bool fill(const struct env *env, struct entry *e, const struct lookup *l) {
  struct credential *c = &e->credential;
  struct str secret;
  row_to_project(l->project, &c->project);
  c->id = l->credential[0].i;
  c->mode = (int)l->credential[2].i;
  c->expires_us = l->credential[7].i;
  c->used = l->credential[8].i != 0;
  if (!unseal(&e->arena, env->seal, seal_context(&e->arena, "api_secret", c->project.id, c->mode),
              l->credential[4].s, &secret)) {
    LOG(ERROR, "an API secret does not open with this secret key", LOG_I("app_id", c->project.id));
    return false;
  }
  c->secret = hmac_key_create(secret.p, secret.n);
  explicit_bzero((void *)(uintptr_t)secret.p, secret.n);
  return true;
}

// Reads a credential with its project. NULL where there is none.
static struct entry *read_entry(struct env *env, const uint8_t hash[SHA256_N], enum err *err) {
  struct entry *e = calloc(1, sizeof *e);
  BUG_IF(!e, "out of memory");
  arena_init(&e->arena, ENTRY_MAX_BYTES);
  memcpy(e->hash, hash, SHA256_N);
  e->refs = 1;
  struct lookup l = {.job = {.step = lookup_step, .arena = &e->arena},
                     .hash = {(const char *)hash, SHA256_N}};
  *err = store_read(env->store, &l.job);
  if (*err == ERR_NONE && l.project && !fill(env, e, &l))
    *err = ERR_STORE;
  if (*err == ERR_NONE && l.project)
    return e;
  key_drop(&e->credential);
  return NULL;
}

struct credential *key_find(struct env *env, struct str api_key, int64_t now_us, enum err *err) {
  uint8_t hash[SHA256_N];
  *err = ERR_NONE;
  sha256(api_key, hash);
  struct entry *e = cached(env->keys, hash);
  if (!e) {
    int64_t generation = key_cache_generation(env->keys);
    e = read_entry(env, hash, err);
    if (e)
      remember(env->keys, e, generation);
  }
  if (!e)
    return NULL;
  if (!e->credential.expires_us || now_us < e->credential.expires_us)
    return &e->credential;
  key_drop(&e->credential);
  return NULL;
}

struct mark {
  struct job job;
  struct env *env;
  int64_t id, now_us;
  struct arena arena;
};

static enum err mark_step(struct job *j) {
  struct mark *m = (struct mark *)j;
  if (j->round == 0)
    JOB_OP(j, Q_CREDENTIAL_USED, v_int(m->id), v_int(m->now_us));
  return ERR_NONE;
}

static void mark_done(struct job *j) {
  struct mark *m = (struct mark *)j;
  key_cache_clear(m->env->keys); // signers and entries are to know it
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
  *m = (struct mark){.job = {.step = mark_step, .done = mark_done, .arena = &m->arena},
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
