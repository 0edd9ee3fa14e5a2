// cryptopay-simnode: a chain of its own, served as java-tron serves one. Nothing on it is worth anything.
#include "simnode/server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char HELP[] =
    "usage: cryptopay-simnode --listen HOST:PORT [--listen ...] [options]\n"
    "\n"
    "A simulated TRON chain and a node (or several, each at its own address) that serves it as java-tron "
    "4.8.0 does.\n"
    "\n"
    "  --listen HOST:PORT   a node's address; port 0: a free one. Repeated: more nodes of the same chain\n"
    "  --witnesses N        who make blocks (27)\n"
    "  --candidates N       of whom they are elected (N witnesses)\n"
    "  --pace MS            between blocks (3000); 0: on command only\n"
    "  --slot MS            between their times (the pace, or 3000)\n"
    "  --maintenance MS     between elections (21600000)\n"
    "  --blocks N           made before it listens (60)\n"
    "  --seed TEXT          another seed is another chain (1)\n"
    "  --genesis MS         time of block 0 (so that the newest block is of now)\n"
    "  --plain-token        the token has no fee, no pause, no deprecation\n"
    "  --data FILE          keeps the chain; the same options must be given again\n"
    "\n"
    "GET / is a wallet's page. POST /sim/NAME with JSON commands the chain:\n"
    "  transfer {to, amount, kind, from}   kind: direct from internal twice fake fake_and_real dirty revert\n"
    "                                      out_of_energy out_of_time illegal trx; amount: \"12.5\" or "
    "millionths\n"
    "  many {to: [{to, amount}], from}     all in one transaction, by another contract\n"
    "  faucet {to, trx, usdt}   params {bps, max}   pause {paused}   deprecate {}   person {name}\n"
    "  mine {n}   pace {ms}   fork {depth, how: keep late drop}   jump {ms}   skip {slots}\n"
    "  vote {witness, votes}   rotate {witness, permission}   status {address}   witnesses {}\n"
    "or the node at whose address it is posted:\n"
    "  lag {blocks, solid}   stand {still}   lie {choice, to, amount}   choice: none value hide outcome "
    "extra\n"
    "  short id solid tx   limit {seconds, status, times}   say {body, status, times}   stall {ms, times}\n"
    "  flood {bytes, times}   cut {times}   serve {full, solid}   heal {}\n";

struct flags {
  struct sim_options options;
  const char *listen[SIM_NODES_MAX], *data;
  int n_listen;
  int64_t pace, blocks;
};

static int64_t wall_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void server_tick(struct server *s, int64_t now_ms) {
  struct sim_chain *c = s->chain;
  if (s->pace_ms <= 0)
    return;
  if (s->pace_ms != c->options.slot_ms) { // the chain's time has a pace of its own
    server_mine(s, 1);
    return;
  }
  sim_clock(c, now_ms + s->jump_ms);
  if (c->now_ms >= sim_head(c)->time_ms + c->options.slot_ms)
    server_mine(s, 1);
}

// HTTP.

