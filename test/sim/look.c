#include "look.h"
#include "vfs.h"
#include "wire.h"

#include <libpq-fe.h>
#include <stdlib.h>

enum { FOUND_MAX = 8 };

struct found {
  bool used;
  sqlite3_stmt *st;
  PGresult *rows;
  int at;
};

static struct {
  const struct oracle *o;
  sqlite3 *lite;
  PGconn *pg;
  struct found found[FOUND_MAX];
  bool busy;
} look;

static const char *trouble(void) {
  return look.pg ? PQerrorMessage(look.pg) : sqlite3_errmsg(look.lite);
}

void look_at(const char *base_url, const char *database) {
  char url[512];
  wire_node = -1;
  if (look.pg)
    PQfinish(look.pg);
  snprintf(url, sizeof url, "%s/%s?sslmode=disable", base_url, database);
  look.pg = base_url ? PQconnectdb(url) : NULL;
  if (look.pg && PQstatus(look.pg) != CONNECTION_OK) {
    fprintf(stderr, "the checker cannot connect: %s\n", trouble());
    exit(1);
  }
}

void look_begin(const struct oracle *o) {
  look.o = o;
  look.busy = true;
  if (look.pg) {
    wire_deliver(); // what has not reached the server may still happen
    look_run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    return;
  }
  vfs.trusted = true;
  if (sqlite3_open_v2("/sim.db", &look.lite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, VFS_NAME) !=
      SQLITE_OK)
    violation(o, "the checker cannot open the database");
  sqlite3_db_config(look.lite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_exec(look.lite, "PRAGMA query_only=1;PRAGMA wal_autocheckpoint=0;BEGIN", NULL, NULL, NULL);
}

void look_end(void) {
  look.busy = false;
  if (look.pg) {
    look_run("COMMIT");
    return;
  }
  if (sqlite3_close(look.lite) != SQLITE_OK)
    violation(look.o, "the checker forgot a statement");
  look.lite = NULL;
  vfs.trusted = false;
}

void look_abandon(void) {
  if (!look.busy)
    return;
  for (int i = 0; i < FOUND_MAX; i++)
    if (look.found[i].used)
      look_drop(&look.found[i]);
  look_end();
}

bool look_is_shared(void) {
  return look.pg != NULL;
}

static struct found *found_new(void) {
  for (int i = 0; i < FOUND_MAX; i++)
    if (!look.found[i].used) {
      look.found[i] = (struct found){.used = true, .at = -1};
      return &look.found[i];
    }
  violation(look.o, "the checker asks too much at once");
}

struct found *look_ask(const char *text) {
  struct found *f = found_new();
  if (look.pg) {
    f->rows = PQexec(look.pg, text);
    if (PQresultStatus(f->rows) != PGRES_TUPLES_OK)
      violation(look.o, "the checker cannot read: %s", trouble());
  } else if (sqlite3_prepare_v2(look.lite, text, -1, &f->st, NULL) != SQLITE_OK) {
    violation(look.o, "the checker cannot read: %s", trouble());
  }
  return f;
}

void look_drop(struct found *f) {
  if (look.pg)
    PQclear(f->rows);
  else
    sqlite3_finalize(f->st);
  f->used = false;
}

bool look_next(struct found *f) {
  bool more;
  if (look.pg) {
    more = ++f->at < PQntuples(f->rows);
  } else {
    int rc = sqlite3_step(f->st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
      violation(look.o, "the checker cannot read: %s", trouble());
    more = rc == SQLITE_ROW;
  }
  if (!more)
    look_drop(f);
  return more;
}

int64_t look_int(const struct found *f, int column) {
  return look.pg ? strtoll(PQgetvalue(f->rows, f->at, column), NULL, 10)
                 : sqlite3_column_int64(f->st, column);
}

const char *look_text(const struct found *f, int column) {
  if (look.pg)
    return PQgetvalue(f->rows, f->at, column);
  const char *p = (const char *)sqlite3_column_text(f->st, column);
  return p ? p : "";
}

bool look_is_null(const struct found *f, int column) {
  return look.pg ? PQgetisnull(f->rows, f->at, column) != 0
                 : sqlite3_column_type(f->st, column) == SQLITE_NULL;
}

int64_t look_count(const char *text) {
  struct found *f = look_ask(text);
  if (!look_next(f))
    violation(look.o, "no answer: %s", text);
  int64_t n = look_int(f, 0);
  look_drop(f);
  return n;
}

const char *look_blob(const unsigned char *bytes, int n, char *out) {
  char *p = out + sprintf(out, "%s", look.pg ? "'\\x" : "X'");
  for (int i = 0; i < n; i++)
    p += sprintf(p, "%02x", bytes[i]);
  strcpy(p, "'");
  return out;
}

void look_run(const char *text) {
  PGresult *r = PQexec(look.pg, text);
  if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
    violation(look.o, "the checker's statement failed: %s: %s", text, trouble());
  PQclear(r);
}
