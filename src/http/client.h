// Who is asking: the address of the peer, or, where the peer is a proxy that the operator trusts, the one it
// names.
#pragma once
#include "base/str.h"

#include <sys/socket.h>

struct address {
  uint8_t bytes[16]; // IPv6; IPv4 in its mapped form ::ffff:a.b.c.d
};

enum { CLIENT_PROXIES_MAX = 64, ADDRESS_TEXT_BYTES = 46 };

struct proxy_list {
  struct {
    struct address net;
    int bits; // of the 128
  } block[CLIENT_PROXIES_MAX];
  int n;
};

// "10.0.0.0/8, ::1" → list; false when something in it is not an address or a block. NULL gives the empty
// list.
bool proxy_list_parse(struct proxy_list *l, const char *text);
bool proxy_list_has(const struct proxy_list *l, const struct address *a);

bool client_address_parse(struct str text, struct address *out); // "1.2.3.4", "2001:db8::1"
bool address_of_socket(const struct sockaddr *sa,
                       struct address *out); // false for anything but IPv4 and IPv6
struct str address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES]);
bool address_is_loopback(const struct address *a);
// What a limit per client counts by: the address, of an IPv6 one the /64 (one customer's whole range).
struct str address_limit_key(const struct address *a);

// The client behind `peer`: the rightmost address of X-Forwarded-For that is not itself a trusted proxy, as
// long as each hop to the right of it is trusted (anything further left could have been written by the
// client). Several lines of the header count as one list.
struct address client_address(const struct proxy_list *trusted, const struct address *peer,
                              const struct str *lines, int n);
