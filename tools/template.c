// Compiles web/ into C: template OUT FILE… writes OUT.h and OUT.c. The kind of a file is its ending.
//
// NAME.txt    a language; NAME is its tag. Lines `key = text`, `#` begins a comment. The first language given
// decides
//             which keys there are; another one with a missing, unknown or repeated key, or with other
//             placeholders, is an error. `{field}` in a text is a placeholder: a member of the view that uses
//             the text.
// NAME.css .js .svg   an asset, kept whole, served under a name that contains a hash of its bytes.
// NAME.html   a template: becomes `void html_NAME(struct buf *o, const struct VIEW *v)`:
//   {{view checkout_view}}      first: the view's struct; "http/checkout_view.h" declares it, with a member
//   `lang`
//   {{field}} {{item.field}}    a member, escaped for where it stands; an unknown member does not compile
//   {{if x}} {{if !x}} {{if x is VALUE}} {{elif …}} {{else}} {{end}}
//   {{for item in list}} {{end}}  over v->list[0 … v->n_list - 1]
//   {{t key}}                   a text in the view's language; placeholders are escaped, and isolated by
//   <bdi> in text
//   {{asset name.css}}          the hashed file name of an asset
//   {{use NAME}}                another template of the same view
//   {{# remark}}
// There is no way to put a value out as it is: the macros of http/html.h choose the escaping by the value's
// type, and only a `struct markup` (built by C code that answers for it) passes whole, in text alone. A value
// may stand in text and in a double-quoted attribute; in a tag's name, in an unquoted attribute, in style,
// on…, <script> and <style> it is an error. Attributes that hold links (href, src, action, content) put out
// http, https, mailto, tron and relative ones only.
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANGS_MAX = 32, KEYS_MAX = 512, ASSETS_MAX = 32, DEPTH_MAX = 16, NAME_SIZE = 64 };

struct text {
  char *key, *value;
};

struct language {
  char tag[NAME_SIZE];
  struct text texts[KEYS_MAX];
  int n;
};

struct asset {
  char name[NAME_SIZE], hashed[NAME_SIZE + 24], symbol[NAME_SIZE];
  char *data;
  size_t size;
};

enum block { BLOCK_IF, BLOCK_FOR };
enum place { IN_TEXT, IN_PLAIN, IN_TAG, IN_VALUE, IN_RAW }; // where in the HTML the output stands

struct open_block {
  enum block kind;
  char item[NAME_SIZE]; // the loop's variable
};

static struct language langs[LANGS_MAX];
static struct asset assets[ASSETS_MAX];
static int n_langs, n_assets;
static FILE *hdr, *src;

static const char *file; // being compiled, for messages
static int line;
static struct open_block blocks[DEPTH_MAX];
static int depth;
static enum place place;
static char tag[NAME_SIZE], attribute[NAME_SIZE], word[NAME_SIZE]; // word: the name being read in a tag

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  exit(1);
}

static char *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f)
    die("cannot open it");
  char *data = NULL;
  size_t n = 0, cap = 0;
  for (size_t got = 1; got; n += got) {
    if (n + 4096 > cap && !(data = realloc(data, (cap = cap * 2 + 8192))))
      die("out of memory");
    got = fread(data + n, 1, cap - n - 1, f);
  }
  fclose(f);
  data[n] = 0;
  *size = n;
  return data;
}

static void base_name(const char *path, char out[NAME_SIZE], bool ending) {
  const char *slash = strrchr(path, '/');
  snprintf(out, NAME_SIZE, "%s", slash ? slash + 1 : path);
  if (!ending && strrchr(out, '.'))
    *strrchr(out, '.') = 0;
}

static char *trim(char *s) {
  while (isspace((unsigned char)*s))
    s++;
  for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
    s[n - 1] = 0;
  return s;
}

