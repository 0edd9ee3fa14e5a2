// Bytes as hexadecimal digits.
#pragma once
#include "base/str.h"

// Writes 2n lower-case digits and a NUL.
void hex_encode(const void *bytes, size_t n, char *out);

// Exactly 2n digits, in either case, without prefix; false otherwise (*out may be partly written).
bool hex_decode(struct str digits, void *out, size_t n);
