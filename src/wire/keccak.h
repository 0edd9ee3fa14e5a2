// Keccak-256 as Ethereum and TRON use it: the padding of the original submission, not that of SHA3-256 (FIPS
// 202).
#pragma once
#include "base/str.h"

enum { KECCAK_N = 32 };

void keccak256(struct str message, uint8_t out[KECCAK_N]);
