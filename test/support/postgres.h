// Plain connections to the PostgreSQL server that TEST_DATABASE names (test/postgres), for tests that look
// from outside or do harm: as superuser.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

enum { POSTGRES_URL_MAX = 300 };

// URL of a database of that server. Without a server the whole test makes no sense.
static inline void postgres_url(char url[POSTGRES_URL_MAX], const char *name) {
  const char *base = getenv("TEST_DATABASE");
  if (!base) {
    fprintf(stderr, "TEST_DATABASE is not set: test/postgres run COMMAND sets it\n");
    exit(1);
  }
  snprintf(url, POSTGRES_URL_MAX, "%s/%s", base, name);
}

static inline PGconn *postgres_connect(const char *database) {
  char url[POSTGRES_URL_MAX];
  postgres_url(url, database);
  const char *const names[] = {"dbname", "user", "application_name", NULL};
  const char *const values[] = {url, "postgres", "test", NULL};
  PGconn *c = PQconnectdbParams(names, values, 1);
  if (PQstatus(c) != CONNECTION_OK)
    fail_msg("%s", PQerrorMessage(c));
  return c;
}

// First column of the first row as a number, 0 where there is none.
static inline int64_t postgres_order(PGconn *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline int64_t postgres_order(PGconn *c, const char *format, ...) {
  char text[1000];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  PGresult *r = PQexec(c, text);
  ExecStatusType status = PQresultStatus(r);
  int64_t n = status == PGRES_TUPLES_OK && PQntuples(r) ? atoll(PQgetvalue(r, 0, 0)) : 0;
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    fail_msg("%s: %s", text, PQerrorMessage(c));
  PQclear(r);
  return n;
}
