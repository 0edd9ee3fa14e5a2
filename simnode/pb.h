// As much of protobuf as TRON's transactions and headers need. Writing is canonical: the caller writes fields
// in ascending order and leaves defaults out (pb_*() leave them out themselves).
#pragma once
#include "base/str.h"

void sim_pb_varint(struct buf *out, uint64_t v);
void sim_pb_int(struct buf *out, int field, int64_t v);        // nothing for 0
void sim_pb_bytes(struct buf *out, int field, struct str v);   // nothing for no bytes
void sim_pb_message(struct buf *out, int field, struct str v); // a nested message is written even when empty

struct sim_pb {
  const uint8_t *p, *end;
  const char *bad; // what java-tron would say; NULL: nothing wrong so far
};

struct sim_pb_field {
  int number;
  bool is_int;
  int64_t i;
  struct str bytes;
  struct str whole; // with its tag
};

void sim_pb_open(struct sim_pb *r, struct str bytes);
bool sim_pb_next(struct sim_pb *r, struct sim_pb_field *out); // false at the end, or when `bad`
