// `cryptopay rescan` where no server runs: the watcher's turns, in this process.
#include "daemon/cli_run.h"
#include "daemon/instance.h"
#include "daemon/watcher.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"

#include <time.h>
#include <unistd.h>

enum { LOOK_US = 1000000, PATIENCE_US = 120000000 };

struct rescan {
  struct cli *c;
  struct instance *g;
  struct watcher *watcher;
  bool loud, terminal;
  int64_t told_us, at, moved_us; // monotonic; the next block, and when that changed last
};

static void tell(struct rescan *r, const struct chain_row *row) {
  int64_t now_us = world_mono(&world_real);
  if (row->rescan_next != r->at)
    r->moved_us = now_us;
  r->at = row->rescan_next;
  if (!r->loud || now_us - r->told_us < LOOK_US)
    return;
  r->told_us = now_us;
  if (row->rescan_to)
    fprintf(stderr, "block %lld of %lld%s", (long long)row->rescan_next, (long long)row->rescan_to,
            r->terminal ? "\r" : "\n");
}

static bool loop(struct rescan *r, struct str *error) {
  struct arena a;
  struct chain_row row = {.rescan_to = 1};
  arena_init(&a, 4 << 20);
  r->moved_us = world_mono(&world_real);
  while (row.rescan_to) {
    int64_t wait_us = watcher_turn(r->watcher);
    arena_reset(&a);
    if (flow_chain_load(&r->g->env, &a, &row) != ERR_NONE)
      row = (struct chain_row){.rescan_to = 1};
    tell(r, &row);
    if (row.rescan_to && world_mono(&world_real) - r->moved_us > PATIENCE_US) {
      struct chain_status s;
      chain_view_get(r->g->env.chain, &r->c->arena, &s);
      *error = s.trouble.p ? s.trouble : STR("no node gives these blocks for now");
      break;
    }
    if (row.rescan_to && wait_us > 0)
      nanosleep(&(struct timespec){wait_us / 1000000, wait_us % 1000000 * 1000}, NULL);
  }
  arena_free(&a);
  return !row.rescan_to;
}

static int run_here(struct cli *c) {
  struct instance g;
  struct str error = STR_NONE;
  struct rescan r = {.c = c,
                     .g = &g,
                     .terminal = isatty(STDERR_FILENO),
                     .loud = isatty(STDERR_FILENO) || cli_switch(c, "progress")};
  if (instance_open(&g, &c->settings, false, &c->arena, &error) != FOLDER_OPEN)
    return cli_fail(c, EXIT_UNREACHABLE, "%.*s", STR_FMT(error));
  bool done = false;
  r.watcher = watcher_make(&c->settings, &g.env, &c->arena, &error);
  if (r.watcher) {
    done = loop(&r, &error);
    watcher_stop(r.watcher);
    watcher_free(r.watcher);
  }
  chain_view_free(g.env.chain);
  instance_close(&g);
  return done ? EXIT_DONE
              : cli_fail(c, EXIT_UNREACHABLE, "%.*s; it goes on with the next server", STR_FMT(error));
}

int run_rescan(struct cli *c) {
  int status;
  json_t *result = cli_call(c, "rescan", false, &status);
  if (!result)
    return status;
  bool server = json_is_true(json_object_get(result, "server"));
  if (!server)
    status = run_here(c);
  if (status == EXIT_DONE)
    cli_show(c, result);
  if (status == EXIT_DONE && server && !c->json)
    fprintf(stderr, "The server reads them beside its work. How far it is: cryptopay chain status\n");
  json_decref(result);
  return status;
}
