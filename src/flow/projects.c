#include "flow/projects.h"
#include "base/bug.h"

#include <pthread.h>
#include <stdlib.h>

enum { TEXTS_BYTES_MAX = 65536 };

struct kept {
  struct project project;
  struct arena texts;
};

struct projects {
  pthread_rwlock_t lock;
  int64_t generation;
  struct kept *slot[PROJECTS_MAX];
};

struct projects *projects_new(void) {
  struct projects *ps = calloc(1, sizeof *ps);
  BUG_IF(!ps, "out of memory");
  pthread_rwlock_init(&ps->lock, NULL);
  return ps;
}

static void drop(struct kept *k) {
  if (k)
    arena_free(&k->texts);
  free(k);
}

void projects_clear(struct projects *ps) {
  pthread_rwlock_wrlock(&ps->lock);
  ps->generation++;
  for (int i = 0; i < PROJECTS_MAX; i++) {
    drop(ps->slot[i]);
    ps->slot[i] = NULL;
  }
  pthread_rwlock_unlock(&ps->lock);
}

void projects_free(struct projects *ps) {
  projects_clear(ps);
  pthread_rwlock_destroy(&ps->lock);
  free(ps);
}

int64_t projects_generation(struct projects *ps) {
  pthread_rwlock_rdlock(&ps->lock);
  int64_t generation = ps->generation;
  pthread_rwlock_unlock(&ps->lock);
  return generation;
}

static void copy(struct project *to, const struct project *from, struct arena *a) {
  *to = *from;
  to->name = str_copy(a, from->name);
  to->website = str_copy(a, from->website);
  to->website_host = str_copy(a, from->website_host);
  to->webhook_url = str_copy(a, from->webhook_url);
  to->support = str_copy(a, from->support);
}

static struct kept **slot_of(struct projects *ps, int64_t id) {
  return &ps->slot[(uint64_t)id % PROJECTS_MAX];
}

bool projects_get(struct projects *ps, struct arena *a, int64_t id, struct project *out) {
  pthread_rwlock_rdlock(&ps->lock);
  const struct kept *k = *slot_of(ps, id);
  bool found = k && k->project.id == id;
  if (found)
    copy(out, &k->project, a);
  pthread_rwlock_unlock(&ps->lock);
  return found;
}

void projects_put(struct projects *ps, const struct project *p, int64_t generation) {
  struct kept *k = calloc(1, sizeof *k);
  BUG_IF(!k, "out of memory");
  arena_init(&k->texts, TEXTS_BYTES_MAX);
  copy(&k->project, p, &k->texts);
  pthread_rwlock_wrlock(&ps->lock);
  struct kept **slot = slot_of(ps, p->id), *old = k;
  if (ps->generation == generation) {
    old = *slot;
    *slot = k;
  }
  pthread_rwlock_unlock(&ps->lock);
  drop(old);
}
