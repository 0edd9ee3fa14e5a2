#include "daemon/settings.h"
#include "base/bug.h"
#include "base/ini.h"
#include "base/nearest.h"
#include "daemon/settings_chain.h"
#include "daemon/settings_check.h"
#include "daemon/settings_table.h"
#include "store/database_url.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char env_prefix[] = "CRYPTOPAY_";

const struct setting_row settings_table[SETTINGS] = {
#define X(name, kind, fallback, least, most, check, word, help)                                              \
  {#name, KIND_##kind, fallback, least, most, check, word, help},
    SETTINGS_LIST(X)
#undef X
};

struct given_node {
  struct str text;
  int number; // of the line in the file, or in the variable's name
};

// What is being put together, and the values as text until all are known.
struct loading {
  struct arena *arena;
  struct str *error;
  struct str value[SETTINGS];
  enum setting_source source[SETTINGS];
  int line[SETTINGS];
  struct given_node nodes[NODES_MAX]; // all from source[SETTING_node]
  int n_nodes;
};

#define FAIL(l, ...) (*(l)->error = str_printf((l)->arena, __VA_ARGS__), false)

const char *settings_flag_name(struct arena *a, enum setting i) {
  char *name = str_c(a, str_of(settings_table[i].name));
  for (char *c = name; *c; c++)
    if (*c == '_')
      *c = '-';
  return name;
}

// The name with '-' or capitals made '_' and small: "base-url" and "BASE_URL" are base_url.
static struct str as_key(struct arena *a, struct str name) {
  char *key = str_c(a, name);
  for (char *c = key; *c; c++) {
    if (*c == '-')
      *c = '_';
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c + ('a' - 'A'));
  }
  return (struct str){key, name.n};
}

static int find(struct str key) {
  for (int i = 0; i < SETTINGS; i++)
    if (str_eqc(key, settings_table[i].name))
      return i;
  return -1;
}

static const char *nearest_key(struct str key) {
  const char *names[SETTINGS];
  for (int i = 0; i < SETTINGS; i++)
    names[i] = settings_table[i].name;
  const char *best = nearest(key, names, SETTINGS);
  return best ? best : settings_table[0].name;
}

static int find_flag(struct str name) {
  for (int i = 0; i < SETTINGS; i++) {
    const char *key = settings_table[i].name;
    size_t k = 0;
    while (k < name.n && key[k] && (key[k] == '_' ? '-' : key[k]) == name.p[k])
      k++;
    if (k == name.n && !key[k])
      return i;
  }
  return -1;
}

bool settings_is_flag(struct str name) {
  return find_flag(name) >= 0;
}

static bool parse_switch(struct str text, bool *out) {
  static const char *const yes[] = {"yes", "1", "on", "true"}, *const no[] = {"no", "0", "off", "false"};
  for (int i = 0; i < 4; i++) {
    if (str_eqc(text, yes[i]) || str_eqc(text, no[i])) {
      *out = str_eqc(text, yes[i]);
      return true;
    }
  }
  return false;
}

static void take(struct loading *l, int i, struct str value, enum setting_source source) {
  l->value[i] = value;
  l->source[i] = source;
}

// What comes first has the say: nodes of the command line stand in place of those in the file.
static bool take_node(struct loading *l, struct str text, int number, enum setting_source source) {
  if (l->source[SETTING_node] != FROM_DEFAULT && l->source[SETTING_node] != source)
    return true;
  if (!str_trim(text).n)
    return true;
  if (l->n_nodes == NODES_MAX)
    return FAIL(l, "more than %d nodes", NODES_MAX);
  l->source[SETTING_node] = source;
  int at = l->n_nodes++; // in the order of their numbers: the environment has none
  for (; at > 0 && l->nodes[at - 1].number > number; at--)
    l->nodes[at] = l->nodes[at - 1];
  l->nodes[at] = (struct given_node){text, number};
  return true;
}

