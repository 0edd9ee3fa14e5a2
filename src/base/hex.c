#include "base/hex.h"

void hex_encode(const void *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  const unsigned char *b = bytes;
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[b[i] >> 4];
    *out++ = digits[b[i] & 15];
  }
  *out = '\0';
}

static int value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(struct str digits, void *out, size_t n) {
  unsigned char *b = out;
  if (digits.n != 2 * n)
    return false;
  for (size_t i = 0; i < n; i++) {
    int high = value(digits.p[2 * i]), low = value(digits.p[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    b[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}
