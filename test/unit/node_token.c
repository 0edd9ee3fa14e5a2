// What nodes say of the token and the chain's parameters: the recorded answers, and wrong ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/recordings.h"
#include "node/token.h"

static struct arena arena;
static json_t *exchanges;

static int64_t clock_us;

static int64_t now(void *self) {
  (void)self;
  return clock_us;
}

static void no_random(void *self, void *out, size_t n) {
  (void)self;
  memset(out, 0, n);
}

static const struct world world = {now, now, no_random, NULL};

static int setup(void **state) {
  (void)state;
  clock_us = INT64_C(1800000000000000);
  arena_init(&arena, 16 << 20);
  exchanges = recording_exchanges();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  json_decref(exchanges);
  arena_free(&arena);
  return 0;
}

static struct str body(const char *file) {
  json_t *one;
  size_t i;
  json_array_foreach(exchanges, i, one) if (str_starts(recording_text(one, "file"),
                                                       str_of(file))) return recording_text(one, "body");
  fail_msg("%s", file);
  return STR_NONE;
}

static void constant_calls(void **state) {
  (void)state;
  static const struct {
    const char *file;
    enum said said;
    int64_t value;
  } cases[] = {
      {"269-", SAID_THIS, 0x952050209}, {"270-", SAID_THIS, 0x952050209}, {"272-", SAID_THIS, 0},
      {"273-", SAID_THIS, 0x952050209}, {"274-", SAID_THIS, 0x952050209}, {"276-", SAID_ERROR, 0},
      {"280-", SAID_NOTHING, 0},        {"281-", SAID_NOTHING, 0},        {"282-", SAID_NOTHING, 0},
      {"284-", SAID_ERROR, 0},          {"285-", SAID_ERROR, 0},          {"286-", SAID_NOTHING, 0},
      {"288-", SAID_THIS, 6},           {"289-", SAID_RUBBISH, 0}, // a text is no word
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t word[32] = {0};
    enum said said = answer_word(body(cases[i].file), word);
    uint64_t value = 0;
    for (int k = 24; k < 32; k++)
      value = value << 8 | word[k];
    if (said != cases[i].said || (said == SAID_THIS && value != (uint64_t)cases[i].value))
      fail_msg("%s: %d %llx", cases[i].file, said, (unsigned long long)value);
  }
}

#define WORD "\"0000000000000000000000000000000000000000000000000000000000000006\""

static void wrong_calls(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum said said;
  } cases[] = {
      {"{\"result\":{\"result\":true},\"constant_result\":[" WORD "],\"transaction\":{\"ret\":[{}]}}",
       SAID_THIS},
      {"{\"result\":{\"result\":true},\"constant_result\":[" WORD "]", SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"constant_result\":[]}", SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"constant_result\":[\"06\"]}", SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"constant_result\":[" WORD "," WORD "]}", SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"result\":{\"result\":true},\"constant_result\":[" WORD "]}",
       SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"constant_result\":[" WORD "],\"constant_result\":[" WORD "]}",
       SAID_RUBBISH},
      {"{\"result\":{},\"constant_result\":[" WORD "]}", SAID_RUBBISH},
      {"{\"result\":true,\"constant_result\":[" WORD "]}", SAID_RUBBISH},
      {"{\"result\":{\"result\":false},\"constant_result\":[" WORD "]}", SAID_ERROR},
      {"{\"result\":{\"result\":true,\"code\":\"OTHER_ERROR\"},\"constant_result\":[" WORD "]}", SAID_ERROR},
      {"{\"constant_result\":[" WORD "]}", SAID_RUBBISH},
      {"{\"result\":{\"result\":true},\"constant_result\":[" WORD
       "],\"transaction\":{\"ret\":[{\"ret\":\"FAILED\"}]}}",
       SAID_NOTHING},
      {"[]", SAID_RUBBISH},
      {"", SAID_RUBBISH},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t word[32];
    if (answer_word(str_of(cases[i].text), word) != cases[i].said)
      fail_msg("%s", cases[i].text);
  }
}

static void parameters(void **state) {
  (void)state;
  int64_t v = 0;
  assert_int_equal(answer_maintenance(body("362-"), &v), SAID_THIS);
  assert_int_equal(v, 1795418697000);
  assert_int_equal(answer_maintenance(STR("{}"), &v), SAID_RUBBISH);
  assert_int_equal(answer_maintenance(STR("{\"num\":\"5\"}"), &v), SAID_RUBBISH);
  assert_int_equal(answer_maintenance(STR("{\"num\":5,\"num\":6}"), &v), SAID_RUBBISH);
  struct str all = body("302-");
  assert_int_equal(answer_parameter(all, "getMaintenanceTimeInterval", &v), SAID_THIS);
  assert_int_equal(v, 21600000);
  assert_int_equal(answer_parameter(all, "getRemoveThePowerOfTheGr", &v), SAID_THIS);
  assert_int_equal(v, 0); // left out
  assert_int_equal(answer_parameter(all, "getNothing", &v), SAID_NOTHING);
  all.n -= 2;
  assert_int_equal(answer_parameter(all, "getEnergyFee", &v), SAID_RUBBISH);
}

// --- a node whose contract is asked ---

static struct {
  const char *answers[5]; // by method, as asked for; NULL: reverts
  int calls;
} contract;

static const char *const names[5] = {"decimals()", "basisPointsRate()", "maximumFee()", "paused()",
                                     "deprecated()"};

