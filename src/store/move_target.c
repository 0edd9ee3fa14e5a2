// The PostgreSQL side of a move: whose database it is, and the rows that have arrived.
#include "store/migrate.h"
#include "store/move_internal.h"

#include <string.h>

#define ID_KEY "payment_id_key" // each gateway has made its own, sealed: it tells one from another

// Our sessions are made for short transactions on indexed rows; this one walks through tables. Commits are
// not waited for (what a crash of the server loses is the end of what arrived) until move_verify().
static const char session[] = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = 0;"
                              "SET synchronous_commit = off; SET enable_seqscan = on;"
                              "SET plan_cache_mode = auto";

// Held as long as the session lives: a killed move that still has a statement under way is waited for.
static const char alone[] = "SELECT pg_advisory_lock(hashtext('cryptopay'), hashtext('migrate-to'))";

// What the server says, with its detail and the row of a COPY, in one line.
bool move_target_fail(struct move *m, const char *what) {
  char *said = str_c(m->a, str_of(PQerrorMessage(m->pg.c)));
  ExecStatusType status = PGRES_COMMAND_OK;
  for (PGresult *r; status != PGRES_COPY_IN && status != PGRES_COPY_OUT && (r = PQgetResult(m->pg.c));) {
    status = PQresultStatus(r); // only at the end of what it has to say a connection is seen to be lost
    PQclear(r);
  }
  m->unreachable = !pg_alive(&m->pg);
  for (char *p = said; *p; p++)
    if (*p == '\n')
      *p = ' ';
  struct str line = str_trim(str_of(said));
  return move_fail(m, "%s: %.*s%s", what, STR_FMT(line),
                   m->unreachable ? "; run this again: it goes on where it stopped" : "");
}

bool move_target_run(struct move *m, const char *text) {
  return pg_exec(&m->pg, text) || move_target_fail(m, "PostgreSQL");
}

static bool first_text(struct move *m, PGresult *r, struct str *out) {
  bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
  *out = STR_NONE;
  if (ok && PQntuples(r) && !PQgetisnull(r, 0, 0))
    *out = str_copy(m->a, (struct str){PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0)});
  PQclear(r);
  return ok || move_target_fail(m, "PostgreSQL");
}

bool move_target_text(struct move *m, const char *text, struct str *out) {
  return first_text(m, PQexec(m->pg.c, text), out);
}

bool move_target_meta(struct move *m, struct str name, struct str *out) {
  const char *const values[] = {str_c(m->a, name)};
  return first_text(
      m, PQexecParams(m->pg.c, "SELECT value FROM meta WHERE name = $1", 1, NULL, values, NULL, NULL, 0),
      out);
}

bool move_target_sequence(struct move *m, const struct table *t, struct str *out) {
  *out = STR_NONE;
  if (t->n_keys != 1 || !t->columns[t->keys[0]].integer)
    return true;
  return move_target_text(
      m,
      str_printf(m->a, "SELECT pg_get_serial_sequence('%s', '%s')", t->name, t->columns[t->keys[0]].name).p,
      out);
}

// Nothing of ours and nothing of others.
static bool check_foreign(struct move *m) {
  struct str ours, tables;
  if (!move_target_text(m, "SELECT to_regclass('meta')", &ours) ||
      !move_target_text(m,
                        "SELECT string_agg(relname, ', ') FROM pg_class WHERE relkind IN ('r', 'p')"
                        " AND relnamespace = CAST(current_schema() AS regnamespace)",
                        &tables))
    return false;
  return ours.p || !tables.p ||
         move_fail(m, "the database is not empty (%.*s): make one for the gateway alone: createdb NAME",
                   STR_FMT(tables));
}

static bool find_state(struct move *m) {
  struct str here, mine = move_source_meta(m, ID_KEY), unfinished;
  if (!move_target_meta(m, STR(ID_KEY), &here) || !move_target_meta(m, STR(MOVE_UNFINISHED), &unfinished))
    return false;
  if (!mine.p)
    return move_fail(m, "%s has never been used by a gateway: there is nothing to move", m->o.source);
  if (here.p && !str_eq(here, mine))
    return move_fail(m, "the database belongs to another gateway: make one for this one: createdb NAME");
  m->state = !here.p ? MOVE_FRESH : unfinished.p ? MOVE_BEGUN : MOVE_DONE;
  return true;
}

