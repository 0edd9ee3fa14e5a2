#include "daemon/webhook_worker.h"
#include "base/bell.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "daemon/webhook_queue.h"
#include "flow/admin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
  AHEAD_MAX = 8192, // deliveries read in advance, of all hosts
  READ_ARENA_MAX = 1 << 28,
  IDLE_MS = 1000, // safety net: a bell that nobody rang, a change that another node has made
};

// Only a host that answers soon gets its full share: whoever lets us wait takes little of what all share,
// however many there are of them.
#define SLOW_US       (2 * SECOND_US)
#define SLOW_KNOWN_US (10 * MINUTE_US) // remembered so long: the next attempt comes after five

// Deliveries of a host read in advance, by its pace. What is taken with a lease must be sent within it, or
// waits for its end: of a slow host only what is sent next.
static const int ahead_alone[] = {16, 256, 4}, ahead_shared[] = {4, 256, 1};

// What is due is read in two steps. Where a server answers each takes a while, and sending goes on meanwhile.
enum reading { READING_NOTHING, READING_HOSTS, READING_ROWS };

struct webhook_worker {
  struct webhook_worker_options o;
  const int *ahead;
  bool shared; // the database: other nodes send too
  int64_t lease_us, attempt_us;
  pthread_t thread;
  bool started;
  struct signers *signers;
  struct webhook_queue queue;
  int running;
  unsigned first_slot; // where the next turn begins, so that each host is first at times

  enum reading reading;
  _Atomic bool read_ended; // the step of reading that is under way
  struct arena read_arena, take_arena;
  struct flow_due_hosts hosts;
  struct flow_take take;
  int64_t asked_mono_us; // before the leases were asked for: they end later than reckoned from here
  int64_t next_due_us, read_us;
  bool hungry; // some queue runs low: there may be more to read

  struct item *unstored; // outcomes that the store could not take now
  int64_t store_again_us;

  _Atomic bool stopping, news;
  pthread_mutex_t lock; // guards `settled`
  struct item *settled;
};

static int64_t now_of(const struct webhook_worker *w) {
  return world_now(w->o.env->world);
}

// ---- reading ---------------------------------------------------------------------------------------------

// How many rows of this host to read. Without leases those in memory come again, in front.
static int room(struct webhook_worker *w, struct str name) {
  const struct host *h = queue_host(&w->queue, name);
  if (!h)
    return w->ahead[PACE_UNKNOWN];
  int ahead = w->ahead[h->pace];
  bool paused = now_of(w) < h->pause_until_us;
  return paused || h->queued > ahead / 4 ? 0 : w->shared ? ahead : h->taken + ahead;
}

// On whichever thread ran the job.
static void read_ended(struct job *j) {
  struct webhook_worker *w = j->user;
  atomic_store(&w->read_ended, true);
  poster_wakeup(w->o.poster);
}

// Keeps the hosts to be taken from, and learns when the next one is due, by our own clock.
static void choose_hosts(struct webhook_worker *w) {
  struct flow_due_hosts *h = &w->hosts;
  int n = 0;
  int64_t wait_us = INT64_MAX;
  for (int i = 0; i < h->n; i++) {
    struct due_host *host = &h->list[i];
    if (host->next_us > h->now_us)
      wait_us = host->next_us - h->now_us < wait_us ? host->next_us - h->now_us : wait_us;
    else if ((host->room = room(w, host->host)) > 0)
      h->list[n++] = *host;
  }
  h->n = n;
  int64_t now_us = now_of(w);
  w->next_due_us = wait_us < INT64_MAX - now_us ? now_us + wait_us : INT64_MAX;
}

static void read_nothing(struct webhook_worker *w) {
  w->reading = READING_NOTHING;
  arena_reset(&w->read_arena);
  arena_reset(&w->take_arena);
}

static void take_in(struct webhook_worker *w) {
  const struct flow_take *t = &w->take;
  int64_t lease_end_us = w->shared ? w->asked_mono_us + w->lease_us : INT64_MAX;
  for (int i = 0; t->job.result == ERR_NONE && i < t->n; i++) {
    struct item *item = queue_put(&w->queue, &t->list[i]);
    if (!item)
      continue;
    item->worker = w;
    item->lease_end_us = lease_end_us;
  }
  read_nothing(w);
}

