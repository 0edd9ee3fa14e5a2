#include "net/fetch.h"
#include "base/bug.h"
#include "net/curl_error.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
  POLL_MS = 1000, // libcurl's own timers end a wait before
  IDLE_MAX_S = 60,
  CONNECTION_LIFE_S = 600, // then a new one is made, with a new lookup
  ANSWER_BUFFER = 64 * 1024,
  GROW_FIRST = 16 * 1024,
};

struct line { // one request's handle of libcurl and what it reads back
  CURL *easy;
  struct fetch *fetch; // NULL: free
  struct curl_slist header_list[3];
  int64_t begun_us;
  size_t header_bytes, n, cap;
  char *body; // grows; kept for the next answer up to FETCH_KEPT_MAX
  bool too_large;
};

struct client {
  struct fetcher fetcher; // first: what users see
  const struct world *world;
  CURLM *multi;
  CURLSH *share;
  atomic_bool stopped;
  int made;
  struct line lines[FETCHES_MAX];
};

const char *fetch_error_sentence(enum fetch_error e) {
  switch (e) {
  case FETCH_OK:
    return "answered";
  case FETCH_BAD_URL:
    return "the URL is not valid";
  case FETCH_NO_CONNECTION:
    return "no connection";
  case FETCH_TLS:
    return "TLS failed: certificate or protocol";
  case FETCH_TIMEOUT:
    return "no answer in time";
  case FETCH_TOO_LARGE:
    return "the answer is too large";
  case FETCH_BROKEN:
    return "the answer ended early or is no HTTP";
  case FETCH_STOPPED:
    return "the gateway stopped";
  }
  BUG_IF(true, "fetch error");
}

// --- what libcurl calls ---

static size_t on_header(char *p, size_t one, size_t n, void *arg) {
  (void)p, (void)one;
  struct line *l = arg;
  l->header_bytes += n;
  l->too_large = l->too_large || l->header_bytes > FETCH_HEADERS_MAX;
  return l->too_large ? 0 : n;
}

static bool make_room(struct line *l, size_t n) {
  if (n <= l->cap)
    return true;
  size_t cap = l->cap ? l->cap : GROW_FIRST;
  while (cap < n)
    cap *= 2;
  char *body = realloc(l->body, cap);
  if (!body)
    return false;
  l->body = body;
  l->cap = cap;
  return true;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg) {
  (void)one;
  struct line *l = arg;
  if (n > l->fetch->max_bytes - l->n || !make_room(l, l->n + n)) {
    l->too_large = true;
    return 0;
  }
  memcpy(l->body + l->n, p, n);
  l->n += n;
  return n;
}

// --- lines ---

static void set_limits(CURL *e) {
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); // the end of a request does not wait for its name's lookup
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L); // nobody was asked to compress
  curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  // With a directory of certificates libcurl builds the store anew for each connection.
  curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(e, CURLOPT_CAINFO, curl_version_info(CURLVERSION_NOW)->cainfo);
  curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
  curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
  curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_SLOW_BYTES);
  curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)FETCH_SLOW_S);
  curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)ANSWER_BUFFER);
  curl_easy_setopt(e, CURLOPT_USERAGENT, "cryptopay");
}

static struct line *take_line(struct client *c) {
  for (int i = 0; i < c->made; i++)
    if (!c->lines[i].fetch)
      return &c->lines[i];
  BUG_IF(c->made == FETCHES_MAX, "too many requests at once");
  struct line *l = &c->lines[c->made++];
  l->easy = curl_easy_init();
  BUG_IF(!l->easy, "out of memory");
  set_limits(l->easy);
  curl_easy_setopt(l->easy, CURLOPT_PRIVATE, l);
  curl_easy_setopt(l->easy, CURLOPT_SHARE, c->share);
  curl_easy_setopt(l->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(l->easy, CURLOPT_HEADERDATA, l);
  curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l);
  return l;
}

static void set_request(struct line *l) {
  struct fetch *f = l->fetch;
  static char json[] = "Content-Type: application/json", at_once[] = "Expect:";
  struct curl_slist *h = l->header_list;
  h[0] = (struct curl_slist){json, &h[1]};
  h[1] = (struct curl_slist){at_once, f->header.p ? &h[2] : NULL};
  if (f->header.p) {
    BUG_IF(memchr(f->header.p, '\n', f->header.n) || memchr(f->header.p, '\r', f->header.n), "header");
    h[2] = (struct curl_slist){str_c(f->arena, f->header), NULL};
  }
  curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, h);
  curl_easy_setopt(l->easy, CURLOPT_URL, str_c(f->arena, f->url));
  curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)f->timeout_ms);
  curl_easy_setopt(l->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->max_bytes);
  if (f->body.p) {
    curl_easy_setopt(l->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.n);
    curl_easy_setopt(l->easy, CURLOPT_POSTFIELDS, f->body.p);
  } else {
    curl_easy_setopt(l->easy, CURLOPT_HTTPGET, 1L);
  }
}

