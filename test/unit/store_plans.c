// Every statement prepares, and none walks through a whole table or sorts unless it is meant to: what grows
// with the number of payments must be found by an index. Each engine is asked for its plan, PostgreSQL in our
// session's settings and on empty tables, whose plans it keeps.
#include "../support/database.h"
#include "store/pg.h"

#include <sqlite3.h>

// Statements of the operator's commands that read one small table as a whole, or all deliveries that wait.
static const enum query cold[] = {Q_PROJECT_ALL, Q_ADDRESS_LIST, Q_DELIVERY_WAITING, Q_DELIVERY_RETARGET,
                                  Q_XPUB_SKIP,   Q_XPUB_HIGHEST, Q_PAYMENT_SKIP,     Q_PAYMENT_SKIP_FROM};

static bool is_cold(enum query q) {
  for (size_t i = 0; i < sizeof cold / sizeof *cold; i++)
    if (cold[i] == q)
      return true;
  return false;
}

static int set_up(void **state) {
  struct database *d = calloc(1, sizeof *d);
  database_make(d);
  store_close(database_open(d, &world_real, 0));
  *state = d;
  return 0;
}

static int tear_down(void **state) {
  database_drop(*state);
  free(*state);
  return 0;
}

// ---- SQLite ----------------------------------------------------------------------------------------------

static void check_sqlite(sqlite3 *db, enum query q) {
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

// ---- PostgreSQL ------------------------------------------------------------------------------------------

// What a line of a plan has against it; NULL: nothing. `below` is the rest of the plan. With a LIMIT below it
// a hash is small.
static const char *fault_of(const char *line, const char *below) {
  if (strstr(line, "Seq Scan on"))
    return "reads the whole table";
  if (strstr(line, "Sort") || (strstr(line, "Hash") && !strstr(below, "Limit\n")))
    return "sorts or hashes";
  bool by_index = strstr(line, "Index Scan") || strstr(line, "Index Only Scan");
  if (by_index && strncmp(below + strspn(below, " "), "Index Cond", strlen("Index Cond")) != 0)
    return "reads the whole index";
  return NULL;
}

static void explain_order(char *out, size_t size, int n_params) {
  size_t at = (size_t)snprintf(out, size, "EXPLAIN (COSTS OFF) EXECUTE statement");
  for (int i = 0; i < n_params; i++)
    at += (size_t)snprintf(out + at, size - at, "%sNULL%s", i ? ", " : "(", i + 1 == n_params ? ")" : "");
}

static void check_plan(enum query q, const PGresult *r) {
  char plan[4000], *line, *end;
  size_t at = 0;
  for (int i = 0; i < PQntuples(r); i++)
    at += (size_t)snprintf(plan + at, sizeof plan - at, "%s\n", PQgetvalue(r, i, 0));
  assert_true(at < sizeof plan);
  for (line = plan; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = 0;
    const char *fault = fault_of(line, end + 1);
    if (fault && !is_cold(q))
      fail_msg("%s %s: %s", query_name(q), fault, line);
  }
}

// The result must be cleared.
static PGresult *describe(PGconn *c, enum query q) {
  PGresult *r = PQexec(c, "DEALLOCATE ALL");
  PQclear(r);
  r = PQprepare(c, "statement", query_text(q, ENGINE_POSTGRES), 0, NULL);
  if (PQresultStatus(r) != PGRES_COMMAND_OK)
    fail_msg("%s: %s", query_name(q), PQerrorMessage(c));
  PQclear(r);
  return PQdescribePrepared(c, "statement");
}

static void check_postgres(PGconn *c, enum query q) {
  char order[400];
  PGresult *r = describe(c, q);
  explain_order(order, sizeof order, PQnparams(r));
  PQclear(r);
  r = PQexec(c, order);
  if (PQresultStatus(r) != PGRES_TUPLES_OK)
    fail_msg("%s: %s", query_name(q), PQerrorMessage(c));
  check_plan(q, r);
  PQclear(r);
}

// ---- tests -----------------------------------------------------------------------------------------------

static sqlite3 *open_sqlite(const struct database *d) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open_v2(d->url, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  return db;
}

static void open_postgres(const struct database *d, struct pg *p) {
  char error[256];
  if (!pg_connect(p, d->url, error, sizeof error))
    fail_msg("%s", error);
}

static void no_statement_scans(void **state) {
  if (database_is_postgres()) {
    struct pg p;
    open_postgres(*state, &p);
    for (int q = 0; q < QUERIES; q++)
      check_postgres(p.c, (enum query)q);
    pg_close(&p);
  } else {
    sqlite3 *db = open_sqlite(*state);
    for (int q = 0; q < QUERIES; q++)
      check_sqlite(db, (enum query)q);
    sqlite3_close(db);
  }
}

// A plan that is bad is noticed.
static void bad_plans_are_faults(void **state) {
  (void)state;
  assert_non_null(fault_of("  ->  Seq Scan on payments", ""));
  assert_non_null(fault_of("Index Scan using payments_pkey on payments", "  Filter: (status = $1)\n"));
  assert_null(fault_of("Index Scan using payments_pkey on payments", "  Index Cond: (id = $1)\n"));
  assert_non_null(fault_of("Sort", "  Sort Key: id\n"));
  assert_non_null(fault_of("HashAggregate", "  Index Scan using payments_pkey on payments\n"));
  assert_null(fault_of("HashAggregate", "  ->  Limit\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(no_statement_scans),
      cmocka_unit_test(bad_plans_are_faults),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
