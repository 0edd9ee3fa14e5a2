#include "daemon/settings_check.h"
#include "daemon/base_url.h"

#include <arpa/inet.h>
#include <string.h>

const char *check_some(struct str value) {
  return value.n ? NULL : "it may not be empty";
}

const char *check_listen(struct str value) {
  struct str host;
  int64_t port;
  return host_port_split(value, &host, &port) ? NULL
                                              : "expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080";
}

const char *check_ops_listen(struct str value) {
  return value.n ? check_listen(value) : NULL;
}

// Calls `check` with each part between commas.
static const char *each_part(struct str list, const char *(*check)(struct str part)) {
  while (list.n) {
    const char *comma = memchr(list.p, ',', list.n);
    size_t n = comma ? (size_t)(comma - list.p) : list.n;
    const char *why = check(str_trim((struct str){list.p, n}));
    if (why)
      return why;
    size_t skip = comma ? n + 1 : n;
    list = (struct str){list.p + skip, list.n - skip};
  }
  return NULL;
}

static const char *check_network(struct str part) {
  static const char *const why = "expected addresses or networks with commas, such as 10.0.0.0/8, ::1";
  char text[INET6_ADDRSTRLEN];
  unsigned char parsed[16];
  const char *slash = memchr(part.p, '/', part.n);
  struct str address = {part.p, slash ? (size_t)(slash - part.p) : part.n};
  if (address.n == 0 || address.n >= sizeof text)
    return why;
  memcpy(text, address.p, address.n);
  text[address.n] = 0;
  bool ip6 = memchr(address.p, ':', address.n);
  if (inet_pton(ip6 ? AF_INET6 : AF_INET, text, parsed) != 1)
    return why;
  int64_t bits;
  if (!slash)
    return NULL;
  bool good = str_to_i64((struct str){slash + 1, part.n - address.n - 1}, &bits) && bits <= (ip6 ? 128 : 32);
  return good ? NULL : why;
}

const char *check_networks(struct str value) {
  return each_part(value, check_network);
}

const char *check_log_level(struct str value) {
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
    if (str_eqc(value, levels[i]))
      return NULL;
  return "expected debug, info, warn or error";
}