static void put_literal(const char *p, size_t n) {
  fputc('"', src);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c == '"' || c == '\\' || c == '?' || c < 32 || c > 126)
      fprintf(src, "\\%03o", c);
    else
      fputc(c, src);
  }
  fputc('"', src);
}

// Languages

static const char *text_of(const struct language *l, const char *key) {
  for (int i = 0; i < l->n; i++)
    if (strcmp(l->texts[i].key, key) == 0)
      return l->texts[i].value;
  return NULL;
}

static void read_language(const char *path) {
  if (n_langs == LANGS_MAX)
    die("too many languages");
  struct language *l = &langs[n_langs++];
  base_name(path, l->tag, false);
  size_t size;
  char *next = read_file(path, &size);
  for (line = 1; next; line++) {
    char *s = strsep(&next, "\n");
    if (*(s = trim(s)) == 0 || *s == '#')
      continue;
    char *eq = strchr(s, '=');
    if (!eq || l->n == KEYS_MAX)
      die(eq ? "too many keys" : "expected key = text");
    *eq = 0;
    struct text t = {trim(s), trim(eq + 1)};
    if (!*t.key || !*t.value || text_of(l, t.key))
      die("key %s is empty or repeated", t.key);
    l->texts[l->n++] = t;
  }
}

static bool holds_placeholders_of(const char *text, const char *other) {
  for (const char *p = text; (p = strchr(p, '{')); p++) {
    const char *end = strchr(p, '}');
    char hole[NAME_SIZE];
    if (!end || end - p + 2 > NAME_SIZE)
      die("unclosed {placeholder} in: %s", text);
    snprintf(hole, sizeof hole, "%.*s", (int)(end - p + 1), p);
    if (!strstr(other, hole))
      return false;
  }
  return true;
}

static void check_language(const struct language *l) {
  const struct language *first = &langs[0];
  for (int i = 0; i < l->n; i++)
    if (!text_of(first, l->texts[i].key))
      die("%s: unknown key %s", l->tag, l->texts[i].key);
  for (int i = 0; i < first->n; i++) {
    const char *a = first->texts[i].value, *b = text_of(l, first->texts[i].key);
    if (!b)
      die("%s: missing key %s", l->tag, first->texts[i].key);
    if (!holds_placeholders_of(a, b) || !holds_placeholders_of(b, a))
      die("%s: key %s has other placeholders than in %s", l->tag, first->texts[i].key, first->tag);
  }
}

static void write_languages(void) {
  fprintf(hdr, "enum lang {");
  for (int i = 0; i < n_langs; i++) {
    check_language(&langs[i]);
    fprintf(hdr, " LANG_");
    for (const char *p = langs[i].tag; *p; p++)
      fputc(isalnum((unsigned char)*p) ? toupper((unsigned char)*p) : '_', hdr);
    fprintf(hdr, ",");
  }
  fprintf(hdr, " LANGS };\nextern const char *const lang_tags[LANGS], *const lang_names[LANGS];\n\n");
  fprintf(src, "const char *const lang_tags[LANGS] = {");
  for (int i = 0; i < n_langs; i++)
    fprintf(src, "\"%s\", ", langs[i].tag);
  fprintf(src, "};\nconst char *const lang_names[LANGS] = {");
  for (int i = 0; i < n_langs; i++) {
    const char *name = text_of(&langs[i], "language");
    if (!name)
      die("%s: missing key language", langs[i].tag);
    put_literal(name, strlen(name));
    fprintf(src, ", ");
  }
  fprintf(src, "};\n\n");
}

// Assets

