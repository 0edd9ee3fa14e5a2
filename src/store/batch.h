// Runs jobs on a connection. Internal to store/.
#pragma once
#include "store/sqlite.h"

// Runs the jobs in one transaction on the writing connection and sets each result; on any failure the batch
// is rolled back and its jobs run one by one. Calls `committed` of those that succeeded, but not `done`.
void batch_run(struct db *db, struct job **jobs, size_t n);

// Runs a job that only reads; each of its statements sees the newest committed state.
enum err batch_read(struct db *db, struct job *j);
