#include "base/hex.h"
#include "wire/block.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { RECORDED = 8 };

static struct arena arena;
static json_t *verification;

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 1 << 20);
  verification = json_load_file("test/data/tron/block-verification.json", 0, NULL);
  return verification ? 0 : 1;
}

static int teardown(void **state) {
  (void)state;
  json_decref(verification);
  arena_free(&arena);
  return 0;
}

static const json_t *expected(size_t i) {
  return json_array_get(json_object_get(verification, "blocks"), i);
}

static const char *text(const json_t *o, const char *name) {
  return json_string_value(json_object_get(o, name));
}

static void hex(const json_t *o, const char *name, void *out, size_t n) {
  assert_true(hex_decode(str_of(text(o, name)), out, n));
}

static void hex_address(const json_t *o, const char *name, struct tron_address *out) {
  uint8_t bytes[21];
  hex(o, name, bytes, sizeof bytes);
  memcpy(out->account, bytes + 1, sizeof out->account);
}

static void load(const char *file, struct block_header *out, uint8_t id[BLOCK_ID_N]) {
  char path[256];
  snprintf(path, sizeof path, "test/data/tron/blocks/%s", file);
  json_t *block = json_load_file(path, 0, NULL);
  assert_non_null(block);
  const json_t *header = json_object_get(block, "block_header"), *raw = json_object_get(header, "raw_data");
  *out = (struct block_header){.is_signed = true};
  out->number = json_integer_value(json_object_get(raw, "number"));
  out->time_ms = json_integer_value(json_object_get(raw, "timestamp"));
  out->version = json_integer_value(json_object_get(raw, "version"));
  hex(raw, "txTrieRoot", out->tx_root, sizeof out->tx_root);
  hex(raw, "parentHash", out->parent, sizeof out->parent);
  hex_address(raw, "witness_address", &out->witness);
  hex(header, "witness_signature", out->signature, sizeof out->signature);
  hex(block, "blockID", id, BLOCK_ID_N);
  json_decref(block);
}

static void headers_hash_to_their_ids_and_name_their_signers(void **state) {
  (void)state;
  const json_t *e;
  size_t n = 0;
  for (; (e = expected(n)) != NULL; n++) {
    struct block_header h;
    struct tron_address signer, should;
    uint8_t id[BLOCK_ID_N], computed[BLOCK_ID_N], hash[SHA256_N], hash_should[SHA256_N];
    load(text(e, "file"), &h, id);
    block_id(&h, computed, hash);
    assert_memory_equal(computed, id, sizeof id);
    hex(e, "sha256", hash_should, sizeof hash_should);
    assert_memory_equal(hash, hash_should, sizeof hash);
    hex_address(e, "recovered", &should);
    assert_true(block_signer(&h, &signer));
    assert_memory_equal(&signer, &should, sizeof signer);
  }
  assert_int_equal(n, RECORDED);
}

static void headers_have_one_encoding(void **state) {
  (void)state;
  for (size_t i = 0; i < RECORDED; i++) {
    const json_t *e = expected(i);
    struct block_header h, back;
    uint8_t id[BLOCK_ID_N], raw[BLOCK_HEADER_MAX];
    struct buf out;
    load(text(e, "file"), &h, id);
    buf_init(&out, &arena, 1 << 10);
    block_header_encode(&h, &out);
    assert_int_equal(out.n * 2, strlen(text(e, "raw_header_hex")));
    hex(e, "raw_header_hex", raw, out.n);
    assert_memory_equal(out.p, raw, out.n);

    assert_true(block_header_decode(buf_view(&out), &back));
    back.is_signed = true;
    memcpy(back.signature, h.signature, sizeof h.signature);
    assert_memory_equal(&back, &h, sizeof h);
    assert_false(block_header_decode((struct str){out.p, out.n - 1}, &back));
    buf_char(&out, 0x50); // a field without a value
    assert_false(block_header_decode(buf_view(&out), &back));
    buf_char(&out, 0x00); // the version twice, the second a default that is written out
    assert_false(block_header_decode(buf_view(&out), &back));
  }
}

