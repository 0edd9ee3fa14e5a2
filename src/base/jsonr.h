// Reads JSON from bytes that may be hostile, without building a tree: no memory, bounded depth, each byte
// looked at once. Made for answers of nodes: megabytes of which a few fields matter.
//
//   struct jsonr r; struct str key;
//   jsonr_init(&r, text);
//   if (jsonr_open(&r, '{'))
//     while (jsonr_key(&r, &key))
//       if (str_eqc(key, "number")) jsonr_i64(&r, &n); else jsonr_skip(&r);
//   ok = jsonr_end(&r);
//
// A wrong turn (another type than asked for, malformed text, too deep) sets `bad` once and for all; every
// later call then fails at once, so it is enough to look at the end. Each value must be read or skipped.
#pragma once
#include "base/str.h"

enum { JSONR_DEPTH_MAX = 64 };

struct jsonr {
  const char *p, *end;
  int depth;
  bool bad;
  bool fresh; // just inside of a bracket: no comma yet
};

void jsonr_init(struct jsonr *r, struct str text);
char jsonr_peek(struct jsonr *r); // '{' '[' '"' '0' (any number) 't' 'f' 'n'; 0: bad, or the end of the text

bool jsonr_open(struct jsonr *r, char bracket); // '{' or '['
// The next key of an object; false at its end, which is read. A key with an escape in it is bad: no node
// writes one, and a name that has two spellings could be hidden from who looks for it.
bool jsonr_key(struct jsonr *r, struct str *key);
bool jsonr_item(struct jsonr *r);                 // is there a next item of the array? false: its end is read
bool jsonr_str(struct jsonr *r, struct str *out); // the characters between the quotes, escapes as they stand
bool jsonr_i64(struct jsonr *r, int64_t *out);    // an integer; anything else that is a number is bad
bool jsonr_bool(struct jsonr *r, bool *out);
bool jsonr_hex(struct jsonr *r, void *out, size_t n); // a string of exactly 2n hex digits
void jsonr_skip(struct jsonr *r);                     // whatever comes; its shape is checked
bool jsonr_refuse(struct jsonr *r);                   // bad from now on, by a rule of the caller's; false
bool jsonr_end(struct jsonr *r);                      // nothing but white space is left, and nothing was bad
