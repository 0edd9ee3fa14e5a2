// What the store asks of an engine. Internal to store/.
#pragma once
#include "store/store.h"

enum outcome {
  COMMITTED,    // each job has its result; a refusal before its first write harms nobody
  REFUSED,      // nothing was committed: a job failed after it wrote, or the COMMIT itself
  COLLISION,    // nothing was committed: another session was in the way, the same again may succeed
  OUT_OF_REACH, // no connection; what is not known to be committed has been looked up, as far as possible
};

struct backend;

struct backend_calls {
  enum engine engine;
  // Runs the jobs in one transaction and sets each result; tells nobody. On the writer's thread. No two jobs
  // have the same key.
  enum outcome (*together)(struct backend *b, struct job **jobs, size_t n);
  // Between batches, on the writer's thread. `idle`: nothing waits.
  void (*rest)(struct backend *b, bool idle);
  // Threads of the engine's own begin and end with the writer. May be NULL.
  bool (*start)(struct backend *b);
  void (*stop)(struct backend *b);
  bool (*read_start)(struct backend *b, struct job *j); // see store_read_start()
  bool (*reachable)(const struct backend *b);
  enum err (*backup)(struct backend *b, const char *path, char *error, size_t error_size);
  void (*close)(struct backend *b);
};

struct backend { // first member of each engine's own
  const struct backend_calls *calls;
};

// NULL: error says why.
struct backend *sqlite_backend(const struct store_options *o, char *error, size_t error_size);
struct backend *pg_backend(const struct store_options *o, char *error, size_t error_size);
