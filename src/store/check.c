#include "store/check.h"
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

// First column of the first row as text; false where there is none or the statement fails.
static bool first(sqlite3 *db, const char *statement, char *out, size_t size) {
  sqlite3_stmt *st = NULL;
  bool got = sqlite3_prepare_v2(db, statement, -1, &st, NULL) == SQLITE_OK &&
             sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0);
  if (got)
    snprintf(out, size, "%s", (const char *)sqlite3_column_text(st, 0));
  sqlite3_finalize(st);
  return got;
}

static bool look(sqlite3 *db, struct store_facts *facts, char *error, size_t size) {
  char text[256];
  if (!first(db, "SELECT value FROM meta WHERE name = 'schema_version'", text, sizeof text) ||
      !str_to_i64(str_of(text), &facts->schema_version)) {
    snprintf(error, size, "this is not a database of cryptopay: %s", sqlite3_errmsg(db));
    return false;
  }
  if (!first(db, "PRAGMA quick_check(1)", text, sizeof text)) {
    snprintf(error, size, "it cannot be read: %s", sqlite3_errmsg(db));
    return false;
  }
  if (strcmp(text, "ok") != 0)
    snprintf(error, size, "it is damaged: %s", text);
  return strcmp(text, "ok") == 0;
}

bool store_check(const char *path, struct store_facts *facts, char *error, size_t error_size) {
  sqlite3 *db = NULL;
  *facts = (struct store_facts){.newest_version = schema_newest(sql_files)};
  bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
  if (good) {
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_exec(db, "PRAGMA query_only=1;PRAGMA wal_autocheckpoint=0;PRAGMA mmap_size=0", NULL, NULL, NULL);
    good = look(db, facts, error, error_size);
  } else {
    snprintf(error, error_size, "it cannot be opened: %s", db ? sqlite3_errmsg(db) : "out of memory");
  }
  sqlite3_close(db);
  return good;
}

struct store_library store_library(void) {
  return (struct store_library){sqlite3_libversion(), sqlite3_libversion_number() < SQLITE_VERSION_NUMBER};
}
