// A transaction's hash as people enter it.
#pragma once
#include "base/str.h"

enum { TXID_HEX_N = 64, TXID_TEXT_MAX = 500 };

// Finds the one run of exactly 64 hexadecimal digits in `text`: the hash alone, with 0x before it, or inside
// a link to an explorer. `out` gets them in lower case with a NUL. False: there is none, or more than one.
bool txid_find(struct str text, char out[TXID_HEX_N + 1]);