static void read_rows(struct webhook_worker *w) {
  if (w->hosts.job.result == ERR_NONE)
    choose_hosts(w);
  if (w->hosts.job.result != ERR_NONE || w->hosts.n == 0) {
    read_nothing(w);
    return;
  }
  w->reading = READING_ROWS;
  w->asked_mono_us = world_mono(w->o.env->world);
  w->take = (struct flow_take){.job = {.done = read_ended, .user = w},
                               .hosts = w->hosts.list,
                               .hosts_n = w->hosts.n,
                               .limit = 2 * AHEAD_MAX,
                               .lease_us = w->lease_us};
  if (flow_take_start(w->o.env, &w->take_arena, &w->take))
    take_in(w);
}

static void read_hosts(struct webhook_worker *w) {
  w->reading = READING_HOSTS;
  w->hosts = (struct flow_due_hosts){.job = {.done = read_ended, .user = w}};
  if (flow_due_hosts_start(w->o.env, &w->read_arena, &w->hosts))
    read_rows(w);
}

static void go_on_reading(struct webhook_worker *w) {
  if (w->reading == READING_NOTHING || !atomic_exchange(&w->read_ended, false))
    return;
  if (w->reading == READING_HOSTS)
    read_rows(w);
  else
    take_in(w);
}

// Reading walks over all hosts that have something pending, so it is done only when it can bring something.
static void read_due(struct webhook_worker *w) {
  int64_t now_us = now_of(w);
  go_on_reading(w);
  if (w->reading != READING_NOTHING || w->queue.taken >= AHEAD_MAX)
    return;
  bool old = now_us - w->read_us >= IDLE_MS * 1000 || now_us < w->read_us || now_us >= w->next_due_us;
  if (!old && !w->hungry && !atomic_load(&w->news))
    return;
  atomic_store(&w->news, false);
  w->hungry = false;
  w->read_us = now_us;
  w->next_due_us = INT64_MAX;
  read_hosts(w);
}

// ---- outcomes --------------------------------------------------------------------------------------------

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

// The attempt did not happen, or its outcome cannot be stored: the delivery stays due, or will be again.
static void give_up(struct item *i, enum err e) {
  i->settle.job.result = e;
  settled(&i->settle.job);
}

static void store_outcome(struct item *i) {
  i->settle.job.done = settled;
  enum err e = flow_settle_start(i->worker->o.env, &i->arena, &i->settle);
  if (e != ERR_NONE)
    give_up(i, e);
}

static void note_overtaken(const struct item *i) {
  metric_add(METRIC_WEBHOOK_OVERTAKEN, 1);
  LOG(INFO, "a webhook's outcome came too late: the delivery was taken over or replayed",
      LOG_I("delivery", i->delivery.id));
}

// What was sent is not sent again only because the database was away for a moment: while the lease lasts
// nobody else sends it.
static bool may_store_later(const struct webhook_worker *w, const struct item *i) {
  return w->shared && i->sent && i->settle.job.result != ERR_NONE && !atomic_load(&w->stopping) &&
         world_mono(w->o.env->world) < i->lease_end_us;
}

static void collect(struct webhook_worker *w, struct item *i) {
  int64_t now_us = now_of(w);
  enum err e = i->settle.job.result;
  i->host->pause_until_us = e == ERR_NONE ? 0 : now_us + SECOND_US;
  if (may_store_later(w, i)) {
    w->store_again_us = now_us + SECOND_US;
    i->next = w->unstored;
    w->unstored = i;
    return;
  }
  if (e == ERR_NONE && i->settle.overtaken)
    note_overtaken(i);
  // An outcome that could not be stored is lost, the delivery is not: it is still due.
  queue_drop(&w->queue, i);
}

static void collect_settled(struct webhook_worker *w) {
  pthread_mutex_lock(&w->lock);
  struct item *list = w->settled;
  w->settled = NULL;
  pthread_mutex_unlock(&w->lock);
  while (list) {
    struct item *i = list;
    list = i->next;
    collect(w, i);
  }
}

