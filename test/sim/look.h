// Looks at the stored rows, on a connection of its own below which nothing fails: SQLite or PostgreSQL.
#pragma once
#include "oracle.h"

struct found; // rows that come one after another

// PostgreSQL, one connection that is kept. NULL: SQLite in the simulator's file system, as at the beginning.
void look_at(const char *base_url, const char *database);

bool look_is_shared(void);               // PostgreSQL
void look_begin(const struct oracle *o); // one consistent state until look_end()
void look_end(void);
void look_abandon(void); // wherever it stands

struct found *look_ask(const char *text);
bool look_next(struct found *f); // false: that was all, and `f` is gone
void look_drop(struct found *f); // before its end
int64_t look_int(const struct found *f, int column);
const char *look_text(const struct found *f, int column); // "" for NULL
bool look_is_null(const struct found *f, int column);
int64_t look_count(const char *text);
const char *look_blob(const unsigned char *bytes, int n, char *out); // a literal; 2 * n + 8 bytes

// PostgreSQL only: statements that change something, or a violation.
void look_run(const char *text);
