// What the reader takes is JSON to jansson too, and what jansson takes it takes, but for the few things that
// its header says; what it gives lies inside of the text; walking ends.
#include "base/jsonr.h"
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

static struct str whole;

static void inside(struct str s) {
  BUG_IF(s.p < whole.p || s.p + s.n > whole.p + whole.n, "a slice of the text");
}

static void scalar(struct jsonr *r, char c) {
  struct str s;
  bool b;
  if (c == '"' && jsonr_str(r, &s))
    inside(s);
  else if (c == 't' || c == 'f')
    jsonr_bool(r, &b);
  else if (c != '"')
    jsonr_skip(r);
}

// The same text once more, by opening every bracket.
static bool walk(struct str text) {
  char open[JSONR_DEPTH_MAX + 1];
  struct jsonr r;
  struct str key;
  int n = 0;
  jsonr_init(&r, text);
  do {
    char c = jsonr_peek(&r);
    if (c != '{' && c != '[')
      scalar(&r, c);
    else if (jsonr_open(&r, c))
      open[n++] = c;
    while (n > 0 && !(open[n - 1] == '{' ? jsonr_key(&r, &key) : jsonr_item(&r)))
      n--;
    if (n > 0 && open[n - 1] == '{')
      inside(key);
  } while (n > 0);
  return jsonr_end(&r);
}

static bool skip(struct str text) {
  struct jsonr r;
  jsonr_init(&r, text);
  jsonr_skip(&r);
  return jsonr_end(&r);
}

static bool jansson(struct str text) {
  json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  json_decref(j);
  return j != NULL;
}

// An integer alone: the same number.
static void number(struct str text) {
  struct jsonr r;
  int64_t v;
  jsonr_init(&r, text);
  if (!jsonr_i64(&r, &v) || !jsonr_end(&r))
    return;
  json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
  BUG_IF(!json_is_integer(j) || json_integer_value(j) != v, "the same number");
  json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  whole = fuzz_text(data, n);
  bool taken = skip(whole);
  BUG_IF(walk(whole) != taken, "one opinion");
  // jansson also refuses lone surrogates and numbers beyond its own, and takes escapes in keys, any depth and
  // a NUL at the end
  bool plain = !memchr(whole.p, '\\', n) && !memchr(whole.p, '\0', n);
  bool small = n < JSONR_DEPTH_MAX;
  if (plain && small)
    BUG_IF(jansson(whole) && !taken, "jansson's opinion");
  if (plain && !memchr(whole.p, 'e', n) && !memchr(whole.p, 'E', n) && n < 18)
    BUG_IF(taken && !jansson(whole), "jansson's opinion");
  number(whole);
  return 0;
}
