// A line between a client and PostgreSQL that can be cut, for tests: everything at once, or a COMMIT in a
// chosen way. One thread; a late COMMIT has one of its own, so that the client can come back meanwhile.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// What happens to the next COMMIT, once. The client always loses its connection.
enum proxy_harm {
  PROXY_NO_HARM,
  PROXY_KEEP_ANSWER, // the server commits, the client is not told
  PROXY_KEEP_COMMIT, // the server is not told
  PROXY_LATE_COMMIT, // the server is told when the client has long come back
  PROXY_LATE_END,    // the server hears of the loss when the client has long come back, and of no COMMIT
};

enum { PROXY_LINES_MAX = 64, PROXY_BYTES = 65536, PROXY_TICK_MS = 10, PROXY_LATE_MS = 400 };

struct proxy_line {
  int client, server;
};

struct proxy {
  int listener, port, server_port;
  pthread_t thread, late;
  bool has_late;
  enum proxy_harm late_harm;
  int late_server;
  size_t late_n;
  char late_bytes[PROXY_BYTES];
  _Atomic int harm;    // an enum proxy_harm
  _Atomic bool down;   // nobody gets through, and those that are connected are cut off
  _Atomic bool frozen; // nothing is carried, and nobody is told
  _Atomic bool stop;
  _Atomic int lines_n;
  struct proxy_line lines[PROXY_LINES_MAX];
};

static inline int proxy_socket(struct sockaddr_in *a, int port) {
  *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  a->sin_port = htons((uint16_t)port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static inline void proxy_listen(struct proxy *p) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  p->listener = proxy_socket(&a, p->port);
  assert_int_equal(bind(p->listener, (struct sockaddr *)&a, n), 0);
  assert_int_equal(listen(p->listener, 64), 0);
  assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &n), 0);
  p->port = ntohs(a.sin_port);
}

static inline void proxy_cut(struct proxy *p, int i) {
  close(p->lines[i].client);
  close(p->lines[i].server);
  p->lines[i] = p->lines[--p->lines_n];
}

static inline void proxy_accept(struct proxy *p) {
  struct sockaddr_in a;
  int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC), server = proxy_socket(&a, p->server_port);
  if (client < 0 || p->lines_n == PROXY_LINES_MAX || connect(server, (struct sockaddr *)&a, sizeof a) != 0) {
    close(client);
    close(server);
    return;
  }
  p->lines[p->lines_n++] = (struct proxy_line){client, server};
}

static inline bool proxy_send(int fd, const char *bytes, size_t n) {
  return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

// Sends a COMMIT and waits for the server's word that it is done.
static inline void proxy_commit(int server, const char *bytes, size_t n) {
  char answer[PROXY_BYTES];
  ssize_t got = 1;
  bool done = !proxy_send(server, bytes, n);
  while (!done && (got = recv(server, answer, sizeof answer, 0)) > 0)
    done = memmem(answer, (size_t)got, "COMMIT", 6) != NULL;
}

static inline void *proxy_late(void *self) {
  struct proxy *p = self;
  usleep(PROXY_LATE_MS * 1000);
  if (p->late_harm == PROXY_LATE_COMMIT)
    proxy_commit(p->late_server, p->late_bytes, p->late_n);
  close(p->late_server);
  return NULL;
}

static inline void proxy_do_harm(struct proxy *p, int i, const char *bytes, size_t n) {
  enum proxy_harm harm = (enum proxy_harm)atomic_exchange(&p->harm, PROXY_NO_HARM);
  if (harm == PROXY_KEEP_ANSWER)
    proxy_commit(p->lines[i].server, bytes, n);
  if (harm == PROXY_LATE_COMMIT || harm == PROXY_LATE_END) {
    if (p->has_late)
      pthread_join(p->late, NULL);
    p->late_harm = harm;
    p->late_server = p->lines[i].server;
    p->late_n = n;
    memcpy(p->late_bytes, bytes, n);
    p->lines[i].server = -1;
    p->has_late = pthread_create(&p->late, NULL, proxy_late, p) == 0;
  }
  proxy_cut(p, i);
}

// Carries what is there in one direction. False: the line is gone.
static inline bool proxy_carry(struct proxy *p, int i, bool from_client) {
  char bytes[PROXY_BYTES];
  struct proxy_line *l = &p->lines[i];
  ssize_t n = recv(from_client ? l->client : l->server, bytes, sizeof bytes, 0);
  if (n > 0 && from_client && p->harm != PROXY_NO_HARM && memmem(bytes, (size_t)n, "COMMIT", 6)) {
    proxy_do_harm(p, i, bytes, (size_t)n);
    return false;
  }
  if (n > 0 && proxy_send(from_client ? l->server : l->client, bytes, (size_t)n))
    return true;
  proxy_cut(p, i);
  return false;
}

static inline void proxy_turn(struct proxy *p) {
  struct pollfd fd[2 * PROXY_LINES_MAX + 1];
  for (int i = 0; i < p->lines_n; i++) {
    fd[2 * i] = (struct pollfd){p->lines[i].client, POLLIN, 0};
    fd[2 * i + 1] = (struct pollfd){p->lines[i].server, POLLIN, 0};
  }
  int n = p->lines_n;
  fd[2 * n] = (struct pollfd){p->listener, POLLIN, 0};
  if (poll(fd, (nfds_t)(2 * n + 1), PROXY_TICK_MS) <= 0 || p->frozen)
    return;
  if (fd[2 * n].revents)
    proxy_accept(p);
  for (int i = n - 1; i >= 0; i--) // a line that is cut gets the place of a later one
    if (!fd[2 * i].revents || proxy_carry(p, i, true))
      if (fd[2 * i + 1].revents)
        proxy_carry(p, i, false);
}

static inline void *proxy_main(void *self) {
  struct proxy *p = self;
  while (!p->stop) {
    if (p->down && p->listener >= 0) {
      close(p->listener);
      p->listener = -1;
      while (p->lines_n)
        proxy_cut(p, 0);
    } else if (!p->down && p->listener < 0) {
      proxy_listen(p);
    }
    if (p->frozen)
      usleep(PROXY_TICK_MS * 1000);
    else
      proxy_turn(p);
  }
  return NULL;
}

static inline void proxy_start(struct proxy *p, int server_port) {
  *p = (struct proxy){.server_port = server_port};
  proxy_listen(p);
  assert_int_equal(pthread_create(&p->thread, NULL, proxy_main, p), 0);
}

// Clients must be gone, or they are cut off.
static inline void proxy_stop(struct proxy *p) {
  p->stop = true;
  pthread_join(p->thread, NULL);
  if (p->has_late)
    pthread_join(p->late, NULL);
  while (p->lines_n)
    proxy_cut(p, 0);
  if (p->listener >= 0)
    close(p->listener);
}
