// A use case on its way through the database.
//
// A job runs in rounds: each call of `step` queues the statements of one round with JOB_OP() and returns;
// when it is called again their rows are there. A step that queues nothing ends the job. SQLite runs a job to
// its end before the next; PostgreSQL runs the rounds of all jobs of a batch side by side, in one trip each,
// but never two jobs of the same `key` in one batch.
//
// Contract of `step`: it reads, decides purely, and only then writes. It may run again from round 0 (the
// batch was rolled back), so it changes nothing outside its own job and arena. What the outside must learn is
// told in `committed`, which runs once, after the commit, only when the job succeeded. A step that returns an
// error gives up: nothing it wrote remains. ERR_CHANGED after it wrote says that a compare-and-swap missed,
// since somebody else was faster: it is run again, alone, RERUNS_MAX times at most.
#pragma once
#include "core/err.h"
#include "store/queries.h"

enum val_type { VAL_NULL, VAL_INT, VAL_TEXT, VAL_BLOB };

struct val {
  enum val_type type;
  int64_t i;
  struct str s;
};

static inline struct val v_int(int64_t i) {
  return (struct val){VAL_INT, i, STR_NONE};
}
static inline struct val v_text(struct str s) { // absent gives NULL
  return (struct val){s.p ? VAL_TEXT : VAL_NULL, 0, s};
}
static inline struct val v_blob(struct str s) {
  return (struct val){s.p ? VAL_BLOB : VAL_NULL, 0, s};
}
static inline struct val v_null(void) {
  return (struct val){VAL_NULL, 0, STR_NONE};
}
static inline struct val v_int_or_null(int64_t i) { // 0 gives NULL
  return i ? v_int(i) : v_null();
}

enum { OP_PARAMS_MAX = 32, JOB_OPS_MAX = 16, RERUNS_MAX = 5 };

struct rows {
  int n, cols;
  struct val *v; // row by row, in the job's arena
};

struct op {
  enum query query;
  int n_params;
  struct val *params;
  struct rows rows; // the result, there in the next round
};

struct job {
  enum err (*step)(struct job *j);
  void (*committed)(struct job *j); // may be NULL
  void (*undone)(
      struct job *j);          // after a rollback: what its steps left in memory did not happen; may be NULL
  void (*done)(struct job *j); // told once, whatever came of it; may be NULL
  struct arena *arena;
  void *user;   // the caller's
  uint64_t key; // what it changes (an order, a payment, a project), hashed; 0: nothing that others change too
  enum err result;
  int round;
  // the runner's
  int n_ops;
  struct op *ops[JOB_OPS_MAX];     // queued by this round
  struct op *results[JOB_OPS_MAX]; // run after the round before
  bool wrote, ended;
  size_t turn; // its place among those that came together
  struct job *next;
};

// Queues a statement of this round; parameters in the order of $1, $2, …
void job_ops(struct job *j, enum query q, int n, const struct val *params);
#define JOB_OP(j, q, ...)                                                                                    \
  job_ops((j), (q), (int)(sizeof((struct val[]){__VA_ARGS__}) / sizeof(struct val)),                         \
          (struct val[]){__VA_ARGS__})

// Result of the i-th statement of the round before.
static inline const struct rows *job_rows(const struct job *j, int i) {
  return &j->results[i]->rows;
}
static inline const struct val *rows_at(const struct rows *r, int row) {
  return r->v + row * r->cols;
}
