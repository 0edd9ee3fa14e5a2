// One event a line, as JSON, to standard error: {"time":…,"level":…,"event":…, fields…}.
// A secret is never passed here.
#pragma once
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
  const char *key;
  struct str text; // used when text.p is not NULL
  int64_t number;
};

#define LOG_S(key, s) ((struct log_field){(key), (s), 0})
#define LOG_C(key, c) ((struct log_field){(key), str_of(c), 0})
#define LOG_I(key, i) ((struct log_field){(key), STR_NONE, (i)})

// LOG(INFO, "payment created", LOG_S("request_id", rid), LOG_I("payment_id", id));
#define LOG(level, ...)             LOG_WITH(LOG_##level, __VA_ARGS__, LOG_END)
#define LOG_END                     ((struct log_field){0})
#define LOG_WITH(level, event, ...) log_write((level), (event), (const struct log_field[]){__VA_ARGS__})

void log_write(enum log_level level, const char *event,
               const struct log_field *fields); // fields end with LOG_END
void log_set_level(enum log_level least);       // default LOG_INFO
