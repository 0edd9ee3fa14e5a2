// Fills a stopped gateway's database for the bench, straight in SQL: what the gateway itself would need half
// an hour for. The data folder must have one project (app_id 1). Times are set so that nothing that is stored
// falls due during a run. usage: fill DATA_FOLDER --stored N | --open N | --webhooks N | --live N
#include "test/bench/live_address.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) "
#define NOW     "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000)"
#define HOUR    "3600000000"

#define ADD_PAYMENTS                                                                                         \
  "INSERT INTO payments (id, project_id, is_test, order_id, amount, scale, pay_amount, received, status, "   \
  "sub,"                                                                                                     \
  " address, description, success_url, fail_url, created_us, match_from_us, first_expires_us, expires_us,"   \
  " quarantine_us, extended, txid, paid_us, due_us, version) " NUMBERS
#define SHOP                                                                                                 \
  "printf('T%033d', i), 'Service payment', 'https://shop.example.com/success', "                             \
  "'https://shop.example.com/fail', "

// Ended in the past: nine of ten paid, one expired.
static const char add_stored[] = ADD_PAYMENTS
    "SELECT i, 1, 1, printf('S%09d', i), 50000000, 2, 50000000, iif(i % 10, 50000000, 0), iif(i % 10, 1, 2), "
    "0, " SHOP NOW " - 2000 * " HOUR " + i, " NOW " - 2000 * " HOUR ", " NOW " - 1999 * " HOUR ", " NOW
    " - 1999 * " HOUR ", " NOW " - 1950 * " HOUR
    ", 0, iif(i % 10, printf('test_%064d', i), NULL), iif(i % 10, " NOW " - 1999 * " HOUR ", NULL),"
    " NULL, 2 FROM n";

// Waiting for their money for another day.
static const char add_open[] =
    ADD_PAYMENTS "SELECT i, 1, 1, printf('S%09d', i), 50000000, 2, 50000000, 0, 0, 1, " SHOP NOW ", " NOW
                 ", " NOW " + 24 * " HOUR " + i,"
                 " " NOW " + 24 * " HOUR " + i, " NOW " + 72 * " HOUR ", 0, NULL, NULL, " NOW " + 24 * " HOUR
                 " + i, 1 FROM n";

// Live ones, each with an address of its own.
static const char add_live[] =
    "INSERT INTO payments (id, project_id, is_test, order_id, amount, scale, pay_amount, received, status, "
    "sub,"
    " address_id, address, created_us, match_from_us, first_expires_us, expires_us, quarantine_us, extended, "
    "due_us,"
    " version) " NUMBERS
    "SELECT i, 1, 0, printf('L%09d', i), 50000000, 2, 50000000, 0, 0, 1, i, live_address(i), " NOW
    " - 24 * " HOUR ", " NOW " - 24 * " HOUR ", " NOW " + 24 * " HOUR " + i, " NOW " + 24 * " HOUR
    " + i, " NOW " + 72 * " HOUR ", 0, " NOW " + 24 * " HOUR " + i, 1 FROM n";
static const char add_addresses[] = "INSERT INTO addresses (id, project_id, address, removed, released_us) "
                                    "SELECT id, 1, address, 0, 0 FROM payments";
static const char add_reservations[] =
    "INSERT INTO reservations (address_id, pay_amount, payment_id) SELECT id, 50000000, id FROM payments";

static const char add_orders[] = "INSERT INTO orders (project_id, is_test, order_id, payment_id) SELECT "
                                 "project_id, is_test, order_id, id FROM payments"
                                 " ORDER BY id";
static const char add_events[] =
    "INSERT INTO events (payment_id, at_us, kind) SELECT id, created_us, 'created' FROM payments ORDER BY id";

static const char add_deliveries[] =
    "INSERT INTO deliveries (payment_id, project_id, is_test, event, webhook_id, url, host, body, status, "
    "attempts,"
    " round_attempts, created_us, next_us, version)"
    " SELECT p.id, 1, 1, 1, printf('msg_%027d', p.id), j.webhook_url,"
    " substr(j.webhook_url, 8, instr(substr(j.webhook_url, 8), '/') - 1),"
    " printf('{\"payment_id\":%d,\"app_id\":1,\"order_id\":\"%s\",\"status\":\"paid\",\"amount\":\"50.00\","
    "\"pay_amount\":\"50.000000\","
    "\"currency\":\"USDT\",\"network\":\"TRC20\",\"txid\":\"%s\",\"paid_at\":\"2026-07-01 "
    "18:04:12\",\"is_test\":true}',"
    " p.id, p.order_id, coalesce(p.txid, 'test_')), 0, 0, 0, " NOW ", " NOW ", 1"
    " FROM payments p JOIN projects j ON j.id = 1 ORDER BY p.id";

static sqlite3 *db;

static void run(const char *sql, long n) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK && sqlite3_bind_parameter_count(st) == 1)
    rc = sqlite3_bind_int64(st, 1, n);
  while (rc == SQLITE_OK || rc == SQLITE_ROW)
    rc = sqlite3_step(st);
  if (rc != SQLITE_DONE) {
    fprintf(stderr, "fill: %s\n", sqlite3_errmsg(db));
    exit(1);
  }
  sqlite3_finalize(st);
}

static void address_text(sqlite3_context *context, int n, sqlite3_value **values) {
  struct tron_address address;
  char text[ADDRESS_TEXT_N + 1];
  (void)n;
  live_address(sqlite3_value_int64(values[0]), &address);
  address_format(&address, text);
  sqlite3_result_text(context, text, ADDRESS_TEXT_N, SQLITE_TRANSIENT);
}

static const char *payments_of(const char *kind) {
  return strcmp(kind, "--open") == 0 ? add_open : strcmp(kind, "--live") == 0 ? add_live : add_stored;
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  char path[4096];
  snprintf(path, sizeof path, "%s/cryptopay.db", argv[1]);
  long n = atol(argv[3]);
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
    fprintf(stderr, "fill: %s: %s\n", path, sqlite3_errmsg(db));
    return 1;
  }
  run("PRAGMA locking_mode=EXCLUSIVE", 0);
  run("PRAGMA journal_mode=OFF", 0);
  run("PRAGMA synchronous=OFF", 0);
  run("PRAGMA cache_size=-400000", 0);
  sqlite3_create_function(db, "live_address", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, address_text, NULL,
                          NULL);
  run(payments_of(argv[2]), n);
  if (strcmp(argv[2], "--live") == 0) {
    run(add_addresses, 0);
    run(add_reservations, 0);
  }
  run(add_orders, 0);
  run(add_events, 0);
  if (strcmp(argv[2], "--webhooks") == 0)
    run(add_deliveries, 0);
  run("PRAGMA journal_mode=WAL", 0);
  sqlite3_close(db);
  return 0;
}
