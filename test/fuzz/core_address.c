// Addresses and extended keys: one text for one address, and no bytes of an extended key that break its
// reader.
#include "fuzz.h"
#include "wire/base58.h"
#include "wire/bip32.h"

#include <string.h>

enum { EXTENDED_N = 78 };

static void check_xpub(struct str text) {
  struct xpub x;
  struct tron_address address, again;
  char out[ADDRESS_TEXT_N + 1];
  if (bip32_parse(text, &x) != BIP32_OK || !bip32_address(&x, 7, &address))
    return;
  char canonical[BIP32_TEXT_N + 1];
  struct xpub y;
  bip32_canonical(text, canonical);
  BUG_IF(bip32_parse(str_of(canonical), &y) != BIP32_OK || memcmp(x.key, y.key, sizeof x.key) != 0,
         "the same account");
  address_format(&address, out);
  BUG_IF(!address_parse(str_of(out), &again) || memcmp(address.account, again.account, ADDRESS_N) != 0,
         "a derived address is one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str text = fuzz_text(data, n);
  struct tron_address address;
  char out[BASE58_TEXT_MAX + 1];
  if (address_parse(text, &address)) {
    address_format(&address, out);
    BUG_IF(!str_eqc(text, out), "one text for one address");
  }
  check_xpub(text);
  if (n > BASE58_BYTES_MAX)
    return 0;
  uint8_t bytes[BASE58_BYTES_MAX], back[BASE58_BYTES_MAX];
  if (n)
    memcpy(bytes, data, n);
  size_t length = base58_encode(bytes, n, out);
  BUG_IF(!base58_decode((struct str){out, length}, back, n) || memcmp(bytes, back, n) != 0,
         "base58 there and back");
  if (n == EXTENDED_N) { // as an extended key with a good checksum
    base58_checksum(bytes, n, bytes + n);
    length = base58_encode(bytes, n + BASE58_CHECK_N, out);
    check_xpub((struct str){out, length});
  }
  return 0;
}
