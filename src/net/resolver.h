// Name lookups on threads of their own, so that a slow name server delays only those who wait for it.
//
// Threads are made when lookups wait and end when idle. A running lookup cannot be stopped: resolver_free()
// leaves it to end by itself.
#pragma once
#include "net/poster.h"

enum {
  RESOLVER_THREADS_MAX = 128, // a hanging name server holds one thread for each name that is asked of it
  RESOLVER_IDLE_S = 5,
  HOST_NAME_MAX_N = 253,
};

// One question and its answer.
struct lookup {
  char host[HOST_NAME_MAX_N + 1];
  union net_address addresses[POST_ADDRESSES_MAX];
  size_t n; // above POST_ADDRESSES_MAX: too many, the array holds the first
  void *user;
  struct lookup *next;
};

struct resolver;

// `resolve` NULL: getaddrinfo(). An answer is announced by a write to `event_fd`. NULL: no memory.
struct resolver *resolver_create(poster_resolve *resolve, void *self, int event_fd);
void resolver_free(struct resolver *r);

// Asks; `l` (from malloc) belongs to the resolver until resolver_take() gives it back. False: no thread could
// be made.
bool resolver_ask(struct resolver *r, struct lookup *l);
struct lookup *resolver_take(struct resolver *r); // an answered lookup; NULL: none
