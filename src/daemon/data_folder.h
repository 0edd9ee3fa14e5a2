// The data folder: who may be in it, what stands where, and the lock that keeps writers apart.
//
// Whoever holds the lock (a server, or a command that works without one) is the only process that has a
// database of SQLite open. One of PostgreSQL is others' too; there the folder is a node's own place for what
// is left.
#pragma once
#include "daemon/settings.h"

struct data_folder {
  int lock; // file descriptor, -1 while not held
  const char *path, *socket, *key;
  const char *database;    // the file of SQLite's
  const char *url;         // PostgreSQL's; NULL: SQLite
  struct str database_id;  // of the database that belongs here; absent before it is known
  const char *restoring;   // a database on its way back
  const char *backup_mark; // its date is that of the last backup
  const char *base_url;    // that of the last server, for commands without one
};

enum folder_state { // *error says why in every case but the first
  FOLDER_OPEN,      // the lock is ours
  FOLDER_BUSY,      // somebody else holds it
  FOLDER_EMPTY,     // there is no database yet, and none was to be made
  FOLDER_AWAY,      // its PostgreSQL cannot be reached: it may be later
  FOLDER_BAD,
};

// Fills in the paths only.
void data_folder_paths(struct data_folder *f, const struct settings *s, struct arena *a);

// Takes the lock. `create` makes the folder (0700) where it is missing; one for PostgreSQL is always made.
// Another engine's folder is FOLDER_BAD.
enum folder_state data_folder_open(struct data_folder *f, const struct settings *s, bool create,
                                   struct arena *a, struct str *error);
// For restore: makes the folder where it is missing and takes the lock, whatever database is in it.
enum folder_state data_folder_lock(struct data_folder *f, const struct settings *s, struct arena *a,
                                   struct str *error);
// Is this folder one of the engine and so of what `f` names? Looks only. False: *error.
bool data_folder_fits(struct data_folder *f, struct arena *a, struct str *error);
// Notes which database belongs here, for ever (restore notes another).
bool data_folder_note_database(struct data_folder *f, struct arena *a, struct str id);
void data_folder_close(struct data_folder *f);
