// When a transfer may be credited, and when a direct call is one, rule by rule (tron.md 3.4, 5.4): one answer
// that is right, and what becomes of it with one thing changed. Recordings are in core_block_json.c.
#include "base/hex.h"
#include "wire/block_json.h"
#include "wire/keccak.h"
#include "wire/protobuf.h"
#include "wire/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "a614f803b6fd780986a42c78ec9c7f77e6ded13c"
#define PAYER "1111111111111111111111111111111111111111"
#define SHOP  "2222222222222222222222222222222222222222"
#define OWNER "3333333333333333333333333333333333333333"
#define ABOVE "000000000000000000000000"
#define EVENT "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define VALUE "00000000000000000000000000000000000000000000000000000000000f4240" // 1 USDT
#define FEE   "00000000000000000000000000000000000000000000000000000000000003e8"
#define ROOT  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define CALL  "a9059cbb" ABOVE SHOP VALUE

static struct arena arena;
static const struct tron_address token = {{0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78, 0x09, 0x86, 0xa4,
                                           0x2c, 0x78, 0xec, 0x9c, 0x7f, 0x77, 0xe6, 0xde, 0xd1, 0x3c}};

// `text` with the first `from` replaced, which must be there.
static struct str replaced(struct str text, const char *from, const char *to) {
  const char *p = memmem(text.p, text.n, from, strlen(from));
  if (!p)
    fail_msg("not there: %s", from);
  size_t before = (size_t)(p - text.p), after = before + strlen(from);
  return str_printf(&arena, "%.*s%s%.*s", (int)before, text.p, to, (int)(text.n - after), text.p + after);
}

static const char *digits(struct str bytes) {
  char *out = arena_alloc(&arena, 2 * bytes.n + 1);
  hex_encode(bytes.p, bytes.n, out);
  return out;
}

static struct str bytes(const char *hex) {
  struct str s = {arena_alloc(&arena, strlen(hex) + 1), strlen(hex) / 2};
  assert_true(hex_decode(str_of(hex), (char *)s.p, s.n));
  return s;
}

// --- a call ---

struct call {
  int64_t type;
  const char *url, *owner, *contract, *data;
  int contracts, repeats; // how often the contract, and its last part, are written
};

static const struct call good_call = {.type = 31,
                                      .url = "type.googleapis.com/protocol.TriggerSmartContract",
                                      .owner = "41" PAYER,
                                      .contract = "41" TOKEN,
                                      .data = CALL,
                                      .contracts = 1,
                                      .repeats = 1};

static struct pb_out writing(void) {
  return (struct pb_out){.p = arena_alloc(&arena, 2000), .max = 2000};
}

static struct str written(struct pb_out o) {
  assert_false(o.full);
  return (struct str){(const char *)o.p, o.n};
}

static struct str raw_of(const struct call *c) {
  struct pb_out trigger = writing(), any = writing(), contract = writing(), raw = writing();
  pb_bytes(&trigger, 1, bytes(c->owner));
  pb_bytes(&trigger, 2, bytes(c->contract));
  for (int i = 0; i < c->repeats; i++)
    pb_bytes(&trigger, 4, bytes(c->data));
  pb_bytes(&any, 1, str_of(c->url));
  pb_bytes(&any, 2, written(trigger));
  pb_number(&contract, 1, c->type);
  pb_bytes(&contract, 2, written(any));
  pb_bytes(&raw, 1, bytes("1542"));
  pb_number(&raw, 8, 1724396061000);
  for (int i = 0; i < c->contracts; i++)
    pb_bytes(&raw, 11, written(contract));
  pb_number(&raw, 18, 1000000000);
  return written(raw);
}

static const char *id_of(struct str raw) {
  uint8_t id[SHA256_N];
  sha256(raw, id);
  return digits((struct str){(const char *)id, sizeof id});
}

static struct str block_of(struct str raw) {
  return str_printf(&arena,
                    "{\"blockID\":\"0000000000000007%048d\",\"block_header\":{\"raw_data\":{\"number\":7,"
                    "\"txTrieRoot\":\"" ROOT "\",\"witness_address\":\"41" OWNER
                    "\",\"parentHash\":\"%064d\",\"version\":32,\"timestamp\":21000},"
                    "\"witness_signature\":\"%0130d\"},\"transactions\":[{\"ret\":[{\"contractRet\":"
                    "\"SUCCESS\"}],\"signature\":[\"%0130d\"],\"txID\":\"%s\",\"raw_data\":{},"
                    "\"raw_data_hex\":\"%s\"}]}\n",
                    1, 2, 3, 4, id_of(raw), digits(raw));
}