static void store_again(struct webhook_worker *w) {
  int64_t now_us = now_of(w);
  if (!w->unstored || (now_us < w->store_again_us && now_us > w->store_again_us - SECOND_US))
    return;
  struct item *list = w->unstored;
  w->unstored = NULL;
  while (list) {
    struct item *i = list;
    list = i->next;
    store_outcome(i);
  }
}

// ---- sending ---------------------------------------------------------------------------------------------

static enum metric metric_of(const struct post *p) {
  if (webhook_accepted(p->status))
    return METRIC_WEBHOOK_OK;
  if (p->error == POST_BAD_ADDRESS)
    return METRIC_WEBHOOK_FORBIDDEN;
  return p->error == POST_OK ? METRIC_WEBHOOK_REFUSED : METRIC_WEBHOOK_UNREACHABLE;
}

static void settle(struct item *i, int http_status, struct str error, struct str excerpt) {
  i->settle.delivery = i->delivery;
  i->settle.http_status = http_status;
  i->settle.error = error;
  i->settle.excerpt = excerpt;
  i->sent = true;
  store_outcome(i);
}

static void note_pace(struct webhook_worker *w, struct host *h, int64_t duration_us) {
  enum pace pace = duration_us > SLOW_US ? PACE_SLOW : PACE_QUICK;
  h->slow_until_us = pace == PACE_SLOW ? now_of(w) + SLOW_KNOWN_US : 0;
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

static void send_item(struct webhook_worker *w, struct item *i, const struct webhook_signers *keys) {
  struct delivery *d = &i->delivery;
  int64_t now_us = now_of(w);
  i->settle = (struct flow_settle){.at_us = now_us};
  w->running++;
  i->host->running++;
  i->post = (struct post){.url = d->url, .body = d->body, .user = i, .done = posted};
  if (!keys) {
    i->post.error = POST_STOPPED;
    posted(&i->post);
    return;
  }
  i->post.headers = webhook_headers(&i->arena, keys, d->webhook_id, d->body, now_us);
  i->post.headers_n = WEBHOOK_HEADERS;
  w->o.poster->post(w->o.poster, &i->post);
}

// How many posts to this host at a time.
static int share(const struct webhook_worker *w, const struct host *h) {
  int most = h->pace == PACE_QUICK ? w->o.per_host : h->pace == PACE_SLOW ? 1 : 2;
  return most < w->o.per_host ? most : w->o.per_host;
}

static struct item *pop(struct webhook_worker *w, struct host *h) {
  struct item *i = queue_pop(h);
  w->hungry |= h->queued == w->ahead[h->pace] / 4;
  return i;
}

// What cannot be sent within its lease is left to whoever takes it next.
static int drop_late(struct webhook_worker *w, struct host *h) {
  if (!h->first || h->first->lease_end_us == INT64_MAX)
    return 0;
  int64_t end_us = world_mono(w->o.env->world) + w->attempt_us;
  int n = 0;
  for (; h->first && h->first->lease_end_us < end_us; n++)
    queue_drop(&w->queue, pop(w, h));
  return n;
}

// The oldest of a host, unless its keys cannot be read now or have taken too long. Returns how many were
// dropped.
static int send_first(struct webhook_worker *w, struct host *h) {
  struct item *i = h->first;
  struct webhook_signers keys;
  enum err e = signers_find(w->signers, w->o.env, &i->delivery, now_of(w), &keys);
  int dropped = drop_late(w, h);
  if (e == ERR_UNAVAILABLE)
    h->pause_until_us = now_of(w) + SECOND_US;
  else if (h->first == i)
    send_item(w, pop(w, h), e == ERR_NONE ? &keys : NULL);
  return dropped;
}

static int send_from(struct webhook_worker *w, struct host *h) {
  int dropped = drop_late(w, h);
  while (h->first && h->running < share(w, h) && w->running < w->o.concurrency &&
         now_of(w) >= h->pause_until_us)
    dropped += send_first(w, h);
  return dropped;
}

static void send_all(struct webhook_worker *w) {
  int64_t now_us = now_of(w);
  unsigned first = w->first_slot++;
  int dropped = 0;
  for (unsigned i = 0; i < HOST_SLOTS; i++)
    for (struct host *h = w->queue.hosts[(first + i) % HOST_SLOTS], *next; h; h = next) {
      next = h->next;
      dropped += send_from(w, h);
      if (h->taken == 0 && now_us >= h->pause_until_us && now_us >= h->slow_until_us)
        queue_forget(&w->queue, h);
    }
  if (dropped) {
    metric_add(METRIC_WEBHOOK_LEASE_OVER, dropped);
    LOG(INFO, "webhooks not sent within their lease are left to whoever is next",
        LOG_I("deliveries", dropped));
  }
}

// ---- turns -----------------------------------------------------------------------------------------------

// Whatever ends elsewhere wakes the poster up.
static int until_due_ms(const struct webhook_worker *w, int most_ms) {
  if (w->reading != READING_NOTHING || w->queue.taken >= AHEAD_MAX)
    return most_ms;
  int64_t us = w->next_due_us - now_of(w);
  return atomic_load(&w->news) || w->hungry || us < 0 ? 0
         : us / 1000 < most_ms                        ? (int)(us / 1000) + 1
                                                      : most_ms;
}

void webhook_worker_turn(struct webhook_worker *w, int wait_ms) {
  collect_settled(w);
  store_again(w);
  read_due(w);
  send_all(w);
  (void)poster_run(w->o.poster, until_due_ms(w, wait_ms));
}

static void release_all(struct webhook_worker *w) {
  struct delivery *list = ARENA_ARRAY(&w->read_arena, struct delivery, w->queue.taken);
  int n = 0;
  for (int i = 0; i < HOST_SLOTS; i++)
    for (struct host *h = w->queue.hosts[i]; h; h = h->next)
      while (h->first) {
        struct item *item = pop(w, h);
        list[n++] = (struct delivery){.id = item->delivery.id, .version = item->delivery.version};
        queue_drop(&w->queue, item);
      }
  // Where that fails they are due when the leases end.
  if (n && flow_release(w->o.env, &w->read_arena, list, n, w->lease_us) == ERR_NONE)
    LOG(INFO, "webhooks left to other nodes", LOG_I("deliveries", n));
}

static void end_reading(struct webhook_worker *w) {
  while (w->reading != READING_NOTHING) {
    if (!atomic_exchange(&w->read_ended, false))
      (void)poster_run(w->o.poster, IDLE_MS);
    else if (w->reading == READING_ROWS)
      take_in(w);
    else
      read_nothing(w);
  }
}

static void finish(struct webhook_worker *w) {
  end_reading(w);
  if (w->shared)
    release_all(w);
  for (struct item *i; (i = w->unstored);) {
    w->unstored = i->next;
    store_outcome(i);
  }
  while (w->running)
    (void)poster_run(w->o.poster, IDLE_MS);
}

static void *worker_main(void *self) {
  struct webhook_worker *w = self;
  while (!atomic_load(&w->stopping))
    webhook_worker_turn(w, IDLE_MS);
  finish(w);
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
  w->shared = store_shared(o->env->store);
  w->ahead = w->shared ? ahead_shared : ahead_alone;
  w->lease_us = (o->lease_ms ? o->lease_ms : WEBHOOK_LEASE_MS) * INT64_C(1000);
  w->attempt_us = ((o->timeout_ms ? o->timeout_ms : POST_TIMEOUT_MS) + WEBHOOK_MARGIN_MS) * INT64_C(1000);
  w->signers = signers_new();
  arena_init(&w->read_arena, READ_ARENA_MAX);
  arena_init(&w->take_arena, READ_ARENA_MAX);
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
  atomic_store(&w->stopping, true); // nothing is kept for later
  collect_settled(w);
  for (struct item *i; (i = w->unstored);) {
    w->unstored = i->next;
    queue_drop(&w->queue, i);
  }
  queue_free(&w->queue);
  signers_free(w->signers);
  arena_free(&w->read_arena);
  arena_free(&w->take_arena);
  pthread_mutex_destroy(&w->lock);
  free(w);
}