static void read_asset(const char *path) {
  if (n_assets == ASSETS_MAX)
    die("too many assets");
  struct asset *a = &assets[n_assets++];
  base_name(path, a->name, true);
  a->data = read_file(path, &a->size);
  uint64_t h = 0xcbf29ce484222325u; // FNV-1a: it tells versions apart, nobody relies on it for more
  for (size_t i = 0; i < a->size; i++)
    h = (h ^ (unsigned char)a->data[i]) * 0x100000001b3u;
  char stem[NAME_SIZE];
  base_name(path, stem, false);
  snprintf(a->hashed, sizeof a->hashed, "%s.%016llx%s", stem, (unsigned long long)h, strrchr(path, '.'));
  for (size_t i = 0; a->name[i]; i++)
    a->symbol[i] = (char)(isalnum((unsigned char)a->name[i]) ? toupper((unsigned char)a->name[i]) : '_');
}

static void write_assets(void) {
  for (int i = 0; i < n_assets; i++)
    fprintf(hdr, "#define ASSET_%s \"%s\"\n", assets[i].symbol, assets[i].hashed);
  fprintf(hdr, "extern const struct embedded web_assets[]; // by hashed name\n\n");
  fprintf(src, "const struct embedded web_assets[] = {\n");
  for (int i = 0; i < n_assets; i++) {
    fprintf(src, "    {ASSET_%s,\n     ", assets[i].symbol);
    for (size_t at = 0; at < assets[i].size; at += 80) {
      put_literal(assets[i].data + at, assets[i].size - at < 80 ? assets[i].size - at : 80);
      fprintf(src, "\n     ");
    }
    fprintf(src, "\"\", %zu},\n", assets[i].size);
  }
  fprintf(src, "    {0},\n};\n\n");
}

// Templates

static bool is_loop_item(const char *name, size_t n) {
  for (int i = 0; i < depth; i++)
    if (blocks[i].kind == BLOCK_FOR && strlen(blocks[i].item) == n && strncmp(blocks[i].item, name, n) == 0)
      return true;
  return false;
}

static const char *member(const char *path) { // "order" -> v->order, "item.name" in a loop -> item->name
  static char out[3 * NAME_SIZE];
  size_t first = strcspn(path, ".");
  if (!isalpha((unsigned char)*path) || path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_.")])
    die("not a member: %s", path);
  if (path[first] && is_loop_item(path, first))
    snprintf(out, sizeof out, "%.*s->%s", (int)first, path, path + first + 1);
  else
    snprintf(out, sizeof out, "v->%s", path);
  return out;
}

static const char *escaper(void) {
  static const char *const links[] = {"href", "src", "action", "formaction", "content"};
  if (place == IN_TEXT)
    return "html_text";
  if (place == IN_PLAIN)
    return "html_attr";
  if (place != IN_VALUE || strncmp(attribute, "on", 2) == 0 || strcmp(attribute, "style") == 0)
    die("a value may not stand here: only in text and in \"quoted\" attributes other than style and on…");
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (strcmp(attribute, links[i]) == 0)
      return "html_url";
  return "html_attr";
}

static void put_value(const char *path) {
  fprintf(src, "  %s(o, %s);\n", escaper(), member(path));
}

static void put_bytes(const char *p, size_t n) {
  if (!n)
    return;
  fprintf(src, "  buf_add(o, ");
  put_literal(p, n);
  fprintf(src, ", %zu);\n", n);
}

static void put_escaped(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t run = strcspn(p + i, "&<>\"");
    run = run > n - i ? n - i : run;
    put_bytes(p + i, run);
    if ((i += run) < n)
      fprintf(src, "  buf_c(o, \"&#%d;\");\n", p[i]);
  }
}

static void put_text(const char *key) {
  if (!text_of(&langs[0], key))
    die("no text has the key %s", key);
  (void)escaper();
  fprintf(src, "  switch (v->lang) {\n");
  for (int i = 0; i < n_langs; i++) {
    fprintf(src, "  case %d:\n", i);
    for (const char *p = text_of(&langs[i], key); *p;) {
      size_t run = strcspn(p, "{");
      put_escaped(p, run);
      if (!*(p += run))
        break;
      char hole[NAME_SIZE];
      snprintf(hole, sizeof hole, "%.*s", (int)strcspn(p + 1, "}"), p + 1);
      if (place == IN_TEXT)
        fprintf(src, "  buf_c(o, \"<bdi>\");\n");
      put_value(hole);
      if (place == IN_TEXT)
        fprintf(src, "  buf_c(o, \"</bdi>\");\n");
      p = strchr(p, '}') + 1;
    }
    fprintf(src, "  break;\n");
  }
  fprintf(src, "  case LANGS: break;\n  }\n");
}

