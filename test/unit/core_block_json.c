// Every recording of a block, a receipt and an error, and whole stretches of chains, block by block. What
// must come of them stands in tables that another program has made (test/data/tron/README.md). What no node
// has been seen to say is in core_success_rule.c.
#include "base/hex.h"
#include "../support/recordings.h"
#include "wire/block_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { BLOCKS_MAX = 100, FIELDS = 9 };

static struct arena arena;

// A table's lines, split at tabs.
struct table {
  struct str text;
  struct str (*rows)[FIELDS];
  int n;
};

static struct table table_read(const char *name) {
  struct table t = {.text = recording_read(name)};
  t.rows = calloc(2000, sizeof *t.rows);
  const char *p = strchr(t.text.p, '\n') + 1; // below the heading
  for (const char *end; (end = strchr(p, '\n')); p = end + 1, t.n++) {
    assert_true(t.n < 2000);
    for (int f = 0; f < FIELDS && p <= end; f++) {
      size_t n = strcspn(p, "\t\n");
      t.rows[t.n][f] = (struct str){p, n};
      p += n + 1;
    }
    p = end;
  }
  return t;
}

static void table_free(struct table *t) {
  free(t->rows);
  free((char *)t->text.p);
}

static int64_t number(struct str s) {
  int64_t v;
  assert_true(str_to_i64(s, &v));
  return v;
}

static struct tron_address account(struct str digits) {
  struct tron_address a;
  assert_true(hex_decode(digits, a.account, sizeof a.account));
  return a;
}

static bool is_account(const struct tron_address *a, struct str digits) {
  struct tron_address b = account(digits);
  return memcmp(a, &b, sizeof b) == 0;
}

// An answer in a block of memory of its own, which is gone before what was read is looked at.
static char *copy(struct str s) {
  char *p = malloc(s.n ? s.n : 1);
  memcpy(p, s.p ? s.p : "", s.n);
  return p;
}

static enum said read_block(struct str answer, const struct tron_address *token, struct block *out) {
  struct block_json j = {token, &arena, STR_NONE};
  char *p = copy(answer);
  enum said said = block_read(&j, (struct str){p, answer.n}, out);
  assert_int_equal(said == SAID_RUBBISH || said == SAID_ERROR, j.why.p != NULL);
  free(p);
  return said;
}

static enum said read_receipts(struct str answer, const struct block *b, const struct tron_address *token,
                               struct receipts *out) {
  struct block_json j = {token, &arena, STR_NONE};
  char *p = copy(answer);
  enum said said = receipts_read(&j, (struct str){p, answer.n}, b, out);
  assert_int_equal(said == SAID_RUBBISH || said == SAID_ERROR, j.why.p != NULL);
  free(p);
  return said;
}

static struct str text_at(const json_t *list, size_t i) {
  const json_t *v = json_array_get(list, i);
  assert_non_null(v);
  return (struct str){json_string_value(v), json_string_length(v)};
}

// --- what is signed ---

static void merkle_is_right(const struct block *b, bool right) {
  uint8_t(*leaves)[SHA256_N] = calloc((size_t)b->n + 1, SHA256_N), root[SHA256_N];
  for (int i = 0; i < b->n; i++)
    memcpy(leaves[i], b->txs[i].leaf, SHA256_N);
  merkle_root(leaves, (size_t)b->n, root);
  assert_int_equal(memcmp(root, b->header.tx_root, sizeof root) == 0, right);
  free(leaves);
}

static void id_is_right(const struct block *b) {
  uint8_t id[BLOCK_ID_N];
  block_id(&b->header, id, NULL);
  assert_memory_equal(id, b->id, sizeof id);
}

// The direct calls once more, from the JSON of raw_data, which the gateway does not look at.
static void calls_are_right(const struct block *b, const json_t *told, const struct tron_address *token) {
  const json_t *all = json_object_get(told, "transactions"), *contract, *value;
  assert_int_equal(b->n, json_array_size(all));
  for (int i = 0; i < b->n; i++) {
    const struct block_tx *tx = &b->txs[i];
    const json_t *one = json_array_get(all, (size_t)i);
    contract = json_array_get(json_object_get(json_object_get(one, "raw_data"), "contract"), 0);
    value = json_object_get(json_object_get(contract, "parameter"), "value");
    struct str to = recording_text(value, "contract_address"), data = recording_text(value, "data"),
               owner = recording_text(value, "owner_address"),
               outcome = recording_text(json_array_get(json_object_get(one, "ret"), 0), "contractRet");
    bool ours = str_eqc(recording_text(contract, "type"), "TriggerSmartContract") && to.n == 42 &&
                is_account(token, (struct str){to.p + 2, 40});
    bool transfer = ours && data.n >= 136 && str_starts(data, STR("a9059cbb")),
         other = ours && data.n >= 200 && str_starts(data, STR("23b872dd"));
    const char *words = data.p + 8 + (other ? 64 : 0);
    assert_int_equal(tx->succeeded, str_eqc(outcome, "SUCCESS"));
    assert_int_equal(tx->is_direct, transfer || other);
    assert_int_equal(tx->bytes.p != NULL, tx->is_direct);
    if (!tx->is_direct)
      continue;
    uint8_t amount[32], leaf[SHA256_N];
    struct str from = transfer ? (struct str){owner.p + 2, 40} : (struct str){data.p + 8 + 24, 40};
    assert_true(is_account(&tx->from, from));
    assert_true(is_account(&tx->to, (struct str){words + 24, 40}));
    assert_true(hex_decode((struct str){words + 64, 64}, amount, 32));
    assert_memory_equal(tx->amount, amount, 32);
    sha256(tx->bytes, leaf);
    assert_memory_equal(tx->leaf, leaf, sizeof leaf);
  }
}

