// A client that sends exactly the bytes it is given, and a server in process to send them to.
#pragma once
#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char answer[1024 * 1024];

static inline int raw_dial(const struct server *s) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in sa = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)server_port(s)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static inline bool raw_send(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
    if (k <= 0)
      return false;
    p += k;
    n -= (size_t)k;
  }
  return true;
}

// Reads into `answer` until `until` has come, the peer closes or nothing arrives for `ms`.
static inline size_t raw_read(int fd, const char *until, int ms) {
  size_t n = 0;
  answer[0] = 0;
  while (n + 1 < sizeof answer && !(until && strstr(answer, until))) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0)
      break;
    ssize_t k = recv(fd, answer + n, sizeof answer - 1 - n, 0);
    if (k <= 0)
      break;
    n += (size_t)k;
    answer[n] = 0;
  }
  return n;
}

static inline int raw_status(void) {
  int status = 0;
  return sscanf(answer, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

static inline bool raw_is_closed(int fd, int ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  char c;
  while (poll(&p, 1, ms) == 1)
    if (recv(fd, &c, 1, 0) <= 0)
      return true;
  return false;
}

// One request on a connection of its own, read to its end (the head only for HEAD and the like); the answer's
// status.
static inline int raw_ask(const struct server *s, const char *bytes, size_t n) {
  int fd = raw_dial(s);
  raw_send(fd, bytes, n);
  raw_read(fd, "\r\n\r\n", 3000);
  close(fd);
  return raw_status();
}

static inline int raw_ask_text(const struct server *s, const char *text) {
  return raw_ask(s, text, strlen(text));
}
