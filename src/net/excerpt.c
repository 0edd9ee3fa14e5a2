#include "net/excerpt.h"

// Bytes of the well-formed character at `p`, 0 where there is none.
static size_t character(const char *p, size_t n) {
  for (size_t k = 1; k <= 4 && k <= n; k++)
    if (str_is_utf8((struct str){p, k}))
      return k;
  return 0;
}

static bool may_continue(const char *p, size_t n) {
  unsigned char lead = (unsigned char)p[0];
  size_t whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || n >= whole)
    return false;
  for (size_t i = 1; i < n; i++)
    if (((unsigned char)p[i] & 0xC0) != 0x80)
      return false;
  return true;
}

struct str excerpt_clean(char *p, size_t n) {
  for (size_t i = 0; i < n;) {
    size_t k = character(p + i, n - i);
    if (k == 0 && may_continue(p + i, n - i)) {
      n = i;
      break;
    }
    if (k == 0)
      p[i] = '?';
    else if (k == 1 && ((unsigned char)p[i] < 0x20 || p[i] == 0x7F))
      p[i] = ' ';
    i += k ? k : 1;
  }
  return (struct str){p, n};
}