// The credits of one answer are exactly those of the table.
static int credits_are_right(const struct receipts *r, const struct table *t, const char *file,
                             int64_t height) {
  int n = 0;
  for (int i = 0; i < t->n; i++) {
    struct str *row = t->rows[i];
    if (!str_eqc(row[0], file) || number(row[1]) != height || !str_eqc(row[8], "credit"))
      continue;
    assert_true(n < r->n);
    const struct transfer_log *l = &r->transfers[n++];
    assert_int_equal(l->tx, number(row[2]));
    assert_int_equal(l->log_index, number(row[3]));
    assert_true(is_account(&l->from, row[5]) && is_account(&l->to, row[6]));
    assert_int_equal(l->value, number(row[7]));
  }
  assert_int_equal(n, r->n);
  return n;
}

static int rows_of(const struct table *t, const char *file, const char *verdict) {
  int n = 0;
  for (int i = 0; i < t->n; i++)
    n += str_eqc(t->rows[i][0], file) && str_eqc(t->rows[i][8], verdict);
  return n;
}

// Another contract's transfer is refused for that alone: whose token it is gets it credited.
static void only_the_token_was_wrong(struct str answer, const struct block *b, const struct table *t,
                                     const char *file) {
  for (int i = 0; i < t->n; i++) {
    struct str *row = t->rows[i];
    if (!str_eqc(row[0], file) || number(row[1]) != b->header.number || !str_eqc(row[8], "token"))
      continue;
    struct tron_address theirs = account(row[4]);
    struct receipts r;
    bool found = false;
    assert_int_equal(read_receipts(answer, b, &theirs, &r), SAID_THIS);
    for (int k = 0; k < r.n; k++)
      found = found || (r.transfers[k].tx == number(row[2]) && r.transfers[k].log_index == number(row[3]) &&
                        r.transfers[k].value == number(row[7]));
    assert_true(found);
  }
}

static void follow(const char *file, const char *token_digits, const struct table *t) {
  json_t *stretch = recording_json(file);
  const json_t *blocks = json_object_get(stretch, "blocks"), *receipts = json_object_get(stretch, "receipts");
  int64_t from = json_integer_value(json_object_get(stretch, "from")),
          to = json_integer_value(json_object_get(stretch, "to"));
  struct tron_address token = account(str_of(token_digits)), signer;
  uint8_t parent[BLOCK_ID_N];
  int credited = 0;
  assert_int_equal(json_array_size(blocks), to - from + 1);
  for (int64_t height = from; height <= to; height++) {
    struct str said = text_at(blocks, (size_t)(height - from)),
               outcomes = text_at(receipts, (size_t)(height - from));
    struct block b;
    struct receipts r;
    arena_reset(&arena);
    assert_int_equal(read_block(said, &token, &b), SAID_THIS);
    assert_int_equal(b.header.number, height);
    if (height > from)
      assert_memory_equal(b.header.parent, parent, sizeof parent);
    memcpy(parent, b.id, sizeof parent);
    id_is_right(&b);
    merkle_is_right(&b, true);
    assert_true(block_signer(&b.header, &signer));
    json_t *told = json_loadb(said.p, said.n, 0, NULL);
    calls_are_right(&b, told, &token);
    json_decref(told);
    assert_int_equal(read_receipts(outcomes, &b, &token, &r), SAID_THIS);
    credited += credits_are_right(&r, t, file, height);
    only_the_token_was_wrong(outcomes, &b, t, file);
    assert_int_equal(r.token_events, 0);
  }
  assert_int_equal(credited, rows_of(t, file, "credit"));
  json_decref(stretch);
}

static void stretches_of_chains(void **state) {
  (void)state;
  struct table t = table_read("transfers.tsv.gz");
  follow("chain/private-80-420.json.gz", "468bfdba19e79e18e1f4b537ed1333e51d1f8edf", &t);
  follow("chain/private-700-740.json.gz", "468bfdba19e79e18e1f4b537ed1333e51d1f8edf", &t);
  follow("chain/private-27-witnesses-8-maintenances.json.gz", "d57865423b6659162843eadf7e2d44af29ec6675", &t);
  table_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stretches_of_chains),
  };
  arena_init(&arena, (size_t)1 << 30);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
