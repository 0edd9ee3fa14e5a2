#include "net/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 };

struct queue {
  struct lookup *first, **last;
};

struct resolver {
  pthread_mutex_t lock;
  pthread_cond_t asked;
  struct queue waiting, answered;
  size_t waiting_n;
  int threads, idle;
  bool closed;  // the owner is gone: the last thread frees everything
  int event_fd; // the owner's; not used once closed
  poster_resolve *resolve;
  void *self;
};

static void queue_init(struct queue *q) {
  q->first = NULL;
  q->last = &q->first;
}

static void queue_add(struct queue *q, struct lookup *l) {
  l->next = NULL;
  *q->last = l;
  q->last = &l->next;
}

static struct lookup *queue_take(struct queue *q) {
  struct lookup *l = q->first;
  if (!l)
    return NULL;
  q->first = l->next;
  if (!q->first)
    q->last = &q->first;
  return l;
}

static size_t system_resolve(void *self, const char *host, union net_address *out, size_t max) {
  (void)self;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
  if (getaddrinfo(host, NULL, &hints, &list) != 0)
    return 0;
  size_t n = 0;
  for (const struct addrinfo *i = list; i; i = i->ai_next, n++)
    if (n < max && i->ai_addrlen <= sizeof *out)
      memcpy(&out[n], i->ai_addr, i->ai_addrlen);
  freeaddrinfo(list);
  return n;
}

struct resolver *resolver_create(poster_resolve *resolve, void *self, int event_fd) {
  struct resolver *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  r->resolve = resolve ? resolve : system_resolve;
  r->self = self;
  r->event_fd = event_fd;
  queue_init(&r->waiting);
  queue_init(&r->answered);
  pthread_mutex_init(&r->lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&r->asked, &attr);
  pthread_condattr_destroy(&attr);
  return r;
}

static void destroy(struct resolver *r) {
  for (struct lookup *l; (l = queue_take(&r->waiting)) || (l = queue_take(&r->answered));)
    free(l);
  pthread_cond_destroy(&r->asked);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

void resolver_free(struct resolver *r) {
  if (!r)
    return;
  pthread_mutex_lock(&r->lock);
  r->closed = true;
  bool last = r->threads == 0;
  pthread_cond_broadcast(&r->asked);
  pthread_mutex_unlock(&r->lock);
  if (last)
    destroy(r);
}

// The next lookup, or NULL when this thread is to end. With the lock held.
static struct lookup *wait_for_work(struct resolver *r) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += RESOLVER_IDLE_S;
  bool timed_out = false;
  r->idle++;
  while (!r->closed && !r->waiting.first && !timed_out)
    timed_out = pthread_cond_timedwait(&r->asked, &r->lock, &until) != 0;
  r->idle--;
  if (r->closed || !r->waiting.first)
    return NULL;
  r->waiting_n--;
  return queue_take(&r->waiting);
}

static void *work(void *arg) {
  struct resolver *r = arg;
  pthread_mutex_lock(&r->lock);
  for (struct lookup *l; (l = wait_for_work(r));) {
    pthread_mutex_unlock(&r->lock);
    l->n = r->resolve(r->self, l->host, l->addresses, POST_ADDRESSES_MAX);
    pthread_mutex_lock(&r->lock);
    queue_add(&r->answered, l);
    if (!r->closed)
      (void)eventfd_write(r->event_fd, 1);
  }
  bool last = --r->threads == 0 && r->closed;
  pthread_mutex_unlock(&r->lock);
  if (last)
    destroy(r);
  return NULL;
}

static bool start_thread(struct resolver *r) {
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  pthread_t thread;
  bool ok = pthread_create(&thread, &attr, work, r) == 0;
  pthread_attr_destroy(&attr);
  return ok;
}

bool resolver_ask(struct resolver *r, struct lookup *l) {
  pthread_mutex_lock(&r->lock);
  if ((size_t)r->idle <= r->waiting_n && r->threads < RESOLVER_THREADS_MAX && start_thread(r))
    r->threads++;
  bool ok = r->threads > 0;
  if (ok) {
    queue_add(&r->waiting, l);
    r->waiting_n++;
    pthread_cond_signal(&r->asked);
  }
  pthread_mutex_unlock(&r->lock);
  return ok;
}

struct lookup *resolver_take(struct resolver *r) {
  pthread_mutex_lock(&r->lock);
  struct lookup *l = queue_take(&r->answered);
  pthread_mutex_unlock(&r->lock);
  return l;
}
