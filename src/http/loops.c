#include "http/loops.h"
#include "base/bug.h"

#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop {
  struct MHD_Daemon *daemon;
  int events; // the library's epoll descriptor
  int wake;   // readable when a request of this loop goes on, and at the end
  _Atomic bool woken, ending;
  _Atomic int wakers; // threads inside of loop_resume()
  pthread_t thread;
};

static _Thread_local struct loop *this_loop;

struct loops {
  unsigned n;
  struct loop loop[];
};

static int wait_ms(struct MHD_Daemon *daemon) {
  MHD_UNSIGNED_LONG_LONG ms;
  if (MHD_get_timeout(daemon, &ms) != MHD_YES)
    return -1;
  return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void *loop_main(void *arg) {
  struct loop *l = this_loop = arg;
  struct pollfd fd[2] = {{.fd = l->events, .events = POLLIN}, {.fd = l->wake, .events = POLLIN}};
  while (!atomic_load(&l->ending)) {
    eventfd_t n;
    poll(fd, 2, wait_ms(l->daemon));
    if (fd[1].revents && eventfd_read(l->wake, &n) == 0)
      atomic_store(&l->woken, false);
    MHD_run(l->daemon);
  }
  return NULL;
}

struct loop *loop_here(void) {
  return this_loop;
}

// The library has a bell of its own for this, but may take its ring for an older one and leave the request
// for its next turn, which only it would know of.
void loop_resume(struct loop *l, struct MHD_Connection *mhd) {
  atomic_fetch_add(&l->wakers, 1); // from the next line on the request may be over, and with it the server
  MHD_resume_connection(mhd);
  if (!atomic_exchange(&l->woken, true))
    BUG_IF(eventfd_write(l->wake, 1) != 0, "cannot wake a loop");
  atomic_fetch_sub(&l->wakers, 1);
}

void loops_stop(struct loops *l) {
  for (unsigned i = 0; i < l->n; i++) {
    struct loop *one = &l->loop[i];
    atomic_store(&one->ending, true);
    BUG_IF(eventfd_write(one->wake, 1) != 0, "cannot wake a loop");
    pthread_join(one->thread, NULL);
    while (atomic_load(&one->wakers))
      sched_yield();
    MHD_stop_daemon(one->daemon);
    close(one->wake);
  }
  free(l);
}

struct loops *loops_start(struct server *s, unsigned n, loop_daemon_fn *make) {
  struct loops *l = calloc(1, sizeof *l + n * sizeof *l->loop);
  BUG_IF(!l, "out of memory");
  for (; l->n < n; l->n++) {
    struct loop *one = &l->loop[l->n];
    one->daemon = make(s);
    if (!one->daemon)
      break;
    one->events = MHD_get_daemon_info(one->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    one->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    BUG_IF(one->wake < 0, "no descriptor");
    BUG_IF(pthread_create(&one->thread, NULL, loop_main, one) != 0, "no thread for requests");
  }
  if (l->n == n)
    return l;
  (void)loops_quiesce(l);
  loops_stop(l);
  return NULL;
}

int loops_quiesce(struct loops *l) {
  int fd = -1;
  for (unsigned i = 0; i < l->n; i++)
    fd = MHD_quiesce_daemon(l->loop[i].daemon);
  return fd;
}