static void any_changed_bit_of_header_or_signature_names_another_signer(void **state) {
  (void)state;
  const json_t *e = expected(0);
  struct block_header h;
  struct tron_address signer, should;
  uint8_t id[BLOCK_ID_N];
  load(text(e, "file"), &h, id);
  hex_address(e, "recovered", &should);
  for (int bit = 0; bit < 512; bit++) {
    struct block_header changed = h;
    changed.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_false(block_signer(&changed, &signer) && memcmp(&signer, &should, sizeof signer) == 0);
  }
  for (int bit = 0; bit < 256; bit++) {
    struct block_header changed = h;
    changed.tx_root[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_false(block_signer(&changed, &signer) && memcmp(&signer, &should, sizeof signer) == 0);
  }
  h.is_signed = false;
  assert_false(block_signer(&h, &signer));
}

static void both_ways_to_write_v_are_read(void **state) {
  (void)state;
  json_t *file = json_load_file("test/data/tron/usdt-transfer-tx.json", 0, NULL);
  const json_t *vectors = json_object_get(file, "vectors"), *v;
  size_t i = 0;
  for (; (v = json_array_get(vectors, i)) != NULL; i++) {
    struct tron_address signer, should;
    uint8_t hash[SHA256_N], signature[SIGNATURE_N];
    hex(v, "txid", hash, sizeof hash);
    hex(v, "signature_v_27_28", signature, sizeof signature);
    if (!address_parse(str_of(text(v, "owner_base58")), &should)) // the one of TRX names nobody
      break;
    assert_true(signature_recover(hash, signature, &signer));
    assert_memory_equal(&signer, &should, sizeof signer);
    signature[64] = (uint8_t)(signature[64] - 27);
    assert_true(signature_recover(hash, signature, &signer));
    assert_memory_equal(&signer, &should, sizeof signer);
    signature[64] ^= 1;
    assert_false(signature_recover(hash, signature, &signer) && memcmp(&signer, &should, sizeof signer) == 0);
    signature[64] = 8;
    assert_false(signature_recover(hash, signature, &signer));
    memset(signature, 0, sizeof signature);
    assert_false(signature_recover(hash, signature, &signer));
  }
  assert_true(i > 10);
  json_decref(file);
}

static size_t leaves_of(const json_t *e, uint8_t (*out)[SHA256_N]) {
  const json_t *list = json_object_get(e, "leaves");
  for (size_t i = 0; i < json_array_size(list); i++)
    assert_true(hex_decode(str_of(json_string_value(json_array_get(list, i))), out[i], SHA256_N));
  return json_array_size(list);
}

static void leaves_add_up_to_the_root(void **state) {
  (void)state;
  const json_t *e;
  uint8_t leaves[8][SHA256_N], id[BLOCK_ID_N], root[SHA256_N], zero[SHA256_N] = {0};
  size_t whole = 0, cut = 0;
  for (size_t i = 0; (e = expected(i)) != NULL; i++) {
    struct block_header h;
    load(text(e, "file"), &h, id);
    bool is_whole = strstr(text(e, "file"), "full") != NULL,
         is_cut = strstr(text(e, "file"), "TRUNCATED") != NULL;
    bool is_empty = strstr(text(e, "file"), "empty") != NULL;
    if (!is_whole && !is_cut && !is_empty)
      continue;
    merkle_root(leaves, leaves_of(e, leaves), root);
    assert_int_equal(memcmp(root, h.tx_root, sizeof root) == 0, !is_cut);
    whole += is_whole;
    cut += is_cut;
  }
  assert_int_equal(whole, 1);
  assert_int_equal(cut, 1);
  merkle_root(leaves, 0, root);
  assert_memory_equal(root, zero, sizeof root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(headers_hash_to_their_ids_and_name_their_signers),
      cmocka_unit_test(headers_have_one_encoding),
      cmocka_unit_test(any_changed_bit_of_header_or_signature_names_another_signer),
      cmocka_unit_test(both_ways_to_write_v_are_read),
      cmocka_unit_test(leaves_add_up_to_the_root),
  };
  return cmocka_run_group_tests_name("block", tests, setup, teardown);
}
