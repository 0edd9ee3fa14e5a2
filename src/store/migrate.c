#include "store/migrate.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The first schema version whose databases a binary that knows only older migrations must not touch. Raised
// by a migration that older code could not live with; all are expand-first so far.
enum { OLDEST_COMPATIBLE = 1 };

int schema_newest(const struct embedded *files) {
  int n = 0;
  while (files[n].name)
    n++;
  return n;
}

bool schema_fits(const struct schema *s, const char *database, char *error, size_t size) {
  if (s->oldest <= s->newest)
    return true;
  snprintf(error, size,
           "the database %s has schema version %d, which needs a newer cryptopay (this one knows %d): "
           "upgrade the program, or restore a backup made before",
           database, s->version, s->newest);
  return false;
}

void schema_note(char *text, size_t size, int version) {
  snprintf(text, size,
           "INSERT INTO meta (name, value) VALUES ('schema_version', '%d'), ('oldest_binary', '%d')"
           " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
           version, OLDEST_COMPATIBLE);
}

static int64_t read_number(struct db *db, const char *text, int64_t otherwise) {
  sqlite3_stmt *st = NULL;
  int64_t v = otherwise;
  if (sqlite3_prepare_v2(db->handle, text, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
    v = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return v;
}

// An upgrade that failed leaves its copy behind; the next try makes another one beside it.
static bool copy_before(struct db *db, const char *path, int version, char *error, size_t size) {
  char *name = sqlite3_mprintf("%s.before-%d", path, version);
  for (int i = 2; name && access(name, F_OK) == 0; i++) {
    sqlite3_free(name);
    name = sqlite3_mprintf("%s.before-%d.%d", path, version, i);
  }
  char *text = sqlite3_mprintf("VACUUM INTO '%q'", name);
  bool ok = name && text && db_exec_quiet(db, text);
  if (!ok)
    snprintf(error, size, "cannot copy the database before its upgrade to %s: %s", name, db_error_text(db));
  else
    LOG(INFO, "database copied before upgrade", LOG_C("copy", name));
  sqlite3_free(text);
  sqlite3_free(name);
  return ok;
}

static bool apply(struct db *db, const struct embedded *files, int version, char *error, size_t size) {
  char meta[256];
  schema_note(meta, sizeof meta, version);
  if (db_exec_quiet(db, "BEGIN IMMEDIATE") && db_exec_quiet(db, files[version - 1].data) &&
      db_exec_quiet(db, meta) && db_exec_quiet(db, "COMMIT"))
    return true;
  snprintf(error, size, "migration %s failed: %s", files[version - 1].name, db_error_text(db));
  (void)db_exec_quiet(db, "ROLLBACK");
  return false;
}

bool migrate(struct db *db, const char *path, const struct embedded *files, char *error, size_t size) {
  if (!db_exec_quiet(db, "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
                         " STRICT, WITHOUT ROWID")) {
    snprintf(error, size, "cannot use the database %s: %s", path, db_error_text(db));
    return false;
  }
  const struct schema s = {(int)read_number(db, SCHEMA_VERSION, 0), (int)read_number(db, SCHEMA_OLDEST, 0),
                           schema_newest(files)};
  if (!schema_fits(&s, path, error, size))
    return false;
  if (s.version > 0 && s.version < s.newest && !copy_before(db, path, s.version, error, size))
    return false;
  for (int v = s.version + 1; v <= s.newest; v++)
    if (!apply(db, files, v, error, size))
      return false;
  return true;
}
