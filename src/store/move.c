#include "store/move.h"
#include "base/bug.h"
#include "store/migrate.h"
#include "store/move_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool move_fail(struct move *m, const char *fmt, ...) {
  va_list ap;
  if (m->error[0])
    return false;
  va_start(ap, fmt);
  vsnprintf(m->error, sizeof m->error, fmt, ap);
  va_end(ap);
  return false;
}

void move_tell(struct move *m, enum move_phase phase, const struct table *t) {
  struct move_progress p = {phase, t->name, m->done, m->total, m->before};
  if (m->o.progress)
    m->o.progress(m->o.self, &p);
}

struct move *move_new(const struct move_options *o, struct arena *a) {
  struct move *m = calloc(1, sizeof *m);
  BUG_IF(!m, "out of memory");
  m->o = *o;
  m->a = a;
  return m;
}

static bool check_version(struct move *m) {
  int version = move_source_version(m), newest = schema_newest(sql_files);
  if (version == newest)
    return true;
  return version == 0 ? move_fail(m, "%s is not a database of cryptopay", m->o.source)
                      : move_fail(m, "%s has schema version %d, this program makes %d: %s", m->o.source,
                                  version, newest,
                                  version < newest ? "start the server once, it upgrades; then stop it"
                                                   : "upgrade the program");
}

bool move_open(struct move *m) {
  return move_source_open(m) && check_version(m) && move_target_open(m);
}

enum move_state move_state(const struct move *m) {
  return m->state;
}

const char *move_error(const struct move *m) {
  return m->error;
}

bool move_unreachable(const struct move *m) {
  return m->unreachable;
}

void move_free(struct move *m) {
  move_target_close(m);
  move_source_close(m);
  free(m);
}

// ---- copy

struct chunk {
  struct buf rows;
  int64_t n;
};

static bool send(struct move *m, const struct table *t, struct chunk *c) {
  if (c->n && !move_target_put(m, t, buf_view(&c->rows)))
    return false;
  m->done += c->n;
  c->n = 0;
  c->rows.n = 0;
  move_tell(m, MOVE_COPY, t);
  return true;
}

// The arena is asked for little: a table has many chunks.
static bool copy_rows(struct move *m, struct cursor *c, struct chunk *chunk) {
  bool more = true, ok = true;
  while (ok && more) {
    ok = move_cursor_next(c, &chunk->rows, &more);
    chunk->n += more;
    if (ok && (!more || chunk->rows.n >= MOVE_CHUNK_BYTES))
      ok = send(m, c->table, chunk);
  }
  return ok;
}

static bool count_arrived(struct move *m, const struct table *t, int64_t *n) {
  struct str text;
  return move_target_text(m, str_printf(m->a, "SELECT COUNT(*) FROM %s", t->name).p, &text) &&
         (str_to_i64(text, n) || move_fail(m, "%s cannot be counted", t->name));
}

static bool copy_table(struct move *m, const struct table *t, struct chunk *chunk) {
  struct str after[MOVE_COLUMNS_MAX];
  struct cursor c;
  int64_t arrived = 0;
  bool any;
  if (!move_target_last(m, t, after, &any) || (any && !count_arrived(m, t, &arrived)) ||
      !move_cursor_open(&c, m, t, any ? after : NULL))
    return false;
  m->done += arrived;
  m->before += arrived;
  bool ok = copy_rows(m, &c, chunk);
  move_cursor_close(&c);
  return ok && move_target_run(m, str_printf(m->a, "ANALYZE %s", t->name).p);
}

// PostgreSQL numbers new rows by a sequence of its own.
static bool set_number(struct move *m, const struct table *t) {
  struct str sequence;
  if (!move_target_sequence(m, t, &sequence) || !sequence.p)
    return !m->error[0];
  const char *set = str_printf(m->a, "SELECT setval('%.*s', GREATEST(%lld, 1), %s)", STR_FMT(sequence),
                               (long long)t->last_number, t->last_number ? "true" : "false")
                        .p;
  return move_target_run(m, set);
}

static bool begin(struct move *m) {
  struct str noted;
  if (!move_target_text(m, "SELECT value FROM meta WHERE name = '" MOVE_UNFINISHED "'", &noted))
    return false;
  return str_eqc(noted, m->fingerprint) || move_target_claim(m);
}

bool move_copy(struct move *m) {
  struct chunk chunk = {0};
  BUG_IF(m->state == MOVE_DONE, "nothing is to be copied");
  buf_init(&chunk.rows, m->a, MOVE_CHUNK_BYTES + MOVE_ROW_BYTES_MAX);
  m->done = 0;
  if (!begin(m))
    return false;
  for (int i = 0; i < m->n_tables; i++)
    if (!copy_table(m, &m->tables[i], &chunk) || !set_number(m, &m->tables[i]))
      return false;
  return true;
}

bool move_finish(struct move *m) {
  return move_target_run(m, "SET synchronous_commit = on;"
                            "DELETE FROM meta WHERE name = '" MOVE_UNFINISHED "'");
}

const struct move_table *move_tables(const struct move *m, int *n) {
  *n = m->n_tables;
  return m->results;
}
