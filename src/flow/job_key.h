// job.key of use cases: what each changes, as a number. The runner keeps jobs of one number apart and goes
// through the rows in the order of the numbers, so that two nodes wait for each other in one direction only:
// creates project by project, since those of one take their addresses from the same row.
#pragma once
#include "base/str.h"

static inline uint32_t job_key_mix(struct str s) { // FNV-1a
  uint32_t h = UINT32_C(2166136261);
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (unsigned char)s.p[i]) * UINT32_C(16777619);
  return h;
}

static inline uint64_t job_key_order(int64_t project_id, bool is_test, struct str order_id) {
  return ((uint64_t)(project_id * 2 + is_test) & INT32_MAX) << 32 | job_key_mix(order_id);
}

static inline uint64_t job_key_payment(int64_t row) {
  return UINT64_C(1) << 63 | (uint64_t)row;
}

static inline uint64_t job_key_lease(struct str name) {
  return (uint64_t)job_key_mix(name) | 1;
}
