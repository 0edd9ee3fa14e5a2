// Every statement prepares, and none walks through a whole table unless it is meant to: what grows with the
// number of payments must be found by an index.
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

// Statements of the operator's commands that read one small table as a whole.
static const enum query cold[] = {Q_PROJECT_ALL,  Q_ADDRESS_LIST, Q_DELIVERY_WAITING, Q_XPUB_SKIP,
                                  Q_XPUB_HIGHEST, Q_PAYMENT_SKIP, Q_PAYMENT_SKIP_FROM};

static bool is_cold(enum query q) {
  for (size_t i = 0; i < sizeof cold / sizeof *cold; i++)
    if (cold[i] == q)
      return true;
  return false;
}

static void check(sqlite3 *db, enum query q) {
  sqlite3_stmt *st;
  char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", query_text(q, ENGINE_SQLITE));
  if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
    fail_msg("%s: %s", query_name(q), sqlite3_errmsg(db));
  while (sqlite3_step(st) == SQLITE_ROW) {
    const char *plan = (const char *)sqlite3_column_text(st, 3);
    bool scan = strncmp(plan, "SCAN ", 5) == 0 && !strstr(plan, "CONSTANT ROW") && !strstr(plan, "taken");
    if (scan && !is_cold(q))
      fail_msg("%s: %s", query_name(q), plan);
    if (strstr(plan, "TEMP B-TREE"))
      fail_msg("%s sorts: %s", query_name(q), plan);
  }
  sqlite3_finalize(st);
  sqlite3_free(text);
}

// Column names of `a`, then those of `b`, must be those of `both`: their rows are read by position.
static void check_columns(sqlite3 *db, enum query both, enum query a, enum query b) {
  sqlite3_stmt *st[3];
  const enum query q[3] = {both, a, b};
  for (int i = 0; i < 3; i++)
    assert_int_equal(sqlite3_prepare_v2(db, query_text(q[i], ENGINE_SQLITE), -1, &st[i], NULL), SQLITE_OK);
  int n = sqlite3_column_count(st[1]);
  assert_int_equal(sqlite3_column_count(st[0]), n + sqlite3_column_count(st[2]));
  for (int i = 0; i < sqlite3_column_count(st[0]); i++)
    assert_string_equal(sqlite3_column_name(st[0], i),
                        i < n ? sqlite3_column_name(st[1], i) : sqlite3_column_name(st[2], i - n));
  for (int i = 0; i < 3; i++)
    sqlite3_finalize(st[i]);
}

static void no_statement_scans(void **state) {
  (void)state;
  char folder[] = "/tmp/cryptopay-plans-XXXXXX", path[64], error[256];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/db", folder);
  struct store *s =
      store_open(&(struct store_options){.database = path, .world = &world_real}, error, sizeof error);
  assert_non_null(s);
  sqlite3 *db;
  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  for (int q = 0; q < QUERIES; q++)
    check(db, (enum query)q);
  check_columns(db, Q_PAYMENT_AND_PROJECT, Q_PAYMENT_BY_ID, Q_PROJECT_BY_ID);
  sqlite3_close(db);
  store_close(s);
  char command[96];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_statement_scans)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
