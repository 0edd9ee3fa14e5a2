#include "base/str.h"
#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct str str_of(const char *cstr) {
  return cstr ? (struct str){cstr, strlen(cstr)} : STR_NONE;
}

bool str_eq(struct str a, struct str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eqc(struct str a, const char *cstr) {
  return str_eq(a, str_of(cstr));
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct str a, struct str b) {
  if (a.n != b.n)
    return false;
  for (size_t i = 0; i < a.n; i++)
    if (lower(a.p[i]) != lower(b.p[i]))
      return false;
  return true;
}

bool str_starts(struct str s, struct str prefix) {
  return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix) {
  return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

struct str str_trim(struct str s) {
  while (s.n && is_blank(s.p[0]))
    s.p++, s.n--;
  while (s.n && is_blank(s.p[s.n - 1]))
    s.n--;
  return s;
}

char *str_c(struct arena *a, struct str s) {
  char *p = arena_alloc(a, s.n + 1);
  if (s.n)
    memcpy(p, s.p, s.n);
  return p;
}

struct str str_copy(struct arena *a, struct str s) {
  return s.p ? (struct str){str_c(a, s), s.n} : STR_NONE;
}

struct str str_printf(struct arena *a, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  BUG_IF(n < 0, "bad format");
  char *p = arena_alloc(a, (size_t)n + 1);
  vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return (struct str){p, (size_t)n};
}

bool str_to_i64(struct str s, int64_t *out) {
  int64_t v = 0;
  if (s.n == 0)
    return false;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9')
      return false;
    if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_add_overflow(v, (int64_t)(s.p[i] - '0'), &v))
      return false;
  }
  *out = v;
  return true;
}

// Bytes of the sequence that starts with `c`, 0 where none may start so (RFC 3629).
static size_t utf8_length(unsigned char c) {
  if (c < 0x80)
    return 1;
  if (c >= 0xC2 && c <= 0xDF)
    return 2;
  if (c >= 0xE0 && c <= 0xEF)
    return 3;
  return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

bool str_is_utf8(struct str s) {
  const unsigned char *p = (const unsigned char *)s.p;
  for (size_t i = 0; i < s.n;) {
    size_t n = utf8_length(p[i]);
    if (n == 0 || n > s.n - i)
      return false;
    for (size_t k = 1; k < n; k++)
      if ((p[i + k] & 0xC0) != 0x80)
        return false;
    if ((p[i] == 0xE0 && p[i + 1] < 0xA0) || (p[i] == 0xED && p[i + 1] > 0x9F) ||
        (p[i] == 0xF0 && p[i + 1] < 0x90) || (p[i] == 0xF4 && p[i + 1] > 0x8F))
      return false;
    i += n;
  }
  return true;
}

void buf_init(struct buf *b, struct arena *a, size_t max) {
  *b = (struct buf){.arena = a, .max = max};
}

static bool buf_room(struct buf *b, size_t n) {
  if (b->full || n > b->max || b->n > b->max - n) {
    b->full = true;
    return false;
  }
  if (b->n + n <= b->cap)
    return true;
  size_t cap = b->cap ? b->cap : 256;
  while (cap < b->n + n)
    cap *= 2;
  if (cap > b->max)
    cap = b->max;
  char *p = arena_alloc(b->arena, cap);
  if (b->n)
    memcpy(p, b->p, b->n);
  b->p = p;
  b->cap = cap;
  return true;
}

void buf_add(struct buf *b, const void *p, size_t n) {
  if (n == 0 || !buf_room(b, n))
    return;
  memcpy(b->p + b->n, p, n);
  b->n += n;
}

void buf_str(struct buf *b, struct str s) {
  buf_add(b, s.p, s.n);
}

void buf_c(struct buf *b, const char *cstr) {
  buf_add(b, cstr, strlen(cstr));
}

void buf_char(struct buf *b, char c) {
  buf_add(b, &c, 1);
}

void buf_i64(struct buf *b, int64_t v) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do
    digits[--at] = (char)('0' + u % 10);
  while ((u /= 10) != 0);
  if (v < 0)
    buf_char(b, '-');
  buf_add(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
  char small[512];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(small, sizeof small, fmt, ap);
  va_end(ap);
  BUG_IF(n < 0 || (size_t)n >= sizeof small, "text too long for buf_printf");
  buf_add(b, small, (size_t)n);
}

struct str buf_view(const struct buf *b) {
  return (struct str){b->p ? b->p : "", b->n};
}

uint64_t str_hash(struct str s) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < s.n; i++)
    h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
  return h;
}
