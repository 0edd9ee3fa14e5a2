#include "base/hex.h"
#include "base/jsonr.h"
#include "base/jsonw.h"
#include "core/proof_parts.h"

#include <string.h>

static const struct str kind = {"tron-payment-1", 14};

enum { SIDE_N = 1, STEP_TEXT_N = SIDE_N + 2 * SHA256_N };

// Writing

static void put_hex(struct buf *out, const void *bytes, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    uint8_t byte = ((const uint8_t *)bytes)[i];
    buf_char(out, digits[byte >> 4]);
    buf_char(out, digits[byte & 15]);
  }
}

static void put_step(struct buf *out, const struct proof_step *s) {
  buf_char(out, s->is_left ? 'L' : 'R');
  put_hex(out, s->sibling, SHA256_N);
}

static void put_witness(struct buf *out, const struct witness_list *set, int i) {
  char text[ADDRESS_TEXT_N + 1];
  address_format(&set->who[i], text);
  buf_c(out, text);
  if (address_same(&set->who[i], &set->key[i]))
    return;
  address_format(&set->key[i], text);
  buf_char(out, ':');
  buf_c(out, text);
}

static void put_address(struct buf *out, const char *name, const struct tron_address *a) {
  char text[ADDRESS_TEXT_N + 1];
  address_format(a, text);
  buf_printf(out, "  \"%s\": \"%s\",\n", name, text);
}

static void put_headers(struct buf *out, const struct proof *p) {
  buf_c(out, "  \"headers\": [\n");
  for (int i = 0; i < p->n_headers; i++) {
    buf_c(out, "    [\"");
    put_hex(out, p->headers[i].raw.p, p->headers[i].raw.n);
    buf_c(out, "\", \"");
    put_hex(out, p->headers[i].signature, p->headers[i].counts ? SIGNATURE_N : 0);
    buf_c(out, i + 1 < p->n_headers ? "\"],\n" : "\"]\n");
  }
  buf_c(out, "  ],\n");
}

void proof_write(const struct proof *p, const struct proof_statement *s, struct buf *out) {
  char txid[2 * SHA256_N + 1];
  hex_encode(s->txid, sizeof s->txid, txid);
  buf_printf(out, "{\n  \"proof\": \"%s\",\n  \"txid\": \"%s\",\n", kind.p, txid);
  put_address(out, "token", &s->token);
  put_address(out, "from", &s->from);
  put_address(out, "to", &s->to);
  buf_c(out, "  \"amount\": \"");
  usdt_format(out, s->amount, 6);
  buf_c(out, "\",\n  \"block\": ");
  buf_i64(out, s->number);
  buf_c(out, ",\n  \"block_time_ms\": ");
  buf_i64(out, s->time_ms);
  buf_c(out, ",\n  \"transaction\": \"");
  put_hex(out, p->transaction.p, p->transaction.n);
  buf_c(out, "\",\n  \"path\": [");
  for (int i = 0; i < p->path.n; i++) {
    buf_c(out, i > 0 ? ",\n    \"" : "\n    \"");
    put_step(out, &p->path.steps[i]);
    buf_char(out, '"');
  }
  buf_c(out, "],\n");
  put_headers(out, p);
  buf_c(out, "  \"witnesses\": [");
  for (int i = 0; i < p->set.n; i++) {
    buf_c(out, i > 0 ? ",\n    \"" : "\n    \"");
    put_witness(out, &p->set, i);
    buf_char(out, '"');
  }
  buf_c(out, "]\n}\n");
}

void proof_set_write(const struct witness_list *set, struct buf *out) {
  for (int i = 0; i < set->n; i++) {
    buf_char(out, ' ');
    put_witness(out, set, i);
  }
}

void proof_part_write(struct str transaction, const struct proof_path *path, struct str set,
                      struct buf *out) {
  put_hex(out, transaction.p, transaction.n);
  for (int i = 0; i < path->n; i++) {
    buf_char(out, ' ');
    put_step(out, &path->steps[i]);
  }
  buf_str(out, set);
}

// Reading

