// Checks of single settings: NULL when the value will do, otherwise what is wrong with it.
#pragma once
#include "base/str.h"

const char *check_some(struct str value);       // not empty
const char *check_listen(struct str value);     // HOST:PORT
const char *check_ops_listen(struct str value); // HOST:PORT or empty
const char *check_networks(struct str value);   // addresses and CIDR blocks with commas
const char *check_log_level(struct str value);
