// The version of the program, also in its User-Agent.
#pragma once

#define CRYPTOPAY_VERSION "0.1.0"
