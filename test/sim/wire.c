#include "wire.h"
#include "race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  DESCRIPTORS = 1024,
  LATE_MAX = 8,
  LATE_BYTES = 4096,
  SLICE_MS = 3,
  WORKED_OFF_MS = 5000,
  LATE_SENDS = 12
};

struct line { // a connection, by its descriptor
  bool used, lost;
  int node;
};

struct late { // a COMMIT on its way
  int fd, in;
  size_t n;
  char bytes[LATE_BYTES];
};

struct ends {
  bool dead;
  int refused; // connections still to be refused
  int in[WIRE_FAULTS], left[WIRE_FAULTS];
  int64_t fired, begun[WIRE_FAULTS];
};

_Thread_local int wire_node = -1;
static int server_port;
static struct wire_calls calls;
static struct line lines[DESCRIPTORS];
static struct ends ends[GATEWAYS_MAX];
static struct late late[LATE_MAX];
static int n_late;
static int64_t skipped_us;

// ---- the system's ----------------------------------------------------------------------------------------

static ssize_t real_send(int fd, const void *bytes, size_t n, int flags) {
  return syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
}

static ssize_t real_recv(int fd, void *bytes, size_t n, int flags) {
  return syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
}

static int real_poll(struct pollfd *list, nfds_t n, int ms) {
  return (int)syscall(SYS_poll, list, n, ms);
}

static bool readable(int fd, int ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return real_poll(&p, 1, ms) > 0;
}

// Until the server is ready for the next statement: what was sent has happened.
static void work_off(int fd) {
  static const char ready[] = {'Z', 0, 0, 0, 5};
  char bytes[65536];
  while (readable(fd, WORKED_OFF_MS)) {
    ssize_t n = real_recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0 || (n >= 6 && memcmp(bytes + n - 6, ready, 5) == 0))
      return;
  }
}

// ---- faults ----------------------------------------------------------------------------------------------

static struct line *line_of(int fd) {
  return fd >= 0 && fd < DESCRIPTORS && lines[fd].used ? &lines[fd] : NULL;
}

static void cut(int fd) {
  lines[fd].lost = true;
  shutdown(fd, SHUT_RDWR);
}

static void cut_all(int node) {
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    if (lines[fd].used && lines[fd].node == node)
      cut(fd);
}

static bool hits(struct ends *e, enum wire_fault kind) {
  if (e->in[kind] == 0 || --e->in[kind] > 0)
    return false;
  e->fired++;
  e->begun[kind]++;
  if (e->left[kind] > 0) {
    e->left[kind]--;
    e->in[kind] = 1;
  }
  return true;
}

static void deliver(struct late *l) {
  if (real_send(l->fd, l->bytes, l->n, MSG_NOSIGNAL) == (ssize_t)l->n)
    work_off(l->fd);
  syscall(SYS_close, l->fd);
}

void wire_deliver(void) {
  while (n_late)
    deliver(&late[--n_late]);
}

static void deliver_due(void) {
  for (int i = 0; i < n_late; i++)
    if (--late[i].in <= 0) {
      struct late due = late[i];
      late[i--] = late[--n_late];
      deliver(&due);
    }
}

static void delay(int fd, const void *bytes, size_t n) {
  if (n_late == LATE_MAX || n > LATE_BYTES) {
    cut(fd);
    return;
  }
  struct late *l = &late[n_late++];
  *l = (struct late){.fd = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS), .in = 1 + (int)(n % LATE_SENDS), .n = n};
  memcpy(l->bytes, bytes, n);
  lines[fd].lost = true;
}

static int port_of(int fd) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  return getsockname(fd, (struct sockaddr *)&a, &n) == 0 ? ntohs(a.sin_port) : 0;
}

static void terminate(int fd) {
  calls.terminate(port_of(fd));
  struct pollfd p = {.fd = fd, .events = POLLRDHUP};
  (void)real_poll(&p, 1, WORKED_OFF_MS);
}

static ssize_t broken(void) {
  errno = ECONNRESET;
  return -1;
}

static ssize_t answer_lost(int fd, const void *bytes, size_t n, int flags) {
  if (real_send(fd, bytes, n, flags) == (ssize_t)n)
    work_off(fd);
  cut(fd);
  return (ssize_t)n;
}

static ssize_t send_commit(int fd, const void *bytes, size_t n, int flags) {
  struct ends *e = &ends[lines[fd].node];
  if (hits(e, WIRE_COMMIT_CUT)) {
    cut(fd);
    return broken();
  }
  if (hits(e, WIRE_COMMIT_UNANSWERED))
    return answer_lost(fd, bytes, n, flags);
  if (hits(e, WIRE_COMMIT_LATE)) {
    delay(fd, bytes, n);
    return (ssize_t)n;
  }
  if (hits(e, WIRE_CRASH_COMMITTED)) {
    (void)answer_lost(fd, bytes, n, flags);
    wire_crash(lines[fd].node);
    return broken();
  }
  return real_send(fd, bytes, n, flags);
}