bool move_target_open(struct move *m) {
  if (!pg_connect(&m->pg, m->o.target, m->error, sizeof m->error)) {
    m->unreachable = true;
    return false;
  }
  if (!move_target_run(m, session) || !move_target_run(m, alone) || !check_foreign(m))
    return false;
  return pg_migrate(&m->pg, sql_files, m->error, sizeof m->error) && find_state(m);
}

void move_target_close(struct move *m) {
  pg_close(&m->pg);
}

// ---- claim

static bool put_meta(struct move *m, struct str name, struct str value) {
  const char *const values[] = {name.p, value.p};
  PGresult *r = PQexecParams(m->pg.c,
                             "INSERT INTO meta (name, value) VALUES ($1, $2)"
                             " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                             2, NULL, values, NULL, NULL, 0);
  bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
  PQclear(r);
  return ok || move_target_fail(m, "meta");
}

static bool empty(struct move *m) {
  struct buf b;
  buf_init(&b, m->a, 65536);
  for (int i = 0; i < m->n_tables; i++)
    buf_str(&b, str_printf(m->a, "%s%s", i ? ", " : "TRUNCATE ", m->tables[i].name));
  return move_target_run(m, str_c(m->a, buf_view(&b)));
}

static bool put_all_meta(struct move *m) {
  struct str name, value;
  for (bool more = move_source_meta_next(m, true, &name, &value); more;
       more = move_source_meta_next(m, false, &name, &value))
    if (!put_meta(m, name, value))
      return false;
  return !m->error[0];
}

// In one transaction: it is ours, it is unfinished, nothing has arrived.
bool move_target_claim(struct move *m) {
  return move_target_run(m, "BEGIN; LOCK TABLE meta IN EXCLUSIVE MODE") && find_state(m) &&
         (m->state != MOVE_DONE || move_fail(m, "another move has just ended here")) && empty(m) &&
         put_all_meta(m) && put_meta(m, STR(MOVE_UNFINISHED), str_of(m->fingerprint)) &&
         move_target_run(m, "COMMIT");
}

// ---- rows

bool move_target_last(struct move *m, const struct table *t, struct str *after, bool *any) {
  struct buf b;
  buf_init(&b, m->a, 65536);
  buf_str(&b, str_printf(m->a, "SELECT %s FROM %s", t->key_list, t->name));
  for (int i = 0; i < t->n_keys; i++)
    buf_str(&b, str_printf(m->a, "%s%s DESC", i ? ", " : " ORDER BY ", t->columns[t->keys[i]].name));
  buf_c(&b, " LIMIT 1");
  PGresult *r = PQexecParams(m->pg.c, str_c(m->a, buf_view(&b)), 0, NULL, NULL, NULL, NULL, 1);
  bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
  *any = ok && PQntuples(r) == 1;
  for (int i = 0; *any && i < t->n_keys; i++)
    after[i] = str_copy(m->a, (struct str){PQgetvalue(r, 0, i), (size_t)PQgetlength(r, 0, i)});
  PQclear(r);
  return ok || move_target_fail(m, t->name);
}

// What COPY's binary format begins and ends with.
static const char beginning[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
_Static_assert(sizeof beginning - 1 == MOVE_COPY_BEGINNING, "signature, flags, length of the extension");
static const char ending[] = "\377\377";

bool move_target_put(struct move *m, const struct table *t, struct str rows) {
  const char *text = str_printf(m->a, "COPY %s (%s) FROM STDIN (FORMAT binary)", t->name, t->list).p;
  PGresult *r = PQexec(m->pg.c, text);
  bool ok = PQresultStatus(r) == PGRES_COPY_IN;
  PQclear(r);
  if (!ok)
    return move_target_fail(m, t->name);
  ok = PQputCopyData(m->pg.c, beginning, sizeof beginning - 1) == 1 &&
       PQputCopyData(m->pg.c, rows.p, (int)rows.n) == 1 &&
       PQputCopyData(m->pg.c, ending, sizeof ending - 1) == 1 && PQputCopyEnd(m->pg.c, NULL) == 1;
  r = PQgetResult(m->pg.c);
  ok = ok && PQresultStatus(r) == PGRES_COMMAND_OK;
  if (!ok)
    move_target_fail(m, t->name);
  for (; r; r = PQgetResult(m->pg.c))
    PQclear(r);
  return ok;
}
