// Text as pointer and length (borrowed, never freed here), and a growing buffer with a maximum.
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
  const char *p; // not NUL-terminated; NULL means "absent", which is not the same as empty
  size_t n;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
#define STR_FMT(s)   (int)(s).n, ((s).p ? (s).p : "") // for "%.*s"

struct str str_of(const char *cstr); // NULL gives STR_NONE
bool str_eq(struct str a, struct str b);
bool str_eqc(struct str a, const char *cstr);
bool str_eq_nocase(struct str a, struct str b); // ASCII only
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                  // without spaces and tabs at both ends
struct str str_copy(struct arena *a, struct str s); // NUL-terminated copy; absent stays absent
uint64_t str_hash(struct str s);                    // FNV-1a: for tables and places, not against an adversary
char *str_c(struct arena *a, struct str s);         // the same as a C string
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Decimal digits only, no sign, no spaces, fits int64; false otherwise.
bool str_to_i64(struct str s, int64_t *out);

// Well-formed UTF-8 (no overlong forms, no surrogates)?
bool str_is_utf8(struct str s);

// A buffer that grows in an arena. What does not fit into `max` is dropped and `full` stays set: check it
// once at the end.
struct buf {
  struct arena *arena;
  char *p;
  size_t n, cap, max;
  bool full;
};

void buf_init(struct buf *b, struct arena *a, size_t max);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_c(struct buf *b, const char *cstr);
void buf_char(struct buf *b, char c);
void buf_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str buf_view(const struct buf *b); // valid until the next addition
