// Every pair of a settings file lies inside of its text, lines are counted, and a pair written out reads the
// same.
#include "base/ini.h"
#include "fuzz.h"

static void reads_again(struct str key, struct str value) {
  struct arena a;
  struct ini i;
  struct str again_key, again_value;
  const char *error = NULL;
  arena_init(&a, 1 << 20);
  ini_init(&i, str_printf(&a, "%.*s = %.*s\n", STR_FMT(key), STR_FMT(value)));
  BUG_IF(ini_next(&i, &again_key, &again_value, &error) != INI_PAIR, "reads what it gave");
  BUG_IF(!str_eq(key, again_key) || !str_eq(value, again_value), "the same");
  arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str text = fuzz_text(data, n), key, value;
  const char *error = NULL;
  struct ini i;
  int line = 0;
  ini_init(&i, text);
  for (;;) {
    enum ini_result r = ini_next(&i, &key, &value, &error);
    if (r == INI_END)
      return 0;
    BUG_IF(i.line <= line, "lines go forward");
    line = i.line;
    if (r == INI_ERROR) {
      BUG_IF(!error, "an error says why");
      continue;
    }
    BUG_IF(key.p < text.p || key.p + key.n > text.p + text.n || value.p < key.p + key.n ||
               value.p + value.n > text.p + text.n,
           "slices of the text");
    reads_again(key, value);
  }
}
