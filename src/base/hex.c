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

// 16 more than the value, 0 for what is no digit: nodes' answers are mostly hexadecimal.
static const uint8_t values[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22, ['7'] = 23,
    ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
    ['A'] = 26, ['B'] = 27, ['C'] = 28, ['D'] = 29, ['E'] = 30, ['F'] = 31,
};

bool hex_decode(struct str digits, void *out, size_t n) {
  const uint8_t *p = (const uint8_t *)digits.p;
  uint8_t *b = out, all = 16;
  if (digits.n != 2 * n)
    return false;
  for (size_t i = 0; i < n; i++, p += 2) {
    uint8_t high = values[p[0]], low = values[p[1]];
    all &= high & low;
    b[i] = (uint8_t)(high << 4 | (low & 15));
  }
  return all == 16;
}
