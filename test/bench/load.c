// Load generator: one thread, epoll, kept connections, one request at a time on each. Prints one line of
// JSON.
//
// The requests of `create` are built and signed before the clock starts, so that signing costs nothing during
// the measurement. Latency is the time from the request's first byte sent to the answer's last byte received.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 12000, HEAD_MAX = 4096, READ_SIZE = 65536, PIDS_MAX = 16 };
enum { SUB_BITS = 6, BUCKETS = 40 << SUB_BITS }; // histogram: 64 steps per power of two, 1.6 % wide

struct options {
  const char *mode, *key, *secret, *order_prefix, *url_file, *id_file, *amount;
  int port, connections, seconds, warm_ms;
  long scatter; // order ids all over the first so many that fill.c makes; 0: one after another
  long count;   // requests prepared, and the most that are sent; 0 in get and wait: no bound
  int pids[PIDS_MAX], n_pids;
};

struct piece {
  const char *p;
  size_t n;
};

struct connection {
  int fd;
  struct piece out; // what is left to send
  int64_t start_us;
  size_t body_left;
  bool in_body, busy, last; // last: the server will close after this answer
  uint16_t n_head;
  char *head; // a head that arrived in parts
};

struct load {
  struct options o;
  int epoll;
  struct connection c[CONNECTIONS_MAX];
  struct piece *requests;
  long n_requests, next; // next to send
  int64_t measure_from_us, end_us;
  bool exhausted, counting;
  int in_flight;
  // results
  long done, errors, reconnects;
  int64_t cpu_before_us, own_before_us, first_us, last_us;
  uint32_t histogram[BUCKETS];
  int64_t slowest_us;
  FILE *ids;
};

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t own_cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

