// job.key of use cases: what each changes, as a number. The runner keeps jobs of one number apart and goes
// through the rows in the order of the numbers, so that two nodes wait for each other in one direction only:
// creates project by project, since those of one take their addresses from the same row.
#pragma once
#include "base/str.h"

static inline uint64_t job_key_order(int64_t project_id, bool is_test, struct str order_id) {
  return ((uint64_t)(project_id * 2 + is_test) & INT32_MAX) << 32 | (uint32_t)str_hash(order_id);
}

static inline uint64_t job_key_payment(int64_t row) {
  return UINT64_C(1) << 63 | (uint64_t)row;
}

static inline uint64_t job_key_lease(struct str name) {
  return (uint32_t)str_hash(name) | 1;
}

// What moves along the chain: one at a time.
#define JOB_KEY_CHAIN (UINT64_C(1) << 62)
