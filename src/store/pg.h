// One connection to PostgreSQL with its prepared statements. Only files of store/ use it; one thread at a
// time.
//
// Everything runs in libpq's pipeline mode: statements are sent without waiting for the answers of those
// before. No call hangs: whoever does not answer within PG_SILENCE_MS counts as lost, also one that is
// frozen.
#pragma once
#include "store/job.h"

#include <libpq-fe.h>

enum { PG_SILENCE_MS = 10000 };

struct pg {
  PGconn *c;     // NULL: not connected
  char state[6]; // SQLSTATE of what went wrong last
  char error[256];
  bool doubtful;      // the server has warned that a COMMIT may not be on its standby
  bool committed;     // the last pg_finish() ended with COMMIT, not ROLLBACK
  bool ahead_refused; // by the last pg_run(): what had been sent before
};

enum pg_fate {
  PG_FINE,
  PG_FAILED,    // a statement was refused; the job that had queued it has its result set
  PG_COLLISION, // another session was in the way: the same again may succeed
  PG_LOST,      // no connection any more
};

// A bare connection, with our timeouts, to the first server of the URL that has these target_session_attrs.
PGconn *pg_dial(const char *url, const char *attributes);
void pg_one_line(char *out, size_t size, const char *text); // of libpq's messages, which may have several

// Connects; our session's settings; no statement is prepared yet. What the URL does not say: only a server
// that takes writes, UTF8, a dead peer is noticed within seconds. false: error says why, without the
// password.
bool pg_connect(struct pg *p, const char *url, char *error, size_t error_size);
// Prepares all of store/queries.h, in two trips.
bool pg_prepare(struct pg *p, char *error, size_t error_size);
void pg_close(struct pg *p);
bool pg_alive(const struct pg *p);
bool pg_look(struct pg *p); // hears what the server has said meanwhile, a good-bye perhaps; false: lost

// One or more statements without parameters, outside of pipelines. false: pg_error_text() says why. The first
// waits as long as they take.
bool pg_exec(struct pg *p, const char *text);
bool pg_exec_soon(struct pg *p, const char *text);
// First column of the first row as a number; `otherwise` where there is none.
int64_t pg_number(struct pg *p, const char *text, int64_t otherwise);
const char *pg_error_text(const struct pg *p); // of what went wrong last; one line

// Sends a text whose parameters are numbers, to be answered before what is sent later.
bool pg_send(struct pg *p, const char *text, int n, const struct val *numbers);
bool pg_sync(struct pg *p); // ends what was sent; its answers are fetched by pg_finish()
// Fetches the answers up to a pg_sync(). `number`: first column of the last row that came; may be NULL.
enum pg_fate pg_finish(struct pg *p, int64_t *number);

// Runs the jobs to their ends, all rounds of all side by side. PG_FINE: each has its result; one that failed
// after it wrote is for the caller to judge. `ahead`: pg_sync()s whose answers come before.
enum pg_fate pg_run(struct pg *p, struct job **jobs, size_t n, int ahead);
