#include "http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct address *a) {
  return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

bool client_address_parse(struct str text, struct address *out) {
  char c[ADDRESS_TEXT_BYTES];
  if (text.n == 0 || text.n >= sizeof c || memchr(text.p, 0, text.n))
    return false;
  memcpy(c, text.p, text.n);
  c[text.n] = 0;
  memcpy(out->bytes, mapped, sizeof mapped);
  return inet_pton(AF_INET, c, out->bytes + 12) == 1 || inet_pton(AF_INET6, c, out->bytes) == 1;
}

bool address_of_socket(const struct sockaddr *sa, struct address *out) {
  if (sa->sa_family == AF_INET) {
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    return true;
  }
  if (sa->sa_family == AF_INET6) {
    memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    return true;
  }
  return false;
}

struct str address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES]) {
  if (is_v4(a))
    inet_ntop(AF_INET, a->bytes + 12, out, ADDRESS_TEXT_BYTES);
  else
    inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT_BYTES);
  return str_of(out);
}

bool address_is_loopback(const struct address *a) {
  static const uint8_t one[16] = {[15] = 1};
  return (is_v4(a) && a->bytes[12] == 127) || memcmp(a->bytes, one, 16) == 0;
}

struct str address_limit_key(const struct address *a) {
  return (struct str){(const char *)a->bytes, is_v4(a) ? 16 : 8};
}

static bool block_parse(struct str text, struct address *net, int *bits) {
  const char *slash = memchr(text.p, '/', text.n);
  struct str base = {text.p, slash ? (size_t)(slash - text.p) : text.n};
  int64_t n = 128;
  if (!client_address_parse(base, net))
    return false;
  if (slash) {
    struct str digits = {slash + 1, text.n - base.n - 1};
    if (!str_to_i64(digits, &n) || n > (is_v4(net) ? 32 : 128))
      return false;
    n += is_v4(net) ? 96 : 0;
  }
  *bits = (int)n;
  return true;
}

bool proxy_list_parse(struct proxy_list *l, const char *text) {
  struct str rest = str_of(text ? text : "");
  l->n = 0;
  while (rest.n) {
    const char *comma = memchr(rest.p, ',', rest.n);
    size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
    struct str item = str_trim((struct str){rest.p, n});
    if (l->n == CLIENT_PROXIES_MAX || !block_parse(item, &l->block[l->n].net, &l->block[l->n].bits))
      return false;
    l->n++;
    n += comma ? 1 : 0;
    rest = (struct str){rest.p + n, rest.n - n};
  }
  return true;
}

static bool in_block(const struct address *a, const struct address *net, int bits) {
  size_t whole = (size_t)bits / 8;
  int rest = bits % 8;
  if (memcmp(a->bytes, net->bytes, whole) != 0)
    return false;
  return rest == 0 || ((a->bytes[whole] ^ net->bytes[whole]) >> (8 - rest)) == 0;
}

bool proxy_list_has(const struct proxy_list *l, const struct address *a) {
  for (int i = 0; i < l->n; i++)
    if (in_block(a, &l->block[i].net, l->block[i].bits))
      return true;
  return false;
}

// One hop as proxies write it: an address, perhaps with a port, an IPv6 one perhaps in brackets.
static bool hop_parse(struct str hop, struct address *out) {
  if (hop.n && hop.p[0] == '[') {
    const char *close = memchr(hop.p, ']', hop.n);
    return close && client_address_parse((struct str){hop.p + 1, (size_t)(close - hop.p) - 1}, out);
  }
  if (client_address_parse(hop, out))
    return true;
  const char *colon = hop.n ? memchr(hop.p, ':', hop.n) : NULL;
  return colon && client_address_parse((struct str){hop.p, (size_t)(colon - hop.p)}, out);
}

// Walks one line from its right end; false when it must end there.
static bool walk(const struct proxy_list *trusted, struct str line, struct address *client) {
  while (line.n && proxy_list_has(trusted, client)) {
    size_t start = line.n;
    while (start && line.p[start - 1] != ',')
      start--;
    struct address hop;
    if (!hop_parse(str_trim((struct str){line.p + start, line.n - start}), &hop))
      return false;
    *client = hop;
    line.n = start ? start - 1 : 0;
  }
  return proxy_list_has(trusted, client);
}

struct address client_address(const struct proxy_list *trusted, const struct address *peer,
                              const struct str *lines, int n) {
  struct address client = *peer;
  while (n && walk(trusted, lines[n - 1], &client))
    n--;
  return client;
}
