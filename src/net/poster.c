#include "net/poster.h"
#include "base/bug.h"
#include "net/slot.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
  EVENTS = 256,           // taken from epoll at a time
  IDLE_CONNECTIONS = 512, // kept open for the next post, beyond those in use
};

struct client {
  struct poster poster; // first: what users see
  struct poster_options options;
  CURLM *multi;
  CURLSH *share;
  int epoll_fd, event_fd;
  int64_t timer_us; // when libcurl wants to be called; INT64_MAX: not
  struct hosts *hosts;
  struct slot *made, *free;
  long made_n;
  struct slot *waiting, *waiting_last; // for a lookup, the oldest first
  struct post *failed;                 // refused at once, `done` not called yet
  size_t active;
  bool stopped; // poster_free() is at work
  int64_t refusals;
};

const char *post_error_sentence(enum post_error e) {
  static const char *const sentences[] = {
#define X(symbol, sentence) sentence,
      POST_ERROR_LIST(X)
#undef X
  };
  return sentences[e];
}

static int64_t now(const struct client *c) {
  return world_mono(c->options.world);
}

// --- what libcurl calls ---

// Always 0: anything else makes libcurl give up all transfers; one that cannot be watched ends by its own
// time.
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known) {
  (void)easy;
  struct client *c = arg;
  struct epoll_event e = {.data.fd = fd};
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, &e);
    return 0;
  }
  e.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
  if (!known)
    curl_multi_assign(c->multi, fd, c);
  if (epoll_ctl(c->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0)
    epoll_ctl(c->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
  return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *arg) {
  (void)multi;
  struct client *c = arg;
  c->timer_us = wait_ms < 0 ? INT64_MAX : now(c) + wait_ms * 1000;
  return 0;
}

// --- slots ---

static struct slot *make_slot(struct client *c) {
  struct slot *s = slot_create(&c->options, c->share, &c->refusals);
  s->next_made = c->made;
  c->made = s;
  // libcurl counts those in use as well, and closes idle ones above this number.
  curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, ++c->made_n + IDLE_CONNECTIONS);
  return s;
}

static struct slot *take_slot(struct client *c, struct post *post) {
  struct slot *s = c->free ? c->free : make_slot(c);
  if (s == c->free)
    c->free = s->next;
  slot_take(s, post, now(c));
  c->active++;
  return s;
}

static void give_back(struct client *c, struct slot *s) {
  if (s->host)
    hosts_release(s->host);
  s->post = NULL;
  s->next = c->free;
  c->free = s;
  c->active--;
}

// --- the way of a post ---

static void finish(struct client *c, struct slot *s, enum post_error error) {
  slot_result(s, error, now(c));
  s->post->done(s->post);
  give_back(c, s);
}

static void start(struct client *c, struct slot *s) {
  int64_t left_ms = c->options.timeout_ms - (now(c) - s->begun_us) / 1000;
  if (left_ms <= 0) {
    finish(c, s, POST_TIMEOUT);
    return;
  }
  slot_prepare(s, left_ms);
  BUG_IF(curl_multi_add_handle(c->multi, s->easy) != CURLM_OK, "curl");
}

static void wait_for_name(struct client *c, struct slot *s) {
  s->waits = true;
  s->prev = c->waiting_last;
  *(c->waiting_last ? &c->waiting_last->next : &c->waiting) = s;
  c->waiting_last = s;
}

static void stop_waiting(struct client *c, struct slot *s) {
  *(s->prev ? &s->prev->next : &c->waiting) = s->next;
  *(s->next ? &s->next->prev : &c->waiting_last) = s->prev;
  s->next = s->prev = NULL;
  s->waits = false;
}

static void fail_soon(struct client *c, struct post *p, enum post_error error) {
  p->error = error;
  p->status = 0;
  p->excerpt = STR("");
  p->duration_us = p->retry_after_s = 0;
  p->next = c->failed;
  c->failed = p;
}

static void client_post(struct poster *poster, struct post *p) {
  struct client *c = (struct client *)poster;
  if (c->stopped) {
    fail_soon(c, p, POST_STOPPED);
    return;
  }
  struct slot *s = take_slot(c, p);
  enum post_error error = target_read(s->url, p->url, &c->options, &s->target);
  if (error == POST_OK && !s->target.is_literal) {
    s->host = hosts_use(c->hosts, s->target.host, s->begun_us);
    if (!hosts_is_fresh(s->host, s->begun_us) && !hosts_ask(c->hosts, s->host))
      error = POST_NO_NAME;
  }
  if (error != POST_OK) {
    give_back(c, s);
    fail_soon(c, p, error);
  } else if (s->host && !hosts_is_fresh(s->host, s->begun_us)) {
    wait_for_name(c, s);
  } else {
    start(c, s);
  }
}

