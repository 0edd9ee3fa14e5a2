// Text for people: is it clean enough to be stored and shown?
#pragma once
#include "base/str.h"

// Well-formed UTF-8 of `min` to `max` characters (code points), all of them printable: no control characters,
// no line or paragraph separators, no marks that turn the direction of what stands around them, no
// noncharacters.
bool text_printable(struct str s, size_t min, size_t max);

// The same, but tabs and line ends are fine and it may be empty.
bool text_lines(struct str s, size_t max);
