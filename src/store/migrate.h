// The schema's version and its upgrades. Internal to store/.
//
// sql/NNN_name.sql are numbered migrations, embedded in the binary. `meta` says which one the database is at
// and the oldest binary (counted in migrations it knows) that may use it; an older binary refuses to open it.
#pragma once
#include "base/embedded.h"
#include "store/sqlite.h"

// Brings the database at `path` up to date with these migrations (sql_files); before an upgrade of an
// existing one a copy is made at PATH.before-N. false: error says why and nothing was changed.
bool migrate(struct db *db, const char *path, const struct embedded *files, char *error, size_t error_size);
