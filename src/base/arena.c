#include "base/arena.h"
#include "base/bug.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

// The first chunk is small: ten thousand requests that wait keep one each.
enum { CHUNK_FIRST = 1024, CHUNK_MIN = 8192 };

struct arena_chunk {
  struct arena_chunk *next;
  size_t size, used;
  alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t max) {
  *a = (struct arena){.max = max};
}

static struct arena_chunk *chunk_new(struct arena *a, size_t n) {
  size_t least = a->chunk ? CHUNK_MIN : CHUNK_FIRST;
  size_t size = n > least ? n : least;
  struct arena_chunk *c = malloc(sizeof *c + size);
  BUG_IF(!c, "out of memory");
  c->next = a->chunk;
  c->size = size;
  c->used = 0;
  a->chunk = c;
  return c;
}

void *arena_alloc(struct arena *a, size_t n) {
  const size_t align = alignof(max_align_t);
  BUG_IF(n > a->max || a->used > a->max - n, "arena ceiling passed");
  n = (n + align - 1) & ~(align - 1);
  struct arena_chunk *c = a->chunk;
  if (!c || c->size - c->used < n)
    c = chunk_new(a, n);
  void *p = c->data + c->used;
  c->used += n;
  a->used += n;
  return memset(p, 0, n);
}

void arena_reset(struct arena *a) {
  while (a->chunk && a->chunk->next) {
    struct arena_chunk *c = a->chunk;
    a->chunk = c->next;
    free(c);
  }
  if (a->chunk)
    a->chunk->used = 0;
  a->used = 0;
}

void arena_free(struct arena *a) {
  while (a->chunk) {
    struct arena_chunk *c = a->chunk;
    a->chunk = c->next;
    free(c);
  }
  a->used = 0;
}
