// Files that the build puts into the binary (tools/embed.c).
#pragma once
#include <stddef.h>

struct embedded {
  const char *name; // base name of the file; NULL ends a table
  const char *data; // NUL-terminated beyond `size`
  size_t size;
};

extern const struct embedded sql_files[]; // sql/*.sql in order of their numbers