static void put_condition(char *s) {
  bool not = *s == '!';
  s += not ;
  char *value = strstr(s, " is ");
  if (value)
    *value = 0;
  fprintf(src, "if (%s(", not ? "!" : "");
  if (value)
    fprintf(src, "%s == %s", member(s), value + 4);
  else
    fprintf(src, "html_true(%s)", member(s));
  fprintf(src, ")) {\n");
}

static void push(enum block kind, const char *item) {
  if (depth == DEPTH_MAX)
    die("nested too deeply");
  blocks[depth].kind = kind;
  snprintf(blocks[depth++].item, NAME_SIZE, "%s", item);
}

static void put_loop(char *s) {
  char *list = strstr(s, " in ");
  if (!list)
    die("expected: for item in list");
  *list = 0;
  char path[NAME_SIZE];
  snprintf(path, sizeof path, "%s", member(list + 4));
  fprintf(src, "  for (int i_%s = 0; i_%s < v->n_%s; i_%s++) {\n", s, s, list + 4, s);
  fprintf(src, "  const __typeof__(%s[0]) *%s = &%s[i_%s];\n", path, s, path, s);
  push(BLOCK_FOR, s);
}

static void put_asset(const char *name) {
  for (int i = 0; i < n_assets; i++)
    if (strcmp(assets[i].name, name) == 0) {
      fprintf(src, "  buf_c(o, ASSET_%s);\n", assets[i].symbol);
      return;
    }
  die("no asset is called %s", name);
}

// True where it put something out: then the line end after it counts.
static bool directive(char *s) {
  char *rest = s + strcspn(s, " ");
  rest = trim(rest);
  bool in_if = depth && blocks[depth - 1].kind == BLOCK_IF;
  if (*s == '#')
    return false;
  if (strncmp(s, "if ", 3) == 0) {
    fprintf(src, "  ");
    push(BLOCK_IF, "");
    put_condition(rest);
  } else if (strncmp(s, "elif ", 5) == 0 && in_if) {
    fprintf(src, "  } else ");
    put_condition(rest);
  } else if (strcmp(s, "else") == 0 && in_if) {
    fprintf(src, "  } else {\n");
  } else if (strcmp(s, "end") == 0 && depth) {
    fprintf(src, "  }\n");
    depth--;
  } else if (strncmp(s, "elif", 4) == 0 || strcmp(s, "else") == 0 || strcmp(s, "end") == 0) {
    die("{{%s}} without what it belongs to", s);
  } else if (strncmp(s, "for ", 4) == 0) {
    put_loop(rest);
  } else if (strncmp(s, "t ", 2) == 0) {
    put_text(rest);
    return true;
  } else if (strncmp(s, "asset ", 6) == 0) {
    put_asset(rest);
    return true;
  } else if (strncmp(s, "use ", 4) == 0) {
    fprintf(src, "  html_%s(o, v);\n", rest);
  } else {
    put_value(s);
    return true;
  }
  return false;
}

static void end_word(void) { // the first word of a tag is its name
  if (!*tag)
    snprintf(tag, sizeof tag, "%s", word);
  word[0] = 0;
}

static bool is_one_of(const char *s, const char *a, const char *b) {
  return strcmp(s, a) == 0 || strcmp(s, b) == 0;
}

