#include "daemon/webhook_worker.h"
#include "base/bell.h"
#include "base/bug.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "flow/admin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
  AHEAD_MAX = 8192,  // deliveries read in advance, of all hosts
  HOST_SLOTS = 4096, // hash slots; more hosts share them
  ITEM_ARENA_MAX = 1 << 18,
  READ_ARENA_MAX = 1 << 28,
  IDLE_MS = 1000, // safety net: a bell that nobody rang
};

// How soon a host answers, by its last post. Only one that answers soon gets its full share: whoever lets us
// wait takes little of what all share, however many there are of them.
enum pace { PACE_UNKNOWN, PACE_QUICK, PACE_SLOW };
#define SLOW_US       (2 * SECOND_US)
#define SLOW_KNOWN_US (10 * MINUTE_US) // remembered so long: the next attempt comes after five

static const int ahead_by_pace[] = {16, 256, 4}; // deliveries of a host read in advance

// A delivery in memory: queued, then sent, then settled.
struct item {
  struct webhook_worker *worker;
  struct host *host;
  struct item *next;      // in its host's queue, in the settled list, among the spare ones
  struct item *next_same; // in the index by id
  struct arena arena;
  struct delivery delivery;
  struct post post;
  struct flow_settle settle;
};

struct host {
  struct host *next; // in its hash slot
  struct str name;
  struct item *first, **last; // queued
  int queued, running, taken; // taken: in memory, until the outcome is stored
  int64_t pause_until_us;     // the store refused an outcome: do not spin
  enum pace pace;
  int64_t slow_until_us; // kept in memory so long
};

struct webhook_worker {
  struct webhook_worker_options o;
  pthread_t thread;
  bool started;
  struct signers *signers;
  struct host *hosts[HOST_SLOTS];
  struct item *by_id[HOST_SLOTS];
  struct item *spare;
  struct arena reading;
  int running, taken;
  int64_t next_due_us, read_us;
  bool hungry;         // some queue runs low: there may be more to read
  unsigned first_slot; // where the next turn begins, so that each host is first at times

  _Atomic bool stopping, news;
  pthread_mutex_t lock; // guards `settled`
  struct item *settled;
};

static uint64_t hash_text(struct str s) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
  return h;
}

static struct host *host_find(struct webhook_worker *w, struct str name, bool make) {
  struct host **at = &w->hosts[hash_text(name) % HOST_SLOTS];
  for (; *at; at = &(*at)->next)
    if (str_eq((*at)->name, name))
      return *at;
  if (!make)
    return NULL;
  struct host *h = calloc(1, sizeof *h + name.n);
  BUG_IF(!h, "out of memory");
  memcpy(h + 1, name.p, name.n);
  h->name = (struct str){(const char *)(h + 1), name.n};
  h->last = &h->first;
  return *at = h;
}

static void host_forget(struct webhook_worker *w, struct host *h) {
  struct host **at = &w->hosts[hash_text(h->name) % HOST_SLOTS];
  while (*at != h)
    at = &(*at)->next;
  *at = h->next;
  free(h);
}

static struct item **item_find(struct webhook_worker *w, int64_t id) {
  struct item **at = &w->by_id[(uint64_t)id % HOST_SLOTS];
  while (*at && (*at)->delivery.id != id)
    at = &(*at)->next_same;
  return at;
}

static struct item *item_new(struct webhook_worker *w) {
  struct item *i = w->spare;
  if (i) {
    w->spare = i->next;
  } else {
    i = calloc(1, sizeof *i);
    BUG_IF(!i, "out of memory");
    arena_init(&i->arena, ITEM_ARENA_MAX);
    i->worker = w;
  }
  return i;
}

static void item_drop(struct webhook_worker *w, struct item *i) {
  *item_find(w, i->delivery.id) = i->next_same;
  w->taken--;
  i->host->taken--;
  arena_reset(&i->arena);
  i->next = w->spare;
  w->spare = i;
}

static void queue(struct webhook_worker *w, const struct delivery *d) {
  struct item **place = item_find(w, d->id);
  if (*place)
    return; // in memory already
  struct item *i = *place = item_new(w);
  struct host *h = host_find(w, d->host, true);
  i->next = i->next_same = NULL;
  i->host = h;
  i->delivery = *d;
  i->delivery.url = str_copy(&i->arena, d->url);
  i->delivery.body = str_copy(&i->arena, d->body);
  i->delivery.webhook_id = str_copy(&i->arena, d->webhook_id);
  i->delivery.host = h->name;
  *h->last = i;
  h->last = &i->next;
  h->queued++;
  h->taken++;
  w->taken++;
}

