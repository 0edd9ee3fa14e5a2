// How jobs run. Internal to store/.
#pragma once
#include "store/backend.h"

// An engine runs a job so: job_begin(); while job_advance() says that statements are queued, run them and
// call job_landed(). Whoever runs a writing statement sets `wrote`.
void job_begin(struct job *j);
bool job_advance(struct job *j); // false: it has ended, with j->result
void job_landed(struct job *j);
bool job_failed(const struct job *j); // after it wrote: what it wrote must not stay

// Runs the jobs to their ends, together where possible, and sets each result; calls `committed` and `undone`,
// but not `done`. What failed after it wrote is taken out and runs alone. The order of `jobs` may change.
void batch_run(struct backend *b, struct job **jobs, size_t n);