// Nothing was sent and the name has another address: that one gets its turn.
static bool try_next(struct client *c, struct slot *s, CURLcode code) {
  curl_off_t sent_us = 0;
  curl_easy_getinfo(s->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
  if ((code != CURLE_COULDNT_CONNECT && code != CURLE_OPERATION_TIMEDOUT) || sent_us || s->refused ||
      !slot_has_more_addresses(s))
    return false;
  s->tried++;
  start(c, s);
  return true;
}

static void transfer_ended(struct client *c, struct slot *s, CURLcode code) {
  curl_multi_remove_handle(c->multi, s->easy);
  if (!s->answered && try_next(c, s, code))
    return;
  if (s->answered && s->host)
    hosts_prefer(s->host, &s->address);
  finish(c, s, slot_error(s, code));
}

// --- the loop ---

static void name_answered(struct client *c, struct host *host) {
  for (struct slot *s = c->waiting, *next; s; s = next) {
    next = s->next;
    if (s->host != host)
      continue;
    stop_waiting(c, s);
    if (host->error == POST_OK)
      start(c, s);
    else
      finish(c, s, host->error);
  }
}

static void names_answered(struct client *c) {
  int64_t now_us = now(c);
  for (struct host *host; (host = hosts_answered(c->hosts, now_us));)
    name_answered(c, host);
}

static void end_late_lookups(struct client *c) {
  int64_t since_us = now(c) - c->options.timeout_ms * INT64_C(1000);
  while (c->waiting && c->waiting->begun_us <= since_us) {
    struct slot *s = c->waiting;
    stop_waiting(c, s);
    finish(c, s, POST_TIMEOUT);
  }
}

static void report_failed(struct client *c) {
  struct post *p = c->failed;
  c->failed = NULL;
  for (struct post *next; p; p = next) {
    next = p->next;
    p->done(p);
  }
}

static void report_ended(struct client *c) {
  int left;
  for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
    CURLcode code = m->data.result;
    struct slot *s = NULL;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
    transfer_ended(c, s, code);
  }
}

static int wait_ms(const struct client *c, int timeout_ms) {
  if (c->failed || timeout_ms <= 0)
    return 0;
  int64_t from_us = now(c), until_us = from_us + timeout_ms * INT64_C(1000);
  if (c->timer_us < until_us)
    until_us = c->timer_us;
  if (c->waiting && c->waiting->begun_us + c->options.timeout_ms * INT64_C(1000) < until_us)
    until_us = c->waiting->begun_us + c->options.timeout_ms * INT64_C(1000);
  return until_us <= from_us ? 0 : (int)((until_us - from_us + 999) / 1000);
}

static void take_event(struct client *c, const struct epoll_event *e) {
  if (e->data.fd == c->event_fd) {
    eventfd_t n;
    (void)eventfd_read(c->event_fd, &n);
    return;
  }
  int running, what = 0;
  what |= e->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0;
  what |= e->events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
  what |= e->events & EPOLLERR ? CURL_CSELECT_ERR : 0;
  curl_multi_socket_action(c->multi, e->data.fd, what, &running);
}

static size_t client_run(struct poster *p, int timeout_ms) {
  struct client *c = (struct client *)p;
  struct epoll_event events[EVENTS];
  int running, n = epoll_wait(c->epoll_fd, events, EVENTS, wait_ms(c, timeout_ms));
  for (int i = 0; i < n; i++)
    take_event(c, &events[i]);
  if (now(c) >= c->timer_us) {
    c->timer_us = INT64_MAX; // libcurl sets it again where it needs it
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  names_answered(c);
  report_ended(c);
  end_late_lookups(c);
  report_failed(c);
  return c->active + (c->failed != NULL);
}

static void client_wakeup(struct poster *p) {
  (void)eventfd_write(((struct client *)p)->event_fd, 1);
}

int64_t poster_refusals(const struct poster *p) {
  return ((const struct client *)p)->refusals;
}

static bool make_loop(struct client *c) {
  c->timer_us = INT64_MAX;
  c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = c->event_fd};
  if (c->epoll_fd < 0 || c->event_fd < 0 || epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->event_fd, &e) != 0)
    return false;
  c->multi = curl_multi_init();
  c->share = curl_share_init();
  if (!c->multi || !c->share)
    return false;
  curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
  curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
  curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return true;
}

static void stop_all(struct client *c) {
  c->stopped = true;
  for (struct slot *s = c->made; s; s = s->next_made) {
    if (!s->post)
      continue;
    if (s->waits)
      stop_waiting(c, s);
    else
      curl_multi_remove_handle(c->multi, s->easy);
    finish(c, s, POST_STOPPED);
  }
  while (c->failed)
    report_failed(c);
}

void poster_free(struct poster *p) {
  if (!p)
    return;
  struct client *c = (struct client *)p;
  stop_all(c);
  for (struct slot *s = c->made, *next; s; s = next) {
    next = s->next_made;
    slot_free(s);
  }
  if (c->hosts)
    hosts_free(c->hosts);
  curl_multi_cleanup(c->multi);
  curl_share_cleanup(c->share);
  close(c->epoll_fd);
  close(c->event_fd);
  free(c);
  curl_global_cleanup();
}

struct poster *poster_create(const struct poster_options *o) {
  struct client *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  c->poster = (struct poster){client_post, client_run, client_wakeup};
  c->options = *o;
  if (!c->options.timeout_ms)
    c->options.timeout_ms = POST_TIMEOUT_MS;
  if (make_loop(c))
    c->hosts = hosts_create(&c->options, c->event_fd);
  if (c->hosts)
    return &c->poster;
  poster_free(&c->poster);
  return NULL;
}