static struct str good_block(void) {
  return block_of(raw_of(&good_call));
}

static enum said read_block(struct str text, struct block *b) {
  struct block_json j = {&token, &arena, STR_NONE};
  char *p = malloc(text.n ? text.n : 1); // of the exact size, and gone before anybody looks
  memcpy(p, text.p, text.n);
  enum said said = block_read(&j, (struct str){p, text.n}, b);
  free(p);
  return said;
}

// --- receipts ---

static struct str good_receipts(void) {
  return str_printf(&arena,
                    "[{\"log\":[{\"address\":\"" TOKEN "\",\"data\":\"" VALUE "\",\"topics\":[\"" EVENT
                    "\",\"" ABOVE PAYER "\",\"" ABOVE SHOP "\"]},{\"address\":\"" TOKEN "\",\"data\":\"" FEE
                    "\",\"topics\":[\"" EVENT "\",\"" ABOVE PAYER "\",\"" ABOVE OWNER
                    "\"]}],\"fee\":10732860,\"blockNumber\":7,\"contractResult\":[\"\"],"
                    "\"blockTimeStamp\":21000,\"receipt\":{\"result\":\"SUCCESS\",\"net_fee\":345000},"
                    "\"id\":\"%s\",\"contract_address\":\"41" TOKEN "\"}]\n",
                    id_of(raw_of(&good_call)));
}

static enum said read_receipts(struct str text, const struct block *b, struct receipts *r) {
  struct block_json j = {&token, &arena, STR_NONE};
  char *p = malloc(text.n ? text.n : 1);
  memcpy(p, text.p, text.n);
  enum said said = receipts_read(&j, (struct str){p, text.n}, b, r);
  free(p);
  return said;
}

// How many transfers are credited; -1: rubbish.
static int credited(struct str block, struct str receipts) {
  struct block b;
  struct receipts r;
  assert_int_equal(read_block(block, &b), SAID_THIS);
  enum said said = read_receipts(receipts, &b, &r);
  assert_true(said == SAID_THIS || said == SAID_RUBBISH);
  return said == SAID_THIS ? r.n : -1;
}

struct change {
  const char *from, *to;
  int credited;
};

static void changed(const struct change *changes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    arena_reset(&arena);
    int got = credited(good_block(), replaced(good_receipts(), changes[i].from, changes[i].to));
    if (got != changes[i].credited)
      fail_msg("%s -> %s: %d", changes[i].from, changes[i].to, got);
  }
}

static void a_good_answer(void **state) {
  (void)state;
  struct block b;
  struct receipts r;
  arena_reset(&arena);
  assert_int_equal(read_block(good_block(), &b), SAID_THIS);
  assert_int_equal(read_receipts(good_receipts(), &b, &r), SAID_THIS);
  assert_int_equal(r.n, 2); // the fee is a transfer of its own, to somebody else
  assert_int_equal(r.transfers[0].value, 1000000);
  assert_int_equal(r.transfers[1].value, 1000);
  assert_int_equal(r.transfers[1].log_index, 1);
  assert_string_equal(digits((struct str){(const char *)r.transfers[0].from.account, ADDRESS_N}), PAYER);
  assert_string_equal(digits((struct str){(const char *)r.transfers[0].to.account, ADDRESS_N}), SHOP);
  assert_string_equal(digits((struct str){(const char *)r.transfers[1].to.account, ADDRESS_N}), OWNER);
  assert_int_equal(r.token_events, 0);
}

