// A look at the database past the program: numbers by SQL, and an audit of the book.
#pragma once
#include "gateway.h"

#include <sqlite3.h>

static inline int64_t sql_number(const struct gateway *g, const char *text) {
  int64_t n = 0;
  if (database_is_postgres()) {
    PGconn *c = postgres_connect(g->database.name);
    PGresult *r = PQexec(c, text);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
      fail_msg("%s: %s", text, PQerrorMessage(c));
    n = PQntuples(r) ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    PQfinish(c);
  } else {
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(g->database.url, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
      fail_msg("%s: %s", text, sqlite3_errmsg(db));
    n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    sqlite3_close(db);
  }
  return n;
}

// What must always hold of the book, whatever has happened.
static inline void audit(const struct gateway *g) {
  // each posting sums to zero
  assert_int_equal(
      sql_number(g,
                 "SELECT COUNT(*) FROM (SELECT journal_id FROM entries GROUP BY journal_id HAVING SUM(amount)"
                 " <> 0) AS unbalanced"),
      0);
  // each balance is the sum of its entries
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM accounts a WHERE a.balance <> COALESCE((SELECT"
                                 " SUM(e.amount) FROM entries e WHERE e.account_id = a.id), 0)"),
                   0);
  // each live transfer was entered once, with its full value; what is unmatched stands in suspense
  assert_int_equal(sql_number(g,
                              "SELECT COUNT(*) FROM transfers t WHERE is_test = 0 AND 1 <> (SELECT COUNT(*)"
                              " FROM journals j WHERE j.transfer_id = t.id AND j.kind IN (1, 2))"),
                   0);
  assert_int_equal(sql_number(g, "SELECT COALESCE((SELECT SUM(value) FROM transfers WHERE is_test = 0), 0)"
                                 " - COALESCE((SELECT SUM(balance) FROM accounts WHERE kind IN (1, 2)), 0)"),
                   0);
  assert_int_equal(sql_number(g, "SELECT COALESCE((SELECT SUM(value) FROM transfers WHERE is_test = 0 AND"
                                 " payment_id IS NULL), 0)"
                                 " + COALESCE((SELECT SUM(balance) FROM accounts WHERE kind = 3), 0)"),
                   0);
  // what live payments have received is what was matched to them
  assert_int_equal(sql_number(g,
                              "SELECT COUNT(*) FROM payments p WHERE is_test = 0 AND replaced_by IS NULL AND"
                              " received <> COALESCE((WITH RECURSIVE chain (id) AS (SELECT p.id UNION"
                              " SELECT o.id FROM payments o JOIN chain ON o.replaced_by = chain.id"
                              " AND o.address_id = p.address_id) SELECT SUM(value) FROM transfers t"
                              " JOIN chain ON chain.id = t.payment_id), 0)"),
                   0);
  // one webhook for one paid payment
  assert_int_equal(sql_number(g, "SELECT COUNT(*) FROM payments p WHERE status = 1 AND 1 <> (SELECT COUNT(*)"
                                 " FROM deliveries d WHERE d.payment_id = p.id AND d.event = 1)"),
                   0);
}
