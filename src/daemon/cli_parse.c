// Words of the command line become a command, its arguments and settings.
#include "base/bug.h"
#include "base/nearest.h"
#include "core/project.h"
#include "daemon/cli.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { FLAGS_MAX = 256, OPTIONS_MAX = 64, COMMANDS_MAX = 64, ARENA_MAX = 256 << 20 };

struct parse {
  struct cli *c;
  char **argv;
  int at, argc;
  bool words_only; // after "--"
  const struct cli_option *options[OPTIONS_MAX];
  size_t n_options;
  struct setting_flag flags[FLAGS_MAX];
  size_t n_flags;
  const char *name; // the next word's name in `arguments`
  bool help;
};

int cli_fail(const struct cli *c, enum exit_status status, const char *fmt, ...) {
  char text[2048];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (!c->json) {
    fprintf(stderr, "cryptopay: %s\n", text);
    return (int)status;
  }
  json_t *o = json_pack("{s:b, s:s}", "ok", 0, "error", text);
  json_dumpf(o, stdout, JSON_COMPACT);
  putchar('\n');
  json_decref(o);
  return (int)status;
}

const char *cli_text(const struct cli *c, const char *key) {
  return json_string_value(json_object_get(c->args, key));
}

bool cli_switch(const struct cli *c, const char *key) {
  return json_is_true(json_object_get(c->args, key));
}

static const char *as_flag(struct arena *a, const char *name) {
  char *flag = str_c(a, str_of(name));
  for (char *p = flag; *p; p++)
    if (*p == '_')
      *p = '-';
  return flag;
}

// The options of the command; `project set` has those of the project, `--json` is everywhere.
static void collect_options(struct parse *p) {
  static const struct cli_option json = {"json", NULL, "answer in JSON; lists have one object a line", false};
  const struct cli_option *o = p->c->command->options;
  for (; o && o->name; o++)
    p->options[p->n_options++] = o;
  if (strcmp(p->c->command->name, "project set") == 0) {
    for (const struct project_setting *s = project_settings; s->name; s++) {
      struct cli_option *made = ARENA_NEW(&p->c->arena, struct cli_option);
      *made = (struct cli_option){as_flag(&p->c->arena, s->name), "VALUE", s->help, false};
      BUG_IF(p->n_options + 2 >= OPTIONS_MAX, "too many settings of a project");
      p->options[p->n_options++] = made;
    }
  }
  p->options[p->n_options++] = &json;
}

static void print_option(const struct cli_option *o) {
  int n = printf("  --%s%s%s", o->name, o->word ? " " : "", o->word ? o->word : "");
  printf("%*s%s%s\n", n < 34 ? 34 - n : 1, "", o->help, o->needed ? " (needed)" : "");
}

static void print_settings(struct arena *a) {
  struct buf out;
  buf_init(&out, a, 1 << 16);
  settings_help(&out);
  fwrite(out.p, 1, out.n, stdout);
}

static int help_command(struct parse *p) {
  const struct cli_command *c = p->c->command;
  printf("cryptopay %s%s%s: %s\n", c->name, c->arguments[0] ? " " : "", c->arguments, c->help);
  if (c->note)
    printf("%s\n", c->note);
  printf("\nOptions:\n");
  for (size_t i = 0; i < p->n_options; i++)
    print_option(p->options[i]);
  if (strcmp(c->name, "serve") == 0) {
    printf("\nSettings; each is also a key in the file (listen) and in the environment (CRYPTOPAY_LISTEN),\n"
           "the command line wins over the environment, that over the file [default]:\n");
    print_settings(&p->c->arena);
  } else {
    printf("  --data DIR                      folder of the database [./cryptopay-data]\n"
           "  --database URL                  PostgreSQL, where the data is kept there\n"
           "  --config FILE                   INI file with settings\n"
           "and every other setting of `cryptopay serve --help`.\n");
  }
  return EXIT_DONE;
}