struct upload {
  char *data;
  size_t n, cap;
};

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const char *type, struct str body) {
  struct MHD_Response *r =
      MHD_create_response_from_buffer(body.n, (void *)(size_t)body.p, MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(r, "Content-Type", type);
  MHD_add_response_header(r, "Access-Control-Allow-Origin", "*");
  MHD_add_response_header(r, "Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
  enum MHD_Result rc = MHD_queue_response(c, status, r);
  MHD_destroy_response(r);
  return rc;
}

static enum MHD_Result see_other(struct MHD_Connection *c, struct arena *a, struct str location) {
  struct MHD_Response *r = MHD_create_response_from_buffer(0, (void *)(size_t) "", MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(r, "Location", str_c(a, location));
  enum MHD_Result rc = MHD_queue_response(c, MHD_HTTP_SEE_OTHER, r);
  MHD_destroy_response(r);
  return rc;
}

static ssize_t flood(void *left, uint64_t at, char *out, size_t max) {
  int64_t *n = left;
  (void)at;
  if (*n <= 0)
    return MHD_CONTENT_READER_END_OF_STREAM;
  size_t some = *n < (int64_t)max ? (size_t)*n : max;
  memset(out, '[', some);
  *n -= (int64_t)some;
  return (ssize_t)some;
}

static ssize_t half(void *text, uint64_t at, char *out, size_t max) {
  const char *p = text;
  size_t n = strlen(p) / 2;
  if (at >= n)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  size_t some = n - (size_t)at < max ? n - (size_t)at : max;
  memcpy(out, p + at, some);
  return (ssize_t)some;
}

static enum MHD_Result reply_read(struct MHD_Connection *c, MHD_ContentReaderCallback read, void *of,
                                  uint64_t size) {
  struct MHD_Response *r = MHD_create_response_from_callback(size, 32768, read, of, free);
  MHD_add_response_header(r, "Content-Type", "application/json;charset=utf-8");
  enum MHD_Result rc = MHD_queue_response(c, 200, r);
  MHD_destroy_response(r);
  return rc;
}

struct turn { // one request
  struct node *node;
  struct MHD_Connection *connection;
  struct sim_request q;
  struct arena *a;
};

// What is wrong with the node now, if anything; each time counts.
static enum trouble trouble_now(struct node *n, int64_t *ms, int64_t *bytes, struct sim_answer *said,
                                struct arena *a) {
  if (n->trouble == TROUBLE_NONE || n->times <= 0)
    return TROUBLE_NONE;
  n->times--;
  *ms = n->ms;
  *bytes = n->bytes;
  *said = (struct sim_answer){(int)n->status, "application/json;charset=utf-8", str_copy(a, str_of(n->body))};
  return n->trouble;
}

static bool is_broadcast(struct str path) {
  return str_starts(path, STR("/wallet/broadcast"));
}

static enum MHD_Result as_node(struct turn *t) {
  struct server *s = t->node->server;
  struct sim_answer out, said;
  int64_t ms = 0, bytes = 0;
  pthread_mutex_lock(&s->lock);
  enum trouble trouble = trouble_now(t->node, &ms, &bytes, &said, t->a);
  if (is_broadcast(t->q.path))
    journal_broadcast(s, t->q.path, t->q.body);
  sim_answer(&t->node->sim, &t->q, t->a, &out);
  pthread_mutex_unlock(&s->lock);
  if (trouble == TROUBLE_STALL)
    usleep((useconds_t)ms * 1000);
  if (trouble == TROUBLE_SAY)
    out = said;
  if (trouble == TROUBLE_CUT)
    return reply_read(t->connection, half, strdup(str_c(t->a, out.body)), out.body.n);
  if (trouble == TROUBLE_FLOOD) {
    int64_t *left = malloc(sizeof *left);
    if (left)
      *left = bytes;
    return left ? reply_read(t->connection, flood, left, MHD_SIZE_UNKNOWN) : MHD_NO;
  }
  return reply(t->connection, (unsigned)out.status, out.type, out.body);
}

static enum MHD_Result as_control(struct turn *t) {
  struct server *s = t->node->server;
  struct buf out;
  json_t *args = json_loadb(t->q.body.p ? t->q.body.p : "", t->q.body.n, 0, NULL);
  buf_init(&out, t->a, 1 << 20);
  pthread_mutex_lock(&s->lock);
  bool ok = control(t->node, str_c(t->a, t->q.path) + strlen("/sim/"), args, t->a, &out);
  pthread_mutex_unlock(&s->lock);
  json_decref(args);
  buf_char(&out, '\n');
  return reply(t->connection, ok ? 200 : 400, "application/json;charset=utf-8", buf_view(&out));
}

static enum MHD_Result as_page(struct turn *t) {
  struct server *s = t->node->server;
  struct buf out;
  struct str to = STR_NONE;
  buf_init(&out, t->a, 1 << 20);
  pthread_mutex_lock(&s->lock);
  if (strcmp(t->q.method, "POST") == 0)
    to = page_send(t->node, t->q.body, t->a);
  else
    page_wallet(t->node, t->q.query, t->a, &out);
  pthread_mutex_unlock(&s->lock);
  return to.p ? see_other(t->connection, t->a, to)
              : reply(t->connection, 200, "text/html; charset=utf-8", buf_view(&out));
}

static enum MHD_Result add_field(void *self, enum MHD_ValueKind kind, const char *name, const char *value) {
  struct buf *query = self;
  (void)kind;
  for (int part = 0; part < 2; part++) {
    buf_char(query, part ? '=' : query->n ? '&' : ' ');
    for (const char *p = part ? value : name; p && *p; p++)
      if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '_' ||
          *p == '.')
        buf_char(query, *p);
      else
        buf_printf(query, "%%%02x", (unsigned char)*p);
  }
  return MHD_YES;
}

static enum MHD_Result handle(void *self, struct MHD_Connection *c, const char *path, const char *method,
                              const char *version, const char *data, size_t *size, void **request) {
  (void)version;
  struct upload *up = *request;
  if (!up) {
    *request = calloc(1, sizeof *up);
    return *request ? MHD_YES : MHD_NO;
  }
  if (*size) {
    if (up->n + *size > SIM_UPLOAD_MAX)
      return MHD_NO;
    if (up->n + *size > up->cap) {
      up->cap = 2 * (up->n + *size);
      char *more = realloc(up->data, up->cap);
      if (!more)
        return MHD_NO;
      up->data = more;
    }
    memcpy(up->data + up->n, data, *size);
    up->n += *size;
    *size = 0;
    return MHD_YES;
  }
  struct arena a;
  struct buf query;
  arena_init(&a, SIM_ANSWER_MAX);
  buf_init(&query, &a, 1 << 20);
  MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_field, &query);
  struct turn t = {self, c, {method, str_of(path), str_trim(buf_view(&query)), {up->data, up->n}}, &a};
  enum MHD_Result rc = str_starts(t.q.path, STR("/sim/")) ? as_control(&t)
                       : str_eqc(t.q.path, "/")           ? as_page(&t)
                                                          : as_node(&t);
  arena_free(&a);
  return rc;
}

static void finished(void *self, struct MHD_Connection *c, void **request,
                     enum MHD_RequestTerminationCode code) {
  (void)self, (void)c, (void)code;
  struct upload *up = *request;
  if (up)
    free(up->data);
  free(up);
}

// Beginning.

static bool read_number(const char *text, int64_t *out) {
  char *end;
  *out = strtoll(text, &end, 10);
  return *text && !*end && *out >= 0;
}

static bool read_flag(struct flags *f, const char *name, const char *value) {
  int64_t n = 0;
  bool number = read_number(value, &n);
  if (strcmp(name, "--listen") == 0 && f->n_listen < SIM_NODES_MAX)
    f->listen[f->n_listen++] = value;
  else if (strcmp(name, "--seed") == 0)
    f->options.seed = value;
  else if (strcmp(name, "--data") == 0)
    f->data = value;
  else if (!number)
    return false;
  else if (strcmp(name, "--witnesses") == 0 && n >= 1 && n <= SIM_WITNESSES_MAX)
    f->options.witnesses = (int)n;
  else if (strcmp(name, "--candidates") == 0 && n <= SIM_WITNESSES_MAX)
    f->options.candidates = (int)n;
  else if (strcmp(name, "--pace") == 0)
    f->pace = n;
  else if (strcmp(name, "--slot") == 0 && n > 0)
    f->options.slot_ms = n;
  else if (strcmp(name, "--maintenance") == 0 && n > 0)
    f->options.maintenance_ms = n;
  else if (strcmp(name, "--genesis") == 0 && n > 0)
    f->options.genesis_ms = n;
  else if (strcmp(name, "--blocks") == 0)
    f->blocks = n;
  else
    return false;
  return true;
}

static bool read_flags(int argc, char **argv, struct flags *f) {
  *f = (struct flags){.pace = 3000, .blocks = 60};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--plain-token") == 0)
      f->options.plain_token = true;
    else if (i + 1 < argc && read_flag(f, argv[i], argv[i + 1]))
      i++;
    else
      return false;
  }
  if (!f->options.slot_ms)
    f->options.slot_ms = f->pace ? f->pace : 3000;
  return f->n_listen > 0;
}

