#include "simnode/pb.h"

void sim_pb_varint(struct buf *out, uint64_t v) {
  do {
    uint8_t low = (uint8_t)(v & 0x7F);
    v >>= 7;
    buf_char(out, (char)(v ? low | 0x80 : low));
  } while (v);
}

static void tag(struct buf *out, int field, int type) {
  sim_pb_varint(out, (uint64_t)field << 3 | (uint64_t)type);
}

void sim_pb_int(struct buf *out, int field, int64_t v) {
  if (v == 0)
    return;
  tag(out, field, 0);
  sim_pb_varint(out, (uint64_t)v);
}

void sim_pb_message(struct buf *out, int field, struct str v) {
  tag(out, field, 2);
  sim_pb_varint(out, v.n);
  buf_str(out, v);
}

void sim_pb_bytes(struct buf *out, int field, struct str v) {
  if (v.n)
    sim_pb_message(out, field, v);
}

void sim_pb_open(struct sim_pb *r, struct str bytes) {
  r->p = (const uint8_t *)bytes.p;
  r->end = r->p + bytes.n;
  r->bad = NULL;
}

#define CUT                                                                                                  \
  "While parsing a protocol message, the input ended unexpectedly in the middle of a field.  This could "    \
  "mean either that the input has been truncated or that an embedded message misreported its own length."

static uint64_t read_varint(struct sim_pb *r) {
  uint64_t v = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (r->p == r->end) {
      r->bad = CUT;
      return 0;
    }
    uint8_t byte = *r->p++;
    if (shift < 64)
      v |= (uint64_t)(byte & 0x7F) << shift;
    if (!(byte & 0x80))
      return v;
  }
  r->bad = "CodedInputStream encountered a malformed varint.";
  return 0;
}

static bool take(struct sim_pb *r, size_t n, struct str *out) {
  if (n > (size_t)(r->end - r->p)) {
    r->bad = CUT;
    return false;
  }
  *out = (struct str){(const char *)r->p, n};
  r->p += n;
  return true;
}

bool sim_pb_next(struct sim_pb *r, struct sim_pb_field *out) {
  if (r->bad || r->p == r->end)
    return false;
  const uint8_t *start = r->p;
  uint64_t key = read_varint(r);
  if (!r->bad && (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF))
    r->bad = "Protocol message contained an invalid tag (zero).";
  if (r->bad)
    return false;
  *out = (struct sim_pb_field){.number = (int)(key >> 3)};
  switch (key & 7) {
  case 0:
    out->is_int = true;
    out->i = (int64_t)read_varint(r);
    break;
  case 1:
    take(r, 8, &out->bytes);
    break;
  case 2: {
    uint64_t n = read_varint(r);
    if (!r->bad)
      take(r, n > SIZE_MAX / 2 ? SIZE_MAX : (size_t)n, &out->bytes);
    break;
  }
  case 5:
    take(r, 4, &out->bytes);
    break;
  default:
    r->bad = "Protocol message tag had invalid wire type.";
  }
  out->whole = (struct str){(const char *)start, (size_t)(r->p - start)};
  return !r->bad;
}
