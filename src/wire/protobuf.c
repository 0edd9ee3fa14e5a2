#include "wire/protobuf.h"

#include <string.h>

enum { TYPE_NUMBER = 0, TYPE_BYTES = 2, TYPE_BITS = 3 };
enum { VARINT_MAX = 10 };

static void put(struct pb_out *o, const void *p, size_t n) {
  if (n > o->max - o->n) {
    o->full = true;
    return;
  }
  if (n > 0)
    memcpy(o->p + o->n, p, n);
  o->n += n;
}

static void put_varint(struct pb_out *o, uint64_t v) {
  uint8_t bytes[VARINT_MAX];
  size_t n = 0;
  for (; v >= 0x80; v >>= 7)
    bytes[n++] = (uint8_t)(v | 0x80);
  bytes[n++] = (uint8_t)v;
  put(o, bytes, n);
}

void pb_number(struct pb_out *o, uint32_t field, int64_t v) {
  if (v == 0)
    return;
  put_varint(o, (uint64_t)field << TYPE_BITS | TYPE_NUMBER);
  put_varint(o, (uint64_t)v);
}

void pb_bytes(struct pb_out *o, uint32_t field, struct str bytes) {
  put_varint(o, (uint64_t)field << TYPE_BITS | TYPE_BYTES);
  put_varint(o, bytes.n);
  put(o, bytes.p, bytes.n);
}

static bool get_varint(struct str *rest, uint64_t *out) {
  *out = 0;
  for (size_t i = 0; i < rest->n && i < VARINT_MAX; i++) {
    uint8_t byte = (uint8_t)rest->p[i];
    if (i == VARINT_MAX - 1 && byte > 1) // 64 bits and no more
      return false;
    *out |= (uint64_t)(byte & 0x7F) << (7 * i);
    if (byte & 0x80)
      continue;
    *rest = (struct str){rest->p + i + 1, rest->n - i - 1};
    return true;
  }
  return false;
}

bool pb_next(struct str *rest, struct pb_field *out) {
  struct str s = *rest;
  uint64_t tag, value;
  if (s.n == 0 || !get_varint(&s, &tag) || tag >> TYPE_BITS > UINT32_MAX || !get_varint(&s, &value))
    return false;
  uint64_t type = tag & ((1 << TYPE_BITS) - 1);
  *out = (struct pb_field){.number = (uint32_t)(tag >> TYPE_BITS), .is_bytes = type == TYPE_BYTES};
  if (type == TYPE_BYTES) {
    if (value > s.n)
      return false;
    out->bytes = (struct str){s.p, (size_t)value};
    s = (struct str){s.p + value, s.n - (size_t)value};
  } else if (type == TYPE_NUMBER) {
    out->value = (int64_t)value;
  } else {
    return false;
  }
  *rest = s;
  return true;
}
