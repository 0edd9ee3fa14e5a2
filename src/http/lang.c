#include "http/lang.h"

static enum lang lang_find(struct str tag) {
  for (size_t i = 0; i < tag.n; i++)
    if (tag.p[i] == '-')
      tag.n = i;
  for (int l = 0; l < LANGS; l++)
    if (str_eq_nocase(tag, str_of(lang_tags[l])))
      return (enum lang)l;
  return LANGS;
}

// "q=0.8" as 800; without one 1000; nonsense counts as 0.
static int quality(struct str params) {
  size_t at = 0;
  while (at < params.n && params.p[at] != 'q')
    at++;
  if (at == params.n)
    return 1000;
  struct str v = str_trim((struct str){params.p + at + 1, params.n - at - 1});
  if (v.n < 2 || v.p[0] != '=' || (v.p[1] != '0' && v.p[1] != '1'))
    return 0;
  int q = (v.p[1] - '0') * 1000, unit = 100;
  for (size_t i = 3; i < v.n && unit && v.p[i] >= '0' && v.p[i] <= '9'; i++, unit /= 10)
    q += (v.p[i] - '0') * unit;
  return q;
}

static struct str cut(struct str *rest, char at) {
  size_t n = 0;
  while (n < rest->n && rest->p[n] != at)
    n++;
  struct str part = {rest->p, n};
  size_t skip = n < rest->n ? n + 1 : n;
  *rest = (struct str){rest->p + skip, rest->n - skip};
  return part;
}

enum lang lang_pick(struct str chosen, struct str accept) {
  enum lang best = lang_find(chosen);
  if (best != LANGS)
    return best;
  int best_quality = 0;
  while (accept.n) {
    struct str item = cut(&accept, ',');
    enum lang l = lang_find(str_trim(cut(&item, ';')));
    int q = quality(item);
    if (l != LANGS && q > best_quality) {
      best = l;
      best_quality = q;
    }
  }
  return best == LANGS ? (enum lang)0 : best;
}