// utime + stime of the servers that are measured, all their threads together.
static int64_t server_cpu_us(const struct options *o) {
  int64_t ticks = 0;
  for (int i = 0; i < o->n_pids; i++) {
    char path[64], line[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", o->pids[i]);
    FILE *f = fopen(path, "r");
    if (!f)
      continue;
    unsigned long user = 0, sys = 0;
    char *after = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (after && sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
      ticks += (int64_t)(user + sys);
    fclose(f);
  }
  return ticks * 1000000 / sysconf(_SC_CLK_TCK);
}

// ---- histogram ----

static int bucket_of(int64_t us) {
  if (us < (1 << SUB_BITS))
    return us < 0 ? 0 : (int)us;
  int shift = 63 - __builtin_clzll((unsigned long long)us) - SUB_BITS;
  int b = ((shift + 1) << SUB_BITS) + (int)((us >> shift) & ((1 << SUB_BITS) - 1));
  return b < BUCKETS ? b : BUCKETS - 1;
}

static int64_t bucket_us(int b) {
  int shift = (b >> SUB_BITS) - 1;
  if (shift < 0)
    return b;
  return (int64_t)((1 << SUB_BITS) | (b & ((1 << SUB_BITS) - 1))) << shift;
}

static int64_t percentile_us(const struct load *l, long permille) {
  long rank = (l->done * permille + 999) / 1000, seen = 0;
  for (int b = 0; b < BUCKETS; b++) {
    seen += l->histogram[b];
    if (seen >= rank)
      return bucket_us(b);
  }
  return 0;
}

// ---- requests ----

struct text { // grows
  char *p;
  size_t n, cap;
};

static void text_add(struct text *t, const char *p, size_t n) {
  if (t->n + n > t->cap) {
    t->cap = (t->n + n) * 2;
    t->p = realloc(t->p, t->cap);
    if (!t->p)
      die("memory");
  }
  memcpy(t->p + t->n, p, n);
  t->n += n;
}

static void hex(const unsigned char *in, size_t n, char *out) {
  for (size_t i = 0; i < n; i++)
    snprintf(out + 2 * i, 3, "%02x", in[i]);
}

static void create_request(const struct options *o, long i, struct text *all) {
  char order[128], amount[32], body[512], head[512], sign_hex[65];
  if (o->amount)
    snprintf(amount, sizeof amount, "%s", o->amount);
  else // all different over a wide range, as a shop's carts are
    snprintf(amount, sizeof amount, "%ld.%02ld", 1 + i / 100 % 90000, i % 100);
  if (o->scatter) // a prime step visits them in no order
    snprintf(order, sizeof order, "S%09ld_%s%ld", (long)((uint64_t)i * 2654435761u % (uint64_t)o->scatter),
             o->order_prefix, i);
  else
    snprintf(order, sizeof order, "%s%07ld", o->order_prefix, i);
  int n = snprintf(
      body, sizeof body,
      "{\"order_id\":\"%s\",\"amount\":\"%s\",\"description\":\"Service payment\","
      "\"success_url\":\"https://shop.example.com/success\",\"fail_url\":\"https://shop.example.com/fail\"}",
      order, amount);
  unsigned char mac[32];
  unsigned mac_n = sizeof mac;
  HMAC(EVP_sha256(), o->secret, (int)strlen(o->secret), (unsigned char *)body, (size_t)n, mac, &mac_n);
  hex(mac, sizeof mac, sign_hex);
  int h = snprintf(
      head, sizeof head,
      "POST /api/create-payment.php HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
      "X-API-Key: %s\r\nX-Signature: %s\r\nContent-Length: %d\r\n\r\n",
      o->port, o->key, sign_hex, n);
  text_add(all, head, (size_t)h);
  text_add(all, body, (size_t)n);
}

static void get_request(const struct options *o, const char *path, struct text *all) {
  char head[1024];
  int h = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Language: en\r\n\r\n",
                   path, o->port);
  if (h < 0 || h >= (int)sizeof head)
    die("path too long");
  text_add(all, head, (size_t)h);
}

static void add_request(struct load *l, size_t *ends, struct text *all, const char *path) {
  if (path)
    get_request(&l->o, path, all);
  else
    create_request(&l->o, l->n_requests, all);
  ends[l->n_requests++] = all->n;
}

static void prepare(struct load *l) {
  enum { URLS_MAX = 2000000 };
  long max = strcmp(l->o.mode, "create") == 0 ? l->o.count : URLS_MAX;
  size_t *ends = calloc((size_t)max + 1, sizeof *ends);
  struct text all = {0};
  if (strcmp(l->o.mode, "create") == 0) {
    while (l->n_requests < max)
      add_request(l, ends, &all, NULL);
  } else {
    char line[512];
    FILE *f = fopen(l->o.url_file, "r");
    if (!f)
      die(l->o.url_file);
    while (l->n_requests < max && fgets(line, sizeof line, f)) {
      line[strcspn(line, "\n")] = 0;
      add_request(l, ends, &all, line);
    }
    fclose(f);
  }
  if (l->n_requests == 0)
    die("nothing to send");
  l->requests = calloc((size_t)l->n_requests, sizeof *l->requests);
  for (long i = 0; i < l->n_requests; i++) {
    size_t from = i ? ends[i - 1] : 0;
    l->requests[i] = (struct piece){all.p + from, ends[i] - from};
  }
  free(ends); // `all` stays: the requests point into it
}

// ---- connections ----

static void watch(struct load *l, struct connection *c, int op, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  if (epoll_ctl(l->epoll, op, c->fd, &e) != 0)
    die("epoll_ctl");
}

static void connect_one(struct load *l, struct connection *c) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->o.port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0)
    die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
  c->in_body = c->last = false;
  c->n_head = 0;
  watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void send_rest(struct load *l, struct connection *c) {
  ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN)
    return; // the read side will see the end
  if (n < 0)
    n = 0;
  bool was_whole = c->out.n == (size_t)n;
  c->out.p += n;
  c->out.n -= (size_t)n;
  if (!was_whole)
    watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void send_next(struct load *l, struct connection *c) {
  if (c->last) {
    close(c->fd);
    l->reconnects++;
    connect_one(l, c);
  }
  bool bounded = l->o.count > 0;
  c->busy = false;
  if (bounded && l->next >= l->o.count) {
    l->exhausted = true;
    return;
  }
  c->out = l->requests[l->next++ % l->n_requests];
  c->busy = true;
  l->in_flight++;
  c->start_us = now_us();
  send_rest(l, c);
}

static void reconnect(struct load *l, struct connection *c) {
  close(c->fd);
  l->reconnects++;
  if (c->busy) {
    l->errors++;
    l->in_flight--;
  }
  connect_one(l, c);
  send_next(l, c);
}

// ---- answers ----

static void start_counting(struct load *l, int64_t now) {
  l->counting = true;
  l->done = l->errors = l->reconnects = 0;
  l->cpu_before_us = server_cpu_us(&l->o);
  l->own_before_us = own_cpu_us();
  l->first_us = now;
}

static void answered(struct load *l, struct connection *c) {
  int64_t now = now_us(), took = now - c->start_us;
  l->in_flight--;
  if (!l->counting && now >= l->measure_from_us)
    start_counting(l, now);
  else if (l->counting) {
    l->done++;
    l->last_us = now;
    l->histogram[bucket_of(took)]++;
    if (took > l->slowest_us)
      l->slowest_us = took;
  }
  send_next(l, c);
}

