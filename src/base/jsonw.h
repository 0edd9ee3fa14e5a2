// Writes JSON into a buffer, fields in the order of the calls. Text must be UTF-8; "/" and non-ASCII stay as
// they are.
#pragma once
#include "base/str.h"

struct jsonw {
  struct buf *out;
  bool comma; // the next value needs one before it
};

void jsonw_init(struct jsonw *w, struct buf *out);
void jsonw_open(struct jsonw *w, char bracket);    // '{' or '['
void jsonw_close(struct jsonw *w, char bracket);   // '}' or ']'
void jsonw_key(struct jsonw *w, const char *name); // a plain ASCII name
void jsonw_str(struct jsonw *w, struct str s);     // absent gives null
void jsonw_i64(struct jsonw *w, int64_t v);
void jsonw_null(struct jsonw *w);

// key and value in one call
void jsonw_kstr(struct jsonw *w, const char *name, struct str s);
void jsonw_ki64(struct jsonw *w, const char *name, int64_t v);
void jsonw_kbool(struct jsonw *w, const char *name, bool v);