// a) and b): the receipt's two results.
static void the_receipt_succeeded(void **state) {
  (void)state;
  static const struct change changes[] = {
      {"\"fee\":10732860", "\"result\":\"FAILED\"", 0},
      {"\"fee\":10732860", "\"result\":\"SUCESS\"", 0}, // never printed: what it means nobody knows
      {"\"fee\":10732860", "\"result\":\"\"", 0},
      {"\"fee\":10732860", "\"result\":0", -1},
      {"\"fee\":10732860", "\"result\":null", -1},
      {"\"result\":\"SUCCESS\"", "\"result\":\"REVERT\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"OUT_OF_ENERGY\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"OUT_OF_TIME\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"DEFAULT\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"success\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"SUCCESS \"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"SUCCESSFUL\"", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":\"\"", 0},
      {"\"result\":\"SUCCESS\",", "", 0},
      {"\"result\":\"SUCCESS\"", "\"result\":1", -1},
      {"\"receipt\":{\"result\":\"SUCCESS\",\"net_fee\":345000}", "\"receipt\":{}", 0},
      {"\"receipt\":{\"result\":\"SUCCESS\",\"net_fee\":345000},", "", 0},
      {"\"receipt\":{\"result\":\"SUCCESS\",\"net_fee\":345000}", "\"receipt\":\"SUCCESS\"", -1},
  };
  changed(changes, sizeof changes / sizeof *changes);
}

// c): the block's own word.
static void the_block_says_success(void **state) {
  (void)state;
  static const char *rets[] = {"[{\"contractRet\":\"REVERT\"}]",
                               "[{\"contractRet\":\"OUT_OF_TIME\"}]",
                               "[{\"contractRet\":\"DEFAULT\"}]",
                               "[{\"contractRet\":\"success\"}]",
                               "[{\"contractRet\":\"A_LATER_VERSIONS_WORD\"}]",
                               "[{}]",
                               "[]",
                               "[{\"contractRet\":\"REVERT\"},{\"contractRet\":\"SUCCESS\"}]"};
  for (size_t i = 0; i < sizeof rets / sizeof *rets; i++) {
    arena_reset(&arena);
    struct str block = replaced(good_block(), "[{\"contractRet\":\"SUCCESS\"}]", rets[i]);
    if (credited(block, good_receipts()) != 0)
      fail_msg("%s", rets[i]);
  }
  arena_reset(&arena);
  struct str without = replaced(good_block(), "\"ret\":[{\"contractRet\":\"SUCCESS\"}],", "");
  assert_int_equal(credited(without, good_receipts()), 0);
}