static struct MHD_Daemon *serve(struct node *n, const char *at) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  char host[64];
  unsigned short port;
  if (sscanf(at, "%63[0-9a-z.]:%hu", host, &port) != 2 ||
      inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address.sin_addr) != 1)
    return NULL;
  address.sin_port = htons(port);
  return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0,
                          NULL, NULL, handle, n, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
                          finished, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(128 * 1024),
                          MHD_OPTION_END);
}

static bool serve_all(struct server *s, const struct flags *f) {
  for (int i = 0; i < f->n_listen; i++) {
    struct node *n = &s->nodes[i];
    n->daemon = serve(n, f->listen[i]);
    if (!n->daemon) {
      fprintf(stderr, "cryptopay-simnode: cannot listen at %s\n", f->listen[i]);
      return false;
    }
  }
  return true;
}

// A line for programs that start it: where its nodes are, what its token is.
static void announce(const struct server *s) {
  struct tron_address token = s->chain->contracts.token;
  char text[ADDRESS_TEXT_N + 1];
  address_format(&token, text);
  printf("{\"nodes\":[");
  for (int i = 0; i < s->n_nodes; i++)
    printf("%s\"http://127.0.0.1:%d\"", i ? "," : "",
           MHD_get_daemon_info(s->nodes[i].daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  printf("],\"usdt_contract\":\"%s\",\"head\":%lld}\n", text, (long long)sim_head(s->chain)->number);
  fflush(stdout);
}

static bool begin(struct server *s, struct flags *f) {
  int64_t slot = f->options.slot_ms, now = wall_ms();
  if (!f->options.genesis_ms)
    f->options.genesis_ms = f->data ? 1700000000000 : (now - f->blocks * slot) / slot * slot;
  s->pace_ms = f->pace;
  s->chain = sim_new(&f->options);
  s->n_nodes = f->n_listen;
  for (int i = 0; i < s->n_nodes; i++)
    s->nodes[i] = (struct node){.server = s, .sim = {.chain = s->chain}};
  if (f->data && !journal_open(s, f->data)) {
    fprintf(stderr, "cryptopay-simnode: cannot open %s\n", f->data);
    return false;
  }
  bool fresh = sim_head(s->chain)->number == 0;
  bool clock = f->data && f->pace == slot; // a chain that is kept began long ago: it goes on with today
  sim_clock(s->chain, fresh && clock ? now - f->blocks * slot : 0);
  if (fresh && f->blocks)
    server_mine(s, f->blocks);
  return true;
}

static void run(struct server *s) {
  sigset_t stop;
  struct timespec wait;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  do {
    pthread_mutex_lock(&s->lock);
    server_tick(s, wall_ms());
    int64_t ms = s->pace_ms > 0 ? s->pace_ms : 100;
    if (s->pace_ms == s->chain->options.slot_ms && ms > 20)
      ms = ms / 5 < 200 ? ms / 5 : 200;
    pthread_mutex_unlock(&s->lock);
    wait = (struct timespec){ms / 1000, ms % 1000 * 1000000};
  } while (sigtimedwait(&stop, NULL, &wait) < 0);
}

int main(int argc, char **argv) {
  static struct server server;
  struct flags flags;
  sigset_t stop;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--help") == 0) {
      fputs(HELP, stdout);
      return 0;
    }
  if (!read_flags(argc, argv, &flags)) {
    fputs(HELP, stderr);
    return 2;
  }
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);
  signal(SIGPIPE, SIG_IGN);
  pthread_mutex_init(&server.lock, NULL);
  if (!begin(&server, &flags) || !serve_all(&server, &flags))
    return 1;
  announce(&server);
  run(&server);
  for (int i = 0; i < server.n_nodes; i++) {
    MHD_stop_daemon(server.nodes[i].daemon);
    free(server.nodes[i].body);
  }
  if (server.journal)
    fclose(server.journal);
  sim_free(server.chain);
  return 0;
}
