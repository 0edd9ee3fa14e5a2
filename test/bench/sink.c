// A webhook receiver that costs next to nothing: answers every request with 200 and an empty body, in one
// thread. When `count` requests have come it prints how many a second came, from the first to the last, and
// ends. usage: sink PORT COUNT
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 4096, READ_SIZE = 65536, HEAD_MAX = 4096 };

static struct { // of one connection
  size_t body_left;
  size_t n_head;
  char head[HEAD_MAX]; // a head that came in parts
} conns[FILES_MAX];

static int64_t first_us, last_us;
static long n_requests;

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void answer(int fd) {
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  last_us = now_us();
  if (n_requests++ == 0)
    first_us = last_us;
  if (send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL) < 0)
    perror("send");
}

static void take(int fd, const char *p, size_t n) {
  while (n > 0) {
    if (conns[fd].body_left == 0) {
      const char *end = memmem(p, n, "\r\n\r\n", 4);
      if (!end)
        break;
      const char *length = memmem(p, (size_t)(end - p), "Content-Length: ", 16);
      conns[fd].body_left = length ? strtoul(length + 16, NULL, 10) : 0;
      n -= (size_t)(end - p) + 4;
      p = end + 4;
    }
    size_t part = n < conns[fd].body_left ? n : conns[fd].body_left;
    p += part;
    n -= part;
    conns[fd].body_left -= part;
    if (conns[fd].body_left == 0)
      answer(fd);
  }
  if (n > HEAD_MAX)
    exit(1);
  memmove(conns[fd].head, p, n);
  conns[fd].n_head = n;
}

static void readable(int fd) {
  static char in[HEAD_MAX + READ_SIZE];
  size_t before = conns[fd].n_head;
  memcpy(in, conns[fd].head, before);
  ssize_t n = recv(fd, in + before, READ_SIZE, 0);
  if (n <= 0) {
    close(fd);
    return;
  }
  conns[fd].n_head = 0;
  take(fd, in, before + (size_t)n);
}

static int listen_on(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0) {
    perror("listen");
    exit(1);
  }
  return fd;
}

static void welcome(int epoll, int listener) {
  int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0 || fd >= FILES_MAX) {
    fprintf(stderr, "sink: accept: %s\n", strerror(errno));
    exit(1);
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  conns[fd].body_left = conns[fd].n_head = 0;
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  long count = atol(argv[2]);
  int listener = listen_on(atoi(argv[1])), epoll = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
  while (n_requests < count) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++)
      if (events[i].data.fd == listener)
        welcome(epoll, listener);
      else
        readable(events[i].data.fd);
  }
  int64_t us = last_us > first_us ? last_us - first_us : 1;
  printf("%lld\n", (long long)(n_requests * 1000000 / us));
  return 0;
}
