// The SQLite side of a move: what tables there are, and their rows.
#include "base/bug.h"
#include "store/move_internal.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static sqlite3_stmt *prepare(struct move *m, const char *text) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(m->db, text, -1, &st, NULL) != SQLITE_OK)
    move_fail(m, "%s: %s", m->o.source, sqlite3_errmsg(m->db));
  return st;
}

static bool ended(struct move *m, sqlite3_stmt *st, int rc) {
  sqlite3_finalize(st);
  return rc == SQLITE_DONE || move_fail(m, "%s cannot be read: %s", m->o.source, sqlite3_errmsg(m->db));
}

static const char *text_at(struct move *m, sqlite3_stmt *st, int i) {
  const char *p = (const char *)sqlite3_column_text(st, i);
  return str_c(m->a, (struct str){p, p ? (size_t)sqlite3_column_bytes(st, i) : 0});
}

static bool number(struct move *m, const char *text, const char *parameter, int64_t *out) {
  sqlite3_stmt *st = prepare(m, text);
  *out = 0;
  if (!st)
    return false;
  if (parameter)
    sqlite3_bind_text(st, 1, parameter, -1, SQLITE_STATIC);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) {
    *out = sqlite3_column_int64(st, 0);
    rc = SQLITE_DONE;
  }
  return ended(m, st, rc);
}

struct str move_source_meta(struct move *m, const char *name) {
  struct str value = STR_NONE;
  sqlite3_stmt *st = prepare(m, "SELECT value FROM meta WHERE name = ?1");
  if (!st)
    return value;
  sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
  if (sqlite3_step(st) == SQLITE_ROW)
    value = str_of(text_at(m, st, 0));
  sqlite3_finalize(st);
  return value;
}

bool move_source_meta_next(struct move *m, bool first, struct str *name, struct str *value) {
  if (first) {
    sqlite3_finalize(m->meta);
    m->meta = prepare(m, "SELECT name, value FROM meta WHERE name NOT IN ('schema_version', 'oldest_binary')"
                         " ORDER BY name");
  }
  int rc = m->meta ? sqlite3_step(m->meta) : SQLITE_ERROR;
  if (rc == SQLITE_ROW) {
    *name = str_of(text_at(m, m->meta, 0));
    *value = str_of(text_at(m, m->meta, 1));
  } else if (rc != SQLITE_DONE)
    move_fail(m, "%s cannot be read: %s", m->o.source, sqlite3_errmsg(m->db));
  return rc == SQLITE_ROW;
}

int move_source_version(struct move *m) {
  int64_t v = 0;
  return str_to_i64(move_source_meta(m, "schema_version"), &v) && v < INT_MAX ? (int)v : 0;
}

static bool add_column(struct move *m, struct table *t, sqlite3_stmt *st) {
  struct column *c = &t->columns[t->n_columns];
  if (t->n_columns == MOVE_COLUMNS_MAX)
    return move_fail(m, "%s has too many columns", t->name);
  const char *type = text_at(m, st, 1);
  *c = (struct column){.name = text_at(m, st, 0),
                       .integer = strcmp(type, "INTEGER") == 0 || strcmp(type, "INT") == 0,
                       .text = strcmp(type, "TEXT") == 0,
                       .key = sqlite3_column_int(st, 2)};
  BUG_IF(c->key > MOVE_COLUMNS_MAX, "a key longer than its table is wide");
  if (c->key)
    t->keys[c->key - 1] = t->n_columns;
  t->n_keys += c->key > 0;
  t->n_columns++;
  return true;
}

static const char *names_of(struct move *m, const struct table *t, bool keys) {
  struct buf b;
  buf_init(&b, m->a, 65536);
  for (int i = 0; i < (keys ? t->n_keys : t->n_columns); i++) {
    buf_c(&b, i ? ", " : "");
    buf_c(&b, t->columns[keys ? t->keys[i] : i].name);
  }
  return str_c(m->a, buf_view(&b));
}

static bool read_columns(struct move *m, struct table *t) {
  int rc;
  sqlite3_stmt *st = prepare(m, "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid");
  if (!st)
    return false;
  t->columns = ARENA_ARRAY(m->a, struct column, MOVE_COLUMNS_MAX);
  sqlite3_bind_text(st, 1, t->name, -1, SQLITE_STATIC);
  while ((rc = sqlite3_step(st)) == SQLITE_ROW)
    if (!add_column(m, t, st))
      break;
  if (!ended(m, st, rc))
    return false;
  t->list = names_of(m, t, false);
  t->key_list = names_of(m, t, true);
  return t->n_keys || move_fail(m, "%s has no primary key", t->name);
}

