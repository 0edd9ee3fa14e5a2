// The table of settings.h as data, for its loader and its printer.
#pragma once
#include "daemon/settings.h"

enum setting_kind { KIND_TEXT, KIND_URL, KIND_NUMBER, KIND_SWITCH, KIND_NODES };

struct setting_row {
  const char *name;
  enum setting_kind kind;
  const char *fallback;
  int64_t least, most;
  const char *(*check)(struct str value); // NULL: any text
  const char *word, *help;
};

extern const struct setting_row settings_table[SETTINGS];