static ssize_t send_watched(int fd, const void *bytes, size_t n, int flags) {
  struct line *line = &lines[fd];
  struct ends *e = &ends[line->node];
  if (!e->dead && hits(e, WIRE_CRASH))
    wire_crash(line->node);
  if (!e->dead && hits(e, WIRE_REFUSED)) {
    e->refused = 2;
    cut_all(line->node);
  }
  if (e->dead || line->lost)
    return broken();
  if (hits(e, WIRE_CUT)) {
    cut(fd);
    return broken();
  }
  if (hits(e, WIRE_TERMINATED))
    terminate(fd);
  if (hits(e, WIRE_UNANSWERED))
    return answer_lost(fd, bytes, n, flags);
  if (memmem(bytes, n, "COMMIT", 6))
    return send_commit(fd, bytes, n, flags);
  return real_send(fd, bytes, n, flags);
}

// ---- what the program calls ------------------------------------------------------------------------------

ssize_t send(int fd, const void *bytes, size_t n, int flags) {
  if (!line_of(fd))
    return real_send(fd, bytes, n, flags);
  race_pass();
  calls.before();
  deliver_due();
  return send_watched(fd, bytes, n, flags);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags) {
  const struct line *line = line_of(fd);
  if (line && (line->lost || ends[line->node].dead))
    return broken();
  return real_recv(fd, bytes, n, flags);
}

// The server does not answer at once: it waits for another session, perhaps for one whose COMMIT is late.
static int poll_long(struct pollfd *list, int ms) {
  wire_deliver();
  race_wait();
  int n = real_poll(list, 1, ms);
  race_go_on();
  if (n == 0)
    skipped_us += ms * INT64_C(1000);
  return n;
}

// By another name: the system's header promises the compiler that poll() only writes to the list.
int watched_poll(struct pollfd *list, nfds_t n, int ms) __asm__("poll");
int watched_poll(struct pollfd *list, nfds_t n, int ms) {
  const struct line *line = n == 1 ? line_of(list->fd) : NULL;
  if (!line)
    return real_poll(list, n, ms);
  if (line->lost || ends[line->node].dead) {
    list->revents = list->events | POLLHUP;
    return 1;
  }
  int port = port_of(list->fd), some = real_poll(list, 1, 0);
  for (int left = ms < 0 ? INT_MAX : ms; !some && left > 0; left -= SLICE_MS) {
    some = real_poll(list, 1, SLICE_MS);
    if (!some && calls.waits(port)) // a slow machine alone changes nothing
      return poll_long(list, ms);
  }
  return some;
}

int connect(int fd, const struct sockaddr *to, socklen_t n) {
  const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)to;
  bool watched =
      wire_node >= 0 && fd < DESCRIPTORS && to->sa_family == AF_INET && ntohs(in->sin_port) == server_port;
  struct ends *e = &ends[watched ? wire_node : 0];
  if (watched && (e->dead || e->refused)) {
    e->refused -= e->refused > 0;
    e->fired++;
    errno = ECONNREFUSED;
    return -1;
  }
  if (watched)
    lines[fd] = (struct line){.used = true, .node = wire_node};
  return (int)syscall(SYS_connect, fd, to, n);
}

int close(int fd) {
  if (line_of(fd))
    lines[fd].used = false;
  return (int)syscall(SYS_close, fd);
}

// The store's own waits cost no time, and its clock is not the machine's.
int clock_gettime(clockid_t id, struct timespec *out) {
  if ((id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME) || !server_port)
    return (int)syscall(SYS_clock_gettime, id, out);
  *out = (struct timespec){1000 + skipped_us / 1000000, skipped_us % 1000000 * 1000};
  return 0;
}

int nanosleep(const struct timespec *t, struct timespec *rest) {
  if (!server_port)
    return (int)syscall(SYS_nanosleep, t, rest);
  skipped_us += t->tv_sec * 1000000 + t->tv_nsec / 1000;
  return 0;
}

// ---- what the simulator calls ----------------------------------------------------------------------------

void wire_setup(int port, const struct wire_calls *c) {
  server_port = port;
  calls = *c;
}

void wire_begin(void) {
  wire_deliver();
  memset(ends, 0, sizeof ends);
}

void wire_calm(void) {
  wire_deliver();
  for (int i = 0; i < GATEWAYS_MAX; i++) {
    memset(ends[i].in, 0, sizeof ends[i].in);
    memset(ends[i].left, 0, sizeof ends[i].left);
    ends[i].refused = 0;
  }
}

void wire_fail(int node, enum wire_fault kind, int in, int times) {
  ends[node].in[kind] = in;
  ends[node].left[kind] = times - 1;
}

void wire_crash(int node) {
  if (!ends[node].dead) {
    ends[node].begun[WIRE_CRASH]++;
    ends[node].fired++;
  }
  ends[node].dead = true;
  cut_all(node);
}

bool wire_dead(int node) {
  return ends[node].dead;
}

void wire_revive(int node) {
  ends[node].dead = false;
  memset(ends[node].in, 0, sizeof ends[node].in);
}

int64_t wire_fired(int node) {
  return ends[node].fired;
}

int64_t wire_begun(enum wire_fault kind) {
  int64_t n = 0;
  for (int i = 0; i < GATEWAYS_MAX; i++)
    n += ends[i].begun[kind];
  return n;
}

void wire_pass_time(int64_t us) {
  skipped_us += us;
}
