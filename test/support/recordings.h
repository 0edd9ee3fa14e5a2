// Recordings of nodes' answers: test/data/tron/README.md.
#pragma once
#include "base/bug.h"
#include "base/str.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// The whole of a file below test/data/tron, plain or .gz. The caller frees `p`.
static inline struct str recording_read(const char *name) {
  char path[256];
  size_t n = 0, cap = 1 << 16;
  char *text = malloc(cap);
  snprintf(path, sizeof path, "test/data/tron/%s", name);
  gzFile f = gzopen(path, "rb");
  BUG_IF(!f || !text, path);
  for (int got; (got = gzread(f, text + n, (unsigned)(cap - n - 1))) > 0;) {
    n += (size_t)got;
    if (cap - n < cap / 2)
      text = realloc(text, cap *= 2);
    BUG_IF(!text, "memory");
  }
  BUG_IF(gzclose(f) != Z_OK, path);
  text[n] = '\0';
  return (struct str){text, n};
}

static inline json_t *recording_json(const char *name) {
  struct str text = recording_read(name);
  json_t *j = json_loadb(text.p, text.n, 0, NULL);
  BUG_IF(!j, name);
  free((char *)text.p);
  return j;
}

// The exchanges of node.jsonl.gz, an array in the order of the recording.
static inline json_t *recording_exchanges(void) {
  struct str text = recording_read("node.jsonl.gz");
  json_t *all = json_array();
  for (const char *p = text.p, *end; (end = strchr(p, '\n')); p = end + 1) {
    json_t *one = json_loadb(p, (size_t)(end - p), JSON_ALLOW_NUL, NULL);
    if (!one) // one request has a number beyond 64 bits
      one = json_loadb(p, (size_t)(end - p), JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    BUG_IF(!one, "node.jsonl.gz");
    json_array_append_new(all, one);
  }
  free((char *)text.p);
  return all;
}

// A member that is text, as long as `j` lives; absent: STR_NONE.
static inline struct str recording_text(const json_t *j, const char *member) {
  const json_t *v = json_object_get(j, member);
  return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}
