#include "core/money.h"

enum { DECIMALS = 6 };

bool usdt_add(struct usdt a, struct usdt b, struct usdt *out) {
  int64_t sum;
  if (__builtin_add_overflow(a.micro, b.micro, &sum))
    return false;
  out->micro = sum;
  return true;
}

bool usdt_sub(struct usdt a, struct usdt b, struct usdt *out) {
  int64_t rest;
  if (__builtin_sub_overflow(a.micro, b.micro, &rest))
    return false;
  out->micro = rest;
  return true;
}

int usdt_cmp(struct usdt a, struct usdt b) {
  return (a.micro > b.micro) - (a.micro < b.micro);
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t digits_at(struct str s, size_t from) {
  size_t n = 0;
  while (from + n < s.n && is_digit(s.p[from + n]))
    n++;
  return n;
}

// Splits "12.345" into its two runs of digits; false where the text has any other form.
static bool split(struct str text, struct str *whole, struct str *fraction) {
  size_t n = digits_at(text, 0);
  *whole = (struct str){text.p, n};
  *fraction = STR_NONE;
  if (n == 0)
    return false;
  if (n == text.n)
    return true;
  *fraction = (struct str){text.p + n + 1, digits_at(text, n + 1)};
  return text.p[n] == '.' && fraction->n > 0 && n + 1 + fraction->n == text.n;
}

static bool push_digit(int64_t *v, char digit) {
  return !__builtin_mul_overflow(*v, (int64_t)10, v) &&
         !__builtin_add_overflow(*v, (int64_t)(digit - '0'), v);
}

static bool to_micro(struct str whole, struct str fraction, int64_t *micro) {
  *micro = 0;
  for (size_t i = 0; i < whole.n; i++)
    if (!push_digit(micro, whole.p[i]))
      return false;
  for (size_t i = 0; i < DECIMALS; i++)
    if (!push_digit(micro, i < fraction.n ? fraction.p[i] : '0'))
      return false;
  return true;
}

enum err usdt_parse(struct str text, struct usdt *out, int *scale) {
  bool negative = text.n > 0 && text.p[0] == '-';
  if (negative)
    text = (struct str){text.p + 1, text.n - 1};
  struct str whole, fraction;
  if (!split(text, &whole, &fraction))
    return ERR_AMOUNT_FORMAT;
  if (negative)
    return ERR_AMOUNT_ZERO;
  if (fraction.n > DECIMALS)
    return ERR_AMOUNT_DECIMALS;
  int64_t micro;
  if (!to_micro(whole, fraction, &micro))
    return ERR_AMOUNT_MAX;
  if (micro == 0)
    return ERR_AMOUNT_ZERO;
  out->micro = micro;
  *scale = (int)fraction.n;
  return ERR_NONE;
}

void usdt_format(struct buf *out, struct usdt v, int scale) {
  uint64_t magnitude = v.micro < 0 ? 0 - (uint64_t)v.micro : (uint64_t)v.micro;
  uint64_t fraction = magnitude % USDT_MICRO;
  char digits[DECIMALS];
  int shown = scale < 2 ? 2 : scale > DECIMALS ? DECIMALS : scale;
  for (int i = DECIMALS - 1; i >= 0; i--, fraction /= 10) {
    digits[i] = (char)('0' + fraction % 10);
    if (digits[i] != '0' && shown < i + 1)
      shown = i + 1;
  }
  if (v.micro < 0)
    buf_char(out, '-');
  buf_i64(out, (int64_t)(magnitude / USDT_MICRO));
  buf_char(out, '.');
  buf_add(out, digits, (size_t)shown);
}

struct str usdt_text(struct arena *a, struct usdt v, int scale) {
  struct buf b;
  buf_init(&b, a, 32);
  usdt_format(&b, v, scale);
  return buf_view(&b);
}
