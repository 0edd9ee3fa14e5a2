// Group commit: what one job of a batch does must not harm the others; and the schema's versions.
#include "store/batch.h"
#include "store/migrate.h"
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
  char folder[64], path[96];
  struct store *store;
  struct arena arena;
};

// A job that adds a merchant and then behaves in a chosen way.
enum manner { GOOD, REFUSES_BEFORE, FAILS_AFTER, BREAKS_A_CONSTRAINT };

struct trial {
  struct job job;
  const char *email;
  enum manner manner;
  int committed, done, runs;
};

static enum err trial_step(struct job *j) {
  struct trial *t = (struct trial *)j;
  struct str email = str_of(t->email);
  switch (j->round) {
  case 0:
    t->runs++;
    if (t->manner == REFUSES_BEFORE)
      return ERR_EMAIL;
    JOB_OP(j, Q_MERCHANT_ADD, v_text(email), v_text(STR("hash")), v_int(1));
    if (t->manner == BREAKS_A_CONSTRAINT)
      JOB_OP(j, Q_EVENT_ADD, v_null(), v_int(1), v_text(STR("x")), v_null());
    return ERR_NONE;
  default:
    return t->manner == FAILS_AFTER ? ERR_CHANGED : ERR_NONE;
  }
}

static void count_committed(struct job *j) {
  ((struct trial *)j)->committed++;
}

static void count_done(struct job *j) {
  ((struct trial *)j)->done++;
}

static struct trial trial(struct fixture *f, const char *email, enum manner manner) {
  return (struct trial){
      .job = {.step = trial_step, .committed = count_committed, .done = count_done, .arena = &f->arena},
      .email = email,
      .manner = manner};
}

static bool exists(struct fixture *f, const char *email) {
  struct db db;
  assert_true(db_open(&db, f->path, NULL, false));
  sqlite3_stmt *st;
  assert_int_equal(sqlite3_prepare_v2(db.handle, "SELECT 1 FROM merchants WHERE email = ?", -1, &st, NULL),
                   SQLITE_OK);
  sqlite3_bind_text(st, 1, email, -1, SQLITE_STATIC);
  bool there = sqlite3_step(st) == SQLITE_ROW;
  sqlite3_finalize(st);
  db_close(&db);
  return there;
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  char error[256];
  strcpy(f->folder, "/tmp/cryptopay-writer-XXXXXX");
  assert_non_null(mkdtemp(f->folder));
  snprintf(f->path, sizeof f->path, "%s/db", f->folder);
  arena_init(&f->arena, 64 << 20);
  f->store = store_open(&(struct store_options){.database = f->path, .world = &world_real, .queue_max = 64},
                        error, sizeof error);
  assert_non_null(f->store);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  char command[96];
  if (f->store)
    store_close(f->store);
  arena_free(&f->arena);
  snprintf(command, sizeof command, "rm -rf %s", f->folder);
  int rc = system(command);
  free(f);
  return rc;
}

static void run(struct fixture *f, struct trial *t, int n) {
  for (int i = 0; i < n; i++)
    assert_int_equal(store_submit(f->store, &t[i].job), ERR_NONE);
  assert_int_equal(store_run_queued(f->store, 100), n);
}

static void a_refusal_before_writing_harms_nobody(void **state) {
  struct fixture *f = *state;
  struct trial t[] = {trial(f, "a", GOOD), trial(f, "b", REFUSES_BEFORE), trial(f, "c", GOOD)};
  run(f, t, 3);
  assert_int_equal(t[1].job.result, ERR_EMAIL);
  assert_true(exists(f, "a") && exists(f, "c") && !exists(f, "b"));
  assert_int_equal(t[0].runs, 1); // one transaction was enough
  assert_int_equal(t[1].committed, 0);
  assert_int_equal(t[1].done, 1);
}

static void a_failure_after_writing_undoes_only_itself(void **state) {
  struct fixture *f = *state;
  struct trial t[] = {trial(f, "a", GOOD), trial(f, "b", FAILS_AFTER), trial(f, "c", BREAKS_A_CONSTRAINT),
                      trial(f, "d", GOOD)};
  run(f, t, 4);
  assert_int_equal(t[0].job.result, ERR_NONE);
  assert_int_equal(t[1].job.result, ERR_CHANGED);
  assert_int_equal(t[2].job.result, ERR_STORE);
  assert_int_equal(t[3].job.result, ERR_NONE);
  assert_true(exists(f, "a") && exists(f, "d"));
  assert_false(exists(f, "b") || exists(f, "c"));
  for (int i = 0; i < 4; i++) {
    assert_int_equal(t[i].done, 1);
    assert_int_equal(t[i].committed, t[i].job.result == ERR_NONE);
  }
}

static void a_full_queue_says_so(void **state) {
  struct fixture *f = *state;
  struct trial t[65];
  char emails[65][8];
  for (int i = 0; i < 65; i++) {
    snprintf(emails[i], sizeof emails[i], "m%d", i);
    t[i] = trial(f, emails[i], GOOD);
    assert_int_equal(store_submit(f->store, &t[i].job), i < 64 ? ERR_NONE : ERR_BUSY);
  }
  while (store_run_queued(f->store, 10)) {
  }
  assert_int_equal(t[64].done, 0); // a refused job is not told of
  assert_int_equal(t[63].done, 1);
}

static void *call_many(void *arg) {
  struct fixture *f = arg;
  struct arena a;
  arena_init(&a, 16 << 20);
  for (int i = 0; i < 50; i++) {
    struct trial t = trial(f, "x", REFUSES_BEFORE);
    char email[32];
    snprintf(email, sizeof email, "t%lx-%d", (unsigned long)pthread_self(), i);
    t.email = email;
    t.manner = i % 3 ? GOOD : FAILS_AFTER;
    t.job.arena = &a;
    assert_int_equal(store_call(f->store, &t.job), i % 3 ? ERR_NONE : ERR_CHANGED);
  }
  arena_free(&a);
  return NULL;
}

static void many_threads_one_writer(void **state) {
  struct fixture *f = *state;
  pthread_t threads[4];
  assert_true(store_writer_start(f->store));
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, call_many, f), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  store_writer_stop(f->store);
  struct trial late = trial(f, "late", GOOD);
  assert_int_equal(store_submit(f->store, &late.job), ERR_STOPPING);
}

static void a_copy_is_a_database(void **state) {
  struct fixture *f = *state;
  char error[256], copy[96];
  struct trial t = trial(f, "a", GOOD);
  run(f, &t, 1);
  snprintf(copy, sizeof copy, "%s/copy", f->folder);
  assert_int_equal(store_backup(f->store, copy, error, sizeof error), ERR_NONE);
  store_close(f->store);
  f->store = NULL;
  strcpy(f->path, copy);
  assert_true(exists(f, "a"));
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
      TEST(a_refusal_before_writing_harms_nobody),
      TEST(a_failure_after_writing_undoes_only_itself),
      TEST(a_full_queue_says_so),
      TEST(many_threads_one_writer),
      TEST(a_copy_is_a_database),
      TEST(an_older_database_is_copied_and_upgraded),
      TEST(a_failed_upgrade_changes_nothing),
      TEST(a_newer_database_is_refused_by_an_older_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
