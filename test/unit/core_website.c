#include "core/website.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;

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

static const char *const hosts[][2] = {
    {"https://example.com", "example.com"},
    {"http://example.net/shop", "example.net"},
    {"https://example.org:8443/?a#b", "example.org"},
    {"HTTPS://WWW.Merchant-Site.COM/", "merchant-site.com"},
    {"https://merchant-site.com.", "merchant-site.com"},
    {"https://shop.merchant-site.co.uk", "shop.merchant-site.co.uk"},
    {"https://www.www.site.com", "www.site.com"},
    {"https://www.com", "www.com"},
    {"https://www.co.uk", "www.co.uk"},
    {"https://www.ck", "www.ck"}, // the list's exception
    {"https://wwwsite.com", "wwwsite.com"},
    {"https://a.brandnewtld", "a.brandnewtld"},
    {"https://r3---sn.site.com", "r3---sn.site.com"},
    {"https://123.com", "123.com"},
    {"https://1.2.3.4.com", "1.2.3.4.com"},
    {"https://localhost.com", "localhost.com"},
    {"https://test.com", "test.com"},
    {"https://me.github.io", "me.github.io"},
    {"https://m\xc3\xbcnchen.de", "xn--mnchen-3ya.de"},
    {"https://M\xc3\x9cNCHEN.de", "xn--mnchen-3ya.de"},
    {"https://XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"},
    {"https://www.\xd0\xbc\xd0\xb0\xd0\xb3\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbd.\xd1\x80\xd1\x84",
     "xn--80aairftm.xn--p1ai"},
    {"https://\xe7\xbd\x91\xe5\xba\x97\xe3\x80\x82\xe4\xb8\xad\xe5\x9b\xbd", "xn--hxt814e.xn--fiqs8s"},
};

static const char *const not_websites[] = {
    "",
    "example.com",
    "ftp://example.com",
    "https://",
    "https://user@example.com",
    "https://u:p@example.com/",
    "https://localhost",
    "https://localhost.",
    "http://LOCALHOST:3000",
    "https://foo.localhost",
    "https://shop",
    "https://127.0.0.1",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://0177.0.0.1",
    "https://0x7f.0.0.0x1",
    "https://1.2.3.4.",
    "https://8.8.8.8",
    "https://1.2.3.4.5",
    "https://0x",
    "https://a.0x",
    "https://999.999.999.999",
    "https://[::1]",
    "https://[2606:4700::1111]",
    "https://[::ffff:1.2.3.4]",
    "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",           // full-width digits
    "https://0x7f\xe3\x80\x82\x30\xe3\x80\x82\x30\xe3\x80\x82\x31", // ideographic full stops
    "https://\xe2\x91\xa0.1.1.1",                                   // ①
    "https://shop.test",
    "https://shop.example",
    "https://shop.invalid",
    "https://shop.local",
    "https://shop.onion",
    "https://shop.internal",
    "https://shop.home.arpa",
    "https://1.0.0.127.in-addr.arpa",
    "https://shop.alt",
    "https://shop.LAN",
    "https://shop.localdomain",
    "https://com",
    "https://co.uk",
    "https://github.io",
    "https://foo.ck",
    "https://xn--p1ai",
    "https://a..com",
    "https://.com",
    "https://a.com..",
    "https://-a.com",
    "https://a-.com",
    "https://my_shop.com",
    "https://xn--a.com",
    "https://xn--.com",
    "https://a\xe2\x80\x8b.com ",
    "https://a b.com",
    "https://a.com\\",
    "https://a%2ecom",
    "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com", // label of 64
    "javascript://example.com/%0aalert(1)",
    "https://\xc3\xbc_x.de",
    "https://xn--mnchen-3ya._e",
    "https://\xe3\x80\x80.de",
    "https://\xc3\xbc.a\xe2\x84\x80.com",
    "https://\xc3\xbc\xef\xbc\x8cx.com", // a full-width comma
};

static void normalises(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    struct str host;
    if (website_host(&arena, str_of(hosts[i][0]), &host) != ERR_NONE)
      fail_msg("refused: %s", hosts[i][0]);
    if (!str_eqc(host, hosts[i][1]))
      fail_msg("%s became %.*s", hosts[i][0], STR_FMT(host));
  }
}

static void refuses(void **state) {
  (void)state;
  struct str host;
  for (size_t i = 0; i < sizeof not_websites / sizeof *not_websites; i++)
    if (website_host(&arena, str_of(not_websites[i]), &host) != ERR_WEBSITE)
      fail_msg("accepted: %s as %.*s", not_websites[i], STR_FMT(host));
}

