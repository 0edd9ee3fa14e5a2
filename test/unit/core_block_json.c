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

// --- single answers ---

static const char *const said_names[] = {"this", "nothing", "error", "rubbish"};

static const json_t *exchange(const json_t *all, struct str file) {
  size_t i;
  json_t *one;
  json_array_foreach(all, i, one) if (str_eq(recording_text(one, "file"), file)) return one;
  fail_msg("%.*s", STR_FMT(file));
  return NULL;
}

// A block as the receipts have it, whose transactions all succeeded: the receipts alone must refuse the rest.
static struct block block_of(const json_t *list) {
  struct block b = {.n = (int)json_array_size(list)};
  const json_t *first = json_array_get(list, 0);
  b.header.number = json_integer_value(json_object_get(first, "blockNumber"));
  b.header.time_ms = json_integer_value(json_object_get(first, "blockTimeStamp"));
  b.txs = ARENA_ARRAY(&arena, struct block_tx, b.n);
  for (int i = 0; i < b.n; i++) {
    assert_true(
        hex_decode(recording_text(json_array_get(list, (size_t)i), "id"), b.txs[i].id, sizeof b.txs[i].id));
    b.txs[i].succeeded = true;
  }
  return b;
}

// Receipts, or one alone as a list of one, at a height and time that may have been cut off.
static int receipts_are_right(struct str answer, bool alone, const struct table *t, struct str file) {
  struct str list = alone ? str_printf(&arena, "[%.*s]", STR_FMT(answer)) : answer;
  json_t *told = json_loadb(list.p, list.n, 0, NULL);
  struct tron_address token =
      account(str_starts(file, STR("txinfo/mainnet")) || str_starts(file, STR("txinfo/CONSTRUCTED"))
                  ? STR("a614f803b6fd780986a42c78ec9c7f77e6ded13c")
                  : STR("468bfdba19e79e18e1f4b537ed1333e51d1f8edf"));
  char *name = str_c(&arena, file);
  struct block b = block_of(told);
  struct receipts r;
  json_decref(told);
  enum said said = read_receipts(list, &b, &token, &r);
  if (said == SAID_THIS) {
    credits_are_right(&r, t, name, b.header.number);
    only_the_token_was_wrong(list, &b, t, name);
  }
  return (int)said;
}

static int transaction_is_right(struct str answer) {
  struct tron_address token = account(STR("468bfdba19e79e18e1f4b537ed1333e51d1f8edf"));
  struct block b;
  struct str in_block = str_printf(
      &arena,
      "{\"blockID\":\"0000000000000001%048d\",\"transactions\":[%.*s],\"block_header\":{\"raw_data\":{"
      "\"number\":1,\"txTrieRoot\":\"%064d\",\"parentHash\":\"%064d\",\"witness_address\":\"41%040d\"},"
      "\"witness_signature\":\"%0130d\"}}",
      0, STR_FMT(answer), 1, 0, 0, 0);
  enum said said = read_block(in_block, &token, &b);
  if (said == SAID_THIS) {
    json_t *told = json_loadb(in_block.p, in_block.n, 0, NULL);
    calls_are_right(&b, told, &token);
    json_decref(told);
  }
  return (int)said;
}

static int block_is_right(struct str answer, struct str file, int64_t n) {
  struct tron_address token = account(STR("468bfdba19e79e18e1f4b537ed1333e51d1f8edf"));
  struct block b;
  enum said said = read_block(answer, &token, &b);
  if (said != SAID_THIS)
    return (int)said;
  assert_int_equal(b.n, n);
  json_t *told = json_loadb(answer.p, answer.n, 0, NULL);
  calls_are_right(&b, told, &token);
  json_decref(told);
  if (b.header.number > 0) // the first block's witness is a sentence
    id_is_right(&b);
  merkle_is_right(&b, !str_eqc(file, "blocks/mainnet-30864544-TRUNCATED-one-tx.json"));
  return (int)said;
}

