// Reads "key = value" lines one at a time, without allocating: keys and values are slices of the text.
//
// A line is blank, a comment (its first character is # or ;), or a pair. A value is everything after the
// first '=', however long, without the blanks around it; # and ; inside a value belong to it (URLs have
// fragments). Sections are not used.
#pragma once
#include "base/str.h"

struct ini {
  struct str rest; // not read yet
  int line;        // of the pair or error returned last, from 1
};

enum ini_result { INI_PAIR, INI_END, INI_ERROR };

void ini_init(struct ini *i, struct str text); // a byte order mark at the beginning is skipped
// INI_ERROR: *error says why, i->line where.
enum ini_result ini_next(struct ini *i, struct str *key, struct str *value, const char **error);