static bool take_flags(struct loading *l, const struct settings_input *in) {
  for (size_t f = 0; f < in->n_flags; f++) {
    int i = find_flag(in->flags[f].name);
    BUG_IF(i < 0, "callers ask settings_is_flag() first");
    if (i == SETTING_node && !take_node(l, in->flags[f].value, 0, FROM_FLAG))
      return false;
    if (i != SETTING_node)
      take(l, i, in->flags[f].value, FROM_FLAG);
  }
  return true;
}

static char *upper(struct arena *a, const char *name) {
  char *p = str_c(a, str_of(name));
  for (char *c = p; *c; c++)
    if (*c >= 'a' && *c <= 'z')
      *c = (char)(*c - ('a' - 'A'));
  return p;
}

// NODE_7; plain NODE is number 0.
static bool is_node_name(struct str name, int64_t *number) {
  struct str plain = STR("NODE"), first = STR("NODE_");
  *number = 0;
  struct str digits = {name.p + first.n, str_starts(name, first) ? name.n - first.n : 0};
  return str_eq(name, plain) ||
         (digits.n && digits.n < 5 && digits.p[0] != '0' && str_to_i64(digits, number));
}

static bool take_environment(struct loading *l, char *const *environment) {
  struct str prefix = STR("CRYPTOPAY_");
  for (char *const *e = environment; *e; e++) {
    const char *eq = strchr(*e, '=');
    if (!eq || !str_starts(str_of(*e), prefix))
      continue;
    struct str name = {*e + prefix.n, (size_t)(eq - *e) - prefix.n};
    struct str key = as_key(l->arena, name);
    int64_t number;
    if (is_node_name(name, &number)) {
      if (!take_node(l, str_of(eq + 1), (int)number, FROM_ENVIRONMENT))
        return false;
      continue;
    }
    int i = find(key);
    if (i < 0 || !str_eqc(name, upper(l->arena, settings_table[i].name)))
      return FAIL(l, "environment: unknown setting %s%.*s; did you mean %s%s?", env_prefix, STR_FMT(name),
                  env_prefix, upper(l->arena, nearest_key(key)));
    if (l->source[i] == FROM_DEFAULT)
      take(l, i, str_of(eq + 1), FROM_ENVIRONMENT);
  }
  return true;
}

static bool read_file(struct loading *l, const char *path, struct str *text) {
  char *p = arena_alloc(l->arena, SETTINGS_FILE_MAX + 1);
  size_t n = 0;
  ssize_t got = 1;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return FAIL(l, "%s: %s", path, strerror(errno));
  while (got > 0 && n <= SETTINGS_FILE_MAX) {
    got = read(fd, p + n, SETTINGS_FILE_MAX + 1 - n);
    n += got > 0 ? (size_t)got : 0;
  }
  int why = got < 0 ? errno : 0;
  close(fd);
  if (why)
    return FAIL(l, "%s: %s", path, strerror(why));
  if (n > SETTINGS_FILE_MAX)
    return FAIL(l, "%s: too large for a file of settings", path);
  *text = (struct str){p, n};
  return true;
}

static bool take_pair(struct loading *l, int line, struct str key, struct str value) {
  struct str path = l->value[SETTING_config];
  int i = find(key);
  if (i < 0)
    return FAIL(l, "%.*s:%d: unknown setting \"%.*s\"; did you mean \"%s\"?", STR_FMT(path), line,
                STR_FMT(key), nearest_key(key));
  if (i == SETTING_config)
    return FAIL(l, "%.*s:%d: a file of settings cannot name another one", STR_FMT(path), line);
  if (i == SETTING_node) {
    l->line[i] = l->line[i] ? l->line[i] : line;
    return take_node(l, str_copy(l->arena, value), line, FROM_FILE);
  }
  if (l->line[i])
    return FAIL(l, "%.*s:%d: \"%s\" stands in this file twice", STR_FMT(path), line, settings_table[i].name);
  l->line[i] = line;
  if (l->source[i] == FROM_DEFAULT)
    take(l, i, str_copy(l->arena, value), FROM_FILE);
  return true;
}

