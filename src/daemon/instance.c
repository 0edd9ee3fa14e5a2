#include "daemon/instance.h"
#include "daemon/file.h"
#include "daemon/secret_key.h"
#include "flow/keys.h"
#include "flow/pool.h"

#include <sodium.h>
#include <time.h>
#include <unistd.h>

static bool open_store(struct instance *g, const struct settings *s, const char *database,
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
                        .allow_http_webhooks = s->allow_http_webhooks || s->allow_private_webhooks};
  g->gateway = (struct gateway){.env = &g->env, .settings = s, .folder = &g->folder};
  g->env.store = store_open(&o, why, sizeof why);
  bool opened = g->env.store && env_load(&g->env, why, sizeof why);
  if (!opened)
    *error = str_copy(g->arena, str_of(why));
  return opened;
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

// Another database under this one's name (files copied by hand) would give numbers and addresses out again.
static bool check_identity(struct instance *g, struct str *error) {
  struct str id = instance_database_id(g);
  if (str_eq(g->folder.database_id, id))
    return true;
  if (!g->folder.database_id.p && data_folder_note_database(&g->folder, g->arena, id))
    return true;
  *error = str_printf(
      g->arena,
      "%s is not the database that belongs here: bring it back with: cryptopay restore FILE --force",
      g->folder.database);
  return false;
}

// A key is made only together with its database: for an existing one a new key would open nothing.
enum folder_state instance_open(struct instance *g, const struct settings *settings, bool create,
                                struct arena *a, struct str *error) {
  *g = (struct instance){.arena = a};
  enum folder_state state = data_folder_open(&g->folder, settings, create, a, error);
  if (state != FOLDER_OPEN)
    return state;
  bool fresh = create && access(g->folder.database, F_OK) != 0;
  if (!secret_key_load(g->folder.key, fresh, &g->key, a, error)) {
    data_folder_close(&g->folder);
    return FOLDER_BAD;
  }
  if (open_store(g, settings, g->folder.database, error) && check_identity(g, error))
    return FOLDER_OPEN;
  close_store(g);
  data_folder_close(&g->folder);
  return FOLDER_BAD;
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
  if (open_store(g, settings, database, error))
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