static void serve(struct fetcher *f, struct fetch *list, size_t n) {
  (void)f;
  for (size_t i = 0; i < n; i++) {
    const char *value = "1";
    contract.calls++;
    for (int m = 0; m < 5; m++)
      if (memmem(list[i].body.p, list[i].body.n, names[m], strlen(names[m])))
        value = contract.answers[m];
    list[i].error = FETCH_OK;
    list[i].status = 200;
    list[i].answer =
        value && *value == '{' ? str_of(value)
        : value                ? str_printf(&arena,
                                            "{\"result\":{\"result\":true},\"constant_result\":[\"%064x\"],\"transaction\":{"
                                                           "\"ret\":[{}]}}",
                                            (unsigned)strtoul(value, NULL, 10))
                               : str_copy(&arena, body("282-"));
  }
}

static struct fetcher fetcher = {serve, NULL, NULL};
static const struct chain_node config = {.url = {"http://h", 8}, .solidity = {"http://h", 8}};

static enum outcome ask(bool may_be_plain, struct token_state *out, struct str *why) {
  struct node *n = node_new(&config, &world);
  struct token_question q = {.fetcher = &fetcher, .node = n, .arena = &arena, .may_be_plain = may_be_plain};
  *out = (struct token_state){0};
  enum outcome o = token_ask(&q, out, why);
  node_free(n);
  return o;
}

static void set(const char *decimals, const char *bps, const char *most, const char *paused,
                const char *deprecated) {
  contract.answers[0] = decimals;
  contract.answers[1] = bps;
  contract.answers[2] = most;
  contract.answers[3] = paused;
  contract.answers[4] = deprecated;
}

static void the_token(void **state) {
  (void)state;
  struct token_state s;
  struct str why;
  set("6", "0", "0", "0", "0");
  assert_int_equal(ask(false, &s, &why), OUTCOME_ANSWER);
  assert_null(token_trouble(&s).p);
  set("6", "10", "50000000", "0", "0");
  assert_int_equal(ask(false, &s, &why), OUTCOME_ANSWER);
  assert_int_equal(s.fee_bps, 10);
  assert_int_equal(s.fee_max, 50000000);
  assert_non_null(token_trouble(&s).p);
  set("6", "0", "0", "1", "0");
  assert_int_equal(ask(false, &s, &why), OUTCOME_ANSWER);
  assert_true(s.paused && !s.deprecated && token_trouble(&s).p);
  set("6", "0", "0", "0", "1");
  assert_int_equal(ask(false, &s, &why), OUTCOME_ANSWER);
  assert_true(!s.paused && s.deprecated && token_trouble(&s).p);
  set("18", "0", "0", "0", "0");
  assert_int_equal(ask(false, &s, &why), OUTCOME_ANSWER);
  assert_non_null(token_trouble(&s).p);
}

static void a_plain_token(void **state) {
  (void)state;
  struct token_state s;
  struct str why;
  set("6", NULL, NULL, NULL, NULL);
  assert_int_equal(ask(true, &s, &why), OUTCOME_ANSWER);
  assert_true(!s.fee_bps && !s.fee_max && !s.paused && !s.deprecated && !token_trouble(&s).p);
  assert_int_equal(ask(false, &s, &why), OUTCOME_ABSENT); // main net's has them all
  assert_non_null(why.p);
  set(NULL, NULL, NULL, NULL, NULL);
  assert_int_equal(ask(true, &s, &why), OUTCOME_ABSENT); // decimals() is no extra
}

static void no_token(void **state) {
  (void)state;
  struct token_state s;
  struct str why;
  set("{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\",\"message\":\"00\"}}", "0", "0", "0", "0");
  assert_int_equal(ask(true, &s, &why), OUTCOME_ABSENT);
  set("{\"Error\":\"x\"}", "0", "0", "0", "0");
  assert_int_equal(ask(true, &s, &why), OUTCOME_REFUSED);
  set("{\"rubbish\":1}", "0", "0", "0", "0");
  assert_int_equal(ask(true, &s, &why), OUTCOME_REFUSED);
  assert_non_null(why.p);
}

// A node that may be asked once a second: what was answered is kept.
static void one_after_the_other(void **state) {
  (void)state;
  struct chain_node slow = config;
  struct token_state s = {0};
  struct str why;
  slow.per_s = 1;
  struct node *n = node_new(&slow, &world);
  struct token_question q = {.fetcher = &fetcher, .node = n, .arena = &arena};
  set("6", "0", "0", "0", "0");
  contract.calls = 0;
  for (int i = 0; i < 4; i++, clock_us += 1000000)
    assert_int_equal(token_ask(&q, &s, &why), OUTCOME_LATER);
  assert_int_equal(token_ask(&q, &s, &why), OUTCOME_ANSWER);
  assert_int_equal(contract.calls, 5);
  node_free(n);
}

static void balances(void **state) {
  (void)state;
  struct node *n = node_new(&config, &world);
  struct tron_address who = {{2}};
  struct token_question q = {.fetcher = &fetcher, .node = n, .arena = &arena};
  struct str why;
  int64_t v;
  set("1", "1", "1", "1", "1");
  assert_int_equal(token_balance(&q, &who, &v, &why), OUTCOME_ANSWER);
  assert_int_equal(v, 1);
  node_free(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constant_calls), cmocka_unit_test(wrong_calls),         cmocka_unit_test(parameters),
      cmocka_unit_test(the_token),      cmocka_unit_test(a_plain_token),       cmocka_unit_test(no_token),
      cmocka_unit_test(balances),       cmocka_unit_test(one_after_the_other),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
