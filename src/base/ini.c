#include "base/ini.h"

#include <string.h>

void ini_init(struct ini *i, struct str text) {
  struct str bom = STR("\xEF\xBB\xBF");
  if (str_starts(text, bom))
    text = (struct str){text.p + bom.n, text.n - bom.n};
  *i = (struct ini){.rest = text};
}

static struct str take_line(struct ini *i) {
  const char *end = memchr(i->rest.p, '\n', i->rest.n);
  size_t n = end ? (size_t)(end - i->rest.p) : i->rest.n;
  struct str line = {i->rest.p, n};
  size_t skip = end ? n + 1 : n;
  i->rest = (struct str){i->rest.p + skip, i->rest.n - skip};
  i->line++;
  if (line.n && line.p[line.n - 1] == '\r')
    line.n--;
  return str_trim(line);
}

static bool is_key(struct str s) {
  for (size_t k = 0; k < s.n; k++)
    if (!((s.p[k] >= 'a' && s.p[k] <= 'z') || (s.p[k] >= '0' && s.p[k] <= '9') || s.p[k] == '_'))
      return false;
  return s.n > 0;
}

static bool is_text(struct str s) {
  for (size_t i = 0; i < s.n; i++)
    if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7F)
      return false;
  return str_is_utf8(s);
}

static const char *split(struct str line, struct str *key, struct str *value) {
  if (line.p[0] == '[')
    return "sections are not used here, only lines \"key = value\"";
  if (!is_text(line))
    return "this is not text in UTF-8, or has control characters";
  const char *eq = memchr(line.p, '=', line.n);
  if (!eq)
    return "expected \"key = value\"";
  size_t at = (size_t)(eq - line.p);
  *key = str_trim((struct str){line.p, at});
  *value = str_trim((struct str){eq + 1, line.n - at - 1});
  return is_key(*key) ? NULL : "a key has only the characters a-z, 0-9 and _";
}

enum ini_result ini_next(struct ini *i, struct str *key, struct str *value, const char **error) {
  while (i->rest.n) {
    struct str line = take_line(i);
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
      continue;
    *error = split(line, key, value);
    return *error ? INI_ERROR : INI_PAIR;
  }
  return INI_END;
}
