// Authenticated encryption of secrets at rest: XChaCha20-Poly1305 of libsodium with a random nonce, which
// stands in front.
//
// The context (table and id of the row, as text) is authenticated too: a sealed value copied into another row
// does not open. The result belongs to the arena.
#pragma once
#include "base/str.h"
#include "base/world.h"

enum { SEAL_KEY_BYTES = 32, SEAL_NONCE_BYTES = 24, SEAL_TAG_BYTES = 16 };
enum { SEAL_OVERHEAD = SEAL_NONCE_BYTES + SEAL_TAG_BYTES };

struct seal_key {
  unsigned char bytes[SEAL_KEY_BYTES];
};

struct str seal(struct arena *a, const struct world *w, const struct seal_key *key, struct str context,
                struct str plain);
// False when the key or the context is another one or a byte was changed; *plain is untouched then.
bool unseal(struct arena *a, const struct seal_key *key, struct str context, struct str sealed,
            struct str *plain);
