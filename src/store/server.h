// Looks at a PostgreSQL server without the rest of the store, on a connection of its own that only reads:
// before the database is opened, and for `doctor`.
#pragma once
#include "base/str.h"
#include "base/world.h"

struct server_look {
  int64_t schema_version; // 0: nothing of ours is in this database
  bool has_key;           // secrets may be sealed in it
  int64_t clock_ahead_us; // the server's clock is ahead of ours by this (negative: behind), half a round trip
                          // more or less
  bool pooler;            // something stands between us and the server
  bool scatters;          // and gives each transaction of a session another one of the server's: unusable
};
// Asks the server that would be written to. False where none can be reached: `error` says why, without the
// password.
bool server_look(const char *url, const struct world *world, struct server_look *look, char *error,
                 size_t error_size);

struct server_facts {
  struct server_look look;
  int64_t newest_version; // of the schema, that this program knows
  struct str version, encoding;
  bool remote, encrypted, identified; // on another machine; TLS; its certificate and name were checked
  bool recovering;                    // a standby: it takes no changes
  struct str commit;                  // synchronous_commit of a session of this role in this database
  bool fsync, full_page_writes, archiving;
  int64_t archive_failed_s; // so long ago archiving failed, and has not succeeded since; -1: it has not
  struct str standby_names; // synchronous_standby_names
  bool sees_standbys;       // the role may see what follows
  int64_t synchronous, asynchronous;    // standbys connected
  int64_t connections, connections_max; // in use; for ordinary roles
  int64_t idle_s; // how long the longest idle transaction has been idle, of other programs or an old node; 0:
                  // none
};
// Everything that it may know as this role. Texts belong to the arena. A server that takes no changes is
// looked at too, where there is no other.
bool server_check(const char *url, const struct world *world, struct arena *a, struct server_facts *facts,
                  struct str *error);

int server_library(void); // libpq's version, as 150014
