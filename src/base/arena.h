// Memory of one step: allocate freely, free all at once.
//
// One arena serves one request or one step of a worker. Whoever passes an arena owns what is allocated in it;
// anything that must outlive the step is a row in the database. An arena never returns NULL: the sizes that
// may be asked of it follow from limits checked before (see http/limits.h), so passing the ceiling is a bug
// and stops the program.
#pragma once
#include <stddef.h>

struct arena_chunk;

struct arena {
  struct arena_chunk *chunk; // newest first
  size_t used;               // bytes handed out
  size_t max;                // ceiling in bytes
};

// An empty arena that will hand out at most `max` bytes. Nothing is allocated yet.
void arena_init(struct arena *a, size_t max);

// `n` bytes, aligned for any type, zeroed.
void *arena_alloc(struct arena *a, size_t n);

// Frees everything but keeps one chunk for reuse.
void arena_reset(struct arena *a);

void arena_free(struct arena *a);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))
