// The listening socket.
#pragma once
#include <stddef.h>

// Opens "127.0.0.1:8080" or "[::1]:8080": numbers only, a name could mean several addresses. -1: `error` says
// why.
int listener_open(const char *where, char *error, size_t n);
int listener_port(int fd);
// `wanted` (0: limits.h) or as many connections as descriptors allow; raises the soft limit of descriptors to
// the hard one.
int listener_connections_max(int wanted);
