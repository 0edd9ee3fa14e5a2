#include "base/seal.h"
#include "base/bug.h"

#include <sodium.h>
#include <string.h>

_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(SEAL_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(SEAL_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");

static const unsigned char *bytes(struct str s) {
  return (const unsigned char *)(s.p ? s.p : "");
}

struct str seal(struct arena *a, const struct world *w, const struct seal_key *key, struct str context,
                struct str plain) {
  unsigned char *out = arena_alloc(a, plain.n + SEAL_OVERHEAD);
  unsigned long long n = 0;
  world_random(w, out, SEAL_NONCE_BYTES);
  int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_NONCE_BYTES, &n, bytes(plain), plain.n,
                                                          bytes(context), context.n, NULL, out, key->bytes);
  BUG_IF(failed || n != plain.n + SEAL_TAG_BYTES, "encryption failed");
  return (struct str){(const char *)out, plain.n + SEAL_OVERHEAD};
}

bool unseal(struct arena *a, const struct seal_key *key, struct str context, struct str sealed,
            struct str *plain) {
  if (sealed.n < SEAL_OVERHEAD)
    return false;
  size_t n = sealed.n - SEAL_OVERHEAD;
  const unsigned char *in = bytes(sealed);
  unsigned char *out = arena_alloc(a, n + 1);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in + SEAL_NONCE_BYTES, n + SEAL_TAG_BYTES,
                                                 bytes(context), context.n, in, key->bytes))
    return false;
  *plain = (struct str){(const char *)out, n};
  return true;
}
