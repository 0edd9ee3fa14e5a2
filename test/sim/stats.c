#include "stats.h"

#include <stdlib.h>
#include <string.h>

enum { COUNTERS_MAX = 1024, TEXT = 40 };

struct counter {
  char group[TEXT], name[TEXT];
  int64_t n;
};

static struct counter counters[COUNTERS_MAX]; // a hash table

static struct counter *find(const char *group, const char *name) {
  uint32_t h = 2166136261u;
  for (const char *p = group; *p; p++)
    h = (h ^ (unsigned char)*p) * 16777619u;
  for (const char *p = name; *p; p++)
    h = (h ^ (unsigned char)*p) * 16777619u;
  for (uint32_t i = 0; i < COUNTERS_MAX; i++) {
    struct counter *c = &counters[(h + i) % COUNTERS_MAX];
    if (!c->group[0] || (strcmp(c->group, group) == 0 && strcmp(c->name, name) == 0))
      return c;
  }
  fprintf(stderr, "too many counters\n");
  abort();
}

void stats_add(const char *group, const char *name, int64_t n) {
  struct counter *c = find(group, name);
  if (!c->group[0]) {
    snprintf(c->group, TEXT, "%s", group);
    snprintf(c->name, TEXT, "%s", name);
  }
  c->n += n;
}

static struct stats { struct counter counters[COUNTERS_MAX]; } before;

struct stats *stats_keep(void) {
  memcpy(before.counters, counters, sizeof counters);
  return &before;
}

void stats_restore(const struct stats *kept) {
  memcpy(counters, kept->counters, sizeof counters);
}

int64_t stats_get(const char *group, const char *name) {
  return find(group, name)->n;
}

static int by_name(const void *a, const void *b) {
  const struct counter *x = *(const struct counter *const *)a, *y = *(const struct counter *const *)b;
  int d = strcmp(x->group, y->group);
  return d ? d : strcmp(x->name, y->name);
}

void stats_print(FILE *out) {
  const struct counter *list[COUNTERS_MAX];
  size_t n = 0;
  for (int i = 0; i < COUNTERS_MAX; i++)
    if (counters[i].group[0])
      list[n++] = &counters[i];
  qsort(list, n, sizeof *list, by_name);
  for (size_t i = 0; i < n; i++) {
    if (i == 0 || strcmp(list[i]->group, list[i - 1]->group) != 0)
      fprintf(out, "%s%s\n", i ? "\n" : "", list[i]->group);
    fprintf(out, "  %-36s %12lld\n", list[i]->name, (long long)list[i]->n);
  }
}

void stats_save(FILE *out) {
  for (int i = 0; i < COUNTERS_MAX; i++)
    if (counters[i].group[0])
      fprintf(out, "%s\t%s\t%lld\n", counters[i].group, counters[i].name, (long long)counters[i].n);
}

bool stats_load(FILE *in) {
  char group[TEXT], name[TEXT];
  long long n;
  int got;
  while ((got = fscanf(in, "%39[^\t]\t%39[^\t]\t%lld\n", group, name, &n)) == 3)
    stats_add(group, name, n);
  return got == EOF;
}

// Every legal change of a status, every refusal, every fault: what a thousand seeds must have seen.
static const char *const wanted[][2] = {
#define X(group, name) {group, name},
#include "wanted.h"
#undef X
    {NULL, NULL}};

// The same of runs with several nodes, of which there are fewer.
static const char *const wanted_of_nodes[][2] = {{"at once", "actions on one payment"},
                                                 {"at once", "creates of one order"},
                                                 {"at once", "creates of one project"},
                                                 {"at once", "webhook workers"},
                                                 {"faults", "COMMIT cut"},
                                                 {"faults", "COMMIT late"},
                                                 {"faults", "COMMIT unanswered"},
                                                 {"faults", "answer lost"},
                                                 {"faults", "connection cut"},
                                                 {"faults", "crash"},
                                                 {"faults", "crash after a COMMIT"},
                                                 {"faults", "refused"},
                                                 {"faults", "session terminated"},
                                                 {"nodes", "answers by an old configuration"},
                                                 {"nodes", "paused"},
                                                 {"requests at once", "in another order"},
                                                 {"starts", "after a crash"},
                                                 {"starts", "orderly"},
                                                 {"unanswered", "action had happened"},
                                                 {"unanswered", "create had happened"},
                                                 {NULL, NULL}};

int stats_missing(FILE *out, bool nodes) {
  const char *const(*list)[2] = nodes ? wanted_of_nodes : wanted;
  int missing = 0;
  for (size_t i = 0; list[i][0]; i++)
    if (stats_get(list[i][0], list[i][1]) == 0) {
      fprintf(out, "never reached: %s: %s\n", list[i][0], list[i][1]);
      missing++;
    }
  return missing;
}
