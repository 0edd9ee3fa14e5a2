#include "core/txid.h"

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// A letter beside the digits makes another word of them; the x of 0x does not.
static bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool begins_word(struct str s, size_t at) {
  if (at == 0 || !is_word(s.p[at - 1]))
    return true;
  bool prefix = at >= 2 && s.p[at - 2] == '0' && (s.p[at - 1] == 'x' || s.p[at - 1] == 'X');
  return prefix && (at == 2 || !is_word(s.p[at - 3]));
}

static size_t run_of_hex(struct str s, size_t at) {
  size_t n = 0;
  while (at + n < s.n && is_hex(s.p[at + n]))
    n++;
  return n;
}

bool txid_find(struct str s, char out[TXID_HEX_N + 1]) {
  int found = 0;
  if (s.n > TXID_TEXT_MAX)
    return false;
  for (size_t i = 0, n; i < s.n; i += n ? n : 1) {
    n = run_of_hex(s, i);
    bool ends = i + n == s.n || !is_word(s.p[i + n]);
    if (n != TXID_HEX_N || !ends || !begins_word(s, i))
      continue;
    found++;
    for (size_t k = 0; k < n; k++)
      out[k] = (char)(s.p[i + k] >= 'A' && s.p[i + k] <= 'F' ? s.p[i + k] + ('a' - 'A') : s.p[i + k]);
    out[n] = 0;
  }
  return found == 1;
}
