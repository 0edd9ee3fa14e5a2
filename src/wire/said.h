// What a java-tron node may say to a question, and what it says instead of an answer, mostly with HTTP 200
// (tron.md 3.1).
#pragma once
#include "base/jsonr.h"

enum said {
  SAID_THIS,    // what was asked for
  SAID_NOTHING, // {} or []: it has none (yet)
  SAID_ERROR,   // {"Error": …}, or the bare sentence of a lite node
  SAID_RUBBISH, // not JSON, or not of this shape
};

// {}, [], {"Error": "…"} or a lite node's sentence; all else is SAID_RUBBISH. *why as in wire/block_json.h.
enum said said_instead(struct str answer, struct str *why);

// The members of an object that are of interest; the others are skipped. One that stands twice is refused:
// the node's two words could not be told apart.
//
//   static const char *const names[] = {"id", "log"};
//   struct members m = {names, 2, 0, false};
//   for (int which; member_next(&r, &m, &which);) …
struct members {
  const char *const *names;
  int n;         // ≤ 32
  unsigned seen; // a bit for each
  bool any;      // has it any member at all?
};
bool member_next(struct jsonr *r, struct members *m, int *which);
static inline bool member_was(const struct members *m, int which) {
  return (m->seen >> which & 1) != 0;
}
