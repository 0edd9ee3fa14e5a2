// The beginning of a foreign answer, made fit to be stored and shown.
#pragma once
#include "base/str.h"

// Clean UTF-8 in place: what is not well-formed becomes '?', control characters become spaces, a character
// cut off at the end is dropped.
struct str excerpt_clean(char *p, size_t n);
