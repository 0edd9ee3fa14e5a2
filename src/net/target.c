#include "net/target.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool target_address_allowed(const struct sockaddr *sa, const struct poster_options *o) {
  return net_address_is_public(sa) || (o->allow_private && net_address_is_loopback(sa));
}

static bool port_allowed(int64_t port, const struct poster_options *o) {
  static const uint16_t usual[] = {443, 80, 8443, 0};
  for (const uint16_t *p = o->ports ? o->ports : usual; *p; p++)
    if (port == *p)
      return true;
  return o->allow_private && port > 0 && port <= UINT16_MAX;
}

static bool read_url(CURLU *u, struct str url) {
  char text[POST_URL_MAX + 1];
  if (url.n == 0 || url.n > POST_URL_MAX || memchr(url.p, 0, url.n))
    return false;
  memcpy(text, url.p, url.n);
  text[url.n] = 0;
  return curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK;
}

static enum post_error check_scheme(CURLU *u, const struct poster_options *o) {
  char *scheme = NULL;
  if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    return POST_BAD_URL;
  bool http = strcmp(scheme, "http") == 0 && (o->allow_http || o->allow_private);
  bool ok = http || strcmp(scheme, "https") == 0;
  curl_free(scheme);
  return ok ? POST_OK : POST_BAD_SCHEME;
}

static enum post_error check_port(CURLU *u, const struct poster_options *o, uint16_t *out) {
  char *text = NULL;
  if (curl_url_get(u, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
    return POST_BAD_URL;
  int64_t port = 0;
  bool ok = str_to_i64(str_of(text), &port) && port_allowed(port, o);
  curl_free(text);
  *out = ok ? (uint16_t)port : 0;
  return ok ? POST_OK : POST_BAD_PORT;
}

bool target_read_address(const char *text, union net_address *out) {
  *out = (union net_address){.v4 = {.sin_family = AF_INET}};
  if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1)
    return true;
  *out = (union net_address){.v6 = {.sin6_family = AF_INET6}};
  return inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1;
}

// "[::1]" without its brackets, anything else as it is. ASCII only (core/website.h makes names so): libcurl
// would convert other names by the process's locale.
static bool copy_host(const char *host, char out[HOST_NAME_MAX_N + 1]) {
  size_t n = strlen(host), skip = n >= 2 && host[0] == '[' && host[n - 1] == ']';
  n -= 2 * skip;
  if (n == 0 || n > HOST_NAME_MAX_N)
    return false;
  for (size_t i = 0; i < n; i++) {
    char c = host[i + skip];
    if (c <= ' ' || c > '~')
      return false;
    out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
  }
  out[n] = 0;
  return true;
}

static enum post_error check_host(CURLU *u, const struct poster_options *o, struct target *out) {
  char *host = NULL, *zone = NULL;
  bool has_zone = curl_url_get(u, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK;
  curl_free(zone);
  if (has_zone || curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
    return POST_BAD_URL;
  bool ok = copy_host(host, out->host);
  curl_free(host);
  if (!ok)
    return POST_BAD_URL;
  out->is_literal = target_read_address(out->host, &out->address);
  return out->is_literal && !target_address_allowed(&out->address.any, o) ? POST_BAD_ADDRESS : POST_OK;
}

enum post_error target_read(CURLU *u, struct str url, const struct poster_options *o, struct target *out) {
  if (!read_url(u, url))
    return POST_BAD_URL;
  enum post_error e = check_scheme(u, o);
  if (e == POST_OK)
    e = check_port(u, o, &out->port);
  return e == POST_OK ? check_host(u, o, out) : e;
}
