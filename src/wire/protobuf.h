// The little of protobuf's encoding that TRON's headers and transactions need.
#pragma once
#include "base/str.h"

// Writing: into a caller's bytes; what does not fit sets `full`.
struct pb_out {
  uint8_t *p;
  size_t n, max;
  bool full;
};
void pb_number(struct pb_out *o, uint32_t field, int64_t v); // 0 is left out, as the default
void pb_bytes(struct pb_out *o, uint32_t field, struct str bytes);

// Reading: one field after the other, in the bytes' order. Numbers and byte strings only: nothing else is
// met.
struct pb_field {
  uint32_t number;
  bool is_bytes;
  int64_t value;    // of a number
  struct str bytes; // of a byte string
};
// False: no further field; *rest is empty then, or what stands there is no field.
bool pb_next(struct str *rest, struct pb_field *out);
