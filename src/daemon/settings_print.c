// Shows the settings: help, example file, values with their sources.
#include "base/bug.h"
#include "base/jsonw.h"
#include "daemon/settings_table.h"
#include "store/database_url.h"

#include <string.h>

enum { HELP_FROM = 34 }; // column at which explanations begin

void settings_help(struct buf *out) {
  for (int i = 0; i < SETTINGS; i++) {
    const struct setting_row *row = &settings_table[i];
    size_t from = out->n;
    buf_printf(out, "  --%s %s", settings_flag_name(out->arena, (enum setting)i), row->word);
    buf_printf(out, "%*s%s", (int)(HELP_FROM > out->n - from ? HELP_FROM - (out->n - from) : 1), "",
               row->help);
    if (row->fallback[0])
      buf_printf(out, " [%s]", row->fallback);
    buf_char(out, '\n');
  }
}

void settings_example(struct buf *out) {
  buf_c(out, "# Settings of cryptopay. A value that is not set here has the default shown.\n"
             "# The environment (CRYPTOPAY_LISTEN) and the command line (--listen) win over this file.\n");
  for (int i = 0; i < SETTINGS; i++) {
    const struct setting_row *row = &settings_table[i];
    if (i != SETTING_config)
      buf_printf(out, "\n# %s\n#%s =%s%s\n", row->help, row->name, row->fallback[0] ? " " : "",
                 row->fallback);
  }
}

static struct str nodes_text(struct arena *a, const struct settings_nodes *nodes) {
  struct buf b;
  buf_init(&b, a, NODES_MAX * 2 * NODE_TEXT_MAX);
  for (int i = 0; i < nodes->n; i++) {
    buf_c(&b, i ? ", " : "");
    buf_str(&b, settings_node_shown(&nodes->list[i], a));
  }
  return buf_view(&b);
}

static struct str value_text(struct arena *a, const struct settings *s, int i) {
  static const size_t at[SETTINGS] = {
#define X(name, ...) offsetof(struct settings, name),
      SETTINGS_LIST(X)
#undef X
  };
  const char *field = (const char *)s + at[i];
  switch (settings_table[i].kind) {
  case KIND_TEXT: {
    const char *text;
    memcpy(&text, field, sizeof text);
    return str_of(text);
  }
  case KIND_URL: {
    const char *url;
    memcpy(&url, field, sizeof url);
    return url[0] ? database_url_shown(url, a) : STR("");
  }
  case KIND_NUMBER: {
    int64_t number;
    memcpy(&number, field, sizeof number);
    return str_printf(a, "%lld", (long long)number);
  }
  case KIND_SWITCH:
    return *(const bool *)field ? STR("yes") : STR("no");
  case KIND_NODES:
    return nodes_text(a, (const struct settings_nodes *)(const void *)field);
  }
  BUG("no such kind");
}

static struct str source_text(struct arena *a, const struct settings *s, int i) {
  switch (s->source[i]) {
  case FROM_DEFAULT:
    return STR("default");
  case FROM_FILE:
    return str_printf(a, "%s:%d", s->config, s->line[i]);
  case FROM_ENVIRONMENT:
    return STR("environment");
  case FROM_FLAG:
    return STR("command line");
  }
  BUG("no such source");
}

void settings_print(const struct settings *s, struct buf *out) {
  for (int i = 0; i < SETTINGS; i++) {
    struct str value = value_text(out->arena, s, i), source = source_text(out->arena, s, i);
    buf_printf(out, "%-24s ", settings_table[i].name);
    buf_str(out, value);
    buf_printf(out, "%*s", value.n < 40 ? (int)(40 - value.n) : 1, "");
    buf_str(out, source);
    buf_char(out, '\n');
  }
}

void settings_print_json(const struct settings *s, struct buf *out) {
  for (int i = 0; i < SETTINGS; i++) {
    struct jsonw w;
    jsonw_init(&w, out);
    jsonw_open(&w, '{');
    jsonw_kstr(&w, "setting", str_of(settings_table[i].name));
    jsonw_kstr(&w, "value", value_text(out->arena, s, i));
    jsonw_kstr(&w, "from", source_text(out->arena, s, i));
    jsonw_close(&w, '}');
    buf_char(out, '\n');
  }
}
