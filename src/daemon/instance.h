// A gateway opened on its data folder: the lock, the key, the database and the environment of the use cases.
// What the server and a command without a server have in common.
#pragma once
#include "base/bell.h"
#include "daemon/commands.h"

struct instance {
  struct arena *arena; // the caller's
  struct data_folder folder;
  struct seal_key key;
  struct bell bell; // listeners may be added before threads start
  struct env env;
  struct gateway gateway; // for commands_run()
  int64_t clock_ahead_us; // the database server's clock before ours
};

// Opens everything on the calling thread; no thread is started. `create` makes what is missing: folder, key,
// tables. Everything is closed again unless FOLDER_OPEN is returned. `settings` and the arena must outlive
// the instance.
enum folder_state instance_open(struct instance *g, const struct settings *settings, bool create,
                                struct arena *a, struct str *error);
// For a server, which makes what is missing: waits a moment for a command that has the lock. Another server
// keeps it: FOLDER_BUSY.
enum folder_state instance_open_server(struct instance *g, const struct settings *settings, struct arena *a,
                                       struct str *error);
// The same on a database file other than the folder's own, the lock held already (restore). False: *error.
bool instance_open_file(struct instance *g, const struct settings *settings, const char *database,
                        struct arena *a, struct str *error);
// The database's own name, the same in every copy of it and in no other: a fingerprint of its key for payment
// numbers.
struct str instance_database_id(const struct instance *g);

// What this server calls itself is noted in the data folder, so that a command without a server (and without
// a base_url of its own) shows the same links.
void instance_note_base_url(const struct instance *g);
void instance_recall_base_url(struct instance *g);

void instance_close(struct instance *g); // the writer must have been stopped
