// Looks at a database file without the rest of the store: is it ours, which schema, is it sound? For `doctor`
// and `restore`.
#pragma once
#include "base/str.h"

struct store_facts {
  int64_t schema_version; // of the file
  int64_t newest_version; // that this program knows
};

// Reads only, on a connection of its own that never checkpoints. False: `error` says what is wrong with the
// file.
bool store_check(const char *path, struct store_facts *facts, char *error, size_t error_size);

// The engine's library: its version, and whether it is older than the one that this program was built with.
struct store_library {
  const char *version;
  bool too_old;
};
struct store_library store_library(void);
