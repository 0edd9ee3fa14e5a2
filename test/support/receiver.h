// A receiver of webhooks on loopback, good or bad according to the path of the request. One thread, for tests
// and benches.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  RECEIVER_IN_MAX = 16384,
  RECEIVER_TICK_MS = 10,
  RECEIVER_CONNECTIONS_MAX = 4096,
  RECEIVER_STREAM_MAX = 100 * 1024
};

struct receiver_connection {
  int fd;
  size_t n;
  const char *stream; // what is sent again and again, NULL: nothing
  size_t stream_step; // how often at a time
  size_t stream_left; // bytes until it falls silent
  char in[RECEIVER_IN_MAX + 1];
};

struct receiver {
  int listener, epoll_fd, port;
  pthread_t thread;
  atomic_bool stop;
  atomic_int accepts, requests;
  char last[RECEIVER_IN_MAX + 1]; // the last whole request; read it after receiver_stop() or when idle
  struct receiver_connection *connections[RECEIVER_CONNECTIONS_MAX]; // by descriptor
};

static void receiver_drop(struct receiver *r, struct receiver_connection *c, bool reset) {
  struct linger hard = {1, 0};
  if (reset)
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  r->connections[c->fd] = NULL;
  close(c->fd);
  free(c);
}

static void receiver_send(struct receiver_connection *c, const char *text) {
  if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
    c->n = 0; // the peer is gone: its event will tell
}

// What each path answers. False: the connection is gone.
static bool receiver_answer(struct receiver *r, struct receiver_connection *c) {
  static const char endless[] =
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
  const char *path = c->in + strlen("POST ");
  c->stream_left = RECEIVER_STREAM_MAX;
  if (strncmp(path, "/hang", 5) == 0)
    return true;
  if (strncmp(path, "/reset", 6) == 0 || strncmp(path, "/close", 6) == 0) {
    receiver_drop(r, c, path[1] == 'r');
    return false;
  }
  if (strncmp(path, "/huge", 5) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\n\r\n");
    c->stream = endless;
    c->stream_step = 1024;
  } else if (strncmp(path, "/drip", 5) == 0) {
    receiver_send(c, "HTTP/1.1 200 O");
    c->stream = "K";
    c->stream_step = 1;
  } else if (strncmp(path, "/headers", 8) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\n");
    c->stream = "X-Endless: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    c->stream_step = 1024;
  } else if (strncmp(path, "/continue", 9) == 0) {
    c->stream = "HTTP/1.1 100 Continue\r\n\r\n";
    c->stream_step = 1024;
  } else if (strncmp(path, "/garbage", 8) == 0) {
    receiver_send(c, "\x16\x03\x01 this is not HTTP\r\n\r\n");
  } else if (strncmp(path, "/redirect", 9) == 0) {
    char text[256];
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/ok\r\nContent-Length: 0\r\n\r\n", r->port);
    receiver_send(c, text);
  } else if (strncmp(path, "/busy", 5) == 0) {
    receiver_send(c, "HTTP/1.1 503 Busy\r\nRetry-After: 1200\r\nContent-Length: 5\r\n\r\nlater");
  } else if (strncmp(path, "/empty", 6) == 0) {
    receiver_send(c, "HTTP/1.1 204 No Content\r\n\r\n");
  } else if (strncmp(path, "/claims", 7) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nless");
  } else if (strncmp(path, "/packed", 7) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08!");
  } else if (strncmp(path, "/short", 6) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred");
    receiver_drop(r, c, false);
    return false;
  } else if (strncmp(path, "/binary", 7) == 0) {
    receiver_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na\xff\x01\xd0\x96\r\nb\xe2");
  } else {
    receiver_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  }
  return true;
}

static size_t receiver_request_n(const struct receiver_connection *c) {
  const char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length:");
  if (!end)
    return 0;
  return (size_t)(end - c->in) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void receiver_read(struct receiver *r, struct receiver_connection *c) {
  ssize_t got = recv(c->fd, c->in + c->n, RECEIVER_IN_MAX - c->n, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN)
      receiver_drop(r, c, false);
    return;
  }
  c->n += (size_t)got;
  c->in[c->n] = 0;
  size_t whole = receiver_request_n(c);
  if (!whole || whole > c->n)
    return;
  memcpy(r->last, c->in, c->n + 1);
  r->requests++;
  c->n = 0;
  receiver_answer(r, c);
}

static void receiver_accept(struct receiver *r) {
  for (int fd; (fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    r->accepts++;
    struct receiver_connection *c = fd < RECEIVER_CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c) {
      close(fd);
      continue;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    r->connections[fd] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &e);
  }
}

static void receiver_stream(struct receiver *r) {
  for (int fd = 0; fd < RECEIVER_CONNECTIONS_MAX; fd++) {
    struct receiver_connection *c = r->connections[fd];
    size_t n = c && c->stream ? strlen(c->stream) : 0;
    for (size_t i = 0; n && i < c->stream_step && c->stream_left >= n; i++) {
      if (send(fd, c->stream, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        break;
      c->stream_left -= n;
    }
  }
}

static void *receiver_work(void *arg) {
  struct receiver *r = arg;
  struct epoll_event events[256];
  struct timespec last = {0}, now;
  while (!r->stop) {
    int n = epoll_wait(r->epoll_fd, events, 256, RECEIVER_TICK_MS);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == r->listener)
        receiver_accept(r);
      else if (r->connections[fd])
        receiver_read(r, r->connections[fd]);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000 >= RECEIVER_TICK_MS) {
      receiver_stream(r);
      last = now;
    }
  }
  return NULL;
}

// Listens on a free port of 127.0.0.1. False: no room.
static bool receiver_start(struct receiver *r) {
  memset(r, 0, sizeof *r);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = r->listener};
  if (bind(r->listener, (struct sockaddr *)&a, n) != 0 || listen(r->listener, 1024) != 0 ||
      getsockname(r->listener, (struct sockaddr *)&a, &n) != 0 ||
      epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->listener, &e) != 0)
    return false;
  r->port = ntohs(a.sin_port);
  return pthread_create(&r->thread, NULL, receiver_work, r) == 0;
}

static void receiver_stop(struct receiver *r) {
  r->stop = true;
  pthread_join(r->thread, NULL);
  for (int fd = 0; fd < RECEIVER_CONNECTIONS_MAX; fd++)
    if (r->connections[fd])
      receiver_drop(r, r->connections[fd], false);
  close(r->listener);
  close(r->epoll_fd);
}
