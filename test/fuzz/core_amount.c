// An amount that is accepted reads the same after it has been written.
#include "core/money.h"
#include "fuzz.h"

#include <string.h>

// What is written for `text`: without leading zeros, with two decimals at least.
static struct str expected(struct arena *a, struct str text) {
  while (text.n > 1 && text.p[0] == '0' && text.p[1] != '.')
    text = (struct str){text.p + 1, text.n - 1};
  const char *point = memchr(text.p, '.', text.n);
  size_t decimals = point ? text.n - (size_t)(point - text.p) - 1 : 0;
  const char *padding = !point ? ".00" : decimals == 1 ? "0" : "";
  return str_printf(a, "%.*s%s", STR_FMT(text), padding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str text = fuzz_text(data, n);
  struct usdt v, again;
  int scale;
  if (usdt_parse(text, &v, &scale) != ERR_NONE)
    return 0;
  struct arena a;
  arena_init(&a, 1 << 20);
  BUG_IF(v.micro <= 0 || scale < 0 || scale > 6, "an amount is positive, with at most 6 decimals");
  struct str written = usdt_text(&a, v, scale);
  BUG_IF(!str_eq(written, expected(&a, text)), "written as it was read");
  BUG_IF(usdt_parse(written, &again, &scale) != ERR_NONE || usdt_cmp(v, again) != 0, "reads what it writes");
  arena_free(&a);
  return 0;
}
