#include "base/hmac.h"
#include "base/bug.h"
#include "base/hex.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

struct hmac_key {
  EVP_MAC_CTX *keyed; // never fed: each signature works on a copy, which spares setting the key up again
};

struct hmac_key *hmac_key_create(const void *secret, size_t n) {
  struct hmac_key *k = malloc(sizeof *k);
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  BUG_IF(!k || !mac, "no HMAC");
  k->keyed = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  static const unsigned char empty[1];
  BUG_IF(!k->keyed || EVP_MAC_init(k->keyed, n ? secret : empty, n, params) != 1, "HMAC key");
  return k;
}

void hmac_key_free(struct hmac_key *k) {
  if (!k)
    return;
  EVP_MAC_CTX_free(k->keyed);
  free(k);
}

void hmac_sign_parts(const struct hmac_key *k, const struct str *parts, size_t n, uint8_t out[HMAC_N]) {
  EVP_MAC_CTX *c = EVP_MAC_CTX_dup(k->keyed);
  BUG_IF(!c, "out of memory");
  bool ok = true;
  for (size_t i = 0; i < n; i++)
    ok = ok && (parts[i].n == 0 || EVP_MAC_update(c, (const unsigned char *)parts[i].p, parts[i].n) == 1);
  size_t got = 0;
  ok = ok && EVP_MAC_final(c, out, &got, HMAC_N) == 1 && got == HMAC_N;
  EVP_MAC_CTX_free(c);
  BUG_IF(!ok, "HMAC");
}

void hmac_sign(const struct hmac_key *k, struct str message, uint8_t out[HMAC_N]) {
  hmac_sign_parts(k, &message, 1, out);
}

void hmac_sign_hex(const struct hmac_key *k, struct str message, char out[HMAC_HEX_N + 1]) {
  uint8_t mac[HMAC_N];
  hmac_sign(k, message, mac);
  hex_encode(mac, HMAC_N, out);
}

bool hmac_verify_hex(const struct hmac_key *k, struct str message, struct str hex) {
  char want[HMAC_HEX_N + 1];
  hmac_sign_hex(k, message, want);
  return equal_constant_time((struct str){want, HMAC_HEX_N}, hex);
}

bool equal_constant_time(struct str a, struct str b) {
  return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

static EVP_MD *sha256_md;

static void fetch_sha256(void) {
  sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL); // once: looking it up costs more than hashing a key
  BUG_IF(!sha256_md, "SHA-256");
}

void sha256(struct str message, uint8_t out[SHA256_N]) {
  static const unsigned char empty[1];
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fetch_sha256);
  BUG_IF(EVP_Digest(message.n ? message.p : (const char *)empty, message.n, out, NULL, sha256_md, NULL) != 1,
         "SHA-256");
}
