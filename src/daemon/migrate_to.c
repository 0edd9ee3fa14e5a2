// migrate-to: the data folder's SQLite database goes to PostgreSQL, and the folder goes with it.
#include "base/world.h"
#include "daemon/cli_run.h"
#include "daemon/data_folder.h"
#include "store/database_url.h"
#include "store/move.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TERMINAL_MS = 200, LINES_MS = 5000 };

struct migration {
  struct cli *c;
  struct settings settings; // the folder's, with the engine that it has now
  struct data_folder folder;
  const char *url;
  struct str shown; // the URL without its password
  bool switched;    // the folder is PostgreSQL's already: only the end of the move is missing
  struct move *move;
  // progress
  bool tell, terminal;
  enum move_phase phase;
  int64_t phase_us, told_us, told_rows;
};

// ---- progress on standard error

static void print_progress(struct migration *g, const struct move_progress *p, int64_t elapsed_us) {
  static const char *const words[] = {[MOVE_COPY] = "copying", [MOVE_VERIFY] = "comparing"};
  int64_t rate = elapsed_us > 0 ? (p->done - p->before) * 1000000 / elapsed_us : 0;
  fprintf(stderr, "%s%s %s: %lld of %lld rows, %lld %%, %lld rows/s", g->terminal ? "\r\033[K" : "",
          words[p->phase], p->table, (long long)p->done, (long long)p->total,
          (long long)(p->total ? p->done * 100 / p->total : 100), (long long)rate);
  if (rate > 0 && p->total > p->done)
    fprintf(stderr, ", %lld s left", (long long)((p->total - p->done) / rate + 1));
  if (!g->terminal)
    fputc('\n', stderr);
}

static void progress(void *self, const struct move_progress *p) {
  struct migration *g = self;
  int64_t now = world_mono(&world_real);
  bool first = !g->phase_us || p->phase != g->phase, last = p->done == p->total && g->told_rows < p->total;
  if (first) {
    g->phase = p->phase;
    g->phase_us = now;
  }
  if (p->done == g->told_rows ||
      (!first && !last && now - g->told_us < (g->terminal ? TERMINAL_MS : LINES_MS) * INT64_C(1000)))
    return;
  g->told_us = now;
  g->told_rows = p->done;
  print_progress(g, p, now - g->phase_us);
}

static void end_progress(const struct migration *g) {
  if (g->tell && g->terminal && g->phase_us)
    fputs("\r\033[K", stderr);
}

// ---- the folder

static enum folder_state lock_folder(struct migration *g, const char *database, struct str *error) {
  g->settings = g->c->settings;
  g->settings.database = database;
  return data_folder_open(&g->folder, &g->settings, false, &g->c->arena, error);
}

// As SQLite's. It is PostgreSQL's where a move was stopped just before its end.
static int open_folder(struct migration *g) {
  struct cli *c = g->c;
  struct str error = STR_NONE, ignored;
  enum folder_state state = lock_folder(g, "", &error);
  if (state == FOLDER_BAD && lock_folder(g, g->url, &ignored) == FOLDER_OPEN) {
    g->switched = true;
    state = FOLDER_OPEN;
  }
  if (state == FOLDER_BUSY)
    return cli_fail(c, EXIT_REFUSED, "%s is in use: stop the server first, the move is made without it",
                    c->settings.data);
  if (state != FOLDER_OPEN)
    return cli_fail(c, EXIT_UNREACHABLE, "%.*s", STR_FMT(error));
  if (access(g->folder.database, F_OK) == 0)
    return -1;
  data_folder_close(&g->folder);
  return cli_fail(c, EXIT_UNREACHABLE, "there is no SQLite database in %s: nothing to move",
                  c->settings.data);
}

// From now on nothing starts on the SQLite database any more.
static bool switch_folder(struct migration *g) {
  g->folder.url = g->url;
  return g->switched || data_folder_note_database(&g->folder, &g->c->arena, g->folder.database_id);
}

// ---- the answer

static json_t *sums_of(const struct move_table *t) {
  json_t *sums = json_object();
  for (int i = 0; i < t->n_sums; i++)
    json_object_set_new(sums, t->sums[i].column, json_string(t->sums[i].sum));
  return sums;
}

// For people only that the sums are equal: their number.
static json_t *tables_of(const struct migration *g) {
  json_t *list = json_array();
  int n;
  const struct move_table *t = move_tables(g->move, &n);
  for (int i = 0; i < n; i++) {
    json_t *sums = g->c->json ? sums_of(&t[i]) : json_integer(t[i].n_sums);
    json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:s}", "table", t[i].name, "rows",
                                          (json_int_t)t[i].rows, "sums", sums, "result", "equal"));
  }
  return list;
}

static void show(const struct migration *g, json_t *tables) {
  const char *data = g->c->settings.data, *key = g->folder.key;
  json_t *o = json_pack("{s:s%, s:s, s:s}", "database", g->shown.p, g->shown.n, "untouched",
                        g->folder.database, "secret_key", key);
  if (tables)
    json_object_set_new(o, "tables", tables);
  cli_show(g->c, o);
  json_decref(o);
  if (g->c->json)
    return;
  printf(
      "\nNext:\n"
      "  cryptopay serve --data %s --database '%.*s'\n"
      "Other nodes have folders of their own and the same secret key: --data DIR --secret-key-file FILE,\n"
      "a copy of %s. Tell the commands too: database = … in the file of settings.\n"
      "The SQLite database is as it was, and nothing starts on it any more. Keep it until you are content.\n",
      data, STR_FMT(g->shown), key);
}

// ---- the steps

static int fail_move(const struct migration *g) {
  end_progress(g);
  return cli_fail(g->c, move_unreachable(g->move) ? EXIT_UNREACHABLE : EXIT_REFUSED, "%s",
                  move_error(g->move));
}

static int move_all(struct migration *g) {
  if (!move_copy(g->move) || !move_verify(g->move))
    return fail_move(g);
  if (!switch_folder(g))
    return cli_fail(g->c, EXIT_REFUSED, "%s: %s", g->folder.path, strerror(errno));
  if (!move_finish(g->move))
    return fail_move(g);
  end_progress(g);
  show(g, tables_of(g));
  return EXIT_DONE;
}

static int move_by_state(struct migration *g) {
  if (!move_open(g->move))
    return fail_move(g);
  switch (move_state(g->move)) {
  case MOVE_FRESH:
    return g->switched
               ? cli_fail(g->c, EXIT_REFUSED,
                          "this gateway has been moved to PostgreSQL already, and not to this database")
               : move_all(g);
  case MOVE_BEGUN:
    return move_all(g);
  case MOVE_DONE:
    break;
  }
  if (!switch_folder(g))
    return cli_fail(g->c, EXIT_REFUSED, "%s: %s", g->folder.path, strerror(errno));
  show(g, NULL);
  return EXIT_DONE;
}

int run_migrate_to(struct cli *c) {
  struct migration g = {.c = c, .url = cli_text(c, "url"), .terminal = isatty(STDERR_FILENO)};
  const char *wrong = database_url_check(g.url, &c->arena);
  if (wrong)
    return cli_fail(c, EXIT_USAGE, "URL: %s", wrong);
  g.shown = database_url_shown(g.url, &c->arena);
  g.tell = cli_switch(c, "progress") || (g.terminal && !c->json);
  int status = open_folder(&g);
  if (status >= 0)
    return status;
  g.move =
      move_new(&(struct move_options){g.folder.database, g.url, g.tell ? progress : NULL, &g}, &c->arena);
  status = move_by_state(&g);
  move_free(g.move);
  data_folder_close(&g.folder);
  return status;
}
