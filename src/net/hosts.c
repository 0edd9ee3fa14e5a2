#include "net/hosts.h"
#include "base/bug.h"

#include <string.h>

enum { BUCKETS = 512 };

struct hosts {
  const struct poster_options *options;
  struct resolver *resolver;
  struct host *buckets[BUCKETS];
};

struct hosts *hosts_create(const struct poster_options *o, int event_fd) {
  struct hosts *h = calloc(1, sizeof *h);
  BUG_IF(!h, "out of memory");
  h->options = o;
  h->resolver = resolver_create(o->resolve, o->resolve_self, event_fd);
  BUG_IF(!h->resolver, "out of memory");
  return h;
}

static void host_free(struct host *host) {
  free(host->answer);
  free(host);
}

void hosts_free(struct hosts *h) {
  resolver_free(h->resolver);
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct host *host = h->buckets[i], *next; host; host = next) {
      next = host->next;
      host_free(host);
    }
  free(h);
}

static size_t bucket_of(const char *name) {
  return str_hash(str_of(name)) % BUCKETS;
}

// Finds the name in its bucket and throws out what has gone stale there.
static struct host *find(struct host **at, const char *name, int64_t now_us) {
  struct host *found = NULL;
  while (*at) {
    struct host *host = *at;
    if (strcmp(host->name, name) == 0) {
      found = host;
    } else if (!host->users && !host->asked && !hosts_is_fresh(host, now_us)) {
      *at = host->next;
      host_free(host);
      continue;
    }
    at = &host->next;
  }
  return found;
}

struct host *hosts_use(struct hosts *h, const char *name, int64_t now_us) {
  struct host **bucket = &h->buckets[bucket_of(name)];
  struct host *host = find(bucket, name, now_us);
  if (!host) {
    host = calloc(1, sizeof *host);
    BUG_IF(!host, "out of memory");
    strcpy(host->name, name); // both arrays have HOST_NAME_MAX_N + 1 bytes
    host->next = *bucket;
    *bucket = host;
  }
  host->users++;
  return host;
}

void hosts_release(struct host *host) {
  host->users--;
}

bool hosts_is_fresh(const struct host *host, int64_t now_us) {
  return host->answer && now_us < host->fresh_until_us;
}

bool hosts_ask(struct hosts *h, struct host *host) {
  if (host->asked)
    return true;
  struct lookup *l = calloc(1, sizeof *l);
  BUG_IF(!l, "out of memory");
  memcpy(l->host, host->name, sizeof l->host);
  l->user = host;
  host->asked = resolver_ask(h->resolver, l);
  if (!host->asked)
    free(l);
  return host->asked;
}

static enum post_error judge(const struct lookup *l, const struct poster_options *o) {
  if (l->n == 0)
    return POST_NO_NAME;
  if (l->n > POST_ADDRESSES_MAX)
    return POST_BAD_ADDRESS;
  for (size_t i = 0; i < l->n; i++)
    if (!target_address_allowed(&l->addresses[i].any, o))
      return POST_BAD_ADDRESS;
  return POST_OK;
}

static bool same_address(const union net_address *a, const union net_address *b) {
  if (a->any.sa_family != b->any.sa_family)
    return false;
  return a->any.sa_family == AF_INET
             ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
             : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

// Name servers rotate their answers; staying with the address keeps the connection.
static size_t index_of(const struct lookup *l, const union net_address *a) {
  for (size_t i = 0; i < l->n; i++)
    if (same_address(&l->addresses[i], a))
      return i;
  return 0;
}

void hosts_prefer(struct host *host, const union net_address *a) {
  if (host->error == POST_OK)
    host->preferred = index_of(host->answer, a);
}

struct host *hosts_answered(struct hosts *h, int64_t now_us) {
  struct lookup *l = resolver_take(h->resolver);
  if (!l)
    return NULL;
  struct host *host = l->user;
  host->asked = false;
  host->error = judge(l, h->options);
  bool stay = host->error == POST_OK && host->answer && host->preferred < host->answer->n;
  host->preferred = stay ? index_of(l, &host->answer->addresses[host->preferred]) : 0;
  free(host->answer);
  host->answer = l;
  host->fresh_until_us = host->error == POST_OK ? now_us + HOST_FRESH_US : now_us;
  return host;
}
