#include "daemon/webhook_queue.h"
#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

enum { ITEM_ARENA_MAX = 1 << 18 };

static struct host **host_place(struct webhook_queue *q, struct str name) {
  struct host **at = &q->hosts[str_hash(name) % HOST_SLOTS];
  while (*at && !str_eq((*at)->name, name))
    at = &(*at)->next;
  return at;
}

struct host *queue_host(struct webhook_queue *q, struct str name) {
  return *host_place(q, name);
}

static struct host *host_make(struct webhook_queue *q, struct str name) {
  struct host **at = host_place(q, name);
  if (*at)
    return *at;
  struct host *h = calloc(1, sizeof *h + name.n);
  BUG_IF(!h, "out of memory");
  memcpy(h + 1, name.p, name.n);
  h->name = (struct str){(const char *)(h + 1), name.n};
  h->last = &h->first;
  return *at = h;
}

void queue_forget(struct webhook_queue *q, struct host *h) {
  *host_place(q, h->name) = h->next;
  free(h);
}

static struct item **item_find(struct webhook_queue *q, int64_t id) {
  struct item **at = &q->by_id[(uint64_t)id % HOST_SLOTS];
  while (*at && (*at)->delivery.id != id)
    at = &(*at)->next_same;
  return at;
}

static struct item *item_new(struct webhook_queue *q) {
  struct item *i = q->spare;
  if (i) {
    q->spare = i->next;
  } else {
    i = calloc(1, sizeof *i);
    BUG_IF(!i, "out of memory");
    arena_init(&i->arena, ITEM_ARENA_MAX);
  }
  i->next = i->next_same = NULL;
  return i;
}

struct item *queue_put(struct webhook_queue *q, const struct delivery *d) {
  struct item **place = item_find(q, d->id);
  if (*place)
    return NULL;
  struct item *i = *place = item_new(q);
  struct host *h = host_make(q, d->host);
  i->host = h;
  i->sent = false;
  i->delivery = *d;
  i->delivery.url = str_copy(&i->arena, d->url);
  i->delivery.body = str_copy(&i->arena, d->body);
  i->delivery.webhook_id = str_copy(&i->arena, d->webhook_id);
  i->delivery.host = h->name;
  *h->last = i;
  h->last = &i->next;
  h->queued++;
  h->taken++;
  q->taken++;
  return i;
}

struct item *queue_pop(struct host *h) {
  struct item *i = h->first;
  h->first = i->next;
  if (!h->first)
    h->last = &h->first;
  h->queued--;
  return i;
}

void queue_drop(struct webhook_queue *q, struct item *i) {
  *item_find(q, i->delivery.id) = i->next_same;
  q->taken--;
  i->host->taken--;
  arena_reset(&i->arena);
  i->next = q->spare;
  q->spare = i;
}

static void free_items(struct item *i) {
  for (struct item *next; i; i = next) {
    next = i->next;
    arena_free(&i->arena);
    free(i);
  }
}

void queue_free(struct webhook_queue *q) {
  for (int i = 0; i < HOST_SLOTS; i++)
    for (struct host *h = q->hosts[i], *next; h; h = next) {
      next = h->next;
      free_items(h->first);
      free(h);
    }
  free_items(q->spare);
}
