// Hashes of passwords: argon2id, 64 MiB, 3 passes, 1 lane (OWASP ASVS). A hash names its own parameters
// and salt.
#pragma once
#include "core/password_rule.h"

enum { PASSWORD_PASSES = 3, PASSWORD_MEMORY_BYTES = 64 << 20 };

// A new hash as text in the arena. Takes about 0.1 s and 64 MiB. ERR_BUSY when that memory is not to be had.
enum err password_hash(struct str password, struct arena *a, struct str *hash) MUST_CHECK;
bool password_verify(struct str password, const char *hash);