// d): the log.
static void the_log_is_the_tokens(void **state) {
  (void)state;
  static const struct change changes[] = {
      {TOKEN, OWNER, 1},
      {TOKEN, "A614F803B6FD780986A42C78EC9C7F77E6DED13C", 2},
      {TOKEN, "41" TOKEN, -1},
      {TOKEN, "0x" TOKEN, -1},
      {TOKEN, "a614f803b6fd780986a42c78ec9c7f77e6ded1", -1},
      {TOKEN, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", -1},
      {TOKEN, "", -1},
      {"\"address\":\"" TOKEN "\",", "", 1},
      {"\"address\":\"" TOKEN "\"", "\"address\":7", -1},
      {EVENT, "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925", 1},
      {EVENT, "", 1},
      {"\"" EVENT "\"", "1", -1},
      {ABOVE PAYER "\",", ABOVE PAYER "\",\"" ABOVE PAYER "\",", 1},
      {"\"" ABOVE PAYER "\",", "", 1},
      {"\"" EVENT "\",\"" ABOVE PAYER "\",\"" ABOVE SHOP "\"", "", 1},
      {ABOVE PAYER, "000000000000000000000041" PAYER, 1},
      {ABOVE SHOP, "000000000000000000000041" SHOP, 1},
      {ABOVE SHOP, "010000000000000000000000" SHOP, 1},
      {ABOVE SHOP, SHOP, 1},
      {ABOVE SHOP, ABOVE "00" SHOP, 1},
      {VALUE, "0000000000000000000000000000000000000000000000000000000000000000", 1},
      {VALUE, "0000000000000000000000000000000000000000000000000000000000000001", 2},
      {VALUE, "000000000000000000000000000000000000000000000000016345785d8a0000", 2}, // TRANSFER_VALUE_MAX
      {VALUE, "000000000000000000000000000000000000000000000000016345785d8a0001", 1},
      {VALUE, "0000000000000000000000000000000000000000000000007fffffffffffffff", 1},
      {VALUE, "0000000000000000000000000000000000000000000000008000000000000000", 1},
      {VALUE, "0000000000000000000000000000000000000000000000010000000000000001", 1},
      {VALUE, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 1},
      {VALUE, "8000000000000000000000000000000000000000000000000000000000000001", 1},
      {VALUE, "000000000000000000000000000000000000000000000000000000000f4240", 1},
      {VALUE, VALUE "00", 1},
      {VALUE, VALUE VALUE, 1},
      {VALUE, "", 1},
      {VALUE, "00000000000000000000000000000000000000000000000000000000000f424g", 1},
      {"\"data\":\"" VALUE "\",", "", 1},
      {"\"data\":\"" VALUE "\"", "\"data\":1000000", -1},
      {"\"log\":[", "\"log\":[{},", 2},
      {"\"log\":[", "\"log\":[null,", -1},
      {"\"log\":[", "\"log\":[[],", -1},
      {"\"log\":", "\"logs\":", 0},
  };
  changed(changes, sizeof changes / sizeof *changes);
}

// f): of this block, in its order, all of them.
static void the_receipts_are_the_blocks(void **state) {
  (void)state;
  static const struct change changes[] = {
      {"\"blockNumber\":7", "\"blockNumber\":8", -1},
      {"\"blockNumber\":7", "\"blockNumber\":\"7\"", -1},
      {"\"blockNumber\":7", "\"blockNumber\":7.0", -1},
      {"\"blockNumber\":7,", "", -1},
      {"\"blockTimeStamp\":21000", "\"blockTimeStamp\":21001", -1},
      {"\"blockTimeStamp\":21000,", "", -1},
      {"\"id\":\"", "\"id\":\"00", -1},
      {"\"id\":", "\"ID\":", -1},
      {"\"id\":\"", "\"fee2\":\"", -1},
      {"\"fee\":10732860", "\"fee\":9223372036854775808", 2}, // of no interest
      {"\"fee\":10732860", "\"fee\":01", -1},
      {"\"fee\":10732860", "\"receipt\":{\"result\":\"SUCCESS\"}", -1},
      {"\"fee\":10732860", "\"blockNumber\":7", -1},
      {"\"fee\":10732860", "\"blockTimeStamp\":21000", -1},
      {"\"fee\":10732860", "\"log\":[]", -1},
      {"\"net_fee\":345000", "\"result\":\"SUCCESS\"", -1},
      {"\"address\":\"" TOKEN "\"", "\"address\":\"" TOKEN "\",\"address\":\"" TOKEN "\"", -1},
      {"\"data\":\"" VALUE "\"", "\"data\":\"" VALUE "\",\"data\":\"" VALUE "\"", -1},
      {"}]\n", "},{}]", -1},
      {"}]\n", "}] ]", -1},
      {"}]\n", "}", -1},
      {"}]\n", ",}]", -1},
  };
  changed(changes, sizeof changes / sizeof *changes);
  arena_reset(&arena);
  struct str id = {id_of(raw_of(&good_call)), 64}, all = good_receipts();
  struct str twice = str_printf(&arena, "%.*s,%.*s", (int)all.n - 2, all.p, (int)all.n - 1, all.p + 1);
  assert_int_equal(credited(good_block(), twice), -1);
  char *other = str_c(&arena, id);
  other[63] = other[63] == '0' ? '1' : '0';
  assert_int_equal(credited(good_block(), replaced(all, id.p, other)), -1);
}

// Two transactions: a list that is short, long, or in another order is none of this block's.
static void counts_and_order(void **state) {
  (void)state;
  arena_reset(&arena);
  struct call second = good_call;
  second.owner = "41" OWNER;
  struct str one = good_block(), other = block_of(raw_of(&second)), r1 = good_receipts();
  struct str r2 = replaced(r1, id_of(raw_of(&good_call)), id_of(raw_of(&second)));
  const char *tx1 = strstr(one.p, "[{\"ret\""), *tx2 = strstr(other.p, "[{\"ret\"");
  struct str both = str_printf(&arena, "%.*s,%.*s", (int)(one.p + one.n - 3 - tx1) + (int)(tx1 - one.p),
                               one.p, (int)(other.p + other.n - tx2 - 1), tx2 + 1);
  struct str in_order = str_printf(&arena, "%.*s,%.*s", (int)r1.n - 2, r1.p, (int)r2.n - 1, r2.p + 1),
             turned = str_printf(&arena, "%.*s,%.*s", (int)r2.n - 2, r2.p, (int)r1.n - 1, r1.p + 1);
  struct block b;
  struct receipts r;
  assert_int_equal(read_block(both, &b), SAID_THIS);
  assert_int_equal(b.n, 2);
  assert_int_equal(credited(both, in_order), 4);
  assert_int_equal(credited(both, turned), -1);
  assert_int_equal(credited(both, r1), -1);
  assert_int_equal(credited(both, r2), -1);
  assert_int_equal(read_receipts(STR("[]"), &b, &r), SAID_NOTHING);
  assert_int_equal(read_receipts(STR("{}"), &b, &r), SAID_NOTHING);
  assert_int_equal(read_receipts(STR("{\"Error\":\"x\"}"), &b, &r), SAID_ERROR);
  assert_int_equal(read_receipts(STR("{\"Error\":\"x\""), &b, &r), SAID_RUBBISH);
  assert_int_equal(read_receipts(STR("{\"Error\":5}"), &b, &r), SAID_RUBBISH);
  assert_int_equal(read_receipts(STR("{\"x\":\"Error\"}"), &b, &r), SAID_RUBBISH);
  assert_int_equal(read_receipts(STR("null"), &b, &r), SAID_RUBBISH);
  assert_int_equal(read_receipts(STR(""), &b, &r), SAID_RUBBISH);
  // what fails takes its own logs with it and no others
  assert_int_equal(credited(both, replaced(in_order, "\"receipt\":{\"result\":\"SUCCESS\"",
                                           "\"receipt\":{\"result\":\"REVERT\"")),
                   2);
}

// The token's other words.
static void events(void **state) {
  (void)state;
  static const struct {
    const char *signature;
    int event;
  } all[] = {{"Transfer(address,address,uint256)", 0},
             {"Params(uint256,uint256)", TOKEN_PARAMS},
             {"Deprecate(address)", TOKEN_DEPRECATED},
             {"Pause()", TOKEN_PAUSED},
             {"Unpause()", TOKEN_UNPAUSED},
             {"Issue(uint256)", 0}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    uint8_t topic[KECCAK_N];
    struct block b;
    struct receipts r;
    arena_reset(&arena);
    keccak256(str_of(all[i].signature), topic);
    const char *hex = digits((struct str){(const char *)topic, sizeof topic});
    struct str said = replaced(good_receipts(), EVENT, hex);
    assert_int_equal(read_block(good_block(), &b), SAID_THIS);
    assert_int_equal(read_receipts(said, &b, &r), SAID_THIS);
    assert_int_equal(r.token_events, all[i].event);
    assert_int_equal(r.n, i == 0 ? 2 : 1);
    // of another contract, or of a transaction that failed: nothing
    assert_int_equal(read_receipts(replaced(said, TOKEN, OWNER), &b, &r), SAID_THIS);
    assert_int_equal(r.token_events, 0);
    assert_int_equal(read_receipts(replaced(said, "SUCCESS", "REVERT"), &b, &r), SAID_THIS);
    assert_int_equal(r.token_events, 0);
  }
}

// --- the block ---

static void the_block_is_whole(void **state) {
  (void)state;
  static const struct {
    const char *from, *to;
  } bad[] = {
      {"\"blockID\":\"0000000000000007", "\"blockID\":\"0000000000000008"},
      {"\"blockID\":\"", "\"blockID\":\"0"},
      {"\"blockID\"", "\"blockid\""},
      {"\"number\":7", "\"number\":8"},
      {"\"number\":7", "\"number\":\"7\""},
      {"\"number\":7", "\"number\":-7"},
      {"\"number\":7,", ""},
      {"\"number\":7", "\"number\":7,\"number\":7"},
      {"\"timestamp\":21000", "\"timestamp\":-1"},
      {"\"timestamp\":21000", "\"timestamp\":21000.5"},
      {"\"timestamp\":21000", "\"timestamp\":9223372036854775808"},
      {"\"txTrieRoot\"", "\"txTrieRoots\""},
      {"\"txTrieRoot\":\"cc", "\"txTrieRoot\":\""},
      {ROOT, "0000000000000000000000000000000000000000000000000000000000000000"},
      {"\"parentHash\"", "\"parent\""},
      {"\"parentHash\":\"0", "\"parentHash\":\"x"},
      {"\"witness_address\":\"41", "\"witness_address\":\"40"},
      {"\"witness_address\":\"41", "\"witness_address\":\""},
      {"41" OWNER, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
      {"\"witness_address\"", "\"witness\""},
      {"\"witness_signature\"", "\"signature\""},
      {"\"witness_signature\":\"00", "\"witness_signature\":\""},
      {"\"block_header\"", "\"header\""},
      {"\"raw_data\":{\"number\"", "\"raw\":{\"number\""},
      {"\"transactions\"", "\"txs\""}, // the root says that there are some
      {"\"transactions\":[", "\"transactions\":null,\"x\":["},
      {"\"transactions\":[", "\"transactions\":[null,"},
      {"\"transactions\":[", "\"transactions\":[{},"},
      {"\"transactions\":[", "\"transactions\":[],\"transactions\":["},
      {"\"txID\":\"", "\"txID\":\"0"},
      {"\"txID\"", "\"id\""},
      {"\"raw_data_hex\":\"0a", "\"raw_data_hex\":\"0b"},
      {"\"raw_data_hex\":\"0a", "\"raw_data_hex\":\"0"},
      {"\"raw_data_hex\":\"0a", "\"raw_data_hex\":\"zz"},
      {"\"raw_data_hex\"", "\"hex\""},
      {"\"signature\":[\"00", "\"signature\":[\"0"},
      {"\"signature\":[\"00", "\"signature\":[\"gg"},
      {"\"signature\":[", "\"signature\":[5,"},
      {"\"signature\":[", "\"signature\":[],\"signature\":["},
      {"\"signature\":[", "\"signature\":{},\"x\":["},
      {"\"ret\":[{\"contractRet\":\"SUCCESS\"}]", "\"ret\":{\"contractRet\":\"SUCCESS\"}"},
      {"\"ret\":[{\"contractRet\":\"SUCCESS\"}]", "\"ret\":[1]"},
      {"\"contractRet\":\"SUCCESS\"", "\"contractRet\":1"},
      {"\"contractRet\":\"SUCCESS\"", "\"contractRet\":\"SUCCESS\",\"contractRet\":\"SUCCESS\""},
      {"\"contractRet\":\"SUCCESS\"", "\"fee\":\"1\""},
      {"\"raw_data\":{}", "\"raw_data\":{,}"},
      {"}]}\n", "}]}}"},
      {"}]}\n", "}]"},
      {"}]}\n", "}]} x"},
      {"{\"blockID\"", "[{\"blockID\""},
  };
  struct block b;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    arena_reset(&arena);
    struct str text = replaced(good_block(), bad[i].from, bad[i].to);
    if (read_block(text, &b) != SAID_RUBBISH)
      fail_msg("taken: %s", bad[i].to);
  }
  arena_reset(&arena);
  struct str good = good_block();
  assert_int_equal(read_block(good, &b), SAID_THIS);
  for (size_t n = 0; n < good.n - 1; n++)
    assert_int_equal(read_block((struct str){good.p, n}, &b), SAID_RUBBISH);
  // whatever is beside what is of interest
  assert_int_equal(read_block(replaced(good, "{\"blockID\"", " {\"later\":[{\"x\":1e5}],\"blockID\""), &b),
                   SAID_THIS);
  assert_int_equal(read_block(replaced(good, "{\"blockID\"", "{\"Error\":\"no\",\"blockID\""), &b),
                   SAID_ERROR);
  assert_int_equal(read_block(replaced(good, "{\"blockID\"", "{\"Error\":{},\"blockID\""), &b), SAID_RUBBISH);
}

// The leaf of outcomes that have more than one word in them, their bytes written by hand.
static void leaves_of_outcomes(void **state) {
  (void)state;
  static const struct {
    const char *ret, *protobuf; // "": cannot be rebuilt
  } table[] = {
      {"[{\"contractRet\":\"SUCCESS\"}]", "2a021801"},
      {"[{}]", "2a00"},
      {"[]", NULL},
      {"[{\"contractRet\":\"OUT_OF_TIME\"}]", "2a02180b"},
      {"[{\"contractRet\":\"INVALID_CODE\"}]", "2a02180f"},
      {"[{\"contractRet\":\"DEFAULT\"}]", "2a00"},
      {"[{\"ret\":\"FAILED\",\"contractRet\":\"REVERT\",\"fee\":100000}]", "2a0808a08d0610011802"},
      {"[{\"ret\":\"SUCESS\",\"contractRet\":\"SUCCESS\"}]", "2a021801"},
      {"[{\"fee\":-1}]", "2a0b08ffffffffffffffffff01"},
      {"[{\"unfreeze_amount\":1,\"withdraw_amount\":2,\"contractRet\":\"SUCCESS\"}]", "2a0718017802800101"},
      {"[{\"exchange_id\":3,\"withdraw_expire_amount\":4,\"shielded_transaction_fee\":5,"
       "\"exchange_received_amount\":6,\"exchange_inject_another_amount\":7,"
       "\"exchange_withdraw_another_amount\":8}]",
       "2a12900106980107a00108a80103b00105d80104"},
      {"[{\"contractRet\":\"SUCCESS\"},{\"contractRet\":\"SUCCESS\"}]", "2a0218012a021801"},
      {"[{\"contractRet\":\"SOMETHING\"}]", ""},
      {"[{\"ret\":\"SOMETHING\"}]", ""},
  };
  static const uint8_t zeros[SHA256_N];
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct block b;
    uint8_t leaf[SHA256_N];
    arena_reset(&arena);
    struct str text = replaced(good_block(), "[{\"contractRet\":\"SUCCESS\"}]", table[i].ret);
    assert_int_equal(read_block(text, &b), SAID_THIS);
    struct pb_out whole = writing();
    pb_bytes(&whole, 1, raw_of(&good_call));
    pb_bytes(&whole, 2, bytes(str_printf(&arena, "%0130d", 4).p));
    struct str end = table[i].protobuf ? bytes(table[i].protobuf) : STR("");
    struct str all = str_printf(&arena, "%*s", (int)(whole.n + end.n), "");
    memcpy((char *)all.p, whole.p, whole.n);
    if (end.n > 0)
      memcpy((char *)all.p + whole.n, end.p, end.n);
    sha256(all, leaf);
    if (memcmp(b.txs[0].leaf, table[i].protobuf && !end.n ? zeros : leaf, sizeof leaf) != 0)
      fail_msg("%s", table[i].ret);
  }
}

