// Are both sides the same? Every row is read from both, in the order of the key, and compared byte by byte;
// the target's own counts and sums are compared with ours.
#include "store/move_internal.h"

#include <string.h>

// Nobody but us had business there.
#define ANEW "; somebody has changed it: move to a new, empty database"

enum { TELL_ROWS = 20000 };

// What the target sends for COPY … TO STDOUT: bytes, in parts of its choice.
struct stream {
  struct move *move;
  char *part;
  size_t n, at;
};

static bool next_part(struct stream *s) {
  if (s->part)
    PQfreemem(s->part);
  s->part = NULL;
  int n = PQgetCopyData(s->move->pg.c, &s->part, 0);
  s->n = n > 0 ? (size_t)n : 0;
  s->at = 0;
  return n > 0;
}

// Takes as many bytes as `want` has and compares them; NULL: only takes them.
static bool take(struct stream *s, const char *want, size_t n) {
  while (n) {
    if (s->at == s->n && !next_part(s))
      return false;
    size_t some = s->n - s->at < n ? s->n - s->at : n;
    if (want && memcmp(s->part + s->at, want, some) != 0)
      return false;
    s->at += some;
    n -= some;
    want = want ? want + some : NULL;
  }
  return true;
}

// False where the server ended it with an error.
static bool stream_end(struct stream *s) {
  bool ok = true;
  while (next_part(s)) {
  }
  for (PGresult *r; (r = PQgetResult(s->move->pg.c));) {
    ok = ok && PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
  }
  return ok && pg_alive(&s->move->pg);
}

static bool stream_begin(struct stream *s, struct move *m, const struct table *t) {
  *s = (struct stream){.move = m};
  const char *text = str_printf(m->a, "COPY (SELECT %s FROM %s ORDER BY %s) TO STDOUT (FORMAT binary)",
                                t->list, t->name, t->key_list)
                         .p;
  PGresult *r = PQexec(m->pg.c, text);
  bool ok = PQresultStatus(r) == PGRES_COPY_OUT;
  PQclear(r);
  return ok || move_target_fail(m, t->name);
}

struct tally {
  int64_t rows;
  move_wide sums[MOVE_COLUMNS_MAX];
};

static void count(struct tally *y, const struct cursor *c) {
  y->rows++;
  for (int i = 0; i < c->table->n_columns; i++)
    if (c->table->columns[i].integer)
      y->sums[i] += move_cursor_number(c, i);
}

static bool differs(struct stream *s, const struct cursor *c) {
  struct str key = move_cursor_key(c);
  if (!pg_alive(&s->move->pg))
    return move_target_fail(s->move, c->table->name);
  return move_fail(s->move, "%s differs from the source: row %.*s is missing or is not the same" ANEW,
                   c->table->name, STR_FMT(key));
}

static bool compare(struct stream *s, struct cursor *c, struct tally *y) {
  struct buf row;
  bool more = true;
  buf_init(&row, s->move->a, MOVE_ROW_BYTES_MAX);
  if (!take(s, NULL, MOVE_COPY_BEGINNING))
    return move_target_fail(s->move, c->table->name);
  for (;;) {
    row.n = 0;
    if (!move_cursor_next(c, &row, &more))
      return false;
    if (!more)
      break;
    if (!take(s, row.p, row.n))
      return differs(s, c);
    count(y, c);
    s->move->done++;
    if (y->rows % TELL_ROWS == 0)
      move_tell(s->move, MOVE_VERIFY, c->table);
  }
  move_tell(s->move, MOVE_VERIFY, c->table);
  return take(s, "\377\377", 2) ||
         move_fail(s->move, "%s differs from the source: it has more rows here" ANEW, c->table->name);
}

static bool compare_rows(struct move *m, const struct table *t, struct tally *y) {
  struct stream s;
  struct cursor c;
  if (!move_cursor_open(&c, m, t, NULL))
    return false;
  bool ok = stream_begin(&s, m, t);
  if (ok) {
    bool equal = compare(&s, &c, y);
    ok = (stream_end(&s) || move_target_fail(m, t->name)) && equal;
  }
  move_cursor_close(&c);
  return ok;
}

