// Every limit of the HTTP side, on one page. Those on requests come from the public contract (doc/api.yaml)
// and doc/threat-model.md; the others keep memory and descriptors bounded.
#pragma once

enum {
  // one request
  REQUEST_HEADERS_MAX = 100,
  REQUEST_HEAD_BYTES_MAX = 16 * 1024, // request line and headers as sent
  REQUEST_BODY_BYTES_MAX = 64 * 1024,
  REQUEST_DRAIN_BYTES_MAX =
      1024 * 1024, // a body that is too large is still read up to here, so that the client sees the 413
  REQUEST_FIELDS_MAX = 100, // fields looked at in a query or a form
  REQUEST_ARENA_BYTES_MAX = 4 * 1024 * 1024,
  RESPONSE_HEADER_BYTES_MAX = 4096, // one value

  // time
  HEAD_WITHIN_MS = 10 * 1000, // from the connection's first moment, or from the request line on a kept one
  BODY_GRACE_MS = 2 * 1000,   // before the rate below is asked for
  BODY_BYTES_PER_S_MIN = 1000,
  REQUEST_WITHIN_MS = 30 * 1000, // from request line to last byte of the body
  ANSWER_WITHIN_MS = 30 * 1000,  // the client takes the answer
  IDLE_WITHIN_MS =
      75 * 1000, // between requests; above the 60 s after which proxies drop a kept connection themselves
  REAPER_TICK_MS = 500,
  WAIT_MS = 20 * 1000,           // to a quarter more
  CONFIRMING_WAIT_MS = 4 * 1000, // while blocks are counted
  RECHECK_MS = 3 * 1000, // how late news of another node may be for a waiting page when its message was lost

  // transactions named on the checkout, per address and per payment
  CLAIM_EVERY_S = 10,
  CLAIM_BURST = 5,

  // connections
  CONNECTIONS_MAX = 18000,               // fewer where descriptors do not allow it
  CONNECTIONS_PER_ADDRESS_MAX = 200,     // not for loopback and trusted proxies
  CONNECTION_DESCRIPTORS_RESERVED = 256, // kept back for files, database and outgoing connections
  CONNECTION_MEMORY_BYTES = 24 * 1024,   // head, its index and the answer's head
  // Above this many, pages are answered with "Connection: close": a kept connection's memory counts in full.
  CONNECTIONS_KEPT_MAX = 2000,
  CONNECTION_THREADS_MAX = 64,
  REQUESTS_KEPT_FOR_REUSE = 256,
};
