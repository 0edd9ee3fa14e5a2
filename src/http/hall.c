#include "http/hall.h"
#include "base/bug.h"
#include "http/course.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HALL_THREADS_MAX = 4, HEAD_BYTES_MAX = 32 * 1024, SEND_BUFFER_BYTES = 256 * 1024 };

struct hall {
  struct server *server;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct server_request *first, *last; // called, oldest first
  bool stopping;
  unsigned n_threads;
  pthread_t threads[HALL_THREADS_MAX];
};

// ---- in ------------------------------------------------------------------------------------------

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                   const char *value, size_t value_n) {
  (void)kind;
  struct server_request *q = cls;
  struct kept_header *k = &q->kept[q->n_kept++];
  k->name = str_copy(&q->arena, (struct str){name, name_n});
  k->value = str_copy(&q->arena, (struct str){value ? value : "", value_n});
  return MHD_YES;
}

bool hall_take(struct hall *h, struct server_request *q) {
  int fd = fcntl(q->conn->fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return false;
  int n = MHD_get_connection_values_n(q->mhd, MHD_HEADER_KIND, NULL, NULL);
  q->kept = ARENA_ARRAY(&q->arena, struct kept_header, n + 1);
  MHD_get_connection_values_n(q->mhd, MHD_HEADER_KIND, copy_header, q);
  q->r.method = str_copy(&q->arena, q->r.method);
  q->conn = reaper_open(h->server->reaper, fd, &q->conn->peer);
  conn_enter(q->conn, PHASE_WORK, 0);
  q->mhd = NULL;
  return true;
}

void hall_call(struct hall *h, struct server_request *q) {
  pthread_mutex_lock(&h->mutex);
  q->next = NULL;
  if (h->last)
    h->last->next = q;
  else
    h->first = q;
  h->last = q;
  pthread_cond_signal(&h->wake);
  pthread_mutex_unlock(&h->mutex);
}

// ---- out -----------------------------------------------------------------------------------------

static void put_date(struct buf *b) {
  char text[64];
  time_t now = time(NULL);
  struct tm tm;
  gmtime_r(&now, &tm);
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  buf_printf(b, "Date: %s\r\n", text);
}

static struct str head_of(struct server_request *q) {
  const struct request *r = &q->r;
  struct response_header all[RESPONSE_HEADERS_MAX + ADDED_HEADERS_MAX];
  struct buf b;
  buf_init(&b, &q->arena, HEAD_BYTES_MAX);
  buf_printf(&b, "HTTP/1.1 %d %s\r\n", r->status, MHD_get_reason_phrase_for((unsigned)r->status));
  put_date(&b);
  int n = course_headers(q, all);
  for (int i = 0; i < n; i++) {
    buf_c(&b, all[i].name);
    buf_c(&b, ": ");
    buf_str(&b, all[i].value);
    buf_c(&b, "\r\n");
  }
  buf_printf(&b, "Content-Length: %zu\r\n\r\n", r->answer.n);
  BUG_IF(b.full, "head of an answer too large");
  return buf_view(&b);
}

// The whole answer goes into the socket's buffer at once; who does not read it is not waited for.
static void send_all(int fd, struct str head, struct str body) {
  int room = SEND_BUFFER_BYTES;
  if (body.n > SEND_BUFFER_BYTES / 16)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  struct iovec part[2] = {{(void *)(uintptr_t)head.p, head.n}, {(void *)(uintptr_t)body.p, body.n}};
  struct msghdr m = {.msg_iov = part, .msg_iovlen = body.n ? 2 : 1};
  char rest[512];
  if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    (void)!recv(fd, rest, sizeof rest, MSG_DONTWAIT); // unread bytes would turn the close into a reset
}

static void answer(struct hall *h, struct server_request *q) {
  int fd = q->conn->fd;
  q->close = true;
  send_all(fd, head_of(q), str_eqc(q->r.method, "HEAD") ? STR("") : q->r.answer);
  struct conn *c = q->conn;
  course_end(h->server, q);
  reaper_close(h->server->reaper, c);
  close(fd);
}

static struct server_request *next_called(struct hall *h) {
  pthread_mutex_lock(&h->mutex);
  while (!h->first && !h->stopping)
    pthread_cond_wait(&h->wake, &h->mutex);
  struct server_request *q = h->first;
  if (q) {
    h->first = q->next;
    if (!h->first)
      h->last = NULL;
  }
  pthread_mutex_unlock(&h->mutex);
  return q;
}

static void *hall_main(void *arg) {
  struct hall *h = arg;
  struct server_request *q;
  while ((q = next_called(h)) != NULL) {
    enum suspension s = SUSPENDED_NOT;
    q->suspension = &s; // once suspended again, q belongs to somebody else
    q->then(&q->r);
    if (s == SUSPENDED_NOT)
      answer(h, q);
  }
  return NULL;
}

struct hall *hall_start(struct server *s, unsigned threads) {
  struct hall *h = calloc(1, sizeof *h);
  BUG_IF(!h, "out of memory");
  h->server = s;
  h->n_threads = threads < HALL_THREADS_MAX ? threads : HALL_THREADS_MAX;
  pthread_mutex_init(&h->mutex, NULL);
  pthread_cond_init(&h->wake, NULL);
  for (unsigned i = 0; i < h->n_threads; i++)
    BUG_IF(pthread_create(&h->threads[i], NULL, hall_main, h) != 0, "no thread for waiting requests");
  return h;
}

void hall_stop(struct hall *h) {
  pthread_mutex_lock(&h->mutex);
  h->stopping = true;
  pthread_cond_broadcast(&h->wake);
  pthread_mutex_unlock(&h->mutex);
  for (unsigned i = 0; i < h->n_threads; i++)
    pthread_join(h->threads[i], NULL);
  pthread_cond_destroy(&h->wake);
  pthread_mutex_destroy(&h->mutex);
  free(h);
}