// How many rows of this host to read: those in memory come again, in front.
static int room(void *self, struct str name) {
  struct webhook_worker *w = self;
  const struct host *h = host_find(w, name, false);
  if (!h)
    return ahead_by_pace[PACE_UNKNOWN];
  int ahead = ahead_by_pace[h->pace];
  bool paused = world_now(w->o.env->world) < h->pause_until_us;
  return paused || h->queued > ahead / 4 ? 0 : h->taken + ahead;
}

// Reading walks over all hosts that have something pending, so it is done only when it can bring something.
static void read_due(struct webhook_worker *w) {
  struct deliveries_due due = {.room = room, .self = w, .limit = 2 * AHEAD_MAX};
  int64_t now_us = world_now(w->o.env->world);
  bool old = now_us - w->read_us >= IDLE_MS * 1000 || now_us < w->read_us || now_us >= w->next_due_us;
  if (w->taken >= AHEAD_MAX || (!old && !w->hungry && !atomic_load(&w->news)))
    return;
  atomic_store(&w->news, false);
  w->hungry = false;
  w->read_us = now_us;
  enum err e = flow_deliveries_due(w->o.env, &w->reading, &due);
  w->next_due_us = due.next_us;
  for (int i = 0; e == ERR_NONE && i < due.n; i++)
    queue(w, &due.list[i]);
  arena_reset(&w->reading);
}

// On the writer's thread.
static void settled(struct job *j) {
  struct item *i = (struct item *)((char *)j - offsetof(struct item, settle));
  struct webhook_worker *w = i->worker;
  pthread_mutex_lock(&w->lock);
  bool first = !w->settled;
  i->next = w->settled;
  w->settled = i;
  pthread_mutex_unlock(&w->lock);
  if (first)
    poster_wakeup(w->o.poster);
}

static void collect_settled(struct webhook_worker *w) {
  pthread_mutex_lock(&w->lock);
  struct item *list = w->settled;
  w->settled = NULL;
  pthread_mutex_unlock(&w->lock);
  while (list) {
    struct item *i = list;
    list = i->next;
    // An outcome that could not be stored is lost, the delivery is not: it is still due.
    i->host->pause_until_us = i->settle.job.result == ERR_NONE ? 0 : world_now(w->o.env->world) + SECOND_US;
    item_drop(w, i);
  }
}

static enum metric metric_of(const struct post *p) {
  if (webhook_accepted(p->status))
    return METRIC_WEBHOOK_OK;
  if (p->error == POST_BAD_ADDRESS)
    return METRIC_WEBHOOK_FORBIDDEN;
  return p->error == POST_OK ? METRIC_WEBHOOK_REFUSED : METRIC_WEBHOOK_UNREACHABLE;
}

// The attempt did not happen, or its outcome cannot be stored: the delivery stays due.
static void give_up(struct item *i, enum err e) {
  i->settle.job.result = e;
  settled(&i->settle.job);
}

static void settle(struct item *i, int http_status, struct str error, struct str excerpt) {
  i->settle.delivery = i->delivery;
  i->settle.http_status = http_status;
  i->settle.error = error;
  i->settle.excerpt = excerpt;
  i->settle.job.done = settled;
  enum err e = flow_settle_start(i->worker->o.env, &i->arena, &i->settle);
  if (e != ERR_NONE)
    give_up(i, e);
}

static void note_pace(struct webhook_worker *w, struct host *h, int64_t duration_us) {
  enum pace pace = duration_us > SLOW_US ? PACE_SLOW : PACE_QUICK;
  h->slow_until_us = pace == PACE_SLOW ? world_now(w->o.env->world) + SLOW_KNOWN_US : 0;
  w->hungry |= pace == PACE_QUICK && h->pace != PACE_QUICK; // it may have more in memory from now on
  h->pace = pace;
}

static void posted(struct post *p) {
  struct item *i = p->user;
  struct webhook_worker *w = i->worker;
  w->running--;
  i->host->running--;
  if (p->error == POST_STOPPED) {
    give_up(i, ERR_STOPPING);
    return;
  }
  note_pace(w, i->host, p->duration_us);
  metric_add(metric_of(p), 1);
  metric_observe_us(METRIC_WEBHOOK_SECONDS, p->duration_us);
  i->settle.duration_us = p->duration_us;
  i->settle.retry_after_s = p->retry_after_s;
  struct str error = p->error == POST_OK ? STR_NONE : str_of(post_error_sentence(p->error));
  struct str excerpt = p->excerpt.n ? str_copy(&i->arena, p->excerpt) : STR_NONE;
  settle(i, p->error == POST_OK ? p->status : 0, error, excerpt);
}

