// The schema's version and its upgrades. Internal to store/.
//
// sql/NNN_name.sql are numbered migrations, embedded in the binary. `meta` says which one the database is at
// and the oldest binary (counted in migrations it knows) that may use it; an older binary refuses to open it.
#pragma once
#include "base/embedded.h"
#include "store/sqlite.h"

// What every engine's upgrade has in common.
struct schema {
  int version; // of the database; 0: none yet
  int oldest;  // binary that may use it
  int newest;  // version that this binary knows
};
#define SCHEMA_VERSION "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'schema_version'"
#define SCHEMA_OLDEST  "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'oldest_binary'"

int schema_newest(const struct embedded *files);
// false: only a newer binary may use it; error says so.
bool schema_fits(const struct schema *s, const char *database, char *error, size_t error_size);
void schema_note(char *text, size_t size, int version); // the statement that notes the version

// The SQLite text of a migration as PostgreSQL takes it: other names of types, no foreign keys.
struct str pg_translate(struct arena *a, const char *text);
// The same as migrate() for PostgreSQL, where any number of nodes may try at the same time. No copy is made.
struct pg;
bool pg_migrate(struct pg *p, const struct embedded *files, char *error, size_t error_size);

// Brings the database at `path` up to date with these migrations (sql_files); before an upgrade of an
// existing one a copy is made at PATH.before-N. false: error says why and nothing was changed.
bool migrate(struct db *db, const char *path, const struct embedded *files, char *error, size_t error_size);
