// What only SQLite has: a database is a file. Its copy, and the copies that upgrades make.
#include "store/migrate.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
  char folder[64], path[96];
  struct arena arena;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  strcpy(f->folder, "/tmp/cryptopay-sqlite-XXXXXX");
  assert_non_null(mkdtemp(f->folder));
  snprintf(f->path, sizeof f->path, "%s/db", f->folder);
  arena_init(&f->arena, 1 << 20);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  char command[96];
  arena_free(&f->arena);
  snprintf(command, sizeof command, "rm -rf %s", f->folder);
  int rc = system(command);
  free(f);
  return rc;
}

struct note {
  struct job job;
  const char *value;
};

static enum err note_step(struct job *j) {
  if (j->round == 0)
    JOB_OP(j, Q_META_ADD, v_text(STR("note")), v_text(str_of(((struct note *)j)->value)));
  return ERR_NONE;
}

static void a_copy_is_a_database(void **state) {
  struct fixture *f = *state;
  char error[256] = "", copy[96];
  struct store *s =
      store_open(&(struct store_options){.database = f->path, .world = &world_real}, error, sizeof error);
  assert_non_null(s);
  struct note n = {.job = {.step = note_step, .arena = &f->arena}, .value = "kept"};
  assert_int_equal(store_call(s, &n.job), ERR_NONE);
  snprintf(copy, sizeof copy, "%s/copy", f->folder);
  assert_int_equal(store_backup(s, copy, error, sizeof error), ERR_NONE);
  store_close(s);
  struct db db;
  assert_true(db_open(&db, copy, NULL, false));
  sqlite3_stmt *st;
  assert_int_equal(sqlite3_prepare_v2(db.handle, "SELECT value FROM meta WHERE name = 'note'", -1, &st, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  assert_string_equal((const char *)sqlite3_column_text(st, 0), "kept");
  sqlite3_finalize(st);
  db_close(&db);
}

// ---- versions --------------------------------------------------------------------------------------------

static const char first[] = "CREATE TABLE t (a INTEGER NOT NULL) STRICT;";
static const char second[] = "ALTER TABLE t ADD COLUMN b INTEGER;";
static const struct embedded one[] = {{"001", first, sizeof first - 1}, {0}};
static const struct embedded two[] = {
    {"001", first, sizeof first - 1}, {"002", second, sizeof second - 1}, {0}};
static const struct embedded broken[] = {
    {"001", first, sizeof first - 1}, {"002", "CREATE NONSENSE", 15}, {0}};

static bool migrated(const char *path, const struct embedded *files, char *error, size_t size) {
  struct db db;
  assert_true(db_open(&db, path, NULL, true));
  bool ok = migrate(&db, path, files, error, size);
  if (ok)
    assert_true(db_exec_quiet(&db, "INSERT INTO t (a) VALUES (1)"));
  db_close(&db);
  return ok;
}

static void an_older_database_is_copied_and_upgraded(void **state) {
  struct fixture *f = *state;
  char path[96], before[112], error[256] = "";
  snprintf(path, sizeof path, "%s/old", f->folder);
  snprintf(before, sizeof before, "%s.before-1", path);
  assert_true(migrated(path, one, error, sizeof error));
  assert_int_not_equal(access(before, F_OK), 0);
  assert_true(migrated(path, two, error, sizeof error));
  assert_int_equal(access(before, F_OK), 0);
  assert_true(migrated(before, one, error, sizeof error)); // the copy is as it was
}

static void a_failed_upgrade_changes_nothing(void **state) {
  struct fixture *f = *state;
  char path[96], error[256] = "";
  snprintf(path, sizeof path, "%s/old", f->folder);
  assert_true(migrated(path, one, error, sizeof error));
  assert_false(migrated(path, broken, error, sizeof error));
  assert_non_null(strstr(error, "002"));
  assert_true(migrated(path, one, error, sizeof error));
}

static void a_newer_database_is_refused_by_an_older_program(void **state) {
  struct fixture *f = *state;
  char path[96], error[256] = "";
  struct db db;
  snprintf(path, sizeof path, "%s/new", f->folder);
  assert_true(migrated(path, two, error, sizeof error));
  assert_true(migrated(path, one, error, sizeof error)); // a newer schema that older code can live with
  assert_true(db_open(&db, path, NULL, true));
  assert_true(db_exec_quiet(&db, "UPDATE meta SET value = '2' WHERE name = 'oldest_binary'"));
  db_close(&db);
  assert_false(migrated(path, one, error, sizeof error));
  assert_non_null(strstr(error, "newer"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_copy_is_a_database),
      TEST(an_older_database_is_copied_and_upgraded),
      TEST(a_failed_upgrade_changes_nothing),
      TEST(a_newer_database_is_refused_by_an_older_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
