#include "store/server.h"
#include "store/migrate.h"
#include "store/pg.h"

#include <string.h>

// The one row of a statement; NULL where it fails or has another number of rows.
static PGresult *row_of(PGconn *c, const char *statement) {
  PGresult *r = PQexec(c, statement);
  if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
    return r;
  PQclear(r);
  return NULL;
}

static int64_t number_at(const PGresult *r, int column) {
  const char *text = PQgetvalue(r, 0, column);
  bool negative = text[0] == '-';
  int64_t n = 0;
  return str_to_i64(str_of(text + negative), &n) && negative ? -n : n;
}

static bool flag_at(const PGresult *r, int column) {
  const char *text = PQgetvalue(r, 0, column);
  return strcmp(text, "t") == 0 || strcmp(text, "on") == 0;
}

static int64_t process_of(PGconn *c) {
  PGresult *r = row_of(c, "SELECT pg_backend_pid()");
  int64_t pid = r ? number_at(r, 0) : 0;
  PQclear(r);
  return pid;
}

// Poolers give out process numbers of their own. One that pools transactions lets the next session have the
// server's process that ours had, and ours must then take another.
static void look_for_pooler(PGconn *c, const char *url, struct server_look *look) {
  int64_t process = process_of(c);
  look->pooler = process != PQbackendPID(c);
  if (!look->pooler)
    return;
  PGconn *other = pg_dial(url, "any");
  PQclear(PQexec(other, "BEGIN"));
  (void)process_of(other);
  int64_t now = process_of(c);
  look->scatters = now && now != process;
  PQfinish(other);
}

static bool look_at_clock(PGconn *c, const struct world *world, struct server_look *look) {
  int64_t before = world_now(world);
  PGresult *r = row_of(c, "SELECT " PG_CLOCK ","
                          " to_regclass('meta') IS NOT NULL");
  int64_t after = world_now(world);
  if (!r)
    return false;
  look->clock_ahead_us = number_at(r, 0) - (before + (after - before) / 2);
  look->schema_version = flag_at(r, 1);
  PQclear(r);
  return true;
}

static bool look_at_schema(PGconn *c, struct server_look *look) {
  PGresult *r =
      row_of(c, "SELECT COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'schema_version'), 0),"
                " EXISTS (SELECT 1 FROM meta WHERE name = 'payment_id_key')");
  if (!r)
    return false;
  look->schema_version = number_at(r, 0);
  look->has_key = flag_at(r, 1);
  PQclear(r);
  return true;
}

static bool look(PGconn *c, const struct world *world, struct server_look *out) {
  *out = (struct server_look){0};
  return PQstatus(c) == CONNECTION_OK && look_at_clock(c, world, out) &&
         (out->schema_version == 0 || look_at_schema(c, out));
}

bool server_look(const char *url, const struct world *world, struct server_look *out, char *error,
                 size_t error_size) {
  PGconn *c = pg_dial(url, "read-write");
  bool good = look(c, world, out);
  if (good)
    look_for_pooler(c, url, out);
  else
    pg_one_line(error, error_size, PQerrorMessage(c));
  PQfinish(c);
  return good;
}

static struct str text_at(struct arena *a, const PGresult *r, int column) {
  return str_copy(a, str_of(PQgetvalue(r, 0, column)));
}

static bool check_settings(PGconn *c, struct arena *a, struct server_facts *f) {
  PGresult *r =
      row_of(c, "SELECT current_setting('server_version'), current_setting('server_encoding'),"
                " pg_is_in_recovery(), current_setting('synchronous_commit'),"
                " current_setting('fsync'), current_setting('full_page_writes'),"
                " current_setting('archive_mode') <> 'off', current_setting('synchronous_standby_names')");
  if (!r)
    return false;
  f->version = text_at(a, r, 0);
  f->encoding = text_at(a, r, 1);
  f->recovering = flag_at(r, 2);
  f->commit = text_at(a, r, 3);
  f->fsync = flag_at(r, 4);
  f->full_page_writes = flag_at(r, 5);
  f->archiving = flag_at(r, 6);
  f->standby_names = text_at(a, r, 7);
  PQclear(r);
  return true;
}

