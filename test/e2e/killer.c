// Preloaded into the gateway by crash_storm.mjs: ends it with SIGKILL at one chosen call of the C library.
//   KILLER_POINT=CALL:N:WHEN   the N-th CALL of the process; WHEN is before, within (half of it is done) or
//   after
// Two are calls of PostgreSQL's protocol: `commit` is a send() with a COMMIT in it, `committed` the recv() of
// its answer, always after it. The gateway knows nothing of it: its files and sockets are then as a kill -9
// at that instant leaves them.
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum call { FDATASYNC, FSYNC, PWRITE64, FTRUNCATE64, SENDMSG, SEND, COMMIT, COMMITTED, CALLS };
enum when { NEVER, BEFORE, WITHIN, AFTER };

static const char *const names[CALLS] = {"fdatasync", "fsync", "pwrite64", "ftruncate64",
                                         "sendmsg",   "send",  "commit",   "committed"};
static enum call chosen = CALLS;
static enum when chosen_when;
static long chosen_n;
static atomic_long counted;

static struct {
  int (*fdatasync)(int);
  int (*fsync)(int);
  ssize_t (*pwrite64)(int, const void *, size_t, off64_t);
  int (*ftruncate64)(int, off64_t);
  ssize_t (*sendmsg)(int, const struct msghdr *, int);
  ssize_t (*send)(int, const void *, size_t, int);
  ssize_t (*recv)(int, void *, size_t, int);
} real;

static void die(void) {
  for (;;)
    kill(getpid(), SIGKILL);
}

static void refuse(const char *text) {
  fprintf(stderr, "killer: KILLER_POINT is %s\n", text);
  _exit(70);
}

static void choose(const char *text) {
  char name[16], when[16];
  if (sscanf(text, "%15[a-z0-9]:%ld:%15[a-z]", name, &chosen_n, when) != 3)
    refuse(text);
  for (int i = 0; i < CALLS; i++)
    if (strcmp(name, names[i]) == 0)
      chosen = (enum call)i;
  chosen_when = strcmp(when, "before") == 0   ? BEFORE
                : strcmp(when, "within") == 0 ? WITHIN
                : strcmp(when, "after") == 0  ? AFTER
                                              : NEVER;
  if (chosen == CALLS || chosen_when == NEVER || chosen_n < 1)
    refuse(text);
}

__attribute__((constructor)) static void start(void) {
  real.fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  real.fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  real.pwrite64 = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  real.ftruncate64 = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
  real.sendmsg = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
  real.send = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
  real.recv = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
  const char *point = getenv("KILLER_POINT");
  if (point)
    choose(point);
}

// Is this the call? Ends the process where it is to end before the call.
static enum when reached(enum call call) {
  if (call != chosen || atomic_fetch_add(&counted, 1) + 1 != chosen_n)
    return NEVER;
  if (chosen_when == BEFORE)
    die();
  return chosen_when;
}

static void after(enum when when) {
  if (when != NEVER)
    die();
}

int fdatasync(int fd) {
  enum when when = reached(FDATASYNC);
  int rc = real.fdatasync(fd);
  after(when);
  return rc;
}

int fsync(int fd) {
  enum when when = reached(FSYNC);
  int rc = real.fsync(fd);
  after(when);
  return rc;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
  enum when when = reached(PWRITE64);
  ssize_t done = real.pwrite64(fd, bytes, when == WITHIN ? n / 2 : n, at);
  after(when);
  return done;
}

int ftruncate64(int fd, off64_t n) {
  enum when when = reached(FTRUNCATE64);
  int rc = real.ftruncate64(fd, n);
  after(when);
  return rc;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  enum when when = reached(SENDMSG);
  struct msghdr part = *message;
  struct iovec first;
  if (when == WITHIN && part.msg_iovlen > 0) {
    first = part.msg_iov[0];
    first.iov_len = (first.iov_len + 1) / 2;
    part.msg_iov = &first;
    part.msg_iovlen = 1;
  }
  ssize_t done = real.sendmsg(fd, &part, flags);
  after(when);
  return done;
}

// The word with its NUL: as a statement in a message to the server, and as what one from the server calls
// done.
static bool has_commit(const void *bytes, size_t n) {
  return memmem(bytes, n, "COMMIT", sizeof "COMMIT");
}

ssize_t send(int fd, const void *bytes, size_t n, int flags) {
  enum when when = reached(SEND);
  if (when == NEVER && chosen == COMMIT && has_commit(bytes, n))
    when = reached(COMMIT);
  ssize_t done = real.send(fd, bytes, when == WITHIN ? (n + 1) / 2 : n, flags);
  after(when);
  return done;
}

ssize_t recv(int fd, void *bytes, size_t n, int flags) {
  ssize_t done = real.recv(fd, bytes, n, flags);
  if (chosen == COMMITTED && done > 0 && has_commit(bytes, (size_t)done))
    after(reached(COMMITTED));
  return done;
}
