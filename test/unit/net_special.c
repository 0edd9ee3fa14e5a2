// Addresses that an outbound connection may and may not go to.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "net/special.h"

static bool is_public(const char *text) {
  union net_address a = {0};
  a.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
  void *to = a.any.sa_family == AF_INET6 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr;
  if (inet_pton(a.any.sa_family, text, to) != 1)
    fail_msg("not an address: %s", text);
  return net_address_is_public(&a.any);
}

// First and last address of every range, and the neighbours outside where they are public.
static void refused(void **state) {
  (void)state;
  static const char *bad[] = {
      "0.0.0.0",
      "0.255.255.255",
      "10.0.0.0",
      "10.255.255.255",
      "100.64.0.0",
      "100.127.255.255",
      "127.0.0.0",
      "127.0.0.1",
      "127.255.255.255",
      "169.254.0.0",
      "169.254.169.254",
      "169.254.255.255",
      "172.16.0.0",
      "172.31.255.255",
      "192.0.0.0",
      "192.0.0.9",
      "192.0.0.170",
      "192.0.0.255",
      "192.0.2.0",
      "192.0.2.255",
      "192.31.196.0",
      "192.31.196.255",
      "192.52.193.0",
      "192.52.193.255",
      "192.88.99.0",
      "192.88.99.255",
      "192.168.0.0",
      "192.168.255.255",
      "192.175.48.0",
      "192.175.48.255",
      "198.18.0.0",
      "198.19.255.255",
      "198.51.100.0",
      "198.51.100.255",
      "203.0.113.0",
      "203.0.113.255",
      "224.0.0.0",
      "239.255.255.255",
      "240.0.0.0",
      "255.255.255.255",
      "::",
      "::1",
      "::7f00:1",
      "::127.0.0.1",
      "::8.8.8.8",
      "::ffff:127.0.0.1",
      "::ffff:8.8.8.8",
      "::ffff:0:127.0.0.1",
      "::ffff:0:8.8.8.8",
      "64:ff9b::127.0.0.1",
      "64:ff9b::10.1.2.3",
      "64:ff9b::169.254.169.254",
      "64:ff9b:1::",
      "64:ff9b:1::8.8.8.8",
      "64:ff9b:1:ffff::1",
      "64:ff9b::1:0:0",
      "64:ff9a::1",
      "100::",
      "100::ffff",
      "100:0:0:1::1",
      "1fff:ffff::1",
      "2001::",
      "2001::8.8.8.8",
      "2001:0:4136:e378:8000:63bf:3fff:fdd2",
      "2001:1::1",
      "2001:1::2",
      "2001:1::3",
      "2001:2::",
      "2001:3::",
      "2001:4:112::",
      "2001:10::",
      "2001:1f:ffff::",
      "2001:20::",
      "2001:30::",
      "2001:1ff:ffff::",
      "2001:db8::",
      "2001:db8:ffff::1",
      "2002::",
      "2002:7f00:1::",
      "2002:808:808::1",
      "2002:ffff::",
      "2620:4f:8000::1",
      "3ffe::1",
      "3fff::",
      "3fff:fff:ffff::",
      "4000::",
      "5f00::1",
      "fbff::1",
      "fc00::1",
      "fd00:ec2::254",
      "fdff::1",
      "fe80::1",
      "febf::1",
      "fec0::1",
      "feff::1",
      "ff00::1",
      "ff02::1",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (is_public(bad[i]))
      fail_msg("%s counts as public", bad[i]);
}

static void allowed(void **state) {
  (void)state;
  static const char *good[] = {
      "1.0.0.0",
      "1.1.1.1",
      "8.8.8.8",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "126.255.255.255",
      "128.0.0.0",
      "169.253.255.255",
      "169.255.0.0",
      "172.15.255.255",
      "172.32.0.0",
      "191.255.255.255",
      "192.0.1.0",
      "192.0.1.255",
      "192.0.3.0",
      "192.31.195.255",
      "192.31.197.0",
      "192.52.192.255",
      "192.52.194.0",
      "192.88.98.255",
      "192.88.100.0",
      "192.167.255.255",
      "192.169.0.0",
      "192.175.47.255",
      "192.175.49.0",
      "198.17.255.255",
      "198.20.0.0",
      "198.51.99.255",
      "198.51.101.0",
      "203.0.112.255",
      "203.0.114.0",
      "223.255.255.255",
      "2000::1",
      "2001:200::",
      "2001:4860:4860::8888",
      "2001:db7:ffff::1",
      "2001:db9::",
      "2003::1",
      "2606:4700:4700::1111",
      "2620:4f:7fff::1",
      "2620:4f:8001::1",
      "2a00:1450:4001::1",
      "3ffd::1",
      "3fff:1000::",
      "64:ff9b::8.8.8.8",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!is_public(good[i]))
      fail_msg("%s counts as special", good[i]);
}

static void other_families(void **state) {
  (void)state;
  struct sockaddr sa = {.sa_family = AF_UNIX};
  assert_false(net_address_is_public(&sa));
  assert_false(net_address_is_loopback(&sa));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refused),
      cmocka_unit_test(allowed),
      cmocka_unit_test(other_families),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
