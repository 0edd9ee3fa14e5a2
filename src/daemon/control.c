#include "daemon/control.h"
#include "base/bug.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUEST_SECONDS = 5, ANSWER_SECONDS = 900, BACKLOG = 16 };
enum { STEP_MEMORY_MAX = 512 << 20 };

static const struct str greeting = {"cryptopay 1\n", 12};

struct control {
  int listen, stop; // `stop`: an eventfd that ends the thread
  char *path;
  control_fn *run;
  void *user;
  pthread_t thread;
};

// A socket's path has at most 107 bytes; a folder with a longer one is reached through its descriptor, kept
// in *folder.
static bool fill_name(struct sockaddr_un *name, const char *path, int *folder) {
  *name = (struct sockaddr_un){.sun_family = AF_UNIX};
  *folder = -1;
  if (strlen(path) < sizeof name->sun_path) {
    memcpy(name->sun_path, path, strlen(path));
    return true;
  }
  char parent[4096];
  const char *slash = strrchr(path, '/');
  if (!slash || (size_t)(slash - path) >= sizeof parent)
    return false;
  memcpy(parent, path, (size_t)(slash - path));
  parent[slash - path] = 0;
  *folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int n = snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d%s", *folder, slash);
  return *folder >= 0 && n > 0 && (size_t)n < sizeof name->sun_path;
}

static bool send_all(int fd, struct str s) {
  while (s.n) {
    ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    s = (struct str){s.p + n, s.n - (size_t)n};
  }
  return true;
}

// Up to the line break, which is left out. False when the other side ends, stalls or sends too much.
static bool receive_line(int fd, struct buf *line) {
  char part[16384];
  while (!line->full) {
    ssize_t n = recv(fd, part, sizeof part, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    const char *end = memchr(part, '\n', (size_t)n);
    buf_add(line, part, end ? (size_t)(end - part) : (size_t)n);
    if (end)
      return !line->full;
  }
  return false;
}

static void set_timeout(int fd, int seconds) {
  struct timeval t = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static bool peer_is_us(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

static void serve_one(struct control *c, int fd) {
  struct arena a;
  struct buf request, answer;
  arena_init(&a, STEP_MEMORY_MAX);
  buf_init(&request, &a, CONTROL_REQUEST_MAX);
  buf_init(&answer, &a, CONTROL_ANSWER_MAX);
  set_timeout(fd, REQUEST_SECONDS);
  if (peer_is_us(fd) && send_all(fd, greeting) && receive_line(fd, &request)) {
    c->run(c->user, &a, buf_view(&request), &answer);
    buf_char(&answer, '\n');
    BUG_IF(answer.full, "answers are limited where they are made");
    (void)send_all(fd, buf_view(&answer)); // who has gone will look himself
  }
  arena_free(&a);
}

static void *control_loop(void *arg) {
  struct control *c = arg;
  struct pollfd wait[2] = {{.fd = c->stop, .events = POLLIN}, {.fd = c->listen, .events = POLLIN}};
  for (;;) {
    if (poll(wait, 2, -1) < 0)
      continue;
    if (wait[0].revents)
      return NULL;
    int fd = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
      continue;
    serve_one(c, fd);
    close(fd);
  }
}

static int open_socket(const char *path) {
  struct sockaddr_un name;
  int folder, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(path);
  // the mode of an unbound socket is the mode of the file that bind() makes
  bool ok = fill_name(&name, path, &folder) && fd >= 0 && fchmod(fd, 0600) == 0 &&
            bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && chmod(path, 0600) == 0 &&
            listen(fd, BACKLOG) == 0;
  int why = errno;
  if (folder >= 0)
    close(folder);
  if (!ok && fd >= 0)
    close(fd);
  errno = why;
  return ok ? fd : -1;
}

struct control *control_start(const char *path, control_fn *run, void *user, char *error, size_t error_size) {
  int fd = open_socket(path);
  if (fd < 0) {
    snprintf(error, error_size, "cannot open the control socket %s: %s", path, strerror(errno));
    return NULL;
  }
  struct control *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  *c = (struct control){
      .listen = fd, .stop = eventfd(0, EFD_CLOEXEC), .path = strdup(path), .run = run, .user = user};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&c->thread, NULL, control_loop, c);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  BUG_IF(failed || c->stop < 0 || !c->path, "no resources for the control thread");
  return c;
}

void control_stop(struct control *c) {
  uint64_t one = 1;
  unlink(c->path);
  ssize_t n = write(c->stop, &one, sizeof one);
  BUG_IF(n != sizeof one, "an eventfd takes a number");
  pthread_join(c->thread, NULL);
  close(c->listen);
  close(c->stop);
  free(c->path);
  free(c);
}

static enum control_result call(int fd, struct str request, struct buf *answer) {
  struct arena a;
  struct buf hello;
  arena_init(&a, 1 << 16);
  buf_init(&hello, &a, greeting.n);
  set_timeout(fd, ANSWER_SECONDS); // others may be served first
  bool greeted = receive_line(fd, &hello) && str_starts(greeting, buf_view(&hello));
  arena_free(&a);
  if (!greeted)
    return CONTROL_NOBODY;
  if (!send_all(fd, request) || !send_all(fd, STR("\n")) || !receive_line(fd, answer))
    return CONTROL_LOST;
  return CONTROL_ANSWERED;
}

enum control_result control_call(const char *path, struct str request, struct buf *answer) {
  struct sockaddr_un name;
  int folder, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  BUG_IF(fd < 0, "no socket");
  enum control_result r = CONTROL_NOBODY;
  if (fill_name(&name, path, &folder)) {
    if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
      r = call(fd, request, answer);
    else if (errno == EACCES || errno == EPERM)
      r = CONTROL_DENIED;
  }
  if (folder >= 0)
    close(folder);
  close(fd);
  return r;
}
