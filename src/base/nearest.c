#include "base/nearest.h"

static size_t min3(size_t a, size_t b, size_t c) {
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

size_t nearest_distance(struct str a, struct str b) {
  size_t row[NEAREST_WORD_MAX + 1];
  if (a.n > NEAREST_WORD_MAX || b.n > NEAREST_WORD_MAX)
    return SIZE_MAX;
  for (size_t j = 0; j <= b.n; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t above = row[j];
      row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
      diagonal = above;
    }
  }
  return row[b.n];
}

const char *nearest(struct str word, const char *const *words, size_t n) {
  const char *best = NULL;
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t d = nearest_distance(word, str_of(words[i]));
    if (d < least) {
      least = d;
      best = words[i];
    }
  }
  return best;
}
