// URLs: what our splitter accepts, libcurl (which makes the connections) understands in the same way; and the
// website rules built on it hold together.
#include "base/url.h"
#include "core/website.h"
#include "fuzz.h"

#include <curl/curl.h>
#include <string.h>

// The parts stand in the text in this order and leave nothing out but the separators.
static void check_parts(struct str text, const struct url *u) {
  const char *end = text.p + text.n;
  const char *after_path = u->path.p + u->path.n;
  BUG_IF(u->host.n == 0 || u->host.p < text.p || u->host.p + u->host.n > end, "host is a part of the text");
  BUG_IF(u->path.n > 0 && u->path.p[0] != '/', "a path begins with a slash");
  if (u->query.p) {
    BUG_IF(u->query.p != after_path + 1 || after_path[0] != '?', "the query follows the path");
    after_path = u->query.p + u->query.n;
  }
  if (u->fragment.p) {
    BUG_IF(u->fragment.p != after_path + 1 || after_path[0] != '#', "the fragment comes last");
    after_path = u->fragment.p + u->fragment.n;
  }
  BUG_IF(after_path != end, "nothing is left over");
}

static void check_against_curl(struct arena *a, struct str text, const struct url *u) {
  CURLU *handle = curl_url();
  char *host = NULL, *port = NULL;
  if (curl_url_set(handle, CURLUPART_URL, str_c(a, text), 0) == CURLUE_OK) {
    BUG_IF(curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK, "curl has a host");
    // curl writes IPv6 addresses and IPv4 addresses in odd spellings anew
    bool plain = u->host.p[0] != '[' && strspn(host, "0123456789.") != strlen(host);
    BUG_IF(plain && !str_eq_nocase(u->host, str_of(host)), "the same host as curl's");
    bool has_port = curl_url_get(handle, CURLUPART_PORT, &port, 0) == CURLUE_OK;
    BUG_IF(has_port != (u->port != 0) || (has_port && atoi(port) != u->port), "the same port as curl's");
  }
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(handle);
}

static void check_website(struct arena *a, struct str text) {
  struct str host, again;
  if (website_host(a, text, &host) != ERR_NONE)
    return;
  struct str plain = str_printf(a, "https://%.*s/", STR_FMT(host));
  BUG_IF(website_host(a, plain, &again) != ERR_NONE, "a normalised host is a website");
  // "www.www.site" loses one "www." each time
  BUG_IF(!str_starts(host, STR("www.")) && !str_eq(host, again), "normalising twice changes nothing");
  BUG_IF(website_match(host, text) != MATCH_OK && !str_starts(host, STR("www.")), "a website matches itself");
}

static void check_webhook(struct arena *a, struct str text) {
  struct str out, again;
  struct url u;
  if (website_webhook(a, text, true, &out) != ERR_NONE)
    return;
  BUG_IF(!url_split(out, &u) || u.has_userinfo || u.fragment.p || !url_host_is_ascii(out),
         "what is stored is plain");
  BUG_IF(website_webhook(a, out, true, &again) != ERR_NONE || !str_eq(out, again), "and stays so");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str text = fuzz_text(data, n);
  struct url u;
  struct arena a;
  arena_init(&a, 1 << 22);
  if (url_split(text, &u)) {
    check_parts(text, &u);
    check_against_curl(&a, text, &u);
  }
  check_website(&a, text);
  check_webhook(&a, text);
  arena_free(&a);
  return 0;
}
