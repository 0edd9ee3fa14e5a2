#include "base/log.h"
#include "base/jsonw.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

static _Atomic int least_level = LOG_INFO;

void log_set_level(enum log_level least) {
  atomic_store(&least_level, (int)least);
}

static struct str time_text(char out[40]) {
  struct timespec t;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &t);
  gmtime_r(&t.tv_sec, &tm);
  size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
  n += (size_t)snprintf(out + n, 40 - n, ".%03ldZ", t.tv_nsec / 1000000);
  return (struct str){out, n};
}

void log_write(enum log_level level, const char *event, const struct log_field *fields) {
  static const char *const names[] = {"debug", "info", "warn", "error"};
  if ((int)level < atomic_load(&least_level))
    return;
  char time[40];
  struct arena a;
  struct buf b;
  struct jsonw w;
  arena_init(&a, 4 * LINE_MAX_BYTES);
  buf_init(&b, &a, LINE_MAX_BYTES);
  jsonw_init(&w, &b);
  jsonw_open(&w, '{');
  jsonw_kstr(&w, "time", time_text(time));
  jsonw_kstr(&w, "level", str_of(names[level]));
  jsonw_kstr(&w, "event", str_of(event));
  for (const struct log_field *f = fields; f->key; f++) {
    if (f->text.p)
      jsonw_kstr(&w, f->key, f->text);
    else
      jsonw_ki64(&w, f->key, f->number);
  }
  jsonw_close(&w, '}');
  buf_char(&b, '\n');
  if (!b.full && write(STDERR_FILENO, b.p, b.n) < 0) {
    // Nowhere to report that the log itself cannot be written.
  }
  arena_free(&a);
}
