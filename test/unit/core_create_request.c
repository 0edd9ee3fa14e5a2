#include "core/create_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;
static struct create_request r;
static const char *param;

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static enum err parse(const char *json) {
  param = "unset";
  return create_request_parse(&arena, str_of(json), &r, &param);
}

// All three steps in their order.
static enum err check(const char *json) {
  enum err e = parse(json);
  if (e == ERR_NONE)
    e = create_request_urls(&r, STR("merchant-site.com"), &param);
  if (e == ERR_NONE)
    e = create_request_amount(&r, (struct usdt){10000}, USDT(1000000), &param);
  return e;
}

static void reads_the_documented_request(void **state) {
  (void)state;
  assert_int_equal(
      check("{\"order_id\": \"ORDER_12345\", \"amount\": \"50.00\", \"description\": \"Service payment\","
            "\"success_url\": \"https://merchant-site.com/success\","
            "\"fail_url\": \"https://merchant-site.com/fail\"}"),
      ERR_NONE);
  assert_null(param);
  assert_true(str_eqc(r.order_id, "ORDER_12345"));
  assert_int_equal(r.amount.micro, 50000000);
  assert_int_equal(r.scale, 2);
  assert_true(str_eqc(r.description, "Service payment"));
  assert_true(str_eqc(r.success_url, "https://merchant-site.com/success"));
  assert_true(str_eqc(r.fail_url, "https://merchant-site.com/fail"));
}

static void optional_fields_may_be_missing_null_or_empty(void **state) {
  (void)state;
  const char *const bodies[] = {
      "{\"order_id\":\"1\",\"amount\":\"1\"}",
      "{\"order_id\":\"1\",\"amount\":\"1\",\"description\":null,\"success_url\":null,\"fail_url\":null}",
      "{\"order_id\":\"1\",\"amount\":\"1\",\"description\":\"\",\"success_url\":\"\",\"fail_url\":\"\"}",
  };
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(check(bodies[i]), ERR_NONE);
    assert_null(r.description.p);
    assert_null(r.success_url.p);
    assert_null(r.fail_url.p);
  }
}

struct amount_row {
  const char *json;
  enum err err;
  int64_t micro;
  int scale;
};

static const struct amount_row amounts[] = {
    {"50.10", ERR_NONE, 50100000, 2}, // no binary fraction is 50.10
    {"\"50.10\"", ERR_NONE, 50100000, 2},
    {"50", ERR_NONE, 50000000, 0},
    {"0.29", ERR_NONE, 290000, 2},
    {"999999.999999", ERR_NONE, 999999999999, 6},
    {"\t\n\r 7.5 \n", ERR_NONE, 7500000, 1},
    {"\"\\u0035\"", ERR_NONE, 5000000, 0},
    {"0", ERR_AMOUNT_ZERO, 0, 0},
    {"0.00", ERR_AMOUNT_ZERO, 0, 0},
    {"\"0.00\"", ERR_AMOUNT_ZERO, 0, 0},
    {"-5", ERR_AMOUNT_ZERO, 0, 0},
    {"-5.00", ERR_AMOUNT_ZERO, 0, 0},
    {"\"-5\"", ERR_AMOUNT_ZERO, 0, 0},
    {"1e2", ERR_AMOUNT_FORMAT, 0, 0},
    {"1E+2", ERR_AMOUNT_FORMAT, 0, 0},
    {"\"1e2\"", ERR_AMOUNT_FORMAT, 0, 0},
    {"\"\"", ERR_AMOUNT_FORMAT, 0, 0},
    {"\" 5\"", ERR_AMOUNT_FORMAT, 0, 0},
    {"\"abc\"", ERR_AMOUNT_FORMAT, 0, 0},
    {"true", ERR_AMOUNT_FORMAT, 0, 0},
    {"[1]", ERR_AMOUNT_FORMAT, 0, 0},
    {"{\"amount\":1}", ERR_AMOUNT_FORMAT, 0, 0},
    {"null", ERR_AMOUNT_MISSING, 0, 0},
    {"1.0000001", ERR_AMOUNT_DECIMALS, 0, 0},
    {"0.009999", ERR_AMOUNT_MIN, 0, 0},
    {"0.01", ERR_NONE, 10000, 2},
    {"1000000", ERR_NONE, 1000000000000, 0},
    {"1000000.000001", ERR_AMOUNT_MAX, 0, 0},
    {"99999999999999999999999999", ERR_AMOUNT_MAX, 0, 0},
    {"\"99999999999999999999999999\"", ERR_AMOUNT_MAX, 0, 0},
    {"00.5", ERR_JSON, 0, 0},
    {".5", ERR_JSON, 0, 0},
    {"5.", ERR_JSON, 0, 0},
    {"+5", ERR_JSON, 0, 0},
    {"NaN", ERR_JSON, 0, 0},
};