// Follows the HTML itself, so as to know where the next value stands.
static void follow(char c) {
  size_t n = strlen(word);
  if (place == IN_VALUE) {
    if (c == '"')
      place = IN_TAG;
  } else if (place != IN_TAG) {
    if (c == '<') {
      place = IN_TAG;
      tag[0] = word[0] = 0;
    }
  } else if (c == '"') {
    if (!n)
      die("a quoted value needs a name and = directly before it");
    snprintf(attribute, sizeof attribute, "%s", word);
    word[0] = 0;
    place = IN_VALUE;
  } else if (c == '>') {
    end_word();
    place = is_one_of(tag, "script", "style")     ? IN_RAW
            : is_one_of(tag, "title", "textarea") ? IN_PLAIN
                                                  : IN_TEXT;
  } else if (isspace((unsigned char)c)) {
    end_word();
  } else if (c != '=' && n + 1 < sizeof word) {
    word[n] = (char)tolower((unsigned char)c);
    word[n + 1] = 0;
  }
}

static void put_html(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    follow(p[i]);
    line += p[i] == '\n';
  }
  put_bytes(p, n);
}

// Without indentation: it only costs bytes.
static char *squeeze(char *s) {
  char *w = s;
  for (char *p = s; *p; p++) {
    *w++ = *p;
    if (*p == '\n')
      p += strspn(p + 1, " ");
  }
  *w = 0;
  return s;
}

static char *tag_end(char *open) {
  char *end = strstr(open, "}}");
  if (!end)
    die("{{ without }}");
  *end = 0;
  return end + 2;
}

static void compile(const char *path) {
  char name[NAME_SIZE];
  base_name(path, name, false);
  size_t size;
  char *p = squeeze(read_file(path, &size));
  if (strncmp(p, "{{view ", 7) != 0)
    die("expected {{view NAME}} first");
  char *view = p + 7;
  p = tag_end(p);
  p += *p == '\n';
  fprintf(hdr, "struct %s;\nvoid html_%s(struct buf *o, const struct %s *v);\n", view, name, view);
  fprintf(src, "#include \"http/%s.h\"\nvoid html_%s(struct buf *o, const struct %s *v) {\n", view, name,
          view);
  place = IN_TEXT;
  line = 2;
  for (char *open; (open = strstr(p, "{{"));) {
    put_html(p, (size_t)(open - p));
    p = tag_end(open);
    bool shows = directive(trim(open + 2));
    if (!shows && *p == '\n') {
      line++;
      p++;
    }
  }
  put_html(p, strlen(p));
  if (depth || place != IN_TEXT)
    die(depth ? "{{if}} or {{for}} without {{end}}" : "ends inside a tag");
  fprintf(src, "}\n\n");
}

static void for_each(int n, char **paths, const char *endings, void (*f)(const char *)) {
  for (int i = 0; i < n; i++) {
    const char *dot = strrchr(paths[i], '.');
    file = paths[i];
    line = 0;
    if (dot && strstr(endings, dot))
      f(paths[i]);
  }
}

static FILE *create(const char *base, const char *ending) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s", base, ending);
  file = strdup(path);
  FILE *f = fopen(path, "wb");
  if (!f)
    die("cannot write it");
  return f;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: template OUT FILE...\n");
    return 2;
  }
  char base[NAME_SIZE];
  base_name(argv[1], base, true);
  hdr = create(argv[1], ".h");
  src = create(argv[1], ".c");
  for_each(argc - 2, argv + 2, ".txt", read_language);
  for_each(argc - 2, argv + 2, ".css .js .svg", read_asset);
  fprintf(hdr, "// Made by tools/template.c.\n#pragma once\n#include \"base/embedded.h\"\n#include "
               "\"base/str.h\"\n\n");
  fprintf(src, "// Made by tools/template.c.\n#include \"%s.h\"\n#include \"http/html.h\"\n\n", base);
  file = "languages";
  write_languages();
  write_assets();
  for_each(argc - 2, argv + 2, ".html", compile);
  return fclose(hdr) || fclose(src);
}
