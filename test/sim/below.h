// What goes wrong below a node's store: its disk on SQLite (vfs.h), its connections on PostgreSQL (wire.h).
#pragma once
#include "random.h"

enum { GATEWAYS_MAX = 3 };

struct below {
  const char *database; // for the store
  const char *vfs;      // NULL: none
  int nodes;            // at most so many on one database
  void (*setup)(void);  // once, before the first run
  void (*save)(void);   // once: what is stored now is what each run begins with
  void (*begin)(uint64_t seed);
  void (*on)(int node);
  bool (*dead)(int node);
  void (*revive)(int node);                        // after a crash; its connections must be closed
  int64_t (*fired)(int node);                      // faults so far
  int64_t (*begun)(void);                          // of all nodes; several failures in a row are one
  void (*calm)(void);                              // takes back all faults that have not fired yet
  const char *(*trouble)(int node, struct rng *r); // something will fail soon
  void (*must)(int node, bool crash);              // the next statements will meet a fault
  void (*opening)(int node, struct rng *r);        // perhaps a fault while it starts
  void (*tick)(int64_t now_us);
  void (*count)(void (*add)(const char *group, const char *name, int64_t n)); // what has happened in this run
};

extern const struct below below_sqlite;
const struct below *below_postgres(const char *base_url); // with a database of its own there

extern const struct below *below; // the one in use