// --- direct calls ---

static void direct_calls(void **state) {
  (void)state;
  const struct call g = good_call;
  struct call c;
  struct block_tx tx;
#define IS(expected, ...)                                                                                    \
  do {                                                                                                       \
    arena_reset(&arena);                                                                                     \
    c = g;                                                                                                   \
    __VA_ARGS__;                                                                                             \
    struct pb_out o = writing();                                                                             \
    pb_bytes(&o, 1, raw_of(&c));                                                                             \
    assert_true(transaction_read(written(o), &token, &tx));                                                  \
    assert_int_equal(tx.is_direct, expected);                                                                \
    assert_int_equal(tx.succeeded, false);                                                                   \
  } while (0)
  IS(true, (void)0);
  assert_string_equal(digits((struct str){(const char *)tx.from.account, ADDRESS_N}), PAYER);
  assert_string_equal(digits((struct str){(const char *)tx.to.account, ADDRESS_N}), SHOP);
  assert_string_equal(digits((struct str){(const char *)tx.amount, 32}), VALUE);
  // wallets put the 41 there too; the contract masks it away, and all that stands above
  IS(true, c.data = "a9059cbb000000000000000000000041" SHOP VALUE);
  IS(true, c.data = "a9059cbbffffffffffffffffffffffff" SHOP VALUE);
  assert_string_equal(digits((struct str){(const char *)tx.to.account, ADDRESS_N}), SHOP);
  IS(true, c.data = CALL "00");
  IS(true, c.data = CALL VALUE VALUE);
  assert_string_equal(digits((struct str){(const char *)tx.amount, 32}), VALUE);
  IS(true, c.data = "23b872dd" ABOVE OWNER ABOVE SHOP VALUE);
  assert_string_equal(digits((struct str){(const char *)tx.from.account, ADDRESS_N}), OWNER);
  assert_string_equal(digits((struct str){(const char *)tx.to.account, ADDRESS_N}), SHOP);
  assert_string_equal(digits((struct str){(const char *)tx.amount, 32}), VALUE);
  IS(true, c.data = "23b872dd" ABOVE OWNER ABOVE SHOP VALUE "ff");
  IS(true, c.url = "other/protocol.TriggerSmartContract"); // java-tron looks behind the last slash only
  // short: the contract takes it for nothing
  IS(false, c.data = "a9059cbb" ABOVE SHOP "00000000000000000000000000000000000000000000000000000000000f42");
  IS(false, c.data = "23b872dd" ABOVE OWNER ABOVE SHOP);
  IS(false, c.data = "a9059cbb");
  IS(false, c.data = "a9059c");
  IS(false, c.data = "");
  IS(false, c.data = "095ea7b3" ABOVE SHOP VALUE); // approve
  IS(false, c.data = "a9059cba" ABOVE SHOP VALUE);
  IS(false, c.contract = "41" OWNER);
  IS(false, c.contract = TOKEN);
  IS(false, c.contract = "40" TOKEN);
  IS(false, c.contract = "");
  IS(false, c.owner = PAYER);
  IS(false, c.owner = "");
  IS(false, c.type = 1);
  IS(false, c.type = 30);
  IS(false, c.type = 0);
  IS(false, c.url = "type.googleapis.com/protocol.TransferContract");
  IS(false, c.url = "protocol.TriggerSmartContract");
  // twice: protobuf would take the last one, or run them together
  IS(false, c.contracts = 2);
  IS(false, c.contracts = 0);
  IS(false, c.repeats = 2);
  IS(false, c.repeats = 0);
#undef IS
}

