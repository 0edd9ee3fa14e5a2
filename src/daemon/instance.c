#include "daemon/instance.h"
#include "daemon/file.h"
#include "daemon/secret_key.h"
#include "flow/keys.h"
#include "flow/pool.h"
#include "store/database_url.h"
#include "store/server.h"

#include <sodium.h>
#include <time.h>
#include <unistd.h>

static enum env_state open_store(struct instance *g, const struct settings *s, const char *database,
                                 struct str *error) {
  char why[512] = "";
  struct store_options o = {.database = database,
                            .batch_max = (int)s->commit_batch,
                            .queue_max = (int)s->write_queue,
                            .world = &world_real};
  g->env = (struct env){.world = &world_real,
                        .seal = &g->key,
                        .keys = key_cache_new(),
                        .pools = pools_new(),
                        .bell = &g->bell,
                        .base_url = s->base.text,
                        .fee_bps = s->fee_bps,
                        .network = s->chain.network,
                        .allow_http_webhooks = s->allow_http_webhooks || s->allow_private_webhooks};
  g->gateway = (struct gateway){.env = &g->env, .settings = s, .folder = &g->folder};
  g->env.store = store_open(&o, why, sizeof why);
  enum env_state state = g->env.store ? env_load(&g->env, why, sizeof why) : ENV_FAILED;
  if (state != ENV_LOADED)
    *error = str_copy(g->arena, str_of(why));
  return state;
}

static void close_store(struct instance *g) {
  if (g->env.store)
    store_close(g->env.store);
  key_cache_free(g->env.keys);
  pools_free(g->env.pools);
  sodium_memzero(&g->key, sizeof g->key);
}

struct str instance_database_id(const struct instance *g) {
  static const unsigned char purpose[] = "database id of cryptopay";
  unsigned char print[crypto_generichash_BYTES_MIN];
  char hex[2 * sizeof print + 1];
  crypto_generichash(print, sizeof print, g->env.id_key.bytes, sizeof g->env.id_key.bytes, purpose,
                     sizeof purpose - 1);
  sodium_bin2hex(hex, sizeof hex, print, sizeof print);
  return str_copy(g->arena, str_of(hex));
}

// Another database under this one's name (files copied by hand, a wrong URL) would give numbers and addresses
// out again.
static bool check_identity(struct instance *g, struct str *error) {
  const struct data_folder *f = &g->folder;
  struct str id = instance_database_id(g);
  if (str_eq(f->database_id, id))
    return true;
  if (!f->database_id.p && data_folder_note_database(&g->folder, g->arena, id))
    return true;
  if (f->url)
    *error = str_printf(
        g->arena,
        "%.*s is not the database that %s belongs to: name that one, or another folder with --data DIR",
        STR_FMT(database_url_shown(f->url, g->arena)), f->path);
  else
    *error = str_printf(
        g->arena,
        "%s is not the database that belongs here: bring it back with: cryptopay restore FILE --force",
        f->database);
  return false;
}

// Is the database one in which nothing can have been sealed yet, and may it be made? Then *fresh.
static enum folder_state look_at_database(struct instance *g, bool create, bool *fresh, struct str *error) {
  const struct data_folder *f = &g->folder;
  struct server_look look;
  char why[512] = "";
  if (!f->url) {
    *fresh = create && access(f->database, F_OK) != 0;
    return FOLDER_OPEN;
  }
  struct str shown = database_url_shown(f->url, g->arena);
  if (!server_look(f->url, &world_real, &look, why, sizeof why)) {
    *error = str_printf(g->arena, "cannot reach %.*s: %s", STR_FMT(shown), why);
    return FOLDER_AWAY;
  }
  if (look.scatters) {
    *error =
        str_printf(g->arena,
                   "a pooler stands before %.*s that gives each transaction another session: connect to the "
                   "server itself, or set pool_mode = session (PgBouncer)",
                   STR_FMT(shown));
    return FOLDER_BAD;
  }
  g->clock_ahead_us = look.clock_ahead_us;
  *fresh = create && !look.has_key;
  if (look.has_key)
    return FOLDER_OPEN;
  if (f->database_id.p) {
    *error = str_printf(g->arena, "%.*s is empty, and %s belongs to a database that is not: name that one",
                        STR_FMT(shown), f->path);
    return FOLDER_BAD;
  }
  if (create)
    return FOLDER_OPEN;
  *error =
      str_printf(g->arena, "nothing of cryptopay is in %.*s yet; cryptopay serve makes it", STR_FMT(shown));
  return FOLDER_EMPTY;
}