static void send_item(struct webhook_worker *w, struct item *i) {
  struct delivery *d = &i->delivery;
  struct webhook_signers keys;
  int64_t now_us = world_now(w->o.env->world);
  i->settle = (struct flow_settle){.at_us = now_us};
  w->running++;
  i->host->running++;
  i->post = (struct post){.url = d->url, .body = d->body, .user = i, .done = posted};
  if (signers_find(w->signers, w->o.env, d, now_us, &keys) != ERR_NONE) {
    i->post.error = POST_STOPPED;
    posted(&i->post);
    return;
  }
  i->post.headers = webhook_headers(&i->arena, &keys, d->webhook_id, d->body, now_us);
  i->post.headers_n = WEBHOOK_HEADERS;
  w->o.poster->post(w->o.poster, &i->post);
}

// How many posts to this host at a time.
static int share(const struct webhook_worker *w, const struct host *h) {
  int most = h->pace == PACE_QUICK ? w->o.per_host : h->pace == PACE_SLOW ? 1 : 2;
  return most < w->o.per_host ? most : w->o.per_host;
}

static void send_from(struct webhook_worker *w, struct host *h) {
  while (h->first && h->running < share(w, h) && w->running < w->o.concurrency) {
    struct item *i = h->first;
    h->first = i->next;
    if (!h->first)
      h->last = &h->first;
    if (--h->queued == ahead_by_pace[h->pace] / 4)
      w->hungry = true;
    send_item(w, i);
  }
}

static void send_all(struct webhook_worker *w) {
  int64_t now_us = world_now(w->o.env->world);
  unsigned first = w->first_slot++;
  for (unsigned i = 0; i < HOST_SLOTS; i++)
    for (struct host *h = w->hosts[(first + i) % HOST_SLOTS], *next; h; h = next) {
      next = h->next;
      send_from(w, h);
      if (h->taken == 0 && now_us >= h->pause_until_us && now_us >= h->slow_until_us)
        host_forget(w, h);
    }
}

static int until_due_ms(const struct webhook_worker *w, int most_ms) {
  int64_t ms = (w->next_due_us - world_now(w->o.env->world)) / 1000 + 1;
  return atomic_load(&w->news) || ms < 0 ? 0 : ms < most_ms ? (int)ms : most_ms;
}

void webhook_worker_turn(struct webhook_worker *w, int wait_ms) {
  collect_settled(w);
  read_due(w);
  send_all(w);
  (void)poster_run(w->o.poster, until_due_ms(w, wait_ms));
}

static void *worker_main(void *self) {
  struct webhook_worker *w = self;
  while (!atomic_load(&w->stopping))
    webhook_worker_turn(w, IDLE_MS);
  while (w->running)
    (void)poster_run(w->o.poster, IDLE_MS);
  return NULL;
}

static void hear(void *self, int64_t payment_row, int64_t version) {
  struct webhook_worker *w = self;
  (void)payment_row;
  (void)version;
  if (!atomic_exchange(&w->news, true))
    poster_wakeup(w->o.poster);
}

struct webhook_worker *webhook_worker_new(const struct webhook_worker_options *o) {
  struct webhook_worker *w = calloc(1, sizeof *w);
  BUG_IF(!w, "out of memory");
  w->o = *o;
  w->signers = signers_new();
  arena_init(&w->reading, READ_ARENA_MAX);
  pthread_mutex_init(&w->lock, NULL);
  bell_listen_own(o->env->bell, hear, w); // who makes a change sends its webhook, others look now and then
  return w;
}

bool webhook_worker_start(struct webhook_worker *w) {
  return w->started = pthread_create(&w->thread, NULL, worker_main, w) == 0;
}

void webhook_worker_stop(struct webhook_worker *w) {
  atomic_store(&w->stopping, true);
  poster_wakeup(w->o.poster);
  if (w->started)
    pthread_join(w->thread, NULL);
}

void webhook_worker_free(struct webhook_worker *w) {
  collect_settled(w);
  for (int i = 0; i < HOST_SLOTS; i++)
    for (struct host *h = w->hosts[i], *next; h; h = next) {
      next = h->next;
      for (struct item *item = h->first, *after; item; item = after) {
        after = item->next;
        arena_free(&item->arena);
        free(item);
      }
      free(h);
    }
  while (w->spare) {
    struct item *i = w->spare;
    w->spare = i->next;
    arena_free(&i->arena);
    free(i);
  }
  signers_free(w->signers);
  arena_free(&w->reading);
  pthread_mutex_destroy(&w->lock);
  free(w);
}