// What only members of pg_monitor see in full: others get NULL in place of a standby's state.
static bool check_standbys(PGconn *c, struct server_facts *f) {
  PGresult *r = row_of(c, "SELECT pg_has_role('pg_read_all_stats', 'USAGE'),"
                          " COUNT(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),"
                          " COUNT(*) FILTER (WHERE sync_state IN ('async', 'potential'))"
                          " FROM pg_stat_replication");
  if (!r)
    return false;
  f->sees_standbys = flag_at(r, 0);
  f->synchronous = number_at(r, 1);
  f->asynchronous = number_at(r, 2);
  PQclear(r);
  return true;
}

static bool check_sessions(PGconn *c, struct server_facts *f) {
  PGresult *r =
      row_of(c, "SELECT COUNT(*) FILTER (WHERE backend_type = 'client backend' OR backend_type IS NULL),"
                " CAST(current_setting('max_connections') AS BIGINT)"
                " - CAST(current_setting('superuser_reserved_connections') AS BIGINT),"
                " CAST(COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - state_change))"
                " FILTER (WHERE state LIKE 'idle in transaction%'), 0) AS BIGINT)"
                " FROM pg_stat_activity");
  if (!r)
    return false;
  f->connections = number_at(r, 0);
  f->connections_max = number_at(r, 1);
  f->idle_s = number_at(r, 2);
  PQclear(r);
  return true;
}

static bool check_archive(PGconn *c, struct server_facts *f) {
  PGresult *r =
      row_of(c, "SELECT CAST(CASE WHEN last_failed_time > COALESCE(last_archived_time, '-infinity')"
                " THEN EXTRACT(EPOCH FROM clock_timestamp() - last_failed_time) ELSE -1 END AS BIGINT)"
                " FROM pg_stat_archiver");
  if (!r)
    return false;
  f->archive_failed_s = number_at(r, 0);
  PQclear(r);
  return true;
}

// A socket of this machine, or a loopback address.
static bool is_local(PGconn *c) {
  struct str host = str_of(PQhost(c)), address = str_of(PQhostaddr(c));
  return host.p[0] == '/' || host.p[0] == '@' || str_starts(address, STR("127.")) || str_eqc(address, "::1");
}

static void check_way(PGconn *c, struct server_facts *f) {
  f->remote = !is_local(c);
  f->encrypted = PQsslInUse(c) || PQgssEncInUse(c);
  PQconninfoOption *options = PQconninfo(c);
  for (PQconninfoOption *o = options; o && o->keyword; o++)
    if (strcmp(o->keyword, "sslmode") == 0 && o->val)
      f->identified = PQsslInUse(c) && strcmp(o->val, "verify-full") == 0;
  f->identified |= PQgssEncInUse(c) != 0;
  PQconninfoFree(options);
}

bool server_check(const char *url, const struct world *world, struct arena *a, struct server_facts *facts,
                  struct str *error) {
  *facts = (struct server_facts){.newest_version = schema_newest(sql_files)};
  PGconn *c = pg_dial(url, "read-write");
  if (PQstatus(c) != CONNECTION_OK) {
    PGconn *any = pg_dial(url, "any");
    PGconn *useless = PQstatus(any) == CONNECTION_OK ? c : any;
    c = useless == c ? any : c;
    PQfinish(useless);
  }
  char why[512] = "";
  check_way(c, facts);
  bool good = look(c, world, &facts->look) && check_settings(c, a, facts) && check_standbys(c, facts) &&
              check_sessions(c, facts) && check_archive(c, facts);
  if (good)
    look_for_pooler(c, url, &facts->look);
  else
    pg_one_line(why, sizeof why, PQerrorMessage(c));
  *error = str_copy(a, str_of(why));
  PQfinish(c);
  return good;
}

int server_library(void) {
  return PQlibVersion();
}
