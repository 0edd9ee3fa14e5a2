// The one client for outbound POST requests.
//
// `struct poster` is what a user sees; the simulator puts its own behind it. The real one (poster_create)
// works on one thread: that which calls poster_run(). Only poster_wakeup() may be called from elsewhere.
// Nothing in here limits how many posts run at once or to whom: that is the caller's policy; one slow
// receiver or name server delays nobody else.
//
// What an outbound connection may do (spec "Webhooks", and it holds at the moment of connecting): https, http
// where allowed; ports 443, 80 and 8443; the name is looked up by us, every answer must be public
// (net/special.h), the connection goes to one of these addresses and the peer is checked again before
// anything is sent; no redirects, no proxies, no user information.
#pragma once
#include "base/str.h"
#include "base/world.h"
#include "net/special.h"

enum {
  POST_URL_MAX = 2048,
  POST_HEADERS_MAX = 8,
  POST_HEADER_BYTES_MAX = 1024, // all header lines together
  POST_ANSWER_MAX = 64 * 1024,  // bytes read of headers and of the body, each; then the connection is closed
  POST_EXCERPT_MAX = 1024,      // bytes of the body that are kept
  POST_TIMEOUT_MS = 10 * 1000,  // in all, name lookup included
  POST_CONNECT_TIMEOUT_MS = 3000, // per address, where a name has several
  POST_ADDRESSES_MAX = 32,        // answers for one name; a name with more is refused
};

// What can go wrong before there is an answer: symbol, sentence for the attempt log. It names no address, so
// that the log tells a merchant nothing of the network that the gateway stands in.
#define POST_ERROR_LIST(X)                                                                                   \
  X(POST_OK, "answered")                                                                                     \
  X(POST_BAD_URL, "the URL is not valid")                                                                    \
  X(POST_BAD_SCHEME, "the URL is not https")                                                                 \
  X(POST_BAD_PORT, "the URL has a port that is not allowed")                                                 \
  X(POST_BAD_ADDRESS, "the URL leads to an address that is not public")                                      \
  X(POST_NO_NAME, "the host name was not found")                                                             \
  X(POST_NO_CONNECTION, "no connection")                                                                     \
  X(POST_TLS, "TLS failed: certificate or protocol")                                                         \
  X(POST_TIMEOUT, "no answer in time")                                                                       \
  X(POST_NO_ANSWER, "the connection ended without a complete answer")                                        \
  X(POST_STOPPED, "the gateway stopped")

enum post_error {
#define X(symbol, sentence) symbol,
  POST_ERROR_LIST(X)
#undef X
};

const char *post_error_sentence(enum post_error e);

// One request. It belongs to the caller, who leaves it and everything it points to untouched until `done` has
// been called.
struct post {
  struct str url, body;
  const struct str *headers; // lines "Name: value" without CR and LF
  size_t headers_n;
  void *user;
  void (*done)(struct post *); // called from poster_run(), never from post(); it may post again

  // The result, valid inside `done`. POST_OK: `status` is that of a complete answer; whether its body came
  // whole does not matter.
  enum post_error error;
  int status;            // 0: none
  struct str excerpt;    // beginning of the body as clean UTF-8, gone after `done`
  int64_t duration_us;   // from post() on
  int64_t retry_after_s; // what the answer asked for; 0: nothing

  struct post *next; // of the poster
};

struct poster {
  void (*post)(struct poster *, struct post *);
  // Works for at most `timeout_ms`, less when something was finished or `wakeup` was called. Returns the
  // number of posts still under way.
  size_t (*run)(struct poster *, int timeout_ms);
  void (*wakeup)(struct poster *); // from any thread
};

// Looks a name up; called from threads of its own, may block. Gives the number of addresses (the port is
// ignored), 0 where there is none, more than `max` where there are more.
typedef size_t poster_resolve(void *self, const char *host, union net_address *out, size_t max);

struct poster_options {
  const struct world *world;
  const char *user_agent;
  bool allow_http;         // http targets too
  bool allow_private;      // development and tests: loopback, http and any port
  const uint16_t *ports;   // allowed ones, a 0 ends them; NULL: 443, 80 and 8443
  const char *ca_file;     // NULL: the system's bundle
  int timeout_ms;          // 0: POST_TIMEOUT_MS
  poster_resolve *resolve; // NULL: the system's resolver
  void *resolve_self;
};

// NULL where the system has no room for it. The process must ignore SIGPIPE.
struct poster *poster_create(const struct poster_options *o);

// Ends all posts with POST_STOPPED.
void poster_free(struct poster *p);

static inline size_t poster_run(struct poster *p, int timeout_ms) {
  return p->run(p, timeout_ms);
}
static inline void poster_wakeup(struct poster *p) {
  p->wakeup(p);
}

// Connections that were refused at the last moment because of their address, since the start.
int64_t poster_refusals(const struct poster *p);
