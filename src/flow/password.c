#include "flow/password.h"

#include <sodium.h>

enum err password_hash(struct str password, struct arena *a, struct str *hash) {
  char *text = arena_alloc(a, crypto_pwhash_STRBYTES);
  if (crypto_pwhash_str_alg(text, password.p, password.n, PASSWORD_PASSES, PASSWORD_MEMORY_BYTES,
                            crypto_pwhash_ALG_ARGON2ID13))
    return ERR_BUSY;
  *hash = str_of(text);
  return ERR_NONE;
}

bool password_verify(struct str password, const char *hash) {
  return crypto_pwhash_str_verify(hash, password.p, password.n) == 0;
}
