// Splits an http or https URL, strictly: where readers of URLs are known to differ (backslashes, spaces,
// control characters, percent signs in the host, empty ports) it refuses rather than guesses, so that what is
// checked here is what a browser or an HTTP client will use. All parts are slices of the text.
#pragma once
#include "base/str.h"

struct url {
  bool https;
  bool has_userinfo;
  struct str host;     // as written, never empty; may be a bracketed IPv6 address or hold UTF-8
  int port;            // 1–65535; 0 where none is written
  struct str path;     // with its "/"; empty where there is none
  struct str query;    // without "?"; absent where there is none
  struct str fragment; // without "#"; absent where there is none
};

// false where `text` is not such a URL; *out is undefined then.
bool url_split(struct str text, struct url *out);

bool url_host_is_ascii(struct str host);
