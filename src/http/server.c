#include "base/bug.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/course.h"
#include "http/hall.h"
#include "http/listener.h"
#include "http/loops.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(const struct server *s) {
  return world_mono(s->o.world);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t n) {
  (void)n;
  struct server *s = cls;
  struct address peer;
  if (address_of_socket(sa, &peer) && reaper_admits(s->reaper, &peer))
    return MHD_YES;
  metric_add(METRIC_CONNECTIONS_REFUSED, 1);
  return MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  struct server *s = cls;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    reaper_close(s->reaper, *context);
    return;
  }
  struct address peer = {0};
  address_of_socket(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, &peer);
  int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  *context = reaper_open(s->reaper, fd, &peer);
}

static unsigned thread_count(int wanted) {
  long n = wanted ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
  if (n < 1)
    n = 1;
  return n > CONNECTION_THREADS_MAX ? CONNECTION_THREADS_MAX : (unsigned)n;
}

static struct MHD_Daemon *make_daemon(struct server *s) {
  struct MHD_OptionItem items[] = {
      {MHD_OPTION_LISTEN_SOCKET, s->listener, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, s->connections_max + 1, NULL}, // only must not come before the reaper's
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)course_completed, s},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
      {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)course_request_line, s},
      {MHD_OPTION_END, 0, NULL},
  };
  return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, on_accept, s,
                          course_request, s, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static void free_server(struct server *s) {
  while (s->reuse) {
    struct server_request *q = s->reuse;
    s->reuse = q->next;
    course_free(q);
  }
  pthread_mutex_destroy(&s->reuse_mutex);
  free(s->stats);
  free(s);
}

static struct server *new_server(const struct server_options *o) {
  struct server *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->o = *o;
  pthread_mutex_init(&s->reuse_mutex, NULL);
  world_random(o->world, s->id_key, sizeof s->id_key);
  while (o->routes[s->n_routes].method)
    s->n_routes++;
  s->stats = calloc((size_t)s->n_routes + 1, sizeof *s->stats);
  BUG_IF(!s->stats, "out of memory");
  for (int i = 0; i < s->n_routes; i++)
    s->stats[i].route = o->routes[i].metric;
  s->stats[s->n_routes].route = "none";
  return s;
}

struct server *server_start(const struct server_options *o, char *error, size_t error_size) {
  int fd = listener_open(o->listen, error, error_size);
  if (fd < 0)
    return NULL;
  struct server *s = new_server(o);
  if (!proxy_list_parse(&s->trusted, o->trusted_proxies)) {
    snprintf(error, error_size, "trusted proxies: %s is not a list of addresses and blocks",
             o->trusted_proxies);
    close(fd);
    free_server(s);
    return NULL;
  }
  s->port = listener_port(fd);
  int connections = listener_connections_max(o->connections_max);
  s->reaper = reaper_start(&(struct reaper_options){.world = o->world,
                                                    .trusted = &s->trusted,
                                                    .connections_max = connections,
                                                    .per_address_max = o->connections_per_address_max});
  s->hall = hall_start(s, thread_count(o->threads));
  s->listener = fd;
  s->connections_max = connections;
  s->loops = loops_start(s, thread_count(o->threads), make_daemon);
  if (!s->loops) {
    hall_stop(s->hall);
    snprintf(error, error_size, "cannot start the HTTP server on %s", o->listen);
    reaper_stop(s->reaper);
    close(fd);
    free_server(s);
    return NULL;
  }
  return s;
}

int server_port(const struct server *s) {
  return s->port;
}

int server_connections(const struct server *s) {
  return reaper_connections(s->reaper);
}

int server_running(const struct server *s) {
  return atomic_load(&s->running);
}

void server_metrics(const struct server *s, struct buf *out) {
  route_stats_print(s->stats, s->n_routes + 1, out);
}

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

// Suspended requests belong to somebody who has their memory in hands: they are waited for, never taken away.
// The library would abort if one were left.
static void wait_for_working(struct server *s) {
  for (int i = 0; reaper_working(s->reaper); i++) {
    if (i == 0)
      LOG(WARN, "waiting for requests that are suspended", LOG_I("requests", reaper_working(s->reaper)));
    nap();
  }
}

void server_stop(struct server *s, int grace_ms) {
  atomic_store(&s->stop, STOP_NEW);
  int fd = loops_quiesce(s->loops);
  if (fd >= 0)
    shutdown(fd,
             SHUT_RDWR); // refuses who comes now; a loop may just be using its number, so it is closed later
  for (int64_t until = now_us(s) + grace_ms * 1000; atomic_load(&s->running) && now_us(s) < until;)
    nap();
  atomic_store(&s->stop, STOP_WORK);
  wait_for_working(s);
  hall_stop(s->hall);
  loops_stop(s->loops);
  if (fd >= 0)
    close(fd);
  reaper_stop(s->reaper);
  free_server(s);
}
