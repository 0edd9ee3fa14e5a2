// The key that seals the secrets in the database: a file of its own beside it, 64 hex digits and a newline,
// mode 0600. Without it the sealed secrets are lost, and a backup of the database does not hold it.
#pragma once
#include "base/seal.h"

// Reads the key. Where the file does not exist and `create` is set it is made, whole or not at all; two
// processes that start together end up with the same key. False: *error says why, with what to do. A file
// that group or others can read, or that is not a plain file, is refused.
bool secret_key_load(const char *path, bool create, struct seal_key *key, struct arena *a, struct str *error);