static bool read_bytes(struct str hex, size_t max, struct arena *a, struct str *out) {
  if (hex.n % 2 != 0 || hex.n / 2 > max)
    return false;
  char *bytes = arena_alloc(a, hex.n / 2 + 1);
  *out = (struct str){bytes, hex.n / 2};
  return hex_decode(hex, bytes, hex.n / 2);
}

static bool read_step(struct str text, struct proof *p) {
  if (text.n != STEP_TEXT_N || (text.p[0] != 'L' && text.p[0] != 'R') || p->path.n == PROOF_PATH_MAX)
    return false;
  struct proof_step *s = &p->path.steps[p->path.n++];
  s->is_left = text.p[0] == 'L';
  return hex_decode((struct str){text.p + SIDE_N, text.n - SIDE_N}, s->sibling, SHA256_N);
}

static bool read_path(struct jsonr *r, struct proof *p) {
  struct str text;
  p->path.n = 0;
  if (!jsonr_open(r, '['))
    return false;
  while (jsonr_item(r))
    if (!jsonr_str(r, &text) || !read_step(text, p))
      return false;
  return true;
}

// ["raw", "signature"]
static bool read_header(struct jsonr *r, struct arena *a, struct proof *p) {
  struct str raw, signature;
  if (p->n_headers == PROOF_HEADERS_MAX || !jsonr_open(r, '[') || !jsonr_item(r) || !jsonr_str(r, &raw) ||
      !jsonr_item(r) || !jsonr_str(r, &signature) || jsonr_item(r))
    return false;
  struct proof_header *h = &p->headers[p->n_headers++];
  *h = (struct proof_header){.counts = signature.n > 0};
  return read_bytes(raw, BLOCK_HEADER_MAX, a, &h->raw) &&
         (!h->counts || hex_decode(signature, h->signature, SIGNATURE_N));
}

static bool read_headers(struct jsonr *r, struct arena *a, struct proof *p) {
  p->n_headers = 0;
  if (!jsonr_open(r, '['))
    return false;
  while (jsonr_item(r))
    if (!read_header(r, a, p))
      return false;
  return true;
}

static bool read_witnesses(struct jsonr *r, struct proof *p) {
  struct str text;
  p->set.n = 0;
  if (!jsonr_open(r, '['))
    return false;
  while (jsonr_item(r))
    if (!jsonr_str(r, &text) || !witness_list_add(&p->set, text))
      return false;
  return p->set.n > 0;
}

static bool read_member(struct jsonr *r, struct str name, struct arena *a, struct proof *p) {
  struct str text;
  if (str_eqc(name, "proof"))
    return jsonr_str(r, &text) && str_eq(text, kind);
  if (str_eqc(name, "token"))
    return jsonr_str(r, &text) && address_parse(text, &p->token);
  if (str_eqc(name, "transaction"))
    return jsonr_str(r, &text) && read_bytes(text, PROOF_TRANSACTION_MAX, a, &p->transaction);
  if (str_eqc(name, "path"))
    return read_path(r, p);
  if (str_eqc(name, "headers"))
    return read_headers(r, a, p);
  if (str_eqc(name, "witnesses"))
    return read_witnesses(r, p);
  jsonr_skip(r); // what it says follows from the rest, and is compared when that is written again
  return true;
}

bool proof_read(struct str file, struct arena *a, struct proof *out) {
  struct jsonr r;
  struct str name;
  *out = (struct proof){.n_headers = 0};
  jsonr_init(&r, file);
  if (!jsonr_open(&r, '{'))
    return false;
  while (jsonr_key(&r, &name))
    if (!read_member(&r, name, a, out))
      return false;
  return jsonr_end(&r) && out->set.n > 0;
}

bool proof_part_read(struct str part, struct arena *a, struct proof *out) {
  *out = (struct proof){.n_headers = 0};
  for (size_t from = 0, to; from < part.n; from = to + 1) {
    for (to = from; to < part.n && part.p[to] != ' '; to++)
      ;
    struct str word = {part.p + from, to - from};
    if (from == 0 && !read_bytes(word, PROOF_TRANSACTION_MAX, a, &out->transaction))
      return false;
    if (from > 0 && !(word.n == STEP_TEXT_N ? read_step(word, out) : witness_list_add(&out->set, word)))
      return false;
  }
  return out->set.n > 0;
}