static void failed_answer(struct load *l, const char *p, size_t n) {
  if (l->errors++ == 0)
    fprintf(stderr, "load: first error: %.*s\n", (int)(n < 1500 ? n : 1500), p);
}

static void save_id(struct load *l, const char *body, size_t n) {
  static const char name[] = "\"payment_id\":";
  const char *at = memmem(body, n, name, sizeof name - 1);
  if (at)
    fprintf(l->ids, "%ld\n", strtol(at + sizeof name - 1, NULL, 10));
}

// Takes one head off the front. 0: it is not complete yet.
static size_t take_head(struct load *l, struct connection *c, const char *p, size_t n) {
  const char *end = memmem(p, n, "\r\n\r\n", 4);
  if (!end)
    return 0;
  size_t head_n = (size_t)(end - p) + 4;
  const char *length = memmem(p, head_n, "Content-Length: ", 16);
  c->body_left = length ? strtoul(length + 16, NULL, 10) : 0;
  c->in_body = true;
  c->last = memmem(p, head_n, "Connection: close", 17) != NULL;
  if (n < 12 || memcmp(p, "HTTP/1.1 200", 12) != 0)
    failed_answer(l, p, n);
  if (l->ids)
    save_id(l, p + head_n, n - head_n);
  return head_n;
}

static void take(struct load *l, struct connection *c, const char *p, size_t n) {
  while (n > 0) {
    if (!c->in_body) {
      size_t used = take_head(l, c, p, n);
      if (used == 0)
        break;
      p += used;
      n -= used;
    }
    size_t part = n < c->body_left ? n : c->body_left;
    p += part;
    n -= part;
    c->body_left -= part;
    if (c->body_left == 0) {
      c->in_body = false;
      answered(l, c);
    } else if (n == 0)
      return;
  }
  if (n > HEAD_MAX)
    die("a head of over 4 kB");
  if (n > 0 && !c->head)
    c->head = malloc(HEAD_MAX);
  if (n > 0)
    memmove(c->head, p, n);
  c->n_head = (uint16_t)n;
}

static void readable(struct load *l, struct connection *c) {
  static char in[HEAD_MAX + READ_SIZE];
  if (c->n_head)
    memcpy(in, c->head, c->n_head);
  ssize_t n = recv(c->fd, in + c->n_head, READ_SIZE, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    reconnect(l, c);
    return;
  }
  size_t all = c->n_head + (size_t)n;
  c->n_head = 0;
  take(l, c, in, all);
}

// ---- the run ----

static void open_all(struct load *l) {
  for (int i = 0; i < l->o.connections; i++) {
    connect_one(l, &l->c[i]);
    if (i % 64 == 63) // gentle to the listen queue
      usleep(2000);
  }
}

static void run(struct load *l) {
  struct epoll_event events[512];
  bool waiting = strcmp(l->o.mode, "wait") == 0;
  l->measure_from_us = now_us() + (int64_t)l->o.warm_ms * 1000;
  l->end_us = l->measure_from_us + (int64_t)l->o.seconds * 1000000;
  for (int i = 0; i < l->o.connections; i++) {
    send_next(l, &l->c[i]);
    if (waiting && i % 64 == 63)
      usleep(2000);
  }
  if (waiting) {
    printf("{\"waiting\":%d}\n", l->in_flight);
    fflush(stdout);
  }
  for (int64_t now = now_us(); now < l->end_us && !(l->exhausted && l->in_flight == 0); now = now_us()) {
    int n = epoll_wait(l->epoll, events, 512, (int)((l->end_us - now) / 1000) + 1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) {
        watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
        send_rest(l, c);
      }
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        readable(l, c);
    }
  }
}

static void report(const struct load *l) {
  int64_t us = l->last_us > l->first_us ? l->last_us - l->first_us : 1;
  long n = l->done ? l->done : 1;
  printf("{\"mode\":\"%s\",\"connections\":%d,\"milliseconds\":%lld,\"requests\":%ld,\"per_second\":%lld,"
         "\"p50_us\":%lld,\"p99_us\":%lld,\"max_us\":%lld,\"errors\":%ld,\"reconnects\":%ld,\"exhausted\":%s,"
         "\"server_cpu_ns\":%lld,\"load_cpu_ns\":%lld}\n",
         l->o.mode, l->o.connections, (long long)us / 1000, l->done, (long long)l->done * 1000000 / us,
         (long long)percentile_us(l, 500), (long long)percentile_us(l, 990), (long long)l->slowest_us,
         l->errors, l->reconnects, l->exhausted ? "true" : "false",
         (long long)(server_cpu_us(&l->o) - l->cpu_before_us) * 1000 / n,
         (long long)(own_cpu_us() - l->own_before_us) * 1000 / n);
}

