#include "wire/base58.h"
#include "base/bug.h"
#include "base/hmac.h"

#include <sodium/utils.h>
#include <string.h>

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

static int value(char c) {
  const char *at = c ? strchr(alphabet, c) : NULL;
  return at ? (int)(at - alphabet) : -1;
}

static size_t leading_ones(struct str text) {
  size_t n = 0;
  while (n < text.n && text.p[n] == '1')
    n++;
  return n;
}

static size_t leading_zeros(const uint8_t *bytes, size_t n) {
  size_t zeros = 0;
  while (zeros < n && bytes[zeros] == 0)
    zeros++;
  return zeros;
}

// out = out × 58 + digit; false on overflow.
static bool push_digit(uint8_t *out, size_t n, int digit) {
  unsigned carry = (unsigned)digit;
  for (size_t i = n; i-- > 0;) {
    carry += out[i] * 58u;
    out[i] = (uint8_t)carry;
    carry >>= 8;
  }
  return carry == 0;
}

bool base58_decode(struct str text, uint8_t *out, size_t n) {
  BUG_IF(n > BASE58_BYTES_MAX, "too many bytes for base58");
  if (text.n > BASE58_TEXT_MAX)
    return false;
  memset(out, 0, n);
  for (size_t i = 0; i < text.n; i++) {
    int digit = value(text.p[i]);
    if (digit < 0 || !push_digit(out, n, digit))
      return false;
  }
  // each leading "1" is a zero byte: only one text stands for these bytes
  return leading_ones(text) == leading_zeros(out, n);
}

// Digits are kept five to a limb (58⁵ < 2³⁰): a fifth of the work of one by one.
enum { LIMB_DIGITS = 5, LIMBS_MAX = BASE58_TEXT_MAX / LIMB_DIGITS + 1 };
#define LIMB_BASE UINT64_C(656356768)

// limbs = limbs × 256 + byte, least significant first.
static size_t push_byte(uint32_t *limbs, size_t used, uint8_t byte) {
  uint64_t carry = byte;
  for (size_t k = 0; k < used; k++) {
    carry += (uint64_t)limbs[k] << 8;
    limbs[k] = (uint32_t)(carry % LIMB_BASE);
    carry /= LIMB_BASE;
  }
  if (carry)
    limbs[used++] = (uint32_t)carry;
  return used;
}

size_t base58_encode(const uint8_t *bytes, size_t n, char out[BASE58_TEXT_MAX + 1]) {
  BUG_IF(n > BASE58_BYTES_MAX, "too many bytes for base58");
  uint32_t limbs[LIMBS_MAX];
  char digits[LIMBS_MAX * LIMB_DIGITS]; // least significant first
  size_t used = 0, zeros = leading_zeros(bytes, n), n_digits = 0;
  for (size_t i = zeros; i < n; i++)
    used = push_byte(limbs, used, bytes[i]);
  for (size_t k = 0; k < used; k++)
    for (int d = 0; d < LIMB_DIGITS; d++, limbs[k] /= 58)
      digits[n_digits++] = alphabet[limbs[k] % 58];
  while (n_digits && digits[n_digits - 1] == alphabet[0]) // of the topmost limb
    n_digits--;
  memset(out, alphabet[0], zeros);
  for (size_t k = 0; k < n_digits; k++)
    out[zeros + k] = digits[n_digits - 1 - k];
  out[zeros + n_digits] = '\0';
  sodium_memzero(digits, sizeof digits);
  return zeros + n_digits;
}

void base58_checksum(const uint8_t *payload, size_t n, uint8_t out[BASE58_CHECK_N]) {
  uint8_t once[SHA256_N], twice[SHA256_N];
  sha256((struct str){(const char *)payload, n}, once);
  sha256((struct str){(const char *)once, sizeof once}, twice);
  memcpy(out, twice, BASE58_CHECK_N);
}

bool base58_check_decode(struct str text, uint8_t *payload, size_t n) {
  uint8_t bytes[BASE58_BYTES_MAX], sum[BASE58_CHECK_N];
  BUG_IF(n > sizeof bytes - BASE58_CHECK_N, "too many bytes for base58");
  bool ok = base58_decode(text, bytes, n + BASE58_CHECK_N);
  if (ok) {
    base58_checksum(bytes, n, sum);
    ok = memcmp(bytes + n, sum, sizeof sum) == 0;
  }
  if (ok)
    memcpy(payload, bytes, n);
  sodium_memzero(bytes, sizeof bytes); // it may have been a private key
  return ok;
}