// A key that was made and seals nothing goes again, or it would be in the way of the right one: the database
// could not be opened, or another node has set the same empty one up at the same moment.
static void drop_key(struct instance *g, enum env_state loaded, struct str *error) {
  unlink(g->folder.key);
  if (loaded == ENV_WRONG_KEY)
    *error = str_printf(
        g->arena,
        "another node has set up this database at the same moment, with a key of its own: copy that "
        "node's secret.key to %s, or name it with --secret-key-file",
        g->folder.key);
}

// A key is made only together with its database: for an existing one a new key would open nothing.
static enum folder_state open_locked(struct instance *g, const struct settings *s, bool create,
                                     struct str *error) {
  bool fresh;
  enum folder_state state = look_at_database(g, create, &fresh, error);
  if (state != FOLDER_OPEN)
    return state;
  bool made = fresh && access(g->folder.key, F_OK) != 0;
  if (!secret_key_load(g->folder.key, fresh, &g->key, g->arena, error))
    return FOLDER_BAD;
  const char *database = g->folder.url ? g->folder.url : g->folder.database;
  enum env_state loaded = open_store(g, s, database, error);
  if (loaded == ENV_LOADED && check_identity(g, error))
    return FOLDER_OPEN;
  if (made && (loaded == ENV_WRONG_KEY || !g->env.store))
    drop_key(g, loaded, error);
  close_store(g);
  return FOLDER_BAD;
}

// A new folder for a database of PostgreSQL: made only when there is one.
static enum folder_state find_folder(struct instance *g, const struct settings *s, bool create,
                                     struct str *error) {
  bool fresh;
  data_folder_paths(&g->folder, s, g->arena);
  if (create || !g->folder.url || access(g->folder.path, F_OK) == 0)
    return FOLDER_OPEN;
  return look_at_database(g, create, &fresh, error);
}

enum folder_state instance_open(struct instance *g, const struct settings *settings, bool create,
                                struct arena *a, struct str *error) {
  *g = (struct instance){.arena = a};
  enum folder_state state = find_folder(g, settings, create, error);
  if (state == FOLDER_OPEN)
    state = data_folder_open(&g->folder, settings, create, a, error);
  if (state != FOLDER_OPEN)
    return state;
  state = open_locked(g, settings, create, error);
  if (state != FOLDER_OPEN)
    data_folder_close(&g->folder);
  return state;
}

enum folder_state instance_open_server(struct instance *g, const struct settings *settings, struct arena *a,
                                       struct str *error) {
  enum { TRIES = 60, PAUSE_MS = 50 };
  enum folder_state state = FOLDER_BUSY;
  for (int i = 0; i < TRIES && state == FOLDER_BUSY; i++) {
    if (i)
      nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    state = instance_open(g, settings, true, a, error);
  }
  return state;
}

bool instance_open_file(struct instance *g, const struct settings *settings, const char *database,
                        struct arena *a, struct str *error) {
  *g = (struct instance){.arena = a};
  data_folder_paths(&g->folder, settings, a);
  if (!secret_key_load(g->folder.key, false, &g->key, a, error))
    return false;
  if (open_store(g, settings, database, error) == ENV_LOADED)
    return true;
  close_store(g);
  return false;
}

void instance_note_base_url(const struct instance *g) {
  struct str have = file_get(g->arena, g->folder.base_url, BASE_URL_MAX);
  if (!str_eq(have, g->env.base_url) && !file_put(g->arena, g->folder.base_url, g->env.base_url))
    LOG(WARN, "the base URL could not be noted", LOG_C("file", g->folder.base_url));
}

void instance_recall_base_url(struct instance *g) {
  const enum setting_source *source = g->gateway.settings->source;
  struct str noted = file_get(g->arena, g->folder.base_url, BASE_URL_MAX);
  struct base_url parsed;
  if (source[SETTING_base_url] == FROM_DEFAULT && source[SETTING_listen] == FROM_DEFAULT && noted.n &&
      !base_url_parse(noted, g->arena, &parsed))
    g->env.base_url = parsed.text;
}

void instance_close(struct instance *g) {
  close_store(g);
  data_folder_close(&g->folder);
}