static const char *wide_text(struct arena *a, move_wide v) {
  char *digits = arena_alloc(a, 48);
  char *p = digits + 47;
  bool negative = v < 0;
  do
    *--p = (char)('0' + (int)(negative ? -(v % 10) : v % 10));
  while ((v /= 10) != 0);
  if (negative)
    *--p = '-';
  return p;
}

// The first differing figure is named; `r` gets the sums.
static bool compare_figures(struct move *m, const struct table *t, const struct tally *y,
                            const PGresult *got) {
  struct move_table *r = &m->results[t - m->tables];
  struct move_sum *sums = ARENA_ARRAY(m->a, struct move_sum, t->n_columns);
  *r = (struct move_table){t->name, y->rows, 0, sums};
  if (!str_eqc(str_printf(m->a, "%lld", (long long)y->rows), PQgetvalue(got, 0, 0)))
    return move_fail(m, "%s differs from the source: %lld rows there, %s here" ANEW, t->name,
                     (long long)y->rows, PQgetvalue(got, 0, 0));
  for (int i = 0; i < t->n_columns; i++) {
    if (!t->columns[i].integer)
      continue;
    const char *sum = wide_text(m->a, y->sums[i]), *here = PQgetvalue(got, 0, ++r->n_sums);
    sums[r->n_sums - 1] = (struct move_sum){t->columns[i].name, sum};
    if (strcmp(sum, here) != 0)
      return move_fail(m, "%s differs from the source: the sum of %s is %s there, %s here" ANEW, t->name,
                       t->columns[i].name, sum, here);
  }
  return true;
}

static bool compare_sums(struct move *m, const struct table *t, const struct tally *y) {
  struct buf b;
  buf_init(&b, m->a, 65536);
  buf_c(&b, "SELECT COUNT(*)");
  for (int i = 0; i < t->n_columns; i++)
    if (t->columns[i].integer)
      buf_str(&b, str_printf(m->a, ", COALESCE(SUM(%s), 0)", t->columns[i].name));
  buf_str(&b, str_printf(m->a, " FROM %s", t->name));
  PGresult *r = PQexec(m->pg.c, str_c(m->a, buf_view(&b)));
  bool ok = PQresultStatus(r) == PGRES_TUPLES_OK ? compare_figures(m, t, y, r) : move_target_fail(m, t->name);
  PQclear(r);
  return ok;
}

static bool compare_numbers(struct move *m, const struct table *t) {
  struct str sequence, last;
  if (!move_target_sequence(m, t, &sequence) || !sequence.p)
    return !m->error[0];
  const char *text = str_printf(m->a, "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM %.*s",
                                STR_FMT(sequence))
                         .p;
  return move_target_text(m, text, &last) &&
         (str_eq(last, str_printf(m->a, "%lld", (long long)t->last_number)) ||
          move_fail(m, "%s: new rows would be numbered after %.*s, not after %lld", t->name, STR_FMT(last),
                    (long long)t->last_number));
}

static bool compare_meta(struct move *m) {
  struct str name, value, here;
  for (bool more = move_source_meta_next(m, true, &name, &value); more;
       more = move_source_meta_next(m, false, &name, &value))
    if (!move_target_meta(m, name, &here) ||
        !(str_eq(here, value) || move_fail(m, "meta differs from the source: %.*s" ANEW, STR_FMT(name))))
      return false;
  return !m->error[0];
}

// A commit that is waited for: all that was committed before is durable with it.
static bool make_durable(struct move *m) {
  return move_target_run(m, "SET synchronous_commit = on;"
                            "UPDATE meta SET value = value WHERE name = '" MOVE_UNFINISHED "'");
}

bool move_verify(struct move *m) {
  m->results = ARENA_ARRAY(m->a, struct move_table, MOVE_TABLES_MAX);
  m->done = m->before = 0;
  for (int i = 0; i < m->n_tables; i++) {
    struct tally y = {0};
    const struct table *t = &m->tables[i];
    if (!compare_rows(m, t, &y) || !compare_sums(m, t, &y) || !compare_numbers(m, t))
      return false;
  }
  return compare_meta(m) && make_durable(m);
}
