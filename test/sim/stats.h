// What all runs together have reached: counters by name, printed at the end and asserted.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void stats_add(const char *group, const char *name, int64_t n);
static inline void stats_count(const char *group, const char *name) {
  stats_add(group, name, 1);
}
// What has been counted so far, to go back to; the newest one only.
struct stats;
struct stats *stats_keep(void);
void stats_restore(const struct stats *kept);
int64_t stats_get(const char *group, const char *name);
void stats_print(FILE *out);
void stats_save(FILE *out); // one counter a line
bool stats_load(FILE *in);  // adds what another process has counted
// Of what must have been reached; prints it. `nodes`: by runs on PostgreSQL.
int stats_missing(FILE *out, bool nodes);
