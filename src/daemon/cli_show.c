// Answers for people: lists as tables, objects as lines. With --json they are printed as they are.
#include "daemon/cli.h"

#include <string.h>

enum { COLUMN_MAX = 80, LINES_MAX = 64 };

// What a terminal would obey rather than show (control characters, also the C1 ones in UTF-8) becomes '?'.
static void print_text(FILE *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    bool c1 = c == 0xC2 && i + 1 < n && (unsigned char)s[i + 1] < 0xA0;
    i += c1;
    fputc(c < 0x20 || c == 0x7F || c1 ? '?' : c, out);
  }
}

static size_t width_of(const char *s, size_t n) {
  size_t width = 0;
  for (size_t i = 0; i < n; i++)
    width += ((unsigned char)s[i] & 0xC0) != 0x80;
  return width;
}

static struct str scalar(struct arena *a, const json_t *v) {
  switch (json_typeof(v)) {
  case JSON_STRING:
    return (struct str){json_string_value(v), json_string_length(v)};
  case JSON_INTEGER:
    return str_printf(a, "%lld", (long long)json_integer_value(v));
  case JSON_TRUE:
    return STR("yes");
  case JSON_FALSE:
    return STR("no");
  case JSON_NULL:
    return STR("-");
  case JSON_OBJECT:
  case JSON_ARRAY:
  case JSON_REAL:
    break;
  }
  char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
  struct str copy = str_copy(a, str_of(text ? text : ""));
  free(text);
  return copy;
}

static void print_cell(struct str s, size_t width, bool last) {
  size_t have = width_of(s.p, s.n);
  print_text(stdout, s.p, s.n);
  if (!last)
    printf("%*s", (int)((have < width ? width - have : 0) + 2), "");
}

static size_t column_width(struct arena *a, const json_t *rows, const char *key) {
  size_t i, width = strlen(key);
  const json_t *row;
  json_array_foreach(rows, i, row) {
    struct str s = scalar(a, json_object_get(row, key));
    size_t w = width_of(s.p, s.n);
    width = w > width ? w : width;
  }
  return width < COLUMN_MAX ? width : COLUMN_MAX;
}

static void show_table(struct arena *a, const json_t *rows, int indent) {
  const char *keys[LINES_MAX], *key;
  size_t widths[LINES_MAX], n = 0, i;
  json_t *value;
  const json_t *row;
  json_object_foreach(json_array_get(rows, 0), key, value) {
    if (n == LINES_MAX)
      break;
    keys[n] = key;
    widths[n++] = column_width(a, rows, key);
  }
  printf("%*s", indent, "");
  for (size_t k = 0; k < n; k++)
    print_cell(str_of(keys[k]), widths[k], k + 1 == n);
  putchar('\n');
  json_array_foreach(rows, i, row) {
    printf("%*s", indent, "");
    for (size_t k = 0; k < n; k++)
      print_cell(scalar(a, json_object_get(row, keys[k])), widths[k], k + 1 == n);
    putchar('\n');
  }
}

static bool is_table(const json_t *v) {
  return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static size_t key_width(const json_t *object) {
  size_t width = 0;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value) {
    size_t n = strlen(key);
    width = n > width ? n : width;
  }
  return width;
}

// Two levels deep, as all answers are: an object's lines, and the lines of the objects and tables in it.
static void show_lines(struct arena *a, const json_t *object, int indent, bool inside) {
  const char *key;
  json_t *value;
  size_t width = key_width(object);
  json_object_foreach((json_t *)object, key, value) {
    if (!inside && (json_is_object(value) || is_table(value)))
      continue;
    printf("%*s%-*s  ", indent, "", (int)width, key);
    print_cell(scalar(a, value), 0, true);
    putchar('\n');
  }
}

static void show_object(struct arena *a, const json_t *object) {
  const char *key;
  json_t *value;
  show_lines(a, object, 0, false);
  json_object_foreach((json_t *)object, key, value) {
    if (!json_is_object(value) && !is_table(value))
      continue;
    printf("%s:\n", key);
    if (json_is_object(value))
      show_lines(a, value, 2, true);
    else
      show_table(a, value, 2);
  }
}

static void show_json(const json_t *v) {
  json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
  putchar('\n');
}

void cli_show(const struct cli *c, const json_t *result) {
  struct arena a;
  size_t i;
  const json_t *row;
  arena_init(&a, 512 << 20);
  if (c->json && json_is_array(result)) {
    json_array_foreach(result, i, row) show_json(row);
  } else if (c->json) {
    show_json(result);
  } else if (json_is_object(result)) {
    show_object(&a, result);
  } else if (json_array_size(result)) {
    show_table(&a, result, 0);
  } else {
    fprintf(stderr, "There are none.\n");
  }
  arena_free(&a);
}