static bool take_file(struct loading *l) {
  struct str text, key, value;
  const char *why = NULL;
  struct ini ini;
  if (l->value[SETTING_config].n == 0)
    return true;
  const char *path = str_c(l->arena, l->value[SETTING_config]);
  if (!read_file(l, path, &text))
    return false;
  ini_init(&ini, text);
  for (;;) {
    enum ini_result r = ini_next(&ini, &key, &value, &why);
    if (r == INI_END)
      return true;
    if (r == INI_ERROR)
      return FAIL(l, "%s:%d: %s", path, ini.line, why);
    if (!take_pair(l, ini.line, key, value))
      return false;
  }
}

// How the operator wrote it, for errors.
static const char *spelling(struct loading *l, int i) {
  struct arena *a = l->arena;
  struct str file = l->value[SETTING_config];
  switch (l->source[i]) {
  case FROM_DEFAULT:
  case FROM_FILE:
    return str_printf(a, "%.*s:%d: %s", STR_FMT(file), l->line[i], settings_table[i].name).p;
  case FROM_ENVIRONMENT:
    return str_printf(a, "%s%s", env_prefix, upper(a, settings_table[i].name)).p;
  case FROM_FLAG:
    return str_printf(a, "--%s", settings_flag_name(a, (enum setting)i)).p;
  }
  BUG("no such source");
}

static bool as_text(struct loading *l, int i, const char **out) {
  const struct setting_row *row = &settings_table[i];
  const char *why = row->check ? row->check(l->value[i]) : NULL;
  if (why)
    return FAIL(l, "%s: %s", spelling(l, i), why);
  *out = str_c(l->arena, l->value[i]);
  return true;
}

static bool as_url(struct loading *l, int i, const char **out) {
  *out = str_c(l->arena, l->value[i]);
  const char *why = **out ? database_url_check(*out, l->arena) : NULL;
  return !why || FAIL(l, "%s: %s", spelling(l, i), why);
}

static bool as_number(struct loading *l, int i, int64_t *out) {
  const struct setting_row *row = &settings_table[i];
  if (!str_to_i64(l->value[i], out) || *out < row->least || *out > row->most)
    return FAIL(l, "%s: expected a number from %lld to %lld", spelling(l, i), (long long)row->least,
                (long long)row->most);
  return true;
}

static bool as_switch(struct loading *l, int i, bool *out) {
  return parse_switch(l->value[i], out) || FAIL(l, "%s: expected yes or no", spelling(l, i));
}

static const char *node_spelling(struct loading *l, const struct given_node *n) {
  if (l->source[SETTING_node] == FROM_ENVIRONMENT && n->number)
    return str_printf(l->arena, "%sNODE_%d", env_prefix, n->number).p;
  if (l->source[SETTING_node] == FROM_FILE)
    return str_printf(l->arena, "%.*s:%d: node", STR_FMT(l->value[SETTING_config]), n->number).p;
  return spelling(l, SETTING_node);
}

static bool as_nodes(struct loading *l, int i, struct settings_nodes *out) {
  (void)i;
  *out = (struct settings_nodes){ARENA_ARRAY(l->arena, struct chain_node, NODES_MAX), l->n_nodes};
  for (int k = 0; k < l->n_nodes; k++) {
    const char *why = settings_node_parse(l->nodes[k].text, l->arena, &out->list[k]);
    if (why)
      return FAIL(l, "%s: %s", node_spelling(l, &l->nodes[k]), why);
  }
  return true;
}