static void no_transactions(void **state) {
  (void)state;
  struct block_tx tx;
  arena_reset(&arena);
  struct str raw = raw_of(&good_call);
  struct pb_out twice = writing(), cut = writing(), none = writing();
  pb_bytes(&twice, 1, raw);
  pb_bytes(&twice, 1, raw);
  assert_false(transaction_read(written(twice), &token, &tx));
  pb_bytes(&cut, 1, raw);
  assert_true(transaction_read(written(cut), &token, &tx));
  assert_false(transaction_read((struct str){(const char *)cut.p, cut.n - 1}, &token, &tx));
  pb_bytes(&none, 2, raw);
  assert_false(transaction_read(written(none), &token, &tx));
  pb_number(&cut, 5, 1); // an outcome that is a number
  assert_false(transaction_read(written(cut), &token, &tx));
  assert_false(transaction_read(STR(""), &token, &tx));
}

// The smallest transactions there can be, and ones that grow: memory stays within what the header says.
static void memory(void **state) {
  (void)state;
  struct block b;
  for (int grow = 0; grow < 2; grow++) {
    struct buf text;
    arena_reset(&arena);
    buf_init(&text, &arena, 1 << 24);
    buf_str(&text, good_block());
    text.n -= strlen("]}\n");
    for (size_t i = 0, n = 0; grow ? n < 1 << 15 : i < 5000; i++, n = grow ? 2 * n + 64 : 0) {
      struct pb_out raw = {.p = arena_alloc(&arena, n + 16), .max = n + 16};
      if (grow)
        pb_bytes(&raw, 10, (struct str){arena_alloc(&arena, n + 1), n});
      buf_printf(&text, ",{\"txID\":\"%s\",\"raw_data_hex\":\"", id_of(written(raw)));
      buf_c(&text, digits(written(raw)));
      buf_c(&text, "\"}");
    }
    buf_c(&text, "]}");
    size_t before = arena.used;
    assert_int_equal(read_block(buf_view(&text), &b), SAID_THIS);
    assert_true(b.n > 9);
    assert_true(arena.used - before <= BLOCK_JSON_ARENA_TIMES * text.n + BLOCK_JSON_ARENA_MORE);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_answer),
      cmocka_unit_test(the_receipt_succeeded),
      cmocka_unit_test(the_block_says_success),
      cmocka_unit_test(the_log_is_the_tokens),
      cmocka_unit_test(the_receipts_are_the_blocks),
      cmocka_unit_test(counts_and_order),
      cmocka_unit_test(events),
      cmocka_unit_test(the_block_is_whole),
      cmocka_unit_test(leaves_of_outcomes),
      cmocka_unit_test(direct_calls),
      cmocka_unit_test(no_transactions),
      cmocka_unit_test(memory),
  };
  arena_init(&arena, (size_t)1 << 26);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
