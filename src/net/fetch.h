// Requests to servers that the operator named, several at once, with an end to everything: time, bytes,
// speed. Not for URLs of merchants: those go through net/poster.h, which judges addresses.
#pragma once
#include "base/str.h"
#include "base/world.h"

enum {
  FETCHES_MAX = 64,              // at once
  FETCH_HEADERS_MAX = 64 * 1024, // bytes of an answer's headers
  FETCH_KEPT_MAX = 1024 * 1024,  // bytes kept between requests for the next answer, each
  FETCH_SLOW_S = 10,             // with less than FETCH_SLOW_BYTES a second on average an answer ends
  FETCH_SLOW_BYTES = 100,
};

enum fetch_error {
  FETCH_OK, // `status` and the whole body are there
  FETCH_BAD_URL,
  FETCH_NO_CONNECTION,
  FETCH_TLS,
  FETCH_TIMEOUT,
  FETCH_TOO_LARGE,
  FETCH_BROKEN,  // the answer ended early or is no HTTP
  FETCH_STOPPED, // fetcher_stop()
};
const char *fetch_error_sentence(enum fetch_error e);

struct fetch {
  struct str url;
  struct str body;     // of a POST as application/json; absent: GET
  struct str header;   // one more line "Name: value"; absent: none
  int64_t timeout_ms;  // in all, name lookup included
  size_t max_bytes;    // of the answer's body
  struct arena *arena; // the answer's body goes here, NUL-terminated
  // result
  enum fetch_error error;
  int status;            // 0 without FETCH_OK
  struct str answer;     // absent without FETCH_OK
  int64_t retry_after_s; // as asked for; 0: not
  int64_t took_us;
};

struct fetcher {
  void (*run)(struct fetcher *f, struct fetch *list,
              size_t n);           // returns when all have ended; at most FETCHES_MAX
  void (*stop)(struct fetcher *f); // from any thread: what runs ends with FETCH_STOPPED, and all that comes
  void (*free)(struct fetcher *f);
};

// Keeps connections, one to each server and more where several requests run at once. Follows no redirects and
// uses no proxy. One thread runs it. NULL: no room for it. The process must ignore SIGPIPE.
struct fetcher *fetcher_create(const struct world *world);

static inline void fetcher_run(struct fetcher *f, struct fetch *list, size_t n) {
  f->run(f, list, n);
}