static int blocks_are_right(struct str answer, int64_t n) {
  struct tron_address token = account(STR("468bfdba19e79e18e1f4b537ed1333e51d1f8edf"));
  static struct block blocks[BLOCKS_MAX];
  struct block_json j = {&token, &arena, STR_NONE};
  char *p = copy(answer);
  int got, fewer;
  enum said said = blocks_read(&j, (struct str){p, answer.n}, blocks, BLOCKS_MAX, &got);
  assert_int_equal(got, n);
  for (int i = 0; i < got; i++) {
    id_is_right(&blocks[i]);
    merkle_is_right(&blocks[i], true);
  }
  if (n > 0)
    assert_int_equal(blocks_read(&j, (struct str){p, answer.n}, blocks, (int)n - 1, &fewer), SAID_RUBBISH);
  free(p);
  return (int)said;
}

static int no_receipts(struct str answer) {
  struct tron_address token = account(STR("468bfdba19e79e18e1f4b537ed1333e51d1f8edf"));
  struct block_tx one = {.succeeded = true};
  struct block empty = {.n = 0}, b = {.txs = &one, .n = 1};
  struct receipts r;
  enum said said = read_receipts(answer, &b, &token, &r);
  // an empty list is what a block without transactions has
  assert_int_equal(read_receipts(answer, &empty, &token, &r), answer.p[0] == '[' ? SAID_THIS : said);
  return (int)said;
}

static void every_answer(void **state) {
  (void)state;
  struct table t = table_read("transfers.tsv.gz"), answers = table_read("answers.tsv");
  json_t *all = recording_exchanges();
  int asked = 0;
  for (int i = 0; i < answers.n; i++) {
    struct str *row = answers.rows[i], file = row[0], answer = STR_NONE;
    bool of_file = memchr(file.p, '/', file.n) != NULL;
    int said;
    arena_reset(&arena);
    answer = of_file ? recording_read(str_c(&arena, file)) : recording_text(exchange(all, file), "body");
    if (str_eqc(row[1], "transaction") && str_eqc(row[2], "this"))
      said = transaction_is_right(answer);
    else if (str_eqc(row[1], "blocks"))
      said = blocks_are_right(answer, number(row[3]));
    else if (str_eqc(row[1], "block") || str_eqc(row[1], "transaction"))
      said = block_is_right(answer, file, number(row[3]));
    else if (number(row[3]) == 0 && !str_eqc(row[2], "rubbish"))
      said = no_receipts(answer);
    else
      said = receipts_are_right(answer, str_eqc(row[1], "info"), &t, file);
    if (!str_eqc(row[2], said_names[said]))
      fail_msg("%.*s: %s", STR_FMT(file), said_names[said]);
    if (of_file)
      free((char *)answer.p);
    asked++;
  }
  assert_int_equal(asked, answers.n);
  assert_true(asked > 280);
  json_decref(all);
  table_free(&t);
  table_free(&answers);
}

// The leaves, as another program has computed them.
static void leaves(void **state) {
  (void)state;
  json_t *all = recording_json("block-verification.json"), *one, *leaf;
  size_t i, k, seen = 0;
  json_array_foreach(json_object_get(all, "blocks"), i, one) {
    struct tron_address token = {{0}};
    struct block b;
    char name[128];
    snprintf(name, sizeof name, "blocks/%s", json_string_value(json_object_get(one, "file")));
    struct str answer = recording_read(name);
    if (read_block(answer, &token, &b) == SAID_THIS)
      json_array_foreach(json_object_get(one, "leaves"), k, leaf) {
        uint8_t expected[SHA256_N];
        assert_true(hex_decode(str_of(json_string_value(leaf)), expected, sizeof expected));
        assert_memory_equal(b.txs[k].leaf, expected, sizeof expected);
        seen++;
      }
    free((char *)answer.p);
  }
  assert_true(seen > 5);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stretches_of_chains),
      cmocka_unit_test(every_answer),
      cmocka_unit_test(leaves),
  };
  arena_init(&arena, (size_t)1 << 30);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
