// A request that reads the database: it goes on at once where the answer comes at once (SQLite), and is set
// aside where it does not. No thread of the HTTP pool waits for a database.
//
//   reading_init(&x->reading, r);                              // in the request's arena
//   bool ended = …_start(…);                                   // its `done` calls reading_done(&x->reading)
//   reading_then(&x->reading, ended, then);                    // last thing: r belongs to `then` now
#pragma once
#include "http/server.h"

#include <stdatomic.h>

struct reading {
  struct request *request;
  _Atomic bool met; // one of the two, the handler and the answer, has come to its end
};

void reading_init(struct reading *w, struct request *r);
void reading_then(struct reading *w, bool ended, request_fn *then);
void reading_done(struct reading *w); // from any thread, once, unless it ended at once