static void takes_amounts_from_the_text(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
    const struct amount_row *row = &amounts[i];
    struct str body = str_printf(&arena, "{\"order_id\":\"1\",\"amount\":%s,\"x\":1}", row->json);
    enum err e = check(body.p);
    if (e != row->err)
      fail_msg("%s: %s", row->json, err_sentence(e));
    if (e == ERR_NONE) {
      assert_int_equal(r.amount.micro, row->micro);
      assert_int_equal(r.scale, row->scale);
    } else if (e != ERR_JSON) {
      assert_string_equal(param, "amount");
    }
  }
  assert_int_equal(check("{\"order_id\":\"1\"}"), ERR_AMOUNT_MISSING);
}

// The amount is the top-level one, whatever else looks like it.
static void is_not_fooled_about_the_amount(void **state) {
  (void)state;
  const char *const bodies[] = {
      "{\"order_id\":\"1\",\"x\":{\"amount\":7},\"amount\":5}",
      "{\"order_id\":\"1\",\"amount\":5,\"x\":{\"amount\":7}}",
      "{\"order_id\":\"1\",\"x\":[{\"amount\":7}],\"amount\" : 5}",
      "{\"order_id\":\"1\",\"x\":\"\\\"amount\\\":7\",\"amount\":5}",
      "{\"order_id\":\"1\",\"amount\":5,\"x\":\"amount\",\"y\":7}",
      "{\"order_id\":\"1\",\"amount\":5,\"x\":\"}\\\\\",\"xamount\":7,\"amountx\":7}",
      "{\"order_id\":\"1\",\"x\":\"\\\"\",\"amount\":5}",
      "{\"order_id\":\"1\",\"amount\\\\\":7,\"amount\":5}",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    if (check(bodies[i]) != ERR_NONE)
      fail_msg("refused: %s", bodies[i]);
    assert_int_equal(r.amount.micro, 5000000);
  }
  assert_int_equal(check("{\"order_id\":\"1\",\"amount\":5,\"am\\u006funt\":7}"), ERR_JSON);
  assert_int_equal(check("{\"order_id\":\"1\",\"am\\u006funt\":7}"), ERR_AMOUNT_FORMAT);
  assert_int_equal(check("{\"order_id\":\"1\",\"am\\u006funt\":\"7\"}"), ERR_NONE);
}

static const struct {
  const char *json, *text; // text NULL: refused
} order_ids[] = {
    {"\"A-1\"", "A-1"},
    {"12345", "12345"},
    {"0", "0"},
    {"-7", "-7"},
    {"123456789012345678901234567890", "123456789012345678901234567890"},
    {"\"\\u0417\\u0430\\u043a\\u0430\\u0437 \\ud83d\\ude42\"",
     "\xd0\x97\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb7 \xf0\x9f\x99\x82"},
    {"\" \"", " "},
    {"\"\"", NULL},
    {"1.0", NULL},
    {"1e3", NULL},
    {"null", NULL},
    {"true", NULL},
    {"[\"1\"]", NULL},
    {"\"a\\nb\"", NULL},
    {"\"a\\u007f\"", NULL},
    {"\"\\u202eabc\"", NULL},
};

static void checks_order_ids(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof order_ids / sizeof *order_ids; i++) {
    struct str body = str_printf(&arena, "{\"order_id\":%s,\"amount\":\"1\"}", order_ids[i].json);
    enum err e = check(body.p);
    if (e != (order_ids[i].text ? ERR_NONE : ERR_ORDER_ID))
      fail_msg("%s: %s", order_ids[i].json, err_sentence(e));
    if (e == ERR_NONE)
      assert_true(str_eqc(r.order_id, order_ids[i].text));
    else
      assert_string_equal(param, "order_id");
  }
  assert_int_equal(check("{\"amount\":\"1\"}"), ERR_ORDER_ID);
}

static enum err with_order_id_of(size_t characters, const char *character) {
  struct buf b;
  buf_init(&b, &arena, 4096);
  buf_c(&b, "{\"amount\":\"1\",\"order_id\":\"");
  for (size_t i = 0; i < characters; i++)
    buf_c(&b, character);
  buf_c(&b, "\"}");
  buf_char(&b, '\0');
  return check(buf_view(&b).p);
}

static void counts_characters_of_order_ids(void **state) {
  (void)state;
  assert_int_equal(with_order_id_of(128, "a"), ERR_NONE);
  assert_int_equal(with_order_id_of(129, "a"), ERR_ORDER_ID);
  assert_int_equal(with_order_id_of(128, "\xf0\x9f\x99\x82"), ERR_NONE);
  assert_int_equal(with_order_id_of(129, "\xf0\x9f\x99\x82"), ERR_ORDER_ID);
}