static int help_all(FILE *out) {
  fprintf(out, "cryptopay: a payment gateway for USDT on TRON, on your own machine\n\nCommands:\n");
  for (const struct cli_command *c = cli_commands; c->name; c++) {
    int n = fprintf(out, "  %s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);
    fprintf(out, "%*s%s\n", n < 38 ? 38 - n : 1, "", c->help);
  }
  fprintf(out, "\nEach has --help, --json, --data DIR and --config FILE. Begin with:\n"
               "  cryptopay merchant add --email you@example.com\n"
               "  cryptopay project add --merchant you@example.com --name Shop\n"
               "  cryptopay serve\n");
  return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

// The command whose name is the first words; *used says how many.
static const struct cli_command *find_command(int argc, char **argv, int *used) {
  for (const struct cli_command *c = cli_commands; c->name; c++) {
    const char *space = strchr(c->name, ' ');
    size_t first = space ? (size_t)(space - c->name) : strlen(c->name);
    if (argc < 2 || strlen(argv[1]) != first || memcmp(argv[1], c->name, first) != 0)
      continue;
    if (space && (argc < 3 || strcmp(argv[2], space + 1) != 0))
      continue;
    *used = space ? 3 : 2;
    return c;
  }
  return NULL;
}

// "project" alone: what may follow.
static bool list_group(const char *group) {
  size_t n = strlen(group);
  bool found = false;
  for (const struct cli_command *k = cli_commands; k->name; k++) {
    if (strncmp(k->name, group, n) != 0 || k->name[n] != ' ')
      continue;
    fprintf(stderr, "%s cryptopay %s%s%s\n", found ? "      " : "usage:", k->name, k->arguments[0] ? " " : "",
            k->arguments);
    found = true;
  }
  return found;
}

static int unknown_command(struct cli *c, int argc, char **argv) {
  const char *names[COMMANDS_MAX];
  size_t n = 0;
  bool second = argc > 2 && argv[2][0] != '-';
  if (!second && !c->json && list_group(argv[1]))
    return EXIT_USAGE;
  for (const struct cli_command *k = cli_commands; k->name && n < COMMANDS_MAX; k++)
    names[n++] = k->name;
  struct str typed = str_printf(&c->arena, "%s%s%s", argv[1], second ? " " : "", second ? argv[2] : "");
  const char *near = nearest(typed, names, n);
  return cli_fail(c, EXIT_USAGE,
                  "unknown command \"%.*s\"; did you mean \"%s\"? All are listed by: cryptopay --help",
                  STR_FMT(typed), near ? near : names[0]);
}

static int unknown_option(struct parse *p, struct str name) {
  const char *names[OPTIONS_MAX + SETTINGS];
  size_t n = 0;
  for (size_t i = 0; i < p->n_options; i++)
    names[n++] = p->options[i]->name;
  for (int i = 0; i < SETTINGS; i++)
    names[n++] = settings_flag_name(&p->c->arena, (enum setting)i);
  const char *near = nearest(name, names, n);
  return cli_fail(p->c, EXIT_USAGE, "unknown option --%.*s; did you mean --%s?", STR_FMT(name),
                  near ? near : "help");
}

static const struct cli_option *find_option(const struct parse *p, struct str name) {
  for (size_t i = 0; i < p->n_options; i++)
    if (str_eqc(name, p->options[i]->name))
      return p->options[i];
  return NULL;
}

static json_t *text_value(struct str s) {
  return json_stringn(s.p, s.n); // NULL when it is not UTF-8
}

// Puts it under its name in the request, '-' made '_'. False where it is there already or is not text.
static bool put(struct parse *p, struct str name, json_t *value) {
  char *key = str_c(&p->c->arena, name);
  for (char *k = key; *k; k++)
    if (*k == '-')
      *k = '_';
  if (json_object_get(p->c->args, key)) {
    json_decref(value);
    return false;
  }
  return json_object_set_new(p->c->args, key, value) == 0;
}

static int take_option(struct parse *p, struct str name, struct str given) {
  const struct cli_option *o = find_option(p, name);
  bool setting = !o && settings_is_flag(name);
  if (!o && !setting)
    return unknown_option(p, name);
  if (o && !o->word) {
    if (given.p)
      return cli_fail(p->c, EXIT_USAGE, "--%s takes no value", o->name);
    if (strcmp(o->name, "json") == 0)
      p->c->json = true;
    else
      put(p, name, json_true());
    return -1;
  }
  if (!given.p) {
    if (p->at >= p->argc)
      return cli_fail(p->c, EXIT_USAGE, "--%.*s needs a value", STR_FMT(name));
    given = str_of(p->argv[p->at++]);
  }
  if (setting) {
    if (p->n_flags == FLAGS_MAX)
      return cli_fail(p->c, EXIT_USAGE, "too many options");
    p->flags[p->n_flags++] = (struct setting_flag){name, given};
    return -1;
  }
  return put(p, name, text_value(given))
             ? -1
             : cli_fail(p->c, EXIT_USAGE, "--%s: given twice, or not UTF-8", o->name);
}

// Name of the word that comes next in `arguments`, small; *many: it takes all that follow.
static struct str next_name(struct parse *p, bool *many, bool *optional) {
  const char *from = p->name;
  size_t n = strcspn(from, " ");
  *many = n > 3 && strncmp(from + n - 3, "...", 3) == 0;
  *optional = from[0] == '[';
  struct str word = {from, *many ? n - 3 : n};
  if (*optional)
    word = (struct str){word.p + 1, word.n - 2};
  char *key = str_c(&p->c->arena, word);
  for (char *k = key; *k; k++)
    *k = (char)tolower(*k);
  return (struct str){key, word.n};
}

static void advance(struct parse *p) {
  p->name += strcspn(p->name, " ");
  p->name += strspn(p->name, " ");
}

static int take_word(struct parse *p, struct str word) {
  bool many, optional;
  if (!p->name[0])
    return cli_fail(p->c, EXIT_USAGE, "\"%.*s\" is one word too many; see: cryptopay %s --help",
                    STR_FMT(word), p->c->command->name);
  struct str key = next_name(p, &many, &optional);
  json_t *value = text_value(word);
  if (!value)
    return cli_fail(p->c, EXIT_USAGE, "\"%.*s\" is not UTF-8", STR_FMT(word));
  if (!many) {
    put(p, key, value);
    advance(p);
    return -1;
  }
  json_t *list = json_object_get(p->c->args, key.p);
  if (!list) {
    list = json_array();
    put(p, key, list);
  }
  json_array_append_new(list, value);
  return -1;
}

static int take_next(struct parse *p) {
  const char *word = p->argv[p->at++];
  if (p->words_only || word[0] != '-' || !word[1])
    return take_word(p, str_of(word));
  if (strcmp(word, "--") == 0) {
    p->words_only = true;
    return -1;
  }
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    p->help = true;
    return -1;
  }
  if (strncmp(word, "--", 2) != 0)
    return cli_fail(p->c, EXIT_USAGE, "unknown option %s; options begin with --", word);
  const char *eq = strchr(word, '=');
  struct str name = {word + 2, eq ? (size_t)(eq - word) - 2 : strlen(word) - 2};
  return take_option(p, name, eq ? str_of(eq + 1) : STR_NONE);
}

static int check_complete(struct parse *p) {
  bool many, optional;
  if (p->name[0]) {
    struct str key = next_name(p, &many, &optional);
    if (!optional && !json_object_get(p->c->args, key.p))
      return cli_fail(p->c, EXIT_USAGE, "missing %s; usage: cryptopay %s %s", p->name, p->c->command->name,
                      p->c->command->arguments);
  }
  for (size_t i = 0; i < p->n_options; i++) {
    const char *key = p->options[i]->name;
    if (p->options[i]->needed && !json_object_get(p->c->args, key))
      return cli_fail(p->c, EXIT_USAGE, "missing --%s %s; see: cryptopay %s --help", key, p->options[i]->word,
                      p->c->command->name);
  }
  return -1;
}

static void hide_key(struct str node) {
  static const char word[] = "key=";
  char *p = (char *)(uintptr_t)node.p;
  char *key = p ? memmem(p, node.n, word, strlen(word)) : NULL;
  for (; key && key < p + node.n && *key != ' '; key++)
    *key = '*';
}

// Other users of the machine see every process's words. What is needed of them has been copied by now.
static void hide_password(struct parse *p) {
  for (int i = 1; i < p->argc; i++)
    if (strncmp(p->argv[i], "postgres", 8) == 0 && strstr(p->argv[i], "://"))
      memset(p->argv[i], '*', strlen(p->argv[i]));
  for (size_t i = 0; i < p->n_flags; i++)
    if (str_eqc(p->flags[i].name, "node"))
      hide_key(p->flags[i].value);
    else if (str_eqc(p->flags[i].name, "database"))
      memset((char *)(uintptr_t)p->flags[i].value.p, '*', p->flags[i].value.n);
}

int cli_parse(struct cli *c, int argc, char **argv, char *const *environment) {
  int used = 1, status = -1;
  struct str error;
  *c = (struct cli){.args = json_object()};
  arena_init(&c->arena, ARENA_MAX);
  for (int i = 1; i < argc; i++)
    c->json = c->json || strcmp(argv[i], "--json") == 0; // errors before that word follow it too
  if (argc < 2)
    return help_all(stderr);
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
    return help_all(stdout);
  if (strcmp(argv[1], "--version") == 0)
    argv[1] = "version";
  c->command = find_command(argc, argv, &used);
  if (!c->command)
    return unknown_command(c, argc, argv);
  struct parse *p = ARENA_NEW(&c->arena, struct parse);
  *p = (struct parse){.c = c, .argv = argv, .at = used, .argc = argc, .name = c->command->arguments};
  collect_options(p);
  while (status < 0 && p->at < p->argc)
    status = take_next(p);
  if (status < 0 && p->help)
    return help_command(p);
  if (status < 0)
    status = check_complete(p);
  if (status >= 0)
    return status;
  struct settings_input in = {p->flags, p->n_flags, environment};
  if (!settings_load(&c->settings, &c->arena, &in, &error))
    status = cli_fail(c, EXIT_USAGE, "%.*s", STR_FMT(error));
  hide_password(p);
  if (status < 0)
    log_set_level(c->settings.level);
  return status;
}

void cli_free(struct cli *c) {
  json_decref(c->args);
  arena_free(&c->arena);
}
