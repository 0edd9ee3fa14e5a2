// Which addresses an outbound connection may go to: everything but the special-purpose ranges.
//
// Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries with all their entries, the globally
// reachable ones too (no shop is served from there); multicast; for IPv6 everything outside 2000::/3, the
// only block that is given out. Forms that carry an IPv4 address (mapped, compatible, translated, 6to4,
// Teredo) are refused whatever they carry; only the well-known NAT64 prefix is public when the IPv4 address
// in it is, because networks without IPv4 reach everything through it. A NAT64 prefix of the operator's own
// network cannot be told from other addresses.
#pragma once
#include <stdbool.h>
#include <netinet/in.h>

union net_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

bool net_address_is_public(const struct sockaddr *sa);   // false for any other family
bool net_address_is_loopback(const struct sockaddr *sa); // 127.0.0.0/8 and ::1
