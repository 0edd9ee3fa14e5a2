// The database: one writer with group commit, any number of readers. SQLite in a file of this process alone,
// or PostgreSQL, which other processes may use at the same time.
//
// PostgreSQL may be out of reach for a while. Jobs then end with ERR_UNAVAILABLE, soon: nothing of them is
// stored (or, when the answer to a COMMIT stays unknown for too long, it may be: whoever asks again finds it
// by its order or key). The store connects again by itself.
//
// Who owns what: a job and its arena belong to the caller until `done` has been called. All functions may be
// called from any thread unless said otherwise.
#pragma once
#include "base/world.h"
#include "store/job.h"

struct store;

struct store_options {
  const char *database; // a file's path, or postgres://…
  const char *vfs;      // SQLite VFS to use; NULL: the system's
  int batch_max;        // jobs in one commit; 0: the default
  int queue_max;        // waiting jobs before ERR_BUSY; 0: the default
  const struct world *world;
};

// Opens or creates, upgrades an older schema (after a copy beside it: PATH.before-N). NULL: error says why.
struct store *store_open(const struct store_options *o, char *error, size_t error_size);
void store_close(struct store *s); // the writer must be stopped

bool store_is_url(const char *database);     // PostgreSQL
bool store_shared(const struct store *s);    // other processes may use this database at the same time
bool store_reachable(const struct store *s); // as far as the last use of it has shown
enum engine store_engine(const struct store *s);

bool store_writer_start(struct store *s);
void store_writer_stop(struct store *s); // runs what is queued, then returns

// Queues a job. ERR_BUSY when the queue is full, ERR_STOPPING while the writer stops: `done` is not called
// then.
enum err store_submit(struct store *s, struct job *j) MUST_CHECK;

// Runs jobs to their end, together where possible, and returns when all have ended. Their `done` and `user`
// are used here.
void store_call_all(struct store *s, struct job **jobs, size_t n);

// Without a writer's thread (simulator, command line) the queue is run by this, on the calling thread: one
// batch of at most `max` jobs. Returns how many.
size_t store_run_queued(struct store *s, size_t max);

// Runs a job to its end on the calling thread: through the writer where it runs, directly otherwise. Returns
// j->result.
enum err store_call(struct store *s, struct job *j);

// Starts a job that only reads. true: it has ended already, and `done` is not called; false: `done` is called
// on a thread of the store.
bool store_read_start(struct store *s, struct job *j) MUST_CHECK;

// The same, waiting for its end: `done` and `user` are used here. Returns j->result.
enum err store_read(struct store *s, struct job *j);

// A consistent copy of the whole database into a new file. SQLite only.
enum err store_backup(struct store *s, const char *path, char *error, size_t error_size);

int64_t store_queue_length(const struct store *s);
