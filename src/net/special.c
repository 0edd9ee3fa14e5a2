#include "net/special.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct range4 {
  uint32_t base;
  int bits;
};

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 special4[] = {
    {IP4(0, 0, 0, 0), 8},       // this network
    {IP4(10, 0, 0, 0), 8},      // private
    {IP4(100, 64, 0, 0), 10},   // shared between a provider and its customers
    {IP4(127, 0, 0, 0), 8},     // loopback
    {IP4(169, 254, 0, 0), 16},  // link local, metadata services of clouds
    {IP4(172, 16, 0, 0), 12},   // private
    {IP4(192, 0, 0, 0), 24},    // IETF protocol assignments
    {IP4(192, 0, 2, 0), 24},    // documentation
    {IP4(192, 31, 196, 0), 24}, // AS112
    {IP4(192, 52, 193, 0), 24}, // AMT
    {IP4(192, 88, 99, 0), 24},  // 6to4 relays, deprecated
    {IP4(192, 168, 0, 0), 16},  // private
    {IP4(192, 175, 48, 0), 24}, // AS112
    {IP4(198, 18, 0, 0), 15},   // benchmarking
    {IP4(198, 51, 100, 0), 24}, // documentation
    {IP4(203, 0, 113, 0), 24},  // documentation
    {IP4(224, 0, 0, 0), 4},     // multicast
    {IP4(240, 0, 0, 0), 4},     // reserved, limited broadcast
};

struct range6 {
  uint8_t base[16];
  int bits;
};

// Inside 2000::/3 only: what is outside is refused as a whole.
static const struct range6 special6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, // IETF protocol assignments: Teredo, benchmarking, ORCHID, drones …
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, // documentation
    {{0x20, 0x02}, 16},             // 6to4
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, // AS112
    {{0x3f, 0xfe}, 16},                         // 6bone, given back
    {{0x3f, 0xff}, 20},                         // documentation
};

static const struct range6 given_out = {{0x20}, 3};
static const struct range6 nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

static bool in4(uint32_t ip, const struct range4 *r) {
  return (ip ^ r->base) >> (32 - r->bits) == 0;
}

static bool in6(const uint8_t ip[16], const struct range6 *r) {
  size_t whole = (size_t)r->bits / 8;
  int rest = r->bits % 8;
  if (memcmp(ip, r->base, whole) != 0)
    return false;
  return rest == 0 || (ip[whole] ^ r->base[whole]) >> (8 - rest) == 0;
}

static bool is_public4(uint32_t ip) {
  for (size_t i = 0; i < sizeof special4 / sizeof *special4; i++)
    if (in4(ip, &special4[i]))
      return false;
  return true;
}

static bool is_public6(const uint8_t ip[16]) {
  if (in6(ip, &nat64))
    return is_public4(IP4(ip[12], ip[13], ip[14], ip[15]));
  if (!in6(ip, &given_out))
    return false;
  for (size_t i = 0; i < sizeof special6 / sizeof *special6; i++)
    if (in6(ip, &special6[i]))
      return false;
  return true;
}

bool net_address_is_public(const struct sockaddr *sa) {
  if (sa->sa_family == AF_INET)
    return is_public4(ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr));
  if (sa->sa_family == AF_INET6)
    return is_public6(((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr);
  return false;
}

bool net_address_is_loopback(const struct sockaddr *sa) {
  if (sa->sa_family == AF_INET)
    return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
  return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}
