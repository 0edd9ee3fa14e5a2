// What the URL of a post asks to connect to, as libcurl itself reads it: two parsers that disagree are a way
// around checks.
#pragma once
#include "net/poster.h"
#include "net/resolver.h"

#include <curl/curl.h>

struct target {
  char host[HOST_NAME_MAX_N + 1]; // lower case, ASCII
  uint16_t port;
  bool is_literal;           // the host is an address, in whatever spelling
  union net_address address; // of a literal
};

// Reads `url` into `u`, which is then ready for CURLOPT_CURLU, and checks everything that can be checked
// without a lookup.
enum post_error target_read(CURLU *u, struct str url, const struct poster_options *o, struct target *out);

// An address in its usual spelling; false where `text` is none.
bool target_read_address(const char *text, union net_address *out);

// May a connection go there?
bool target_address_allowed(const struct sockaddr *sa, const struct poster_options *o);
