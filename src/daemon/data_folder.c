#include "daemon/data_folder.h"
#include "daemon/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *inside(struct arena *a, const char *folder, const char *name) {
  return str_printf(a, "%s/%s", folder, name).p;
}

void data_folder_paths(struct data_folder *f, const struct settings *s, struct arena *a) {
  f->lock = -1;
  f->database_id = STR_NONE;
  f->path = s->data;
  f->database = inside(a, s->data, "cryptopay.db");
  f->url = s->database[0] ? s->database : NULL;
  f->socket = inside(a, s->data, "control.sock");
  f->key = s->secret_key_file[0] ? s->secret_key_file : inside(a, s->data, "secret.key");
  f->restoring = inside(a, s->data, "cryptopay.db.restoring");
  f->base_url = inside(a, s->data, "base-url");
  f->backup_mark = inside(a, s->data, "last-backup");
}

static enum folder_state bad(struct arena *a, struct str *error, const char *path) {
  *error = file_error(a, path);
  return FOLDER_BAD;
}

// Which engine keeps the data of this folder is written down at the first start, and then which database it
// is: data must never be looked for in the wrong place and found missing. The file "engine" has a line for
// each.
static const struct str sqlite = {"sqlite\n", 7}, postgres = {"postgres\n", 9};

static enum folder_state other_engine(const struct data_folder *f, struct arena *a, struct str *error) {
  *error = str_printf(
      a,
      f->url ? "the data of %s is kept by another engine, SQLite: move it with: cryptopay migrate-to "
               "URL, or name another folder for this node with --data DIR"
             : "the data of %s is kept by another engine, PostgreSQL: name its database (the "
               "setting `database`), or another folder with --data DIR",
      f->path);
  return FOLDER_BAD;
}

static enum folder_state check_engine(struct data_folder *f, struct arena *a, struct str *error) {
  const char *path = inside(a, f->path, "engine");
  struct str have = file_get(a, path, 128), engine = f->url ? postgres : sqlite;
  if (!have.p && errno == ENOENT)
    return f->url && access(f->database, F_OK) == 0 ? other_engine(f, a, error) : FOLDER_OPEN;
  if (!have.p)
    return bad(a, error, path);
  if (str_starts(have, f->url ? sqlite : postgres))
    return other_engine(f, a, error);
  if (!str_starts(have, engine)) {
    *error =
        str_printf(a, "%s: the data of this folder is kept by another engine: %.*s", path, STR_FMT(have));
    return FOLDER_BAD;
  }
  if (have.n > engine.n + 1)
    f->database_id = (struct str){have.p + engine.n, have.n - engine.n - 1};
  return FOLDER_OPEN;
}

bool data_folder_fits(struct data_folder *f, struct arena *a, struct str *error) {
  return check_engine(f, a, error) == FOLDER_OPEN;
}

// SQLite's folder is one from the beginning; PostgreSQL's when the first database was found.
static enum folder_state note_engine(struct data_folder *f, struct arena *a, struct str *error) {
  const char *path = inside(a, f->path, "engine");
  if (f->url || access(path, F_OK) == 0 || file_put(a, path, sqlite))
    return FOLDER_OPEN;
  return bad(a, error, path);
}

bool data_folder_note_database(struct data_folder *f, struct arena *a, struct str id) {
  struct str engine = f->url ? postgres : sqlite;
  struct str text = str_printf(a, "%.*s%.*s\n", STR_FMT(engine), STR_FMT(id));
  f->database_id = id;
  return file_put(a, inside(a, f->path, "engine"), text);
}

static struct str in_use(const struct data_folder *f, struct arena *a) {
  return str_printf(a, "%s is in use by a server or another command%s", f->path,
                    f->url ? "; each node has a folder of its own: --data DIR" : "");
}

// Somebody is about to make the first database here.
static bool is_locked(const struct data_folder *f, struct arena *a) {
  int fd = open(inside(a, f->path, "lock"), O_RDONLY | O_CLOEXEC);
  bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0)
    close(fd);
  return locked;
}

static enum folder_state take_lock(struct data_folder *f, struct arena *a, struct str *error) {
  const char *path = inside(a, f->path, "lock");
  f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (f->lock < 0)
    return bad(a, error, path);
  if (flock(f->lock, LOCK_EX | LOCK_NB) == 0)
    return FOLDER_OPEN;
  bool busy = errno == EWOULDBLOCK;
  *error = busy ? in_use(f, a) : file_error(a, path);
  data_folder_close(f);
  return busy ? FOLDER_BUSY : FOLDER_BAD;
}

enum folder_state data_folder_lock(struct data_folder *f, const struct settings *s, struct arena *a,
                                   struct str *error) {
  data_folder_paths(f, s, a);
  if (mkdir(f->path, 0700) && errno != EEXIST)
    return bad(a, error, f->path);
  enum folder_state state = take_lock(f, a, error);
  if (state == FOLDER_OPEN)
    state = check_engine(f, a, error);
  if (state == FOLDER_OPEN)
    state = note_engine(f, a, error);
  if (state != FOLDER_OPEN)
    data_folder_close(f);
  return state;
}

enum folder_state data_folder_open(struct data_folder *f, const struct settings *s, bool create,
                                   struct arena *a, struct str *error) {
  data_folder_paths(f, s, a);
  if (f->url)
    return data_folder_lock(f, s, a, error);
  bool there = access(f->database, F_OK) == 0;
  if (!there && errno != ENOENT)
    return bad(a, error, f->database);
  if (!there && access(f->restoring, F_OK) == 0) {
    *error = str_printf(a, "%s: a restore was interrupted here; run it again", f->path);
    return FOLDER_BAD;
  }
  if (!there && !create && is_locked(f, a)) {
    *error = in_use(f, a);
    return FOLDER_BUSY;
  }
  if (!there && !create && check_engine(f, a, error) != FOLDER_OPEN)
    return FOLDER_BAD;
  if (!there && !create) {
    *error = str_printf(a, "there is no database in %s; name its folder with --data DIR", f->path);
    return FOLDER_EMPTY;
  }
  enum folder_state state = data_folder_lock(f, s, a, error);
  if (state == FOLDER_OPEN && f->database_id.p && access(f->database, F_OK)) {
    *error = str_printf(a, "%s is missing: mount its disk, or bring it back with: cryptopay restore FILE",
                        f->database);
    data_folder_close(f);
    return FOLDER_BAD;
  }
  return state;
}

void data_folder_close(struct data_folder *f) {
  if (f->lock >= 0)
    close(f->lock);
  f->lock = -1;
}
