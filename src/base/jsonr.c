#include "base/jsonr.h"
#include "base/hex.h"

#include <string.h>

void jsonr_init(struct jsonr *r, struct str text) {
  *r = (struct jsonr){.p = text.p, .end = text.p + text.n};
}

bool jsonr_refuse(struct jsonr *r) {
  r->bad = true;
  r->fresh = false;
  r->p = r->end;
  return false;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char jsonr_peek(struct jsonr *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
    r->p++;
  if (r->p == r->end)
    return 0;
  switch (*r->p) {
  case '{':
  case '[':
  case '"':
  case 't':
  case 'f':
  case 'n':
    return *r->p;
  default:
    return is_digit(*r->p) || *r->p == '-' ? '0' : 0;
  }
}

// The next character that is no white space, which may be punctuation; 0 at the end.
static char next(struct jsonr *r) {
  jsonr_peek(r);
  return r->p < r->end ? *r->p : 0;
}

bool jsonr_open(struct jsonr *r, char bracket) {
  if (jsonr_peek(r) != bracket || r->depth == JSONR_DEPTH_MAX)
    return jsonr_refuse(r);
  r->p++;
  r->depth++;
  r->fresh = true;
  return true;
}

// Stands the reader before another member? If not, the closing bracket is read.
static bool go_on(struct jsonr *r, char closing) {
  char c = next(r);
  if (c == closing && r->depth > 0) {
    r->p++;
    r->depth--;
    r->fresh = false;
    return false;
  }
  if (r->fresh)
    return true;
  if (c != ',')
    return jsonr_refuse(r);
  r->p++;
  r->fresh = true; // a value, not a bracket, must follow
  return next(r) == closing ? jsonr_refuse(r) : true;
}

// Eight characters at once: does one of them end the plain part of a string? (", \, a control character, or
// a byte of a character beyond ASCII.) Bits may be wrong beside a true one, never where none is.
static bool has_special(uint64_t w) {
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
  uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
  return ((w | (w - ones * ' ') | (quote - ones) | (backslash - ones)) & highs) != 0;
}

// The length of the escape at p, 0 for a bad one.
static size_t escape_length(const char *p, const char *end) {
  uint8_t unit[2];
  if (end - p < 2)
    return 0;
  if (p[1] == 'u')
    return end - p >= 6 && hex_decode((struct str){p + 2, 4}, unit, 2) ? 6 : 0;
  return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
}

bool jsonr_str(struct jsonr *r, struct str *out) {
  if (jsonr_peek(r) != '"')
    return jsonr_refuse(r);
  const char *from = r->p + 1, *p = from, *end = r->end;
  bool is_ascii = true;
  for (;;) {
    for (uint64_t w; end - p >= 8; p += 8) {
      memcpy(&w, p, 8);
      if (has_special(w))
        break;
    }
    while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\' && (unsigned char)*p < 0x80)
      p++;
    if (p == end || (unsigned char)*p < ' ')
      return jsonr_refuse(r);
    if (*p == '"')
      break;
    size_t n = 1;
    if (*p == '\\')
      n = escape_length(p, end);
    else
      is_ascii = false;
    if (n == 0)
      return jsonr_refuse(r);
    p += n;
  }
  *out = (struct str){from, (size_t)(p - from)};
  if (!is_ascii && !str_is_utf8(*out))
    return jsonr_refuse(r);
  r->p = p + 1;
  r->fresh = false;
  return true;
}

bool jsonr_key(struct jsonr *r, struct str *key) {
  if (!go_on(r, '}') || !jsonr_str(r, key))
    return false;
  if (memchr(key->p, '\\', key->n) || next(r) != ':')
    return jsonr_refuse(r);
  r->p++;
  r->fresh = true;
  return true;
}

bool jsonr_item(struct jsonr *r) {
  return go_on(r, ']');
}

// Digits, at least one; false where none stands.
static bool digits(struct jsonr *r) {
  const char *from = r->p;
  while (r->p < r->end && is_digit(*r->p))
    r->p++;
  return r->p > from;
}

static bool at(const struct jsonr *r, const char *any) {
  return r->p < r->end && *r->p != '\0' && strchr(any, *r->p);
}

// A whole number as JSON has it: no leading zero.
static bool whole(struct jsonr *r, struct str *out) {
  if (jsonr_peek(r) != '0')
    return jsonr_refuse(r);
  const char *from = r->p;
  if (*r->p == '-')
    r->p++;
  const char *first = r->p;
  if (!digits(r) || (*first == '0' && r->p - first > 1))
    return jsonr_refuse(r);
  *out = (struct str){from, (size_t)(r->p - from)};
  r->fresh = false;
  return true;
}

bool jsonr_i64(struct jsonr *r, int64_t *out) {
  struct str text;
  int64_t v = 0;
  if (!whole(r, &text) || at(r, ".eE"))
    return jsonr_refuse(r);
  bool minus = text.p[0] == '-';
  for (size_t i = minus; i < text.n; i++) // below zero: the least number has no positive counterpart
    if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
        __builtin_sub_overflow(v, (int64_t)(text.p[i] - '0'), &v))
      return jsonr_refuse(r);
  if (!minus && v == INT64_MIN)
    return jsonr_refuse(r);
  *out = minus ? v : -v;
  return true;
}

static bool skip_number(struct jsonr *r) {
  struct str text;
  if (!whole(r, &text))
    return false;
  if (at(r, ".")) {
    r->p++;
    if (!digits(r))
      return jsonr_refuse(r);
  }
  if (at(r, "eE")) {
    r->p++;
    if (at(r, "+-"))
      r->p++;
    if (!digits(r))
      return jsonr_refuse(r);
  }
  return true;
}

static bool word(struct jsonr *r, struct str w) {
  if (!str_starts((struct str){r->p, (size_t)(r->end - r->p)}, w))
    return jsonr_refuse(r);
  r->p += w.n;
  r->fresh = false;
  return true;
}

bool jsonr_bool(struct jsonr *r, bool *out) {
  char c = jsonr_peek(r);
  *out = c == 't';
  return c == 't' ? word(r, STR("true")) : c == 'f' ? word(r, STR("false")) : jsonr_refuse(r);
}

bool jsonr_hex(struct jsonr *r, void *out, size_t n) {
  struct str digits_;
  if (!jsonr_str(r, &digits_))
    return false;
  return hex_decode(digits_, out, n) ? true : jsonr_refuse(r);
}

static bool skip_scalar(struct jsonr *r) {
  struct str ignored;
  switch (jsonr_peek(r)) {
  case '"':
    return jsonr_str(r, &ignored);
  case '0':
    return skip_number(r);
  case 't':
    return word(r, STR("true"));
  case 'f':
    return word(r, STR("false"));
  case 'n':
    return word(r, STR("null"));
  default:
    return jsonr_refuse(r);
  }
}

void jsonr_skip(struct jsonr *r) {
  uint64_t objects = 0; // one bit a level that was opened here, the innermost last: is it an object?
  int levels = 0;
  struct str key;
  do {
    char c = jsonr_peek(r);
    if (c == '{' || c == '[') {
      if (!jsonr_open(r, c))
        return;
      objects = objects << 1 | (c == '{');
      levels++;
    } else if (!skip_scalar(r)) {
      return;
    }
    // brackets that close here
    while (levels > 0 && !((objects & 1) != 0 ? jsonr_key(r, &key) : jsonr_item(r))) {
      if (r->bad)
        return;
      objects >>= 1;
      levels--;
    }
  } while (levels > 0);
}

bool jsonr_end(struct jsonr *r) {
  next(r);
  return !r->bad && r->depth == 0 && r->p == r->end;
}
