// Any bytes through the real server over loopback. What reaches a handler must be, in this order, among the
// requests that a second, strict reader finds in the same bytes: nothing else may be taken for a request,
// whatever stands before it.
#include "base/log.h"
#include "fuzz.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEEN_MAX = 1024, QUIET_MS = 4 };

struct seen {
  char method[5];
  char target[64]; // its beginning
  size_t body_n;
  uint32_t body_hash;
};

static struct seen handled[SEEN_MAX], expected[SEEN_MAX];
static int n_handled, n_expected; // the server's one thread writes; read after it has closed the connection
static struct server *server;

static uint32_t hash(uint32_t h, struct str s) {
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (unsigned char)s.p[i]) * 16777619u;
  return h;
}

static void note(struct seen *to, struct str method, struct str target, size_t body_n, uint32_t body_hash) {
  *to = (struct seen){.body_n = body_n, .body_hash = body_hash};
  memcpy(to->method, method.p, method.n < 4 ? method.n : 4);
  memcpy(to->target, target.p, target.n < 63 ? target.n : 63);
}

static void handle(struct request *r) {
  BUG_IF(n_handled == SEEN_MAX, "more requests than the input can hold");
  note(&handled[n_handled++], r->method, r->target, r->body.n, hash(0, r->body));
  request_reply(r, 200, "text/plain", STR("ok"));
}

static const struct route routes[] = {{"GET", "/*", ACCESS_PUBLIC, NULL, handle, "get"},
                                      {"POST", "/*", ACCESS_PUBLIC, "application/json", handle, "post"},
                                      {0}};

static void stop(void) {
  server_stop(server, 1000);
}

static void start(void) {
  char error[200];
  signal(SIGPIPE, SIG_IGN);
  log_set_level(LOG_ERROR);
  server = server_start(
      &(struct server_options){
          .listen = "127.0.0.1:0", .host = STR("h"), .routes = routes, .threads = 1, .world = &world_real},
      error, sizeof error);
  BUG_IF(!server, "cannot start the server");
  atexit(stop);
}

// ---- the strict reader ---------------------------------------------------------------------------

struct reader {
  const char *p, *end;
};

struct head {
  struct str method, target;
  bool old, chunked, has_length;
  int hosts, lengths, encodings;
  size_t length;
};

// The library writes zeros over line ends, so that NUL and LF can pass for parts of one: threat-model.md says
// so.
static bool is_line_end(const struct reader *r, const char *p) {
  return p < r->end && (*p == 0 || *p == '\n' || (*p == '\r' && p + 1 < r->end && p[1] == '\n'));
}

static bool crlf_line(struct reader *r, struct str *line) {
  const char *p = r->p;
  if (r->end - p >= 2 && p[0] == ':' && p[1] == '\n') { // the library takes it for the empty line
    *line = (struct str){p, 0};
    r->p += 2;
    return true;
  }
  while (p < r->end && !is_line_end(r, p))
    p++;
  if (!is_line_end(r, p) || !is_line_end(r, p + 1))
    return false;
  *line = (struct str){r->p, (size_t)(p - r->p)};
  r->p = p + 2;
  return true;
}

// A line inside a chunked body, where the parser takes LF alone too.
static bool lf_line(struct reader *r, struct str *line) {
  const char *lf = memchr(r->p, '\n', (size_t)(r->end - r->p));
  if (!lf)
    return false;
  *line = (struct str){r->p, (size_t)(lf - r->p)};
  if (line->n && lf[-1] == '\r')
    line->n--;
  r->p = lf + 1;
  return true;
}

// Before a request line empty lines are skipped, and what begins with NUL counts as empty.
static void skip_empty(struct reader *r) {
  while (r->p < r->end) {
    const char *lf = memchr(r->p, '\n', (size_t)(r->end - r->p));
    bool empty = *r->p == '\n' || *r->p == 0 || (*r->p == '\r' && lf == r->p + 1);
    if (!lf || !empty)
      return;
    r->p = lf + 1;
  }
}

static bool has_control(struct str s) {
  for (size_t i = 0; i < s.n; i++)
    if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
      return true;
  return false;
}

static bool request_line(struct str line, struct head *h) {
  const char *a = memchr(line.p, ' ', line.n);
  if (!a || line.n < 9 || has_control(line))
    return false;
  const char *b = line.p + line.n - 9;
  h->old = memcmp(b, " HTTP/1.0", 9) == 0;
  if (b <= a + 1 || (!h->old && memcmp(b, " HTTP/1.1", 9) != 0))
    return false;
  h->method = (struct str){line.p, (size_t)(a - line.p)};
  h->target = (struct str){a + 1, (size_t)(b - a - 1)};
  return !memchr(h->target.p, ' ', h->target.n) && h->method.n > 0;
}

static bool header_line(struct str line, struct head *h) {
  const char *colon = memchr(line.p, ':', line.n);
  if (!colon || has_control(line))
    return false;
  struct str name = {line.p, (size_t)(colon - line.p)};
  struct str value = str_trim((struct str){colon + 1, line.n - name.n - 1});
  if (name.n == 0 || memchr(name.p, ' ', name.n) || memchr(name.p, '\t', name.n))
    return false;
  if (str_eq_nocase(name, STR("Host")))
    h->hosts++;
  if (str_eq_nocase(name, STR("Transfer-Encoding"))) {
    h->encodings++;
    h->chunked = str_eq_nocase(value, STR("chunked"));
    return h->chunked;
  }
  if (str_eq_nocase(name, STR("Content-Length"))) {
    int64_t n;
    h->lengths++;
    if (!str_to_i64(value, &n))
      return false;
    h->length = (size_t)n;
  }
  return true;
}

