// What the nodes of one PostgreSQL database tell each other: payments that have changed, and that projects,
// keys or addresses have. NOTIFY and LISTEN on a connection and a thread of its own: inside of the
// transactions themselves it would make all commits of the database wait for each other.
//
// A message makes a reaction faster and is never needed for it to come: it may be lost, come twice or be sent
// by anybody who may connect, so what it says is read from the database before it counts.
#pragma once
#include <stdint.h>

enum {
  NOTIFY_QUEUE_MAX = 8192, // payments not told yet; beyond it "anything may have changed" is told instead
  NOTIFY_EVERY_MS = 4,     // one message at most, with all that has come together
  NOTIFY_LOOK_MS = 5000,   // the connection is tried when nothing has been sent for so long
  NOTIFY_ANSWER_MS = 5000, // without an answer for so long the connection is given up
};

struct notify;

// What others have told, on notify's thread; each must be quick.
struct notify_hear {
  void (*payment)(void *self, int64_t row, int64_t version);
  void (*configuration)(void *self); // a project, a key or an address
  void (*everything)(void *self);    // messages may have been missed: any payment, and the configuration
  void *self;
};

// The thread connects by itself, again and again; `everything` is told after each time. `url` and `hear` are
// copied. NULL: no thread.
struct notify *notify_start(const char *url, const struct notify_hear *hear);
void notify_stop(struct notify *n); // what is queued is sent first, if the database takes it at once

// Told to the others soon; never waits. From any thread; NULL: there is nobody to tell.
void notify_payment(struct notify *n, int64_t row, int64_t version);
void notify_configuration(struct notify *n);
