#include "flow/chain_view.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TROUBLE_MAX = 256 };

struct chain_view {
  pthread_mutex_t mutex;
  struct chain_status status;
  char trouble[TROUBLE_MAX];
  _Atomic int64_t head;
};

struct chain_view *chain_view_new(void) {
  struct chain_view *v = calloc(1, sizeof *v);
  if (v)
    pthread_mutex_init(&v->mutex, NULL);
  return v;
}

void chain_view_free(struct chain_view *v) {
  if (!v)
    return;
  pthread_mutex_destroy(&v->mutex);
  free(v);
}

void chain_view_set(struct chain_view *v, const struct chain_status *s) {
  pthread_mutex_lock(&v->mutex);
  v->status = *s;
  size_t n = s->trouble.n < TROUBLE_MAX ? s->trouble.n : TROUBLE_MAX;
  if (s->trouble.p) {
    memcpy(v->trouble, s->trouble.p, n);
    v->status.trouble = (struct str){v->trouble, n};
  }
  pthread_mutex_unlock(&v->mutex);
  atomic_store(&v->head, s->head);
}

void chain_view_get(struct chain_view *v, struct arena *a, struct chain_status *out) {
  *out = (struct chain_status){0};
  if (!v)
    return;
  pthread_mutex_lock(&v->mutex);
  *out = v->status;
  out->trouble = str_copy(a, v->status.trouble);
  pthread_mutex_unlock(&v->mutex);
}

int64_t chain_view_head(struct chain_view *v) {
  return v ? atomic_load(&v->head) : 0;
}