// Deleted rows have used up their numbers too: they stay used.
static bool read_last_number(struct move *m, struct table *t) {
  const char *key = t->columns[t->keys[0]].name;
  const char *highest = str_printf(m->a, "SELECT MAX(%s) FROM %s", key, t->name).p;
  int64_t there, given = 0;
  if (t->n_keys != 1 || !t->columns[t->keys[0]].integer)
    return true;
  if (!number(m, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'", NULL, &there) ||
      (there && !number(m, "SELECT seq FROM sqlite_sequence WHERE name = ?1", t->name, &given)) ||
      !number(m, highest, NULL, &t->last_number))
    return false;
  t->last_number = given > t->last_number ? given : t->last_number;
  return true;
}

static bool read_numbers(struct move *m, struct table *t) {
  if (!number(m, str_printf(m->a, "SELECT COUNT(*) FROM %s", t->name).p, NULL, &t->rows))
    return false;
  m->total += t->rows;
  return read_last_number(m, t);
}

static bool read_tables(struct move *m) {
  int rc;
  sqlite3_stmt *st = prepare(m, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'"
                                " AND name NOT LIKE 'sqlite#_%' ESCAPE '#' ORDER BY rowid");
  if (!st)
    return false;
  m->tables = ARENA_ARRAY(m->a, struct table, MOVE_TABLES_MAX);
  while ((rc = sqlite3_step(st)) == SQLITE_ROW && m->n_tables < MOVE_TABLES_MAX)
    m->tables[m->n_tables++].name = text_at(m, st, 0);
  if (!ended(m, st, rc))
    return false;
  for (int i = 0; i < m->n_tables; i++)
    if (!read_columns(m, &m->tables[i]) || !read_numbers(m, &m->tables[i]))
      return false;
  return true;
}

// Size and time of the last change of the files: a database that was used meanwhile has others.
static const char *fingerprint_of(struct move *m) {
  struct stat file = {0}, log = {0};
  (void)stat(m->o.source, &file);
  (void)stat(str_printf(m->a, "%s-wal", m->o.source).p, &log);
  if (log.st_size == 0)
    log.st_mtim = (struct timespec){0}; // reading makes an empty one
  return str_printf(m->a, "%lld.%lld.%09ld.%lld.%lld.%09ld", (long long)file.st_size,
                    (long long)file.st_mtim.tv_sec, file.st_mtim.tv_nsec, (long long)log.st_size,
                    (long long)log.st_mtim.tv_sec, log.st_mtim.tv_nsec)
      .p;
}

// For reading only, without checkpoints, in one transaction: the files stay as they are.
bool move_source_open(struct move *m) {
  m->fingerprint = fingerprint_of(m);
  if (sqlite3_open_v2(m->o.source, &m->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    return move_fail(m, "%s cannot be opened: %s", m->o.source,
                     m->db ? sqlite3_errmsg(m->db) : "out of memory");
  sqlite3_db_config(m->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_busy_timeout(m->db, 5000);
  if (sqlite3_exec(m->db,
                   "PRAGMA query_only=1;PRAGMA wal_autocheckpoint=0;PRAGMA mmap_size=0;"
                   "PRAGMA cache_size=-16384;BEGIN",
                   NULL, NULL, NULL) != SQLITE_OK)
    return move_fail(m, "%s cannot be read: %s", m->o.source, sqlite3_errmsg(m->db));
  return read_tables(m);
}

void move_source_close(struct move *m) {
  sqlite3_finalize(m->meta);
  sqlite3_close(m->db);
  m->meta = NULL;
  m->db = NULL;
}

// ---- rows

static const char *select_text(struct move *m, const struct table *t, bool after) {
  struct buf b;
  buf_init(&b, m->a, 65536);
  buf_str(&b, str_printf(m->a, "SELECT %s FROM %s", t->list, t->name));
  for (int i = 0; after && i < t->n_keys; i++)
    buf_str(&b, i ? STR(", ?") : str_printf(m->a, " WHERE (%s) > (?", t->key_list));
  buf_str(&b, str_printf(m->a, "%s ORDER BY %s", after ? ")" : "", t->key_list));
  return str_c(m->a, buf_view(&b));
}

static int64_t big_endian(struct str s) {
  uint64_t v = 0;
  for (size_t i = 0; i < s.n; i++)
    v = v << 8 | (uint8_t)s.p[i];
  return (int64_t)v;
}

bool move_cursor_open(struct cursor *c, struct move *m, const struct table *t, const struct str *after) {
  *c = (struct cursor){m, t, prepare(m, select_text(m, t, after != NULL))};
  for (int i = 0; c->st && after && i < t->n_keys; i++) {
    const struct column *k = &t->columns[t->keys[i]];
    if (k->integer)
      sqlite3_bind_int64(c->st, i + 1, big_endian(after[i]));
    else if (k->text)
      sqlite3_bind_text(c->st, i + 1, after[i].p, (int)after[i].n, SQLITE_STATIC);
    else
      sqlite3_bind_blob(c->st, i + 1, after[i].p, (int)after[i].n, SQLITE_STATIC);
  }
  return c->st != NULL;
}

static void add_big_endian(struct buf *out, uint64_t v, int bytes) {
  char p[8];
  for (int i = 0; i < bytes; i++)
    p[i] = (char)(v >> (8 * (bytes - 1 - i)));
  buf_add(out, p, (size_t)bytes);
}

// PostgreSQL keeps no text with a zero byte or what is not UTF-8.
static bool check_text(struct cursor *c, int i, struct str s) {
  if (str_is_utf8(s) && (s.n == 0 || !memchr(s.p, 0, s.n)))
    return true;
  struct str key = move_cursor_key(c);
  return move_fail(
      c->move,
      "%s, row %.*s: what is in %s is no text that PostgreSQL can keep (a zero byte, or not UTF-8)."
      " Correct or delete this row with the tool sqlite3, then run this again",
      c->table->name, STR_FMT(key), c->table->columns[i].name);
}

static bool add_value(struct cursor *c, int i, struct buf *out) {
  int type = sqlite3_column_type(c->st, i);
  if (type == SQLITE_NULL) {
    add_big_endian(out, UINT32_MAX, 4);
    return true;
  }
  if (type == SQLITE_INTEGER) {
    add_big_endian(out, 8, 4);
    add_big_endian(out, (uint64_t)sqlite3_column_int64(c->st, i), 8);
    return true;
  }
  struct str s = {sqlite3_column_blob(c->st, i), (size_t)sqlite3_column_bytes(c->st, i)};
  if (type == SQLITE_TEXT && !check_text(c, i, s))
    return false;
  add_big_endian(out, s.n, 4);
  buf_str(out, s);
  return true;
}

bool move_cursor_next(struct cursor *c, struct buf *out, bool *more) {
  int rc = sqlite3_step(c->st);
  *more = rc == SQLITE_ROW;
  if (rc == SQLITE_DONE)
    return true;
  if (rc != SQLITE_ROW)
    return move_fail(c->move, "%s cannot be read: %s", c->move->o.source, sqlite3_errmsg(c->move->db));
  add_big_endian(out, (uint64_t)c->table->n_columns, 2);
  for (int i = 0; i < c->table->n_columns; i++)
    if (!add_value(c, i, out))
      return false;
  if (!out->full)
    return true;
  struct str key = move_cursor_key(c);
  return move_fail(c->move, "%s, row %.*s is too large", c->table->name, STR_FMT(key));
}

void move_cursor_close(struct cursor *c) {
  sqlite3_finalize(c->st);
  c->st = NULL;
}

int64_t move_cursor_number(const struct cursor *c, int column) {
  return sqlite3_column_int64(c->st, column);
}

struct str move_cursor_key(const struct cursor *c) {
  const struct table *t = c->table;
  struct buf b;
  buf_init(&b, c->move->a, 1024);
  for (int i = 0; i < t->n_keys; i++) {
    const char *p = (const char *)sqlite3_column_text(c->st, t->keys[i]);
    buf_c(&b, i ? ", " : "");
    buf_c(&b, t->columns[t->keys[i]].name);
    buf_char(&b, ' ');
    for (; p && *p; p++)
      buf_char(&b, *p < 0x20 || *p == 0x7F ? '?' : *p);
  }
  return buf_view(&b);
}
