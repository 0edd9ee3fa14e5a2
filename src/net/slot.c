#include "net/slot.h"
#include "base/bug.h"
#include "net/curl_error.h"
#include "net/excerpt.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
  IDLE_MAX_S = 60,
  CONNECTION_LIFE_S = 600, // then a new one is made, with a new lookup
  ANSWER_BUFFER = 4096,
  REQUEST_BUFFER = 16384, // libcurl's least
};

static size_t on_header(char *line, size_t one, size_t n, void *arg) {
  (void)one;
  struct slot *s = arg;
  s->header_bytes += n;
  if (s->header_bytes > POST_ANSWER_MAX)
    return 0;
  if (n <= 2 &&
      (line[0] == '\r' || line[0] == '\n')) { // the end of a block of headers; 1xx answers have one too
    long status = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    s->answered = s->answered || status >= 200;
  }
  return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg) {
  (void)one;
  struct slot *s = arg;
  size_t room = POST_EXCERPT_MAX - s->excerpt_n, take = n < room ? n : room;
  memcpy(s->excerpt + s->excerpt_n, p, take);
  s->excerpt_n += take;
  s->body_bytes += n;
  return s->body_bytes > POST_ANSWER_MAX ? 0 : n;
}

static bool refuse(struct slot *s) {
  s->refused = true;
  (*s->refusals)++;
  return false;
}

// The last moment before a connection: whatever came before, nothing goes to another address than an allowed
// one.
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
  struct slot *s = arg;
  bool ok = purpose == CURLSOCKTYPE_IPCXN && target_address_allowed(&a->addr, s->options);
  if (!ok && !refuse(s))
    return CURL_SOCKET_BAD;
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

// The peer of the connection, new or kept, before the request is sent.
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port) {
  (void)local, (void)peer_port, (void)local_port;
  struct slot *s = arg;
  union net_address a;
  bool ok = target_read_address(peer, &a) && target_address_allowed(&a.any, s->options);
  return ok || refuse(s) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static void set_limits(CURL *e, const struct poster_options *o) {
  bool http = o->allow_http || o->allow_private;
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, http ? "http,https" : "https");
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  // With a directory of certificates libcurl builds the store anew for each connection; with a file alone it
  // keeps it.
  curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file ? o->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo);
  curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
  curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
  curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)ANSWER_BUFFER);
  curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)REQUEST_BUFFER);
  curl_easy_setopt(e, CURLOPT_POST, 1L);
  curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
}

struct slot *slot_create(const struct poster_options *o, CURLSH *share, int64_t *refusals) {
  struct slot *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  s->options = o;
  s->refusals = refusals;
  s->easy = curl_easy_init();
  s->url = curl_url();
  BUG_IF(!s->easy || !s->url, "out of memory");
  set_limits(s->easy, o);
  curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
  curl_easy_setopt(s->easy, CURLOPT_SHARE, share);
  curl_easy_setopt(s->easy, CURLOPT_CURLU, s->url);
  curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
  curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
  curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETDATA, s);
  curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, on_connected);
  curl_easy_setopt(s->easy, CURLOPT_PREREQDATA, s);
  return s;
}

void slot_free(struct slot *s) {
  curl_easy_cleanup(s->easy);
  curl_url_cleanup(s->url);
  free(s);
}

void slot_take(struct slot *s, struct post *post, int64_t now_us) {
  s->post = post;
  s->host = NULL;
  s->tried = 0;
  s->begun_us = now_us;
  s->refused = s->answered = s->waits = false;
  s->header_bytes = s->body_bytes = s->excerpt_n = 0;
  s->next = s->prev = NULL;
}

// The lines as the list that libcurl wants, without an allocation.
static void set_headers(struct slot *s) {
  const struct post *p = s->post;
  BUG_IF(p->headers_n > POST_HEADERS_MAX, "too many headers");
  char *at = s->header_text;
  for (size_t i = 0; i < p->headers_n; i++) {
    struct str line = p->headers[i];
    size_t left = sizeof s->header_text - (size_t)(at - s->header_text);
    BUG_IF(line.n + 1 > left || memchr(line.p, '\n', line.n) || memchr(line.p, '\r', line.n), "header");
    memcpy(at, line.p, line.n);
    at[line.n] = 0;
    s->header_list[i] = (struct curl_slist){at, i + 1 < p->headers_n ? &s->header_list[i + 1] : NULL};
    at += line.n + 1;
  }
  curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, p->headers_n ? s->header_list : NULL);
}

// Sends the name's connection to one of its addresses; SNI, certificate and Host stay those of the name.
static void set_address(struct slot *s) {
  char text[INET6_ADDRSTRLEN];
  const struct lookup *l = s->host->answer;
  const union net_address *a = &s->address;
  s->address = l->addresses[(s->host->preferred + s->tried) % l->n];
  bool six = a->any.sa_family == AF_INET6;
  const void *bytes = six ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;
  BUG_IF(!inet_ntop(a->any.sa_family, bytes, text, sizeof text), "address");
  snprintf(s->connect_to, sizeof s->connect_to, six ? "::[%s]:%u" : "::%s:%u", text, s->target.port);
  s->connect_list = (struct curl_slist){s->connect_to, NULL};
}

bool slot_has_more_addresses(const struct slot *s) {
  return s->host && s->host->error == POST_OK && s->tried + 1 < s->host->answer->n;
}

void slot_prepare(struct slot *s, int64_t left_ms) {
  if (s->host)
    set_address(s);
  long connect_ms = slot_has_more_addresses(s) ? POST_CONNECT_TIMEOUT_MS : 0;
  curl_easy_setopt(s->easy, CURLOPT_CONNECT_TO, s->host ? &s->connect_list : NULL);
  curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
  curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
  curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)s->post->body.n);
  curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->post->body.p);
  set_headers(s);
}

enum post_error slot_error(const struct slot *s, CURLcode code) {
  if (s->answered)
    return POST_OK;
  if (s->refused)
    return POST_BAD_ADDRESS;
  switch ((int)code) { // libcurl's list, of which few matter
  case CURLE_COULDNT_CONNECT:
  case CURLE_COULDNT_RESOLVE_HOST:
    return POST_NO_CONNECTION;
  case CURLE_OPERATION_TIMEDOUT:
    return POST_TIMEOUT;
  }
  return curl_error_is_tls(code) ? POST_TLS : POST_NO_ANSWER;
}

void slot_result(struct slot *s, enum post_error error, int64_t now_us) {
  struct post *p = s->post;
  p->error = error;
  p->status = 0;
  p->retry_after_s = 0;
  p->duration_us = now_us - s->begun_us;
  p->excerpt = excerpt_clean(s->excerpt, s->excerpt_n);
  if (error != POST_OK)
    return;
  long status = 0;
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  p->status = (int)status;
  p->retry_after_s = retry_after_s > 0 ? retry_after_s : 0;
}