static bool read_head(struct reader *r, struct head *h) {
  struct str line;
  *h = (struct head){0};
  if (!crlf_line(r, &line) || !request_line(line, h))
    return false;
  for (int n = 0; n <= 101; n++) {
    if (!crlf_line(r, &line))
      return false;
    if (line.n == 0)
      return h->hosts <= 1 && (h->hosts || h->old) && h->lengths <= 1 && h->encodings <= 1 &&
             !(h->encodings && (h->lengths || h->old));
    if (line.p[0] == ' ' || line.p[0] == '\t' || !header_line(line, h))
      return false;
  }
  return false;
}

static bool chunk_size(struct str line, size_t *n) {
  size_t i = 0;
  *n = 0;
  for (; i < line.n && line.p[i] != ';'; i++) {
    char c = line.p[i];
    int d = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : -1;
    if (d < 0 || *n > SIZE_MAX >> 5)
      return false;
    *n = *n * 16 + (size_t)d;
  }
  return i > 0;
}

static bool read_chunks(struct reader *r, size_t *total, uint32_t *h) {
  struct str line;
  size_t n;
  for (;;) {
    if (!lf_line(r, &line) || !chunk_size(line, &n))
      return false;
    if (n == 0)
      break;
    if (n > (size_t)(r->end - r->p))
      return false;
    *h = hash(*h, (struct str){r->p, n});
    *total += n;
    r->p += n;
    if (!lf_line(r, &line) || line.n)
      return false;
  }
  do // trailers are read over
    if (!lf_line(r, &line))
      return false;
  while (line.n && line.p[0]);
  return true;
}

static bool read_body(struct reader *r, const struct head *h, size_t *n, uint32_t *sum) {
  *n = 0;
  *sum = 0;
  if (h->chunked)
    return read_chunks(r, n, sum);
  if (h->length > (size_t)(r->end - r->p))
    return false;
  *n = h->length;
  *sum = hash(0, (struct str){r->p, h->length});
  r->p += h->length;
  return true;
}

static struct str origin(struct str target) {
  if (target.n == 0 || target.p[0] == '/')
    return target;
  const char *slashes = memmem(target.p, target.n, "//", 2);
  const char *path = slashes ? memchr(slashes + 2, '/', (size_t)(target.p + target.n - slashes - 2)) : NULL;
  return path ? (struct str){path, (size_t)(target.p + target.n - path)} : STR("");
}

static void read_strictly(struct str in) {
  struct reader r = {in.p, in.p + in.n};
  struct head h;
  size_t n;
  uint32_t sum;
  for (n_expected = 0; n_expected < SEEN_MAX;) {
    skip_empty(&r);
    if (r.p == r.end || !read_head(&r, &h) || !read_body(&r, &h, &n, &sum))
      return;
    bool post = str_eqc(h.method, "POST"); // of other methods the body is left aside
    note(&expected[n_expected++], h.method, origin(h.target), post ? n : 0, post ? sum : 0);
  }
}

// ---- both --------------------------------------------------------------------------------------------

static void drain(int fd) {
  char drop[4096];
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (poll(&p, 1, QUIET_MS) == 1 && recv(fd, drop, sizeof drop, 0) > 0) {
  }
}

static void wait_for_connections(int n) {
  for (int i = 0; server_connections(server) != n; i++) {
    BUG_IF(i == 40000, "the connection does not come or go");
    usleep(i < 100 ? 10 : 100);
  }
}

// From another address each time: one address has too few ports for as many connections as a fuzzer makes in
// a minute.
static int dial(void) {
  static uint8_t from;
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)server_port(server)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in me = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + from++)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
  sigset_t alarm, before; // the fuzzer's clock would interrupt connect()
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, &before);
  BUG_IF(fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof me) != 0 ||
             connect(fd, (struct sockaddr *)&to, sizeof to) != 0,
         "cannot connect");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return fd;
}

static void send_and_drain(struct str in) {
  int fd = dial();
  wait_for_connections(1);
  (void)!send(fd, in.p, in.n, MSG_NOSIGNAL); // refused input may be cut short
  usleep(50);
  // The end of the input mostly ends the connection. Where it came together with the last bytes the library
  // overlooks it, and the reset below is noticed.
  shutdown(fd, SHUT_WR);
  drain(fd);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
  close(fd);
  wait_for_connections(0);
}

static void compare(void) {
  int at = 0;
  for (int i = 0; i < n_handled; i++) {
    while (at < n_expected && memcmp(&handled[i], &expected[at], sizeof handled[i]) != 0)
      at++;
    BUG_IF(at == n_expected, "a request that the strict reader does not see");
    at++;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (n > 16000)
    return 0;
  if (!server)
    start();
  n_handled = 0;
  send_and_drain(fuzz_text(data, n));
  read_strictly(fuzz_text(data, n));
  compare();
  return 0;
}
