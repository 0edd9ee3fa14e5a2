#include "base/jsonr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

// A copy of the exact size, so that a sanitizer sees a read past its end.
static struct str exact(const char *text, size_t n) {
  char *p = malloc(n ? n : 1);
  memcpy(p, text, n);
  return (struct str){p, n};
}

static bool skips(struct str text) {
  struct jsonr r;
  struct str s = exact(text.p, text.n);
  jsonr_init(&r, s);
  jsonr_skip(&r);
  bool ok = jsonr_end(&r);
  free((char *)s.p);
  return ok;
}

// What is JSON and what is not (RFC 8259); jansson must be of the same opinion.
static void shapes(void **state) {
  (void)state;
  static const char *good[] = {
      "{}",
      "[]",
      " [ ] ",
      "{\"a\":1}",
      "[1,2,[3,{\"x\":null}],true,false]\n",
      "{\"a\":{\"b\":{\"c\":[[]]}},\"d\":\"\"}",
      "[0,-0,10,-1,1.5,0.25,1e3,1E+3,1e-3,-2.50e10]",
      "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uABCD\"]",
      "[\"0123456\",\"01234567\",\"012345678\",\"0123456789abcdef\",\"0123456789abcdef0\"]",
      "[\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"]",
      "\t\r\n{ \"a\" : [ 1 , 2 ] }\n",
      "[\"\x7f\"]",
  };
  static const char *bad[] = {
      "",
      " ",
      "{",
      "[",
      "}",
      "]",
      "[1",
      "[1,",
      "[1,]",
      "[,1]",
      "[,]",
      "[1 2]",
      "[1,,2]",
      "{,}",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{\"a\":1 \"b\":2}",
      "{\"a\" 1}",
      "{a:1}",
      "{'a':1}",
      "{1:2}",
      "{\"a\":1]",
      "[1}",
      "[[1]",
      "{}{}",
      "[] x",
      "[]]",
      "[01]",
      "[-]",
      "[+1]",
      "[.5]",
      "[1.]",
      "[1.e1]",
      "[1e]",
      "[1e+]",
      "[0x10]",
      "[--1]",
      "[NaN]",
      "[Infinity]",
      "[tru]",
      "[truex]",
      "[True]",
      "[nul]",
      "[\"]",
      "[\"abc",
      "[\"a\nb\"]",
      "[\"0123456\x1f\"]",
      "[\"\\x\"]",
      "[\"\\\"]",
      "[\"\\u12\"]",
      "[\"\\u12G4\"]",
      "[\"\\u",
      "[\"\\",
      "[\"\xff\"]",
      "[\"\xc3\"]",
      "[\"01234567\xed\xa0\x80\"]",
      "[1]//",
      "[/**/1]",
      "\xef\xbb\xbf[]",
      "{\"\\u0061\":1}", // a key with an escape: JSON, but not from a node
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!skips(str_of(good[i])) || !skips(str_of(good[i])))
      fail_msg("refused: %s", good[i]);
    json_t *j = json_loads(good[i], JSON_DECODE_ANY, NULL);
    assert_non_null(j);
    json_decref(j);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (skips(str_of(bad[i])))
      fail_msg("taken: %s", bad[i]);
    json_t *j = json_loads(bad[i], 0, NULL);
    assert_true(!j || strchr(bad[i], 'u'));
    json_decref(j);
  }
  assert_false(skips((struct str){"[\"a\0b\"]", 7}));
  assert_false(skips((struct str){"[1]\0", 4}));
  assert_false(skips((struct str){"[\"\\\0\"]", 6}));
}

// Every place in a string where something ends it, whatever stands around: eight characters are read at once.
static void strings_end_where_they_end(void **state) {
  (void)state;
  static const char enders[] = {'"', '\\', '\n', '\x1f', '\0', '\x80'};
  char text[40];
  for (size_t n = 0; n < 20; n++)
    for (size_t at = 0; at <= n; at++)
      for (size_t k = 0; k < sizeof enders; k++)
        for (char c = ' '; c <= '~'; c++) {
          if (c == '"' || c == '\\')
            continue;
          struct jsonr r;
          struct str got;
          memset(text, c, sizeof text);
          text[0] = '"';
          text[1 + at] = enders[k];
          text[1 + n + 1] = '"';
          struct str s = exact(text, n + 3);
          jsonr_init(&r, s);
          bool ok = jsonr_str(&r, &got);
          // a quote ends it; a backslash makes an escape with some letters and, last of all, with the quote
          bool escapes = enders[k] == '\\' && at < n && strchr("/bfnrt", c);
          assert_int_equal(ok, enders[k] == '"' || escapes);
          if (ok)
            assert_int_equal(got.n, escapes ? n + 1 : at);
          free((char *)s.p);
        }
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool ok;
    int64_t v;
  } table[] = {
      {"0", true, 0},
      {"-0", true, 0},
      {"7", true, 7},
      {"-7", true, -7},
      {"9223372036854775807", true, INT64_MAX},
      {"-9223372036854775808", true, INT64_MIN},
      {"9007199254740993", true, 9007199254740993},
      {"9223372036854775808", false, 0},
      {"-9223372036854775809", false, 0},
      {"99999999999999999999999", false, 0},
      {"1.0", false, 0},
      {"1e2", false, 0},
      {"1E2", false, 0},
      {"01", false, 0},
      {"-", false, 0},
      {"+1", false, 0},
      {"\"1\"", false, 0},
      {"null", false, 0},
      {"true", false, 0},
      {"1x", false, 0},
      {"", false, 0},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct jsonr r;
    int64_t v = 1234;
    struct str s = exact(table[i].text, strlen(table[i].text));
    jsonr_init(&r, s);
    jsonr_i64(&r, &v);
    if (jsonr_end(&r) != table[i].ok || (table[i].ok && v != table[i].v))
      fail_msg("%s", table[i].text);
    free((char *)s.p);
  }
}

