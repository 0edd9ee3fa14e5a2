#include "base/text.h"
#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct good {
  const char *text, *host, *path, *query, *fragment;
  int port;
  bool https, userinfo;
};

static const struct good good[] = {
    {"https://example.com", "example.com", "", NULL, NULL, 0, true, false},
    {"HTTP://Example.COM/", "Example.COM", "/", NULL, NULL, 0, false, false},
    {"https://a.b:8443/x/y?q=1&r=/2?#f#g", "a.b", "/x/y", "q=1&r=/2?", "f#g", 8443, true, false},
    {"https://a.b?q", "a.b", "", "q", NULL, 0, true, false},
    {"https://a.b/?#", "a.b", "/", "", "", 0, true, false},
    {"https://a.b#@c.d/", "a.b", "", NULL, "@c.d/", 0, true, false},
    {"https://a.b?@c.d/", "a.b", "", "@c.d/", NULL, 0, true, false},
    {"https://user:pw@a.b/", "a.b", "/", NULL, NULL, 0, true, true},
    {"https://a.b@c.d@e.f:1/", "e.f", "/", NULL, NULL, 1, true, true},
    {"https://@a.b/", "a.b", "/", NULL, NULL, 0, true, true},
    {"http://[::1]:80/", "[::1]", "/", NULL, NULL, 80, false, false},
    {"http://[2001:db8::1]", "[2001:db8::1]", "", NULL, NULL, 0, false, false},
    {"https://\xd0\xbf.\xd1\x80\xd1\x84/\xd1\x85", "\xd0\xbf.\xd1\x80\xd1\x84", "/\xd1\x85", NULL, NULL, 0,
     true, false},
    {"https://my_host/a:b@c", "my_host", "/a:b@c", NULL, NULL, 0, true, false},
    {"https://a.b:65535", "a.b", "", NULL, NULL, 65535, true, false},
};

static const char *const bad[] = {
    "",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///a.b",
    "//a.b",
    "a.b",
    "ftp://a.b",
    "javascript:alert(1)",
    " https://a.b",
    "https://a.b ",
    "https://a b/",
    "https://a.b/x y",
    "https://a.b/\n",
    "https://a.b/\r\nX: y",
    "https://a.b/\tx",
    "https:\\\\a.b",
    "https://a.b\\@c.d/",
    "https://a.b/\\",
    "https://a.b:/",
    "https://a.b:0",
    "https://a.b:65536",
    "https://a.b:080000",
    "https://a.b:8a",
    "https://a.b:-1",
    "https://a.b:80:80",
    "https://a%2eb/",
    "https://%61.b/",
    "https://[::1",
    "https://[::1]x/",
    "https://[]/",
    "https://[v1.x;y]/",
    "https://[a%25b]/",
    "https://::1/",
    "https://u@",
    "https://u@:80/",
    "https://a.b,c.d/",
    "https://a<b/",
    "https://a.b\x7f/",
    "https://a.b/\xff",
    "https://a.b/\xc0\xaf",
    "https://a.b/\xc2\x85",
    "https:a.b",
    "https://a.b]/",
    "http s://a.b",
};

static void check_part(struct str part, const char *want) {
  assert_int_equal(part.p == NULL, want == NULL);
  if (want && !str_eqc(part, want))
    fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(part), want);
}

static void splits(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct url u;
    if (!url_split(str_of(good[i].text), &u))
      fail_msg("refused: %s", good[i].text);
    check_part(u.host, good[i].host);
    check_part(u.path, good[i].path);
    check_part(u.query, good[i].query);
    check_part(u.fragment, good[i].fragment);
    assert_int_equal(u.port, good[i].port);
    assert_int_equal(u.https, good[i].https);
    assert_int_equal(u.has_userinfo, good[i].userinfo);
  }
}

static void refuses(void **state) {
  (void)state;
  struct url u;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (url_split(str_of(bad[i]), &u))
      fail_msg("accepted: %s", bad[i]);
  assert_false(url_split(STR_NONE, &u));
  assert_false(url_split(STR("https://a.b/\0x"), &u));
  assert_false(url_split(STR("https://a.b\0"), &u));
  assert_false(url_split(STR("https://\0"), &u));
  assert_false(url_split(STR("http\0s://a.b"), &u));
}

static void knows_printable_text(void **state) {
  (void)state;
  assert_true(text_printable(STR("ORDER_12345"), 1, 128));
  assert_true(
      text_printable(STR("\xd0\x97\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb7 \xe2\x84\x96 1 \xf0\x9f\x99\x82"), 1, 11));
  assert_true(text_printable(STR("\xd0\x97\xd0\xb0"), 1, 2));
  assert_false(text_printable(STR("\xd0\x97\xd0\xb0"), 1, 1));
  assert_false(text_printable(STR(""), 1, 128));
  const char *const not_printable[] = {"a\nb",
                                       "a\tb",
                                       "a\x7f",
                                       "\x1b[0m",
                                       "\xc2\x85",
                                       "\xe2\x80\xaexyz",
                                       "\xe2\x81\xa6",
                                       "\xe2\x80\xa8",
                                       "\xef\xbb\xbf",
                                       "\xef\xbf\xbf",
                                       "\xf0\x9f\xbf\xbe",
                                       "\xff",
                                       "\xed\xa0\x80",
                                       "\xc0\x80",
                                       "\xf3\xa0\x81\x81"};
  for (size_t i = 0; i < sizeof not_printable / sizeof *not_printable; i++)
    if (text_printable(str_of(not_printable[i]), 1, 128))
      fail_msg("row %zu", i);
  assert_true(text_lines(STR("two\r\n\tlines"), 12));
  assert_true(text_lines(STR_NONE, 12));
  assert_false(text_lines(STR("\x1b[0m"), 12));
  assert_false(text_lines(STR("1234567890123"), 12));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(splits),
      cmocka_unit_test(refuses),
      cmocka_unit_test(knows_printable_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
