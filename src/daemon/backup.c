// backup and restore.
#include "base/hex.h"
#include "base/timefmt.h"
#include "daemon/cli_run.h"
#include "daemon/command.h"
#include "daemon/file.h"
#include "daemon/instance.h"
#include "flow/admin.h"
#include "store/check.h"
#include "store/database_url.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SKIP_ROWS = 1 << 20, SKIP_ADDRESSES = 10000 };

#define COPY_PREFIX "backup-"

// Copies that nobody came for: a command that is still waiting has given up by then.
static void remove_forgotten(const struct call *c) {
  enum { FORGOTTEN_S = 3600 };
  const char *folder = c->gateway->folder->path;
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));) {
    struct stat st;
    char *path = str_c(c->a, str_printf(c->a, "%s/%s", folder, e->d_name));
    if (str_starts(str_of(e->d_name), STR(COPY_PREFIX)) && stat(path, &st) == 0 &&
        world_now(c->env->world) / SECOND_US - st.st_mtime > FORGOTTEN_S)
      unlink(path);
  }
  if (d)
    closedir(d);
}

// A name of its own, so that two backups at a time do not take each other's copy away.
static char *copy_name(const struct call *c) {
  uint8_t random[8];
  char digits[2 * sizeof random + 1];
  world_random(c->env->world, random, sizeof random);
  hex_encode(random, sizeof random, digits);
  return str_c(c->a, str_printf(c->a, "%s/" COPY_PREFIX "%s.tmp", c->gateway->folder->path, digits));
}

// PostgreSQL's own programs make its backups, also while nodes run.
static enum err refuse_backup(struct call *c) {
  struct str url = database_url_bare(c->gateway->folder->url, c->a);
  struct str text =
      str_printf(c->a,
                 "The data is in PostgreSQL. A copy of this moment: pg_dump --format=custom --file=FILE "
                 "'%.*s'. To be able to go back to any moment: pg_basebackup --pgdata=DIR "
                 "--checkpoint=fast --dbname='%.*s', and an archive of the WAL (doc/operations.md). "
                 "Neither holds the key: keep a copy of %s elsewhere.",
                 STR_FMT(url), STR_FMT(url), c->gateway->folder->key);
  return call_refuse(c, ERR_SETTING, NULL, text.p);
}

// Executed where the database is open. The copy is made in the data folder, the one place where a server may
// surely write; the command moves it where it belongs.
enum err command_backup(struct call *c) {
  char why[512] = "";
  if (c->gateway->folder->url)
    return refuse_backup(c);
  char *copy = copy_name(c);
  remove_forgotten(c);
  if (store_backup(c->env->store, copy, why, sizeof why)) {
    unlink(copy);
    return call_refuse(c, ERR_STORE, NULL, str_c(c->a, str_of(why)));
  }
  char *absolute = realpath(copy, NULL);
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "copy", str_copy(c->a, str_of(absolute ? absolute : copy)));
  jsonw_close(&c->out, '}');
  free(absolute);
  return ERR_NONE;
}

static int show_backup(struct cli *c, const char *file, const char *key) {
  json_t *shown = json_pack("{s:s, s:b}", "file", file, "holds_secret_key", 0);
  if (c->json)
    cli_show(c, shown);
  else
    printf(
        "%s holds the database, but not the key that opens its secrets.\nKeep a copy of that elsewhere: %s\n",
        file, key);
  json_decref(shown);
  return EXIT_DONE;
}

int run_backup(struct cli *c) {
  int status;
  struct data_folder folder;
  const char *file = cli_text(c, "file");
  data_folder_paths(&folder, &c->settings, &c->arena);
  json_t *result = cli_call(c, "backup", false, &status);
  const char *copy = json_string_value(json_object_get(result, "copy"));
  if (!copy) {
    json_decref(result);
    return status;
  }
  if (file_move(&c->arena, copy, file)) {
    status = show_backup(c, file, folder.key);
    (void)file_put(&c->arena, folder.backup_mark, STR("")); // only doctor's advice depends on it
  } else {
    status = cli_fail(c, EXIT_REFUSED, "%s: %s", file, strerror(errno));
    unlink(copy);
  }
  json_decref(result);
  return status;
}

static enum err count_argument(struct call *c, const char *name, int64_t fallback, int64_t *out) {
  *out = fallback;
  if (!call_text(c, name).p)
    return ERR_NONE;
  enum err e = call_number(c, name, out);
  if (!e && *out > INT32_MAX)
    e = call_refuse(c, ERR_SETTING, name, "That is too far ahead.");
  return e;
}

// What restore does of itself, for a database of PostgreSQL that was brought back: no node must have used it
// yet.
enum err command_skip_ahead(struct call *c) {
  int64_t rows, addresses, next_index;
  enum err e = count_argument(c, "skip", SKIP_ROWS, &rows);
  if (!e)
    e = count_argument(c, "skip_addresses", SKIP_ADDRESSES, &addresses);
  if (!e)
    e = admin_skip_ahead(c->env, c->a, rows, addresses, &next_index);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "skipped", rows);
  jsonw_ki64(&c->out, "skipped_addresses", addresses);
  jsonw_ki64(&c->out, "next_index", next_index);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

struct restore {
  struct cli *c;
  struct data_folder folder;
  const char *file;
  int64_t rows, addresses, next_index;
  struct str database_id;
};