static void typed(void **state) {
  (void)state;
  struct jsonr r;
  struct str key, s;
  int64_t n = 0;
  bool yes = false;
  uint8_t bytes[2];
  jsonr_init(&r,
             STR(" {\"n\": -3, \"s\":\"a\\n\", \"h\":\"fF01\", \"t\":true, \"x\":[{},1], \"a\":[1,2,3]} "));
  assert_int_equal(jsonr_peek(&r), '{');
  assert_true(jsonr_open(&r, '{'));
  assert_true(jsonr_key(&r, &key) && str_eqc(key, "n") && jsonr_peek(&r) == '0' && jsonr_i64(&r, &n));
  assert_int_equal(n, -3);
  assert_true(jsonr_key(&r, &key) && str_eqc(key, "s") && jsonr_str(&r, &s) && str_eqc(s, "a\\n"));
  assert_true(jsonr_key(&r, &key) && str_eqc(key, "h") && jsonr_hex(&r, bytes, 2));
  assert_int_equal(bytes[0] << 8 | bytes[1], 0xff01);
  assert_true(jsonr_key(&r, &key) && jsonr_bool(&r, &yes) && yes);
  assert_true(jsonr_key(&r, &key) && str_eqc(key, "x"));
  jsonr_skip(&r);
  assert_true(jsonr_key(&r, &key) && jsonr_open(&r, '['));
  for (int i = 1; i <= 3; i++)
    assert_true(jsonr_item(&r) && jsonr_i64(&r, &n) && n == i);
  assert_false(jsonr_item(&r));
  assert_false(jsonr_key(&r, &key));
  assert_true(jsonr_end(&r));
}

// Another type than asked for is bad, and stays so.
static void wrong_turns(void **state) {
  (void)state;
  static const char *texts[] = {"{}", "[]", "\"zz\"", "1", "true", "null", "x", ""};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (int call = 0; call < 6; call++) {
      struct jsonr r;
      struct str s;
      int64_t n;
      bool b;
      uint8_t byte;
      jsonr_init(&r, str_of(texts[i]));
      bool ok = call == 0   ? jsonr_open(&r, '{')
                : call == 1 ? jsonr_open(&r, '[')
                : call == 2 ? jsonr_str(&r, &s)
                : call == 3 ? jsonr_i64(&r, &n)
                : call == 4 ? jsonr_bool(&r, &b)
                            : jsonr_hex(&r, &byte, 1);
      assert_int_equal(ok, i < 5 && (int)i == call);
      if (ok)
        continue;
      assert_true(r.bad);
      assert_false(jsonr_open(&r, '{') || jsonr_key(&r, &s) || jsonr_item(&r) || jsonr_str(&r, &s) ||
                   jsonr_i64(&r, &n) || jsonr_bool(&r, &b) || jsonr_end(&r));
      assert_int_equal(jsonr_peek(&r), 0);
      jsonr_skip(&r);
      assert_true(r.bad);
    }
}

// Who goes on after a wrong turn without looking comes to an end.
static void loops_end(void **state) {
  (void)state;
  static const char *texts[] = {"[", "[1,", "[{\"a\":", "[[[[", "[1,{", "[\"", "[{\"a\":1,"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct jsonr r;
    int turns = 0;
    jsonr_init(&r, str_of(texts[i]));
    jsonr_open(&r, '[');
    while (jsonr_item(&r)) {
      jsonr_skip(&r);
      assert_true(++turns < 5);
    }
    assert_false(jsonr_end(&r));
  }
}

static void depth(void **state) {
  (void)state;
  char text[2 * JSONR_DEPTH_MAX + 3];
  for (int levels = JSONR_DEPTH_MAX - 1; levels <= JSONR_DEPTH_MAX + 1; levels++) {
    memset(text, '[', (size_t)levels);
    memset(text + levels, ']', (size_t)levels);
    assert_int_equal(skips((struct str){text, 2 * (size_t)levels}), levels <= JSONR_DEPTH_MAX);
  }
  struct jsonr r;
  jsonr_init(&r, STR("[[]]"));
  assert_true(jsonr_open(&r, '[') && jsonr_item(&r) && jsonr_open(&r, '['));
  assert_false(jsonr_item(&r) || jsonr_item(&r));
  assert_true(jsonr_end(&r));
  // objects and arrays close with their own bracket on every level
  char mixed[4 * JSONR_DEPTH_MAX + 2] = "", *p = mixed;
  for (int i = 0; i < 30; i++)
    p += sprintf(p, "[{\"\":");
  *p++ = '1';
  for (int i = 0; i < 30; i++)
    p += sprintf(p, "}]");
  assert_true(skips(str_of(mixed)));
  for (char *q = p - 60; q < p; q++) {
    char was = *q;
    *q = was == '}' ? ']' : '}';
    assert_false(skips(str_of(mixed)));
    *q = was;
  }
}

// A text that is cut anywhere is no JSON.
static void cut(void **state) {
  (void)state;
  static const char text[] =
      "{\"a\":[1,-2.5e3,\"x\\u0041\xc3\xa9\",true,null],\"b\":{\"c\":\"0123456789abcdef\"}}";
  for (size_t n = 0; n < sizeof text - 1; n++)
    assert_false(skips((struct str){text, n}));
  assert_true(skips((struct str){text, sizeof text - 1}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes),      cmocka_unit_test(strings_end_where_they_end),
      cmocka_unit_test(numbers),     cmocka_unit_test(typed),
      cmocka_unit_test(wrong_turns), cmocka_unit_test(loops_end),
      cmocka_unit_test(depth),       cmocka_unit_test(cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