// A name of 253 characters is the longest.
static void limits_lengths(void **state) {
  (void)state;
  char text[2200] = "https://";
  for (int i = 0; i < 25; i++)
    strcat(text, "abcdefghi.");
  strcat(text, "com"); // 253
  struct str host;
  assert_int_equal(website_host(&arena, str_of(text), &host), ERR_NONE);
  assert_int_equal(host.n, 253);
  strcat(text, "m");
  assert_int_equal(website_host(&arena, str_of(text), &host), ERR_WEBSITE);
  memset(text, 'a', sizeof text);
  memcpy(text, "https://a.com/", 14);
  assert_int_equal(website_host(&arena, (struct str){text, WEBSITE_URL_MAX}, &host), ERR_NONE);
  assert_int_equal(website_host(&arena, (struct str){text, WEBSITE_URL_MAX + 1}, &host), ERR_WEBSITE);
  assert_int_equal(website_match(STR("a.com"), (struct str){text, WEBSITE_URL_MAX}), MATCH_OK);
  assert_int_equal(website_match(STR("a.com"), (struct str){text, WEBSITE_URL_MAX + 1}), MATCH_MALFORMED);
}

static const struct {
  const char *website, *url;
  enum website_match match;
} redirects[] = {
    {"merchant-site.com", "https://merchant-site.com/success", MATCH_OK},
    {"merchant-site.com", "http://www.Merchant-Site.com:8080/?a=b#c", MATCH_OK},
    {"merchant-site.com", "https://merchant-site.com./", MATCH_OK},
    {"www.com", "https://www.com/", MATCH_OK},
    {"xn--mnchen-3ya.de", "https://m\xc3\xbcnchen.de/x", MATCH_OK},
    {"xn--mnchen-3ya.de", "https://www.M\xc3\x9cnchen.de/x", MATCH_OK},
    {"xn--mnchen-3ya.de", "https://xn--MNCHEN-3ya.de/x", MATCH_OK},
    {"merchant-site.com", "https://shop.merchant-site.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://merchant-site.com.evil.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://evil-merchant-site.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://wwwxmerchant-site.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://www.www.merchant-site.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://merchant-site.com@evil.com/", MATCH_FOREIGN},
    {"merchant-site.com", "https://evil.com/merchant-site.com", MATCH_FOREIGN},
    {"merchant-site.com", "https://evil.com#@merchant-site.com", MATCH_FOREIGN},
    {"merchant-site.com", "https://merchant\xe2\x80\x90site.com/", MATCH_FOREIGN}, // another hyphen
    {"xn--x-dha.com", "https://\xc3\xbc\xef\xbc\x8cx.com/", MATCH_FOREIGN},        // a full-width comma
    {"merchant-site.com", "https://user@merchant-site.com/", MATCH_MALFORMED},
    {"merchant-site.com", "https://evil.com\\@merchant-site.com/", MATCH_MALFORMED},
    {"merchant-site.com", "javascript:alert(1)//merchant-site.com", MATCH_MALFORMED},
    {"merchant-site.com", "//merchant-site.com/", MATCH_MALFORMED},
    {"merchant-site.com", "/success", MATCH_MALFORMED},
    {"merchant-site.com", "https://merchant-site.com/a b", MATCH_MALFORMED},
    {"merchant-site.com", "https://merchant-site.com/\r\nSet-Cookie: a", MATCH_MALFORMED},
};

static void matches_redirects(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++)
    if (website_match(str_of(redirects[i].website), str_of(redirects[i].url)) != redirects[i].match)
      fail_msg("%s", redirects[i].url);
}

static void check_webhook(const char *url, bool allow_http, const char *want) {
  struct str out;
  enum err e = website_webhook(&arena, str_of(url), allow_http, &out);
  assert_int_equal(e, want ? ERR_NONE : ERR_WEBHOOK_URL);
  if (want && !str_eqc(out, want))
    fail_msg("%s became %.*s", url, STR_FMT(out));
}

static void checks_webhooks(void **state) {
  (void)state;
  check_webhook("https://merchant-site.com/webhook.php", false, "https://merchant-site.com/webhook.php");
  check_webhook("https://merchant-site.com:8443/w?a=%20", false, "https://merchant-site.com:8443/w?a=%20");
  check_webhook("https://merchant-site.com/w?#part", false, "https://merchant-site.com/w?");
  check_webhook("https://m\xc3\xbcnchen.de/\xc3\xbc?\xc3\xbc", false,
                "https://xn--mnchen-3ya.de/%C3%BC?%C3%BC");
  check_webhook("http://127.0.0.1:9000/w", true, "http://127.0.0.1:9000/w");
  check_webhook("http://127.0.0.1:9000/w", false, NULL);
  check_webhook("https://u:p@merchant-site.com/", true, NULL);
  check_webhook("ftp://merchant-site.com/", true, NULL);
  check_webhook("", true, NULL);
  check_webhook("https://\xe3\x80\x80/", true, NULL); // an ideographic space
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normalises),      cmocka_unit_test(refuses),
      cmocka_unit_test(limits_lengths),  cmocka_unit_test(matches_redirects),
      cmocka_unit_test(checks_webhooks),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
