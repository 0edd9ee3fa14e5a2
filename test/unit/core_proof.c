#include "../support/recordings.h"
#include "base/hex.h"
#include "core/proof_parts.h"
#include "wire/block_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

// A chain of five witnesses, from height 80 on, with transfers of every kind.
enum { FROM = 80, BLOCKS = 341 };

static struct arena arena, scratch;
static struct tron_address token;
static struct witness_list set;
static struct block blocks[BLOCKS];
static struct chain_header headers[BLOCKS];

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 64 << 20);
  arena_init(&scratch, 8 << 20);
  json_t *chain = recording_json("chain/private-80-420.json.gz");
  uint8_t bytes[21];
  assert_true(hex_decode(recording_text(chain, "token"), bytes, sizeof bytes));
  memcpy(token.account, bytes + 1, sizeof token.account);
  assert_true(witness_list_of_answer(recording_text(chain, "listwitnesses"), &set));
  struct block_json j = {.token = &token, .arena = &arena};
  for (size_t i = 0; i < BLOCKS; i++) {
    const json_t *text = json_array_get(json_object_get(chain, "blocks"), i);
    struct str answer = {json_string_value(text), json_string_length(text)};
    struct buf raw;
    assert_int_equal(block_read(&j, answer, &blocks[i]), SAID_THIS);
    buf_init(&raw, &arena, BLOCK_HEADER_MAX);
    block_header_encode(&blocks[i].header, &raw);
    headers[i].number = FROM + (int64_t)i;
    headers[i].raw = buf_view(&raw);
    headers[i].signature = str_copy(&arena, (struct str){(char *)blocks[i].header.signature, SIGNATURE_N});
  }
  json_decref(chain);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  arena_free(&scratch);
  return 0;
}

// The first direct transfer in a block of at least so many transactions.
static void find(int at_least, int *block, int *tx) {
  for (*block = 0; *block < BLOCKS; ++*block)
    for (*tx = 0; blocks[*block].n >= at_least && *tx < blocks[*block].n; ++*tx)
      if (blocks[*block].txs[*tx].is_direct && blocks[*block].txs[*tx].succeeded)
        return;
  fail();
}

static struct str part_of(int block, int tx, struct arena *a) {
  return proof_part(proof_block(&blocks[block], &set, a), tx, a);
}

static struct str made(int block, int tx) {
  struct buf out;
  struct str part = part_of(block, tx, &arena);
  assert_non_null(part.p);
  buf_init(&out, &arena, PROOF_FILE_MAX);
  const char *why = proof_make(part, &token, &headers[block], BLOCKS - block, &out);
  assert_null(why);
  return buf_view(&out);
}

static void every_direct_transfer_of_the_recording_is_proven(void **state) {
  (void)state;
  int proven = 0, longest = 0;
  for (int b = 0; b < BLOCKS - 10; b++)
    for (int i = 0; i < blocks[b].n; i++) {
      const struct block_tx *tx = &blocks[b].txs[i];
      struct proof_statement s;
      if (!tx->is_direct || !tx->succeeded) {
        assert_null(part_of(b, i, &scratch).p);
        continue;
      }
      assert_null(proof_verify(made(b, i), &set, &scratch, &s));
      assert_memory_equal(s.txid, tx->id, sizeof s.txid);
      assert_memory_equal(&s.from, &tx->from, sizeof s.from);
      assert_memory_equal(&s.to, &tx->to, sizeof s.to);
      uint8_t amount[32] = {0};
      for (int k = 0; k < 8; k++)
        amount[31 - k] = (uint8_t)(s.amount.micro >> (8 * k));
      assert_memory_equal(amount, tx->amount, sizeof amount);
      assert_int_equal(s.number, FROM + b);
      assert_int_equal(s.time_ms, blocks[b].header.time_ms);
      assert_int_equal(s.signed_by, 4);
      assert_int_equal(s.witnesses, 5);
      longest = blocks[b].n > longest ? blocks[b].n : longest;
      proven++;
      arena_reset(&scratch);
    }
  assert_true(proven > 20);
  assert_true(longest > 4);
}

static void any_changed_byte_is_refused(void **state) {
  (void)state;
  int block, tx;
  find(5, &block, &tx);
  struct str file = made(block, tx);
  char *copy = str_c(&arena, file);
  struct proof_statement s;
  uint32_t seed = 1;
  for (size_t i = 0; i < file.n; i++) {
    char was = copy[i];
    seed = seed * 1664525 + 1013904223;
    const char tries[] = {(char)(was ^ 1), (char)(was ^ 32), (char)(seed >> 24), was == '0' ? '1' : '0'};
    copy[i] = tries[i % sizeof tries];
    if (copy[i] != was && !proof_verify((struct str){copy, file.n}, &set, &scratch, &s))
      fail_msg("byte %zu may be changed from %c to %c", i, was, copy[i]);
    copy[i] = was;
    arena_reset(&scratch);
  }
  assert_non_null(proof_verify((struct str){file.p, file.n - 1}, &set, &scratch, &s));
  assert_null(proof_verify((struct str){copy, file.n}, &set, &scratch, &s));
  arena_reset(&scratch);
}

static const char *refused(struct str file, const struct witness_list *by) {
  struct proof_statement s;
  const char *why = proof_verify(file, by, &scratch, &s);
  assert_non_null(why);
  arena_reset(&scratch);
  return why;
}

