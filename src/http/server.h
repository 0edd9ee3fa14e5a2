// The outside face: libmicrohttpd with a thread pool, checked framing, limits, and requests that can wait
// without a thread.
//
// A handler runs on a pool thread. It either replies at once, or calls request_suspend() and hands the
// request to somebody (the writer, the live-update table); that one calls request_resume() from any thread,
// and `then` runs on a pool thread again to reply (or to suspend once more). Everything a handler allocates
// comes from the request's arena and is freed when the answer has left.
#pragma once
#include "base/world.h"
#include "core/err.h"

struct server;
struct request;

typedef void request_fn(struct request *r);

// Who may use a route. Every route names it; a test walks the table.
enum access {
  ACCESS_PUBLIC,   // anybody: checkout pages, static files
  ACCESS_SIGNED,   // an API key and a signature; the handler's first call is auth_check()
  ACCESS_OPERATOR, // the operations listener only
};

struct route {
  const char *method; // "GET" (serves HEAD too) or "POST"
  const char *path;   // after the base URL's prefix; exact, or with "*" at its end
  enum access access;
  const char *
      body_type; // required Content-Type of a POST: "application/json" or "application/x-www-form-urlencoded"
  request_fn *handle;
  const char *metric; // label in http_requests_total
};

struct response_header {
  const char *name;
  struct str value;
};

enum { RESPONSE_HEADERS_MAX = 24 };

struct request {
  struct arena *arena;
  struct str method, path; // path: as sent, after the base URL's prefix, without query
  struct str target;       // as sent: path and query, prefix included
  struct str query;        // as sent, after the '?'; absent without one
  struct str body;
  struct str client;     // address of the client as text, the trusted proxies' word taken into account
  struct str client_key; // what limits per client count by, see address_limit_key()
  struct str id;         // request id, also in X-Request-Id and in every log line
  void *app;             // struct app of http/app.h
  void *user;            // the handler's own, between suspend and resume
  struct auth *auth;     // who has signed it: see http/auth.h
  request_fn *at_end;    // gives back what the handler holds, also when the client has hung up; may be NULL
  const struct route *route;
  struct server_request *priv;
  // the answer
  int status;
  const char *refusal; // an error's code, for the log; NULL: none
  struct str fault;    // what its sender has probably done wrong, for the log alone; may be absent
  struct str content_type, answer;
  struct response_header headers[RESPONSE_HEADERS_MAX];
  int n_headers;
};

// The answer's headers that the server adds by itself: Content-Type, X-Request-Id, X-Content-Type-Options,
// Date, and Cache-Control: no-store unless the handler says otherwise.

struct server_options {
  const char *listen;         // "127.0.0.1:8080", "[::1]:8080"
  struct str prefix;          // path of the base URL, "" or "/pay-gateway", without a slash at the end
  struct str host;            // authority of the base URL: an absolute request target must name it
  const struct route *routes; // ends with a NULL method
  int threads;                // 0: one per core
  const char
      *trusted_proxies; // comma-separated addresses or CIDR blocks whose X-Forwarded-For counts; NULL: none
  request_fn
      *admit; // after the checks of form, before the handler: replies (429 …) or lets it through; may be NULL
  void (*error_page)(struct request *r, enum err e); // errors outside /api/ as a page; NULL: one line of text
  int connections_max, connections_per_address_max;  // 0: http/limits.h
  const struct world *world;
  void *app;
};

// Where a base URL has a path, requests arrive with it, or without it when the reverse proxy takes it off.
// Both are served: the prefix is taken off where what remains names a route; otherwise a path that names a
// route as it stands is one that a proxy has shortened, and `target` gets the prefix back. Nothing else is
// answered but 404.
struct server *server_start(const struct server_options *o, char *error,
                            size_t error_size); // NULL: error says why
int server_port(const struct server *s);
int server_connections(const struct server *s);               // open
int server_running(const struct server *s);                   // requests begun and not answered
void server_metrics(const struct server *s, struct buf *out); // by route, as Prometheus text
// Stops accepting, answers 503 to what still comes, lets running requests finish for at most `grace_ms`,
// frees all. Suspended requests are waited for however long it takes: whoever holds them must go on (the
// writer) or let them go (live_quiet()).
void server_stop(struct server *s, int grace_ms);

// A request header's value, STR_NONE when absent. Framing has made sure that Host and Content-Length are
// unique; for others the first one counts.
struct str request_header(const struct request *r, const char *name);
// A field of the query or of an urlencoded body, percent-decoded into the arena; STR_NONE when absent, not
// UTF-8 or with a NUL in it. Of several with one name the first counts.
struct str request_query(struct request *r, const char *name);
struct str request_form(struct request *r, const char *name);

// Answers. The body must live in the request's arena or for ever.
void request_reply(struct request *r, int status, const char *content_type, struct str body);
void request_redirect(struct request *r, struct str location); // 303
void request_error(struct request *r, enum err e,
                   const char *param); // {"ok":false,"error":…,"code":…,"param":…,"request_id":…}
// Adds a header to the answer; a value with CR, LF or NUL is a bug of the caller and is refused: the header
// is left out.
void request_add_header(struct request *r, const char *name, struct str value);

// Sets the request aside; `then` runs after request_resume(), which may come from any thread. Both are the
// handler's last word on the request, if somebody who could resume it knows it already. Short: until the
// writer has answered, the connection is kept. Long (request_hold): up to 25 s with little memory; afterwards
// the connection is closed.
void request_suspend(struct request *r, request_fn *then);
void request_hold(struct request *r, request_fn *then);
void request_resume(struct request *r);
// Has the client of a held request closed its side? Asks the socket.
bool request_is_gone(const struct request *r);
