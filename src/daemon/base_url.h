// Where browsers and shops reach this gateway: the base URL, taken apart and normalised.
#pragma once
#include "base/str.h"

enum { BASE_URL_MAX = 1024 }; // bytes

struct base_url {
  struct str
      text; // "https://pay.example.com/gateway": no slash at the end, no default port, host in lower case
  struct str authority; // "pay.example.com", "localhost:8080", "[::1]:8080": what a Host header names
  struct str prefix;    // "" or "/gateway"
  bool https;
  bool loopback; // the host is this machine: plain http is acceptable
};

// NULL, or why it is not one. The parts belong to the arena.
const char *base_url_parse(struct str text, struct arena *a, struct base_url *out);

// Host and port of "127.0.0.1:8080", "[::1]:8080" or "localhost:8080"; false where it is not of that form.
bool host_port_split(struct str text, struct str *host, int64_t *port);