static enum fetch_error error_of(const struct line *l, CURLcode code) {
  curl_off_t sent_us = 0;
  curl_easy_getinfo(l->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us);
  if (l->too_large)
    return FETCH_TOO_LARGE;
  switch ((int)code) { // libcurl's list, of which few matter
  case CURLE_OK:
    return FETCH_OK;
  case CURLE_URL_MALFORMAT:
    return FETCH_BAD_URL;
  case CURLE_UNSUPPORTED_PROTOCOL: // of the URL, or what came back is no HTTP
    return sent_us ? FETCH_BROKEN : FETCH_BAD_URL;
  case CURLE_COULDNT_CONNECT:
  case CURLE_COULDNT_RESOLVE_HOST:
    return FETCH_NO_CONNECTION;
  case CURLE_OPERATION_TIMEDOUT:
    return FETCH_TIMEOUT;
  case CURLE_FILESIZE_EXCEEDED:
    return FETCH_TOO_LARGE;
  }
  return curl_error_is_tls(code) ? FETCH_TLS : FETCH_BROKEN;
}

// --- one request ---

static void finish(struct client *c, struct line *l, enum fetch_error error) {
  struct fetch *f = l->fetch;
  long status = 0;
  curl_off_t retry_after_s = 0;
  curl_multi_remove_handle(c->multi, l->easy);
  if (error == FETCH_OK) {
    curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(l->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    f->answer = str_copy(f->arena, (struct str){l->n ? l->body : "", l->n});
  }
  f->error = error;
  f->status = (int)status;
  f->retry_after_s = retry_after_s > 0 ? retry_after_s : 0;
  f->took_us = world_mono(c->world) - l->begun_us;
  l->fetch = NULL;
  if (l->cap > FETCH_KEPT_MAX) {
    free(l->body);
    l->body = NULL;
    l->cap = 0;
  }
}

static void begin(struct client *c, struct fetch *f) {
  f->answer = STR_NONE;
  struct line *l = take_line(c);
  l->fetch = f;
  l->begun_us = world_mono(c->world);
  l->header_bytes = l->n = 0;
  l->too_large = false;
  set_request(l);
  BUG_IF(curl_multi_add_handle(c->multi, l->easy) != CURLM_OK, "curl");
}

static size_t take_ended(struct client *c) {
  size_t ended = 0;
  int left;
  for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
    struct line *l;
    CURLcode code = m->data.result;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&l);
    finish(c, l, error_of(l, code));
    ended++;
  }
  return ended;
}

static void client_run(struct fetcher *fetcher, struct fetch *list, size_t n) {
  struct client *c = (struct client *)fetcher;
  size_t ended = 0;
  int running;
  for (size_t i = 0; i < n; i++)
    begin(c, &list[i]);
  while (ended < n && !c->stopped) {
    BUG_IF(curl_multi_perform(c->multi, &running) != CURLM_OK, "curl");
    ended += take_ended(c);
    if (ended < n && !c->stopped)
      curl_multi_poll(c->multi, NULL, 0, POLL_MS, NULL);
  }
  for (int i = 0; i < c->made; i++)
    if (c->lines[i].fetch)
      finish(c, &c->lines[i], FETCH_STOPPED);
}

// --- from outside ---

static void client_stop(struct fetcher *fetcher) {
  struct client *c = (struct client *)fetcher;
  c->stopped = true;
  curl_multi_wakeup(c->multi);
}

static void client_free(struct fetcher *fetcher) {
  struct client *c = (struct client *)fetcher;
  for (int i = 0; i < c->made; i++) {
    curl_easy_cleanup(c->lines[i].easy);
    free(c->lines[i].body);
  }
  curl_multi_cleanup(c->multi);
  curl_share_cleanup(c->share);
  free(c);
}

struct fetcher *fetcher_create(const struct world *world) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  struct client *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->fetcher = (struct fetcher){client_run, client_stop, client_free};
  c->world = world;
  c->multi = curl_multi_init();
  c->share = curl_share_init();
  BUG_IF(!c->multi || !c->share, "out of memory");
  curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)FETCHES_MAX);
  return &c->fetcher;
}
