#include "http/listener.h"
#include "http/limits.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int listen_failed(int fd, const char *what, const char *where, char *error, size_t n) {
  snprintf(error, n, "cannot %s %s: %s", what, where, strerror(errno));
  if (fd >= 0)
    close(fd);
  return -1;
}

static int open_listener(const struct addrinfo *ai, const char *where, char *error, size_t n) {
  int one = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return listen_failed(fd, "make a socket for", where, error, n);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // accepted sockets inherit it
  if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
    return listen_failed(fd, "listen on", where, error, n);
  return fd;
}

int listener_open(const char *where, char *error, size_t n) {
  char host[64];
  const char *colon = strrchr(where, ':');
  size_t len = colon ? (size_t)(colon - where) : 0;
  bool brackets = len > 2 && where[0] == '[' && where[len - 1] == ']';
  if (!colon || len == 0 || len >= sizeof host) {
    snprintf(error, n, "listen address %s is not ADDRESS:PORT", where);
    return -1;
  }
  snprintf(host, sizeof host, "%.*s", (int)(len - (brackets ? 2 : 0)), where + (brackets ? 1 : 0));
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                           .ai_socktype = SOCK_STREAM},
                  *ai;
  if (getaddrinfo(host, colon + 1, &hints, &ai) != 0) {
    snprintf(error, n, "listen address %s is not ADDRESS:PORT in numbers", where);
    return -1;
  }
  int fd = open_listener(ai, where, error, n);
  freeaddrinfo(ai);
  return fd;
}

int listener_port(int fd) {
  struct sockaddr_storage sa;
  socklen_t n = sizeof sa;
  if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
    return 0;
  const void *p = &sa;
  return ntohs(sa.ss_family == AF_INET ? ((const struct sockaddr_in *)p)->sin_port
                                       : ((const struct sockaddr_in6 *)p)->sin6_port);
}

int listener_connections_max(int wanted) {
  struct rlimit l;
  if (wanted == 0)
    wanted = CONNECTIONS_MAX;
  if (getrlimit(RLIMIT_NOFILE, &l) != 0)
    return wanted;
  l.rlim_cur = l.rlim_max;
  setrlimit(RLIMIT_NOFILE, &l);
  getrlimit(RLIMIT_NOFILE, &l);
  if (l.rlim_cur < (rlim_t)wanted + CONNECTION_DESCRIPTORS_RESERVED)
    wanted = l.rlim_cur > 2 * CONNECTION_DESCRIPTORS_RESERVED
                 ? (int)l.rlim_cur - CONNECTION_DESCRIPTORS_RESERVED
                 : CONNECTION_DESCRIPTORS_RESERVED;
  return wanted;
}