static void another_set_is_said(void **state) {
  (void)state;
  int block, tx;
  find(1, &block, &tx);
  struct str file = made(block, tx);
  struct witness_list other = set;
  other.who[0].account[3] ^= 1;
  assert_non_null(strstr(refused(file, &other), "other witnesses"));
  other = set;
  other.n--;
  assert_non_null(strstr(refused(file, &other), "other witnesses"));
  other = set;
  other.key[1].account[3] ^= 1;
  assert_non_null(strstr(refused(file, &other), "another key"));
  other = set; // the order says nothing
  other.who[0] = other.key[0] = set.who[1];
  other.who[1] = other.key[1] = set.who[0];
  struct proof_statement s;
  assert_null(proof_verify(file, &other, &scratch, &s));
}

static const char *not_made(struct str part, int block, int n) {
  struct buf out;
  buf_init(&out, &scratch, PROOF_FILE_MAX);
  const char *why = proof_make(part, &token, &headers[block], n, &out);
  assert_non_null(why);
  arena_reset(&scratch);
  return why;
}

static void what_is_not_proven_gives_no_file(void **state) {
  (void)state;
  int block, tx;
  find(2, &block, &tx);
  struct str part = part_of(block, tx, &arena);
  assert_non_null(strstr(not_made(part, block, 3), "too few"));
  assert_non_null(strstr(not_made(part, block, 0), "too few"));
  assert_non_null(strstr(not_made(part, block + 1, 20), "Merkle root"));
  assert_non_null(strstr(not_made(STR("00"), block, 20), "no proof"));
  assert_non_null(strstr(not_made(STR(""), block, 20), "no proof"));

  struct chain_header gap[20];
  memcpy(gap, &headers[block], sizeof gap);
  gap[1] = gap[2];
  struct buf out;
  buf_init(&out, &scratch, PROOF_FILE_MAX);
  assert_non_null(strstr(proof_make(part, &token, gap, 20, &out), "one chain"));

  memcpy(gap, &headers[block], sizeof gap);
  for (int i = 0; i < 20; i++) // signed by nobody
    gap[i].signature = headers[(block + 30) % BLOCKS].signature;
  assert_non_null(strstr(proof_make(part, &token, gap, 20, &out), "too few"));

  struct tron_address other = token;
  other.account[0] ^= 1;
  assert_non_null(strstr(proof_make(part, &other, &headers[block], 20, &out), "that token"));
  arena_reset(&scratch);
}

static struct str replaced(struct str file, const char *what, const char *with) {
  const char *text = str_c(&arena, file), *at = strstr(text, what);
  struct buf out;
  assert_non_null(at);
  buf_init(&out, &arena, PROOF_FILE_MAX);
  buf_add(&out, text, (size_t)(at - text));
  buf_c(&out, with);
  buf_c(&out, at + strlen(what));
  return buf_view(&out);
}

// One witness that has signed twice is one; a header that is left out, or put in another place, breaks the
// chain; what the file says about itself is what it proves.
static void a_file_put_together_otherwise_is_refused(void **state) {
  (void)state;
  int block, tx;
  find(1, &block, &tx);
  struct str file = made(block, tx);
  refused(replaced(file, "\"amount\": \"", "\"amount\": \"1"), &set);
  refused(replaced(file, "  \"amount\"", "   \"amount\""), &set);
  refused(replaced(file, "\"proof\": \"tron", "\"proof\": \"eth"), &set);
  refused(replaced(file, "  \"txid\"", "  \"more\": 1,\n  \"txid\""), &set);
  refused(replaced(file, "  \"headers\": [\n", "  \"headers\": [\n    [\"00\", \"\"],\n"), &set);
  refused(STR(""), &set);
  refused(STR("{}"), &set);
  refused(STR("[]"), &set);
}

static struct str written(const struct proof *p, const struct proof_statement *s) {
  struct buf out;
  buf_init(&out, &arena, PROOF_FILE_MAX);
  proof_write(p, s, &out);
  return buf_view(&out);
}

static void a_quorum_is_of_different_witnesses(void **state) {
  (void)state;
  int block, tx;
  struct proof *p = ARENA_NEW(&arena, struct proof);
  struct proof_statement s;
  find(1, &block, &tx);
  struct str file = made(block, tx);
  assert_null(proof_verify(file, &set, &arena, &s));
  assert_true(proof_read(file, &arena, p));
  assert_true(str_eq(written(p, &s), file));
  int last = p->n_headers - 1;
  p->n_headers--;
  assert_non_null(strstr(refused(written(p, &s), &set), "too few"));
  for (int i = p->n_headers; i < 40; i++) { // until the first one's witness has its next turn
    struct block_header *h = &blocks[block + i].header;
    p->headers[p->n_headers++] = (struct proof_header){.raw = headers[block + i].raw};
    if (!address_same(&h->witness, &blocks[block].header.witness))
      continue;
    p->headers[i].counts = true;
    memcpy(p->headers[i].signature, h->signature, SIGNATURE_N);
    break;
  }
  assert_true(p->n_headers > last);
  assert_non_null(strstr(refused(written(p, &s), &set), "same witness"));
  p->headers[0].counts = false; // then it is one signature too few again
  p->headers[1].counts = false;
  assert_non_null(strstr(refused(written(p, &s), &set), "too few"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_direct_transfer_of_the_recording_is_proven),
      cmocka_unit_test(any_changed_byte_is_refused),
      cmocka_unit_test(another_set_is_said),
      cmocka_unit_test(what_is_not_proven_gives_no_file),
      cmocka_unit_test(a_quorum_is_of_different_witnesses),
      cmocka_unit_test(a_file_put_together_otherwise_is_refused),
  };
  return cmocka_run_group_tests_name("proof", tests, setup, teardown);
}