static void refuses_what_is_not_an_object(void **state) {
  (void)state;
  const char *const not_json[] = {"",
                                  " ",
                                  "{",
                                  "{\"order_id\":}",
                                  "{'a':1}",
                                  "{} x",
                                  "{\"a\":1,}",
                                  "\xef\xbb\xbf{}",
                                  "{\"a\":\"\xff\"}",
                                  "{\"a\":\"\\u0000\"}",
                                  "{\"a\":\"",
                                  "{\"a\":\"\\",
                                  "{\"a\":1,\"a\":2}",
                                  "{\"x\":{\"a\":1,\"a\":1}}",
                                  "{\"a\":01}",
                                  "{\"a\":1e999}"};
  for (size_t i = 0; i < sizeof not_json / sizeof *not_json; i++) {
    if (parse(not_json[i]) != ERR_JSON)
      fail_msg("%s", not_json[i]);
    assert_null(param);
  }
  assert_int_equal(parse("[]"), ERR_NOT_OBJECT);
  assert_int_equal(parse("5"), ERR_NOT_OBJECT);
  assert_int_equal(parse("\"amount\""), ERR_NOT_OBJECT);
  assert_int_equal(parse("null"), ERR_NOT_OBJECT);
  assert_int_equal(create_request_parse(&arena, STR_NONE, &r, &param), ERR_JSON);
}

static struct str nested(int depth) {
  struct buf b;
  buf_init(&b, &arena, 1 << 18);
  buf_c(&b, "{\"order_id\":\"1\",\"amount\":\"1\",\"x\":");
  for (int i = 1; i < depth; i++)
    buf_char(&b, '[');
  for (int i = 1; i < depth; i++)
    buf_char(&b, ']');
  buf_char(&b, '}');
  return buf_view(&b);
}

static void limits_depth(void **state) {
  (void)state;
  assert_int_equal(create_request_parse(&arena, nested(16), &r, &param), ERR_NONE);
  assert_int_equal(create_request_parse(&arena, nested(17), &r, &param), ERR_JSON_DEPTH);
  assert_int_equal(create_request_parse(&arena, nested(30000), &r, &param), ERR_JSON_DEPTH);
  assert_int_equal(parse("{\"order_id\":\"1\",\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), ERR_NONE);
}

// Where several things are wrong, the first in the documented order answers.
static void reports_the_first_failure(void **state) {
  (void)state;
  assert_int_equal(check("{\"order_id\":\"\",\"description\":1,\"success_url\":\"x\",\"amount\":0}"),
                   ERR_ORDER_ID);
  assert_int_equal(check("{\"order_id\":\"1\",\"description\":1,\"success_url\":\"x\",\"amount\":0}"),
                   ERR_DESCRIPTION);
  assert_string_equal(param, "description");
  assert_int_equal(check("{\"order_id\":\"1\",\"success_url\":\"x\",\"fail_url\":\"x\",\"amount\":0}"),
                   ERR_SUCCESS_URL);
  assert_string_equal(param, "success_url");
  assert_int_equal(check("{\"order_id\":\"1\",\"success_url\":\"https://a.b\",\"amount\":0}"),
                   ERR_SUCCESS_HOST);
  assert_int_equal(check("{\"order_id\":\"1\",\"fail_url\":\"x\",\"amount\":0}"), ERR_FAIL_URL);
  assert_string_equal(param, "fail_url");
  assert_int_equal(check("{\"order_id\":\"1\",\"fail_url\":\"https://a.b\",\"amount\":0}"), ERR_FAIL_HOST);
  assert_int_equal(check("{\"order_id\":\"1\",\"fail_url\":5,\"amount\":0}"), ERR_FAIL_URL);
  assert_int_equal(check("{\"order_id\":\"1\",\"success_url\":{},\"amount\":0}"), ERR_SUCCESS_URL);
  assert_int_equal(check("{\"order_id\":\"1\",\"fail_url\":\"https://merchant-site.com\",\"amount\":0}"),
                   ERR_AMOUNT_ZERO);
  assert_string_equal(param, "amount");
  assert_int_equal(check("{\"order_id\":\"1\",\"fail_url\":\"x\",\"amount\":true}"), ERR_FAIL_URL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_documented_request),
      cmocka_unit_test(optional_fields_may_be_missing_null_or_empty),
      cmocka_unit_test(takes_amounts_from_the_text),
      cmocka_unit_test(is_not_fooled_about_the_amount),
      cmocka_unit_test(checks_order_ids),
      cmocka_unit_test(counts_characters_of_order_ids),
      cmocka_unit_test(refuses_what_is_not_an_object),
      cmocka_unit_test(limits_depth),
      cmocka_unit_test(reports_the_first_failure),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
