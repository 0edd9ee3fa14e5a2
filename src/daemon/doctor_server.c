// What doctor says of a server of PostgreSQL.
#include "daemon/doctor.h"
#include "store/database_url.h"
#include "store/server.h"

#include <stdlib.h>
#include <string.h>

enum {
  CLOCK_APART_US = 1000000,
  CONNECTIONS_LEFT_LOW = 10,
  IDLE_LONG_S = 60,
};

static void check_schema(struct doctor *d, const struct server_facts *f) {
  int64_t have = f->look.schema_version;
  struct str text = str_printf(d->a, "PostgreSQL %.*s, schema version %lld, this program knows %lld",
                               STR_FMT(f->version), (long long)have, (long long)f->newest_version);
  if (have == 0)
    doctor_found(d, "database", BAD,
                 str_printf(d->a, "%.*s: nothing of cryptopay is in it yet", STR_FMT(text)),
                 "cryptopay serve, or is `database` another one?");
  else if (have > f->newest_version)
    doctor_found(d, "database", WARNING, text, "upgrade this program");
  else
    doctor_found(d, "database", GOOD, text, NULL);
}

static void check_encoding(struct doctor *d, const struct server_facts *f) {
  bool good = str_eqc(f->encoding, "UTF8");
  doctor_found(d, "encoding", good ? GOOD : BAD, f->encoding,
               good ? NULL : "make the database anew: createdb --encoding=UTF8 --template=template0 NAME");
}

static void check_role(struct doctor *d, const struct server_facts *f) {
  if (f->recovering)
    doctor_found(d, "primary", BAD, STR("it is a standby: it takes no changes"),
                 "name all servers in `database` (postgres://USER@HOST1,HOST2/NAME), or promote it");
  if (f->look.pooler)
    doctor_found(d, "pooler", f->look.scatters ? BAD : GOOD,
                 f->look.scatters ? STR("a pooler gives each transaction another session of the server")
                                  : STR("a pooler stands between, and keeps sessions"),
                 f->look.scatters ? "connect to the server itself, or set pool_mode = session (PgBouncer)"
                                  : NULL);
}

static void check_way(struct doctor *d, const struct server_facts *f) {
  bool good = !f->remote || (f->encrypted && f->identified);
  doctor_found(d, "connection",
               good           ? GOOD
               : f->encrypted ? WARNING
                              : BAD,
               !f->remote ? STR("within this machine")
               : !f->encrypted
                   ? STR("it is not encrypted: whoever is on the way reads and changes everything")
               : good ? STR("encrypted, and the server's certificate and name are checked")
                      : STR("encrypted, but not checked whose certificate it is"),
               good ? NULL : "sslmode=verify-full and sslrootcert=FILE in `database`");
}

static void check_durability(struct doctor *d, const struct server_facts *f) {
  bool off = str_eqc(f->commit, "off"), local = str_eqc(f->commit, "local");
  if (!f->fsync)
    doctor_found(d, "durability", BAD, STR("fsync is off: a crash of the server destroys the database"),
                 "ALTER SYSTEM SET fsync = on");
  else if (!f->full_page_writes)
    doctor_found(d, "durability", BAD, STR("full_page_writes is off: a power cut may leave torn pages"),
                 "ALTER SYSTEM SET full_page_writes = on");
  else if (off || (local && f->standby_names.n))
    doctor_found(d, "durability", WARNING,
                 str_printf(d->a,
                            "synchronous_commit is %.*s for this role: cryptopay uses on, others do not",
                            STR_FMT(f->commit)),
                 "ALTER DATABASE NAME SET synchronous_commit = on");
  else
    doctor_found(
        d, "durability", GOOD,
        str_printf(d->a, "fsync and full_page_writes are on, synchronous_commit is %.*s", STR_FMT(f->commit)),
        NULL);
}

// Without a synchronous standby a failover loses what was acknowledged just before.
static void check_standby(struct doctor *d, const struct server_facts *f) {
  if (f->recovering)
    return;
  struct str count = str_printf(d->a, "%lld synchronous, %lld asynchronous", (long long)f->synchronous,
                                (long long)f->asynchronous);
  if (!f->standby_names.n)
    doctor_found(d, "standby", WARNING,
                 STR("none is synchronous: if this server is lost, so is what came after the last backup"),
                 "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (NAME)'; see doc/operations.md");
  else if (!f->sees_standbys)
    doctor_found(d, "standby", WARNING, STR("this role may not see whether a synchronous one is connected"),
                 "GRANT pg_monitor TO the role");
  else if (f->synchronous == 0)
    doctor_found(d, "standby", BAD,
                 str_printf(d->a, "no synchronous one of %.*s is connected: commits wait for it",
                            STR_FMT(f->standby_names)),
                 "start the standby, or change synchronous_standby_names");
  else
    doctor_found(d, "standby", GOOD, count, NULL);
}

static void check_clocks(struct doctor *d, const struct server_facts *f) {
  int64_t ms = f->look.clock_ahead_us / 1000;
  bool apart = llabs(f->look.clock_ahead_us) > CLOCK_APART_US;
  doctor_found(d, "clocks", apart ? WARNING : GOOD,
               str_printf(d->a, "the database's is %lld ms %s of this machine's", llabs((long long)ms),
                          ms < 0 ? "behind" : "ahead"),
               apart ? "timedatectl set-ntp true, here and there" : NULL);
}

static void check_sessions(struct doctor *d, const struct server_facts *f) {
  int64_t left = f->connections_max - f->connections;
  bool low = left < CONNECTIONS_LEFT_LOW;
  doctor_found(
      d, "connections", low ? WARNING : GOOD,
      str_printf(d->a, "%lld of %lld are in use", (long long)f->connections, (long long)f->connections_max),
      low ? "ALTER SYSTEM SET max_connections = 200, then restart the server" : NULL);
  if (f->idle_s > IDLE_LONG_S)
    doctor_found(d, "transactions", WARNING,
                 str_printf(d->a, "one has been idle for %lld s: what it has locked waits, old rows stay",
                            (long long)f->idle_s),
                 "SELECT pid, usename, query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'");
}

static void check_archive(struct doctor *d, const struct server_facts *f) {
  bool failing = f->archive_failed_s >= 0;
  doctor_found(d, "backup",
               failing        ? BAD
               : f->archiving ? GOOD
                              : WARNING,
               failing ? str_printf(d->a, "archiving the WAL failed %lld s ago and has not succeeded since",
                                    (long long)f->archive_failed_s)
               : f->archiving
                   ? STR("the WAL is archived")
                   : STR("the WAL is not archived: only the moments of pg_dump can be brought back"),
               failing        ? "look at archive_command and the server's log"
               : f->archiving ? NULL
                              : "set archive_mode and archive_command; see doc/operations.md");
}

bool doctor_server(struct doctor *d) {
  struct server_facts f;
  struct str error, shown = database_url_shown(d->folder.url, d->a);
  if (!server_check(d->folder.url, &world_real, d->a, &f, &error)) {
    doctor_found(d, "database", BAD,
                 str_printf(d->a, "%.*s cannot be reached: %.*s", STR_FMT(shown), STR_FMT(error)),
                 "start the server, or correct `database`");
    return false;
  }
  check_schema(d, &f);
  check_encoding(d, &f);
  check_role(d, &f);
  check_way(d, &f);
  check_durability(d, &f);
  check_standby(d, &f);
  check_clocks(d, &f);
  check_sessions(d, &f);
  check_archive(d, &f);
  return f.look.schema_version > 0 && !f.recovering && !f.look.scatters;
}
