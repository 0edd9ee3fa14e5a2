#include "wire/keccak.h"

#include <string.h>

enum { RATE = 136, LANES = 25, ROUNDS = 24 };

static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

// Lane (x, y) stands at x + 5y. Rotation of each lane in step rho.
static const unsigned rotations[LANES] = {
    0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
};

static uint64_t rotate(uint64_t v, unsigned n) {
  return n ? v << n | v >> (64 - n) : v;
}

static void theta(uint64_t a[LANES]) {
  uint64_t column[5];
  for (int x = 0; x < 5; x++)
    column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
  for (int x = 0; x < 5; x++) {
    uint64_t d = column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1);
    for (int y = 0; y < LANES; y += 5)
      a[x + y] ^= d;
  }
}

static void rho_pi(const uint64_t a[LANES], uint64_t b[LANES]) {
  for (int y = 0; y < 5; y++)
    for (int x = 0; x < 5; x++)
      b[y + 5 * ((2 * x + 3 * y) % 5)] = rotate(a[x + 5 * y], rotations[x + 5 * y]);
}

static void chi(const uint64_t b[LANES], uint64_t a[LANES]) {
  for (int y = 0; y < LANES; y += 5)
    for (int x = 0; x < 5; x++)
      a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
}

static void permute(uint64_t a[LANES]) {
  uint64_t b[LANES];
  for (int r = 0; r < ROUNDS; r++) {
    theta(a);
    rho_pi(a, b);
    chi(b, a);
    a[0] ^= round_constants[r];
  }
}

static void absorb(uint64_t a[LANES], const unsigned char block[RATE]) {
  for (int i = 0; i < RATE; i++)
    a[i / 8] ^= (uint64_t)block[i] << 8 * (i % 8);
  permute(a);
}

void keccak256(struct str message, uint8_t out[KECCAK_N]) {
  uint64_t a[LANES] = {0};
  const unsigned char *p = (const unsigned char *)message.p;
  size_t left = message.n;
  for (; left >= RATE; p += RATE, left -= RATE)
    absorb(a, p);
  unsigned char last[RATE] = {0};
  if (left)
    memcpy(last, p, left);
  last[left] = 0x01;
  last[RATE - 1] |= 0x80;
  absorb(a, last);
  for (int i = 0; i < KECCAK_N; i++)
    out[i] = (uint8_t)(a[i / 8] >> 8 * (i % 8));
}