static bool convert_all(struct loading *l, struct settings *s) {
#define CONVERT_TEXT   as_text
#define CONVERT_URL    as_url
#define CONVERT_NUMBER as_number
#define CONVERT_SWITCH as_switch
#define CONVERT_NODES  as_nodes
#define X(name, kind, ...)                                                                                   \
  if (!CONVERT_##kind(l, SETTING_##name, &s->name))                                                          \
    return false;
  SETTINGS_LIST(X)
#undef X
  memcpy(s->source, l->source, sizeof s->source);
  memcpy(s->line, l->line, sizeof s->line);
  return true;
}

// Where none is given, people on this machine open the place where it listens; a wildcard is not a place.
static struct str default_base_url(struct arena *a, struct str listen) {
  struct str host;
  int64_t port;
  bool good = host_port_split(listen, &host, &port);
  BUG_IF(!good, "checked before");
  bool wildcard = str_eqc(host, "0.0.0.0") || str_eqc(host, "[::]");
  return str_printf(a, "http://%.*s:%d", STR_FMT(wildcard ? STR("localhost") : host), (int)port);
}

static bool derive(struct loading *l, struct settings *s) {
  struct str given = str_of(s->base_url);
  if (given.n == 0)
    given = default_base_url(l->arena, str_of(s->listen));
  const char *why = base_url_parse(given, l->arena, &s->base);
  if (why)
    return FAIL(l, "%s: %s", spelling(l, SETTING_base_url), why);
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  for (int i = 0; i < 4; i++)
    if (strcmp(s->log_level, levels[i]) == 0)
      s->level = (enum log_level)i;
  s->base_url = s->base.text.p;
  enum setting at;
  why = settings_chain_join(s, l->arena, &at);
  return !why || FAIL(l, "%s: %s", spelling(l, (int)at), why);
}

bool settings_load(struct settings *s, struct arena *a, const struct settings_input *in, struct str *error) {
  struct loading l = {.arena = a, .error = error};
  for (int i = 0; i < SETTINGS; i++)
    l.value[i] = str_of(settings_table[i].fallback);
  *s = (struct settings){0};
  return take_flags(&l, in) && take_environment(&l, in->environment) && take_file(&l) && convert_all(&l, s) &&
         derive(&l, s);
}

bool settings_exposed(const struct settings *s) {
  struct arena a;
  struct stat st;
  bool secret = false;
  arena_init(&a, 1 << 20);
  if (s->source[SETTING_database] == FROM_FILE && s->database[0])
    secret = !str_eq(database_url_shown(s->database, &a), database_url_bare(s->database, &a));
  for (int i = 0; s->source[SETTING_node] == FROM_FILE && i < s->node.n; i++)
    secret = secret || s->node.list[i].key.p;
  arena_free(&a);
  return secret && stat(s->config, &st) == 0 && (st.st_mode & S_IROTH);
}

// A key over plain http is everybody's on the way.
static void warn_of_keys(const struct settings *s) {
  for (int i = 0; i < s->node.n; i++) {
    const struct chain_node *n = &s->node.list[i];
    struct str plain = STR("http://");
    if (n->key.p && (str_starts(n->url, plain) || str_starts(n->solidity, plain)))
      LOG(WARN, "a node's key is sent over plain http: use https, or leave the key out",
          LOG_S("node", n->url));
  }
}

void settings_warn(const struct settings *s) {
  warn_of_keys(s);
  if (settings_exposed(s))
    LOG(WARN, "every user of this machine can read a password or key: chmod o= the file of settings",
        LOG_C("file", s->config));
  if (!s->base.https && !s->base.loopback)
    LOG(WARN, "base_url is plain http: payers and API keys are not protected, put a TLS proxy in front",
        LOG_S("base_url", s->base.text));
  if (s->allow_private_webhooks)
    LOG(WARN, "allow_private_webhooks is on: webhooks may reach this machine, never use this in production",
        LOG_I("allow_private_webhooks", 1));
  if (!s->rate_limit)
    LOG(WARN, "rate_limit is off: for load tests only", LOG_I("rate_limit", 0));
}