static const char usage[] =
    "load --mode create|get|wait --port PORT [--connections 64] [--seconds 3] [--warm-ms 300] [--pid "
    "SERVER]...\n"
    "  create: --key K --secret S [--count 200000: prepared, and the most sent] [--order-prefix O] [--amount "
    "5.00]\n"
    "          [--ids FILE: payment ids of the answers]\n"
    "  get:    --urls FILE (one path a line, again and again) [--count N]\n"
    "  wait:   the same for requests that are answered late; prints {\"waiting\":N} when all are sent\n";

enum option_key {
  O_MODE = 1,
  O_PORT,
  O_CONNECTIONS,
  O_SECONDS,
  O_WARM,
  O_PID,
  O_KEY,
  O_SECRET,
  O_COUNT,
  O_PREFIX,
  O_AMOUNT,
  O_SCATTER,
  O_IDS,
  O_URLS
};

static const struct option option_list[] = {{"mode", 1, 0, O_MODE},
                                            {"port", 1, 0, O_PORT},
                                            {"connections", 1, 0, O_CONNECTIONS},
                                            {"seconds", 1, 0, O_SECONDS},
                                            {"warm-ms", 1, 0, O_WARM},
                                            {"pid", 1, 0, O_PID},
                                            {"key", 1, 0, O_KEY},
                                            {"secret", 1, 0, O_SECRET},
                                            {"count", 1, 0, O_COUNT},
                                            {"order-prefix", 1, 0, O_PREFIX},
                                            {"amount", 1, 0, O_AMOUNT},
                                            {"scatter", 1, 0, O_SCATTER},
                                            {"ids", 1, 0, O_IDS},
                                            {"urls", 1, 0, O_URLS},
                                            {0}};

static void read_options(int argc, char **argv, struct options *o) {
  *o = (struct options){.connections = 64, .seconds = 3, .warm_ms = 300, .order_prefix = "ORDER_"};
  for (int k; (k = getopt_long(argc, argv, "", option_list, NULL)) > 0;) {
    switch (k) {
    case O_MODE:
      o->mode = optarg;
      break;
    case O_PORT:
      o->port = atoi(optarg);
      break;
    case O_CONNECTIONS:
      o->connections = atoi(optarg);
      break;
    case O_SECONDS:
      o->seconds = atoi(optarg);
      break;
    case O_WARM:
      o->warm_ms = atoi(optarg);
      break;
    case O_PID:
      if (o->n_pids < PIDS_MAX)
        o->pids[o->n_pids++] = atoi(optarg);
      break;
    case O_KEY:
      o->key = optarg;
      break;
    case O_SECRET:
      o->secret = optarg;
      break;
    case O_COUNT:
      o->count = atol(optarg);
      break;
    case O_PREFIX:
      o->order_prefix = optarg;
      break;
    case O_AMOUNT:
      o->amount = optarg;
      break;
    case O_SCATTER:
      o->scatter = atol(optarg);
      break;
    case O_IDS:
      o->id_file = optarg;
      break;
    case O_URLS:
      o->url_file = optarg;
      break;
    default:
      o->mode = NULL;
      return;
    }
  }
}

static bool options_fit(struct options *o) {
  if (!o->mode || o->port <= 0 || o->connections < 1 || o->connections > CONNECTIONS_MAX)
    return false;
  bool create = strcmp(o->mode, "create") == 0;
  if (create && o->count == 0)
    o->count = 200000;
  return create ? o->key && o->secret
                : o->url_file && (strcmp(o->mode, "get") == 0 || strcmp(o->mode, "wait") == 0);
}

int main(int argc, char **argv) {
  static struct load l;
  read_options(argc, argv, &l.o);
  if (!options_fit(&l.o)) {
    fputs(usage, stderr);
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (l.o.id_file && !(l.ids = fopen(l.o.id_file, "w")))
    die(l.o.id_file);
  prepare(&l);
  l.epoll = epoll_create1(EPOLL_CLOEXEC);
  open_all(&l);
  run(&l);
  report(&l);
  if (l.ids)
    fclose(l.ids);
  return 0;
}
