#include "base/text.h"

// Reads one character of well-formed UTF-8.
static uint32_t next(struct str *s) {
  unsigned char c = (unsigned char)s->p[0];
  size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  uint32_t v = n == 1 ? c : c & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++)
    v = v << 6 | ((unsigned char)s->p[i] & 0x3F);
  *s = (struct str){s->p + n, s->n - n};
  return v;
}

static bool printable(uint32_t c) {
  static const struct {
    uint32_t first, last;
  } refused[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200E, 0x200F}, {0x2028, 0x202E},
      {0x2066, 0x206F}, {0xFDD0, 0xFDEF}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF},
  };
  if (c >= 0x20 && c < 0x7F)
    return true;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (c >= refused[i].first && c <= refused[i].last)
      return false;
  return (c & 0xFFFE) != 0xFFFE;
}

static bool is_line_space(uint32_t c) {
  return c == '\t' || c == '\n' || c == '\r';
}

static bool clean(struct str s, size_t min, size_t max, bool lines) {
  size_t characters = 0;
  if (s.n > max * 4 || !str_is_utf8(s))
    return false;
  for (; s.n; characters++) {
    uint32_t c = next(&s);
    if (!printable(c) && !(lines && is_line_space(c)))
      return false;
  }
  return characters >= min && characters <= max;
}

bool text_printable(struct str s, size_t min, size_t max) {
  return clean(s, min, max, false);
}

bool text_lines(struct str s, size_t max) {
  return clean(s, 0, max, true);
}
