// Which known word was probably meant: for errors about misspelt settings, commands and options.
#pragma once
#include "base/str.h"

enum { NEAREST_WORD_MAX = 64 }; // longer words are not compared

// Edit distance (insert, delete, replace, each 1); SIZE_MAX where a word is longer than NEAREST_WORD_MAX.
size_t nearest_distance(struct str a, struct str b);
// The closest of `n` words; the first of equals. NULL when there is none to compare.
const char *nearest(struct str word, const char *const *words, size_t n);