static int number_option(struct cli *c, const char *key, int64_t fallback, int64_t *out) {
  const char *text = cli_text(c, key);
  *out = fallback;
  if (!text || (str_to_i64(str_of(text), out) && *out <= INT32_MAX))
    return -1;
  return cli_fail(c, EXIT_USAGE, "--%s: a number up to %d is expected", key, INT32_MAX);
}

static void remove_with_companions(struct restore *r, const char *database) {
  static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
  for (int i = 0; i < 4; i++)
    unlink(str_printf(&r->c->arena, "%s%s", database, tails[i]).p);
}

// Brings the copy up to date and skips ahead, all before it gets the database's name: a database that has the
// name is never without its skip.
static int prepare(struct restore *r) {
  struct cli *c = r->c;
  struct instance g;
  struct str error;
  struct store_facts facts;
  char why[512] = "";
  remove_with_companions(r, r->folder.restoring);
  if (!file_copy(r->file, r->folder.restoring))
    return cli_fail(c, EXIT_REFUSED, "%s: %s", r->file, strerror(errno));
  if (!store_check(r->folder.restoring, &facts, why, sizeof why)) {
    remove_with_companions(r, r->folder.restoring);
    return cli_fail(c, EXIT_REFUSED, "%s: %s", r->file, why);
  }
  if (!instance_open_file(&g, &c->settings, r->folder.restoring, &c->arena, &error)) {
    remove_with_companions(r, r->folder.restoring);
    return cli_fail(c, EXIT_REFUSED, "%.*s", STR_FMT(error));
  }
  enum err e = admin_skip_ahead(&g.env, &c->arena, r->rows, r->addresses, &r->next_index);
  r->database_id = instance_database_id(&g);
  instance_close(&g);
  if (e) {
    remove_with_companions(r, r->folder.restoring);
    return cli_fail(c, EXIT_REFUSED, "%s", err_sentence(e));
  }
  return -1;
}

// The old database, with what SQLite keeps beside it, under a name that tells when it was replaced. Its
// companions go even where it is gone itself: SQLite would write them into the copy that takes the name. The
// database goes first: one without its companions has lost its last changes, the other way round the restore
// is seen to be unfinished.
static bool put_aside(struct restore *r, const char **aside) {
  static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
  struct arena *a = &r->c->arena;
  *aside =
      str_printf(a, "%s.replaced-%lld", r->folder.database, (long long)(world_now(&world_real) / 1000000)).p;
  for (int i = 0; i < 4; i++) {
    const char *from = str_printf(a, "%s%s", r->folder.database, tails[i]).p;
    if (rename(from, str_printf(a, "%s%s", *aside, tails[i]).p) && errno != ENOENT)
      return false;
  }
  return true;
}

static int take_place(struct restore *r, bool replaces) {
  const char *aside;
  if (!put_aside(r, &aside))
    return cli_fail(r->c, EXIT_REFUSED, "%s: %s", r->folder.database, strerror(errno));
  if (!data_folder_note_database(&r->folder, &r->c->arena, r->database_id) ||
      !file_move(&r->c->arena, r->folder.restoring, r->folder.database))
    return cli_fail(r->c, EXIT_REFUSED, "%s: %s", r->folder.database, strerror(errno));
  remove_with_companions(r, r->folder.restoring);
  json_t *shown = json_pack("{s:s, s:I, s:I, s:I, s:s?}", "database", r->folder.database, "skipped",
                            (json_int_t)r->rows, "skipped_addresses", (json_int_t)r->addresses, "next_index",
                            (json_int_t)r->next_index, "replaced", replaces ? aside : NULL);
  cli_show(r->c, shown);
  json_decref(shown);
  return EXIT_DONE;
}

static int restore_locked(struct restore *r) {
  bool there = access(r->folder.database, F_OK) == 0;
  if (there && !cli_switch(r->c, "force"))
    return cli_fail(r->c, EXIT_REFUSED, "%s is there already; with --force it is kept aside and replaced",
                    r->folder.database);
  int status = prepare(r);
  return status >= 0 ? status : take_place(r, there);
}

int run_restore(struct cli *c) {
  struct restore r = {.c = c, .file = cli_text(c, "file")};
  struct str error = STR_NONE;
  int status = number_option(c, "skip", SKIP_ROWS, &r.rows);
  if (status < 0)
    status = number_option(c, "skip_addresses", SKIP_ADDRESSES, &r.addresses);
  if (status >= 0)
    return status;
  if (c->settings.database[0])
    return cli_fail(
        c, EXIT_REFUSED,
        "the data is in PostgreSQL: with no node running bring it back with pg_restore (or a base backup "
        "and the WAL), then: cryptopay skip-ahead; see doc/operations.md");
  switch (data_folder_lock(&r.folder, &c->settings, &c->arena, &error)) {
  case FOLDER_OPEN:
    break;
  case FOLDER_BUSY:
    return cli_fail(c, EXIT_REFUSED, "%s is in use: stop the server first", c->settings.data);
  case FOLDER_EMPTY:
  case FOLDER_AWAY:
  case FOLDER_BAD:
    return cli_fail(c, EXIT_REFUSED, "%.*s", STR_FMT(error));
  }
  status = restore_locked(&r);
  data_folder_close(&r.folder);
  return status;
}
