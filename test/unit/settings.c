// Settings: where a value comes from, what is refused and how, and that the example file names every key.
#include "daemon/settings_table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena arena;
static struct settings s;
static struct str error;
static char file[] = "/tmp/settings-test-XXXXXX";

static int set_up(void **state) {
  (void)state;
  arena_init(&arena, 64 << 20);
  int fd = mkstemp(file);
  close(fd);
  return fd < 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(&arena);
  return unlink(file);
}

static void write_file(const char *text) {
  FILE *f = fopen(file, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static bool load(const struct setting_flag *flags, size_t n, char *const *environment) {
  static char *const nothing[] = {NULL};
  struct settings_input in = {flags, n, environment ? environment : nothing};
  error = STR_NONE;
  return settings_load(&s, &arena, &in, &error);
}

static bool load_flag(const char *name, const char *value) {
  struct setting_flag flag = {str_of(name), str_of(value)};
  return load(&flag, 1, NULL);
}

static bool load_file(const char *text) {
  write_file(text);
  return load_flag("config", file);
}

static void says(const char *part) {
  if (!error.p || !memmem(error.p, error.n, part, strlen(part)))
    fail_msg("\"%s\" is not in \"%.*s\"", part, STR_FMT(error));
}

static void defaults(void **state) {
  (void)state;
  assert_true(load(NULL, 0, NULL));
  assert_string_equal(s.data, "./cryptopay-data");
  assert_string_equal(s.listen, "127.0.0.1:8080");
  assert_string_equal(s.base_url, "http://127.0.0.1:8080");
  assert_true(s.rate_limit);
  assert_false(s.allow_private_webhooks);
  assert_int_equal(s.level, LOG_INFO);
  assert_int_equal(s.source[SETTING_listen], FROM_DEFAULT);
}

static void flag_then_environment_then_file(void **state) {
  (void)state;
  write_file("listen = 127.0.0.1:1\nrate_per_key = 1\nwebhook_per_host = 7\n");
  struct setting_flag flags[] = {{STR("config"), str_of(file)}, {STR("listen"), STR("127.0.0.1:3")}};
  char *environment[] = {(char *)"CRYPTOPAY_LISTEN=127.0.0.1:2", (char *)"CRYPTOPAY_RATE_PER_KEY=2",
                         (char *)"HOME=/", NULL};
  assert_true(load(flags, 2, environment));
  assert_string_equal(s.listen, "127.0.0.1:3");
  assert_int_equal(s.source[SETTING_listen], FROM_FLAG);
  assert_int_equal(s.rate_per_key, 2);
  assert_int_equal(s.source[SETTING_rate_per_key], FROM_ENVIRONMENT);
  assert_int_equal(s.webhook_per_host, 7);
  assert_int_equal(s.source[SETTING_webhook_per_host], FROM_FILE);
  assert_int_equal(s.line[SETTING_webhook_per_host], 3);
}

static void unknown_names_the_nearest(void **state) {
  (void)state;
  assert_false(load_file("\nlisen = x\n"));
  says(":2: unknown setting \"lisen\"; did you mean \"listen\"?");
  char *environment[] = {(char *)"CRYPTOPAY_BASEURL=x", NULL};
  assert_false(load(NULL, 0, environment));
  says("did you mean CRYPTOPAY_BASE_URL?");
  char *small[] = {(char *)"CRYPTOPAY_listen=127.0.0.1:9", NULL};
  assert_false(load(NULL, 0, small));
  says("did you mean CRYPTOPAY_LISTEN?");
  assert_true(settings_is_flag(STR("base-url")));
  assert_false(settings_is_flag(STR("base_url")));
  assert_false(settings_is_flag(STR("base-ur")));
  assert_false(settings_is_flag(STR("base-urls")));
}

static void wrong_values_say_where(void **state) {
  (void)state;
  assert_false(load_file("# one\nrate_limit = perhaps\n"));
  says(":2: rate_limit: expected yes or no");
  assert_false(load_flag("rate-per-key", "0"));
  says("--rate-per-key: expected a number from 1 to");
  char *environment[] = {(char *)"CRYPTOPAY_LOG_LEVEL=loud", NULL};
  assert_false(load(NULL, 0, environment));
  says("CRYPTOPAY_LOG_LEVEL: expected debug");
  static const char *const wrong[][2] = {{"listen", "8080"},
                                         {"listen", "a:0"},
                                         {"listen", ""},
                                         {"trusted-proxies", "10/8"},
                                         {"trusted-proxies", "10.0.0.0/33"},
                                         {"data", ""},
                                         {"http-threads", "-1"}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    if (load_flag(wrong[i][0], wrong[i][1]))
      fail_msg("accepted %s = %s", wrong[i][0], wrong[i][1]);
  assert_true(load_flag("trusted-proxies", "10.0.0.0/8, ::1,fd00::/8"));
  assert_false(load_file("listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\n"));
  says("twice");
  assert_false(load_file("config = other\n"));
  assert_false(load_flag("config", "/nowhere/at/all"));
  says("/nowhere/at/all: No such file");
}

static void switches(void **state) {
  (void)state;
  static const char *const words[] = {"yes", "no", "1", "0", "on", "off", "true", "false"};
  for (int i = 0; i < 8; i++) {
    assert_true(load_flag("rate-limit", words[i]));
    assert_int_equal(s.rate_limit, i % 2 == 0);
  }
}

static void base_urls(void **state) {
  (void)state;
  static const char *const good[][4] = {
      {"https://Pay.Example.com/", "https://pay.example.com", "pay.example.com", ""},
      {"https://pay.example.com:443/gate/way//", "https://pay.example.com/gate/way", "pay.example.com",
       "/gate/way"},
      {"http://localhost:8080/Pay", "http://localhost:8080/Pay", "localhost:8080", "/Pay"},
      {"HTTP://[::1]:80", "http://[::1]", "[::1]", ""},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(load_flag("base-url", good[i][0]));
    assert_string_equal(s.base_url, good[i][1]);
    assert_true(str_eqc(s.base.authority, good[i][2]));
    assert_true(str_eqc(s.base.prefix, good[i][3]));
    assert_int_equal(s.base.https, i < 2);
    assert_int_equal(s.base.loopback, i >= 2);
  }
  static const char *const bad[] = {
      "pay.example.com",    "ftp://a",       "https://",       "https://a?b",     "https://a/#b",
      "https://u@a/",       "https://a:0/",  "http://",        "https://a:99999", "https://a//b",
      "https://a/../b",     "https://a/b c", "https://[::g]/", "https:///path",   "https://a..b",
      "https://a/%2e%2e/b", "https://.a",    "https://a:"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (load_flag("base-url", bad[i]))
      fail_msg("accepted %s", bad[i]);
  assert_true(load_flag("listen", "0.0.0.0:81"));
  assert_string_equal(s.base_url, "http://localhost:81");
  assert_true(load_flag("base-url", "http://127.9.9.9"));
  assert_true(s.base.loopback);
  assert_true(load_flag("base-url", "http://127.0.0.1.example.com"));
  assert_false(s.base.loopback);
}

static void all_are_shown_with_their_source(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, &arena, 1 << 20);
  assert_true(load_file("webhook_per_host = 5\n"));
  settings_print(&s, &out);
  settings_help(&out);
  for (int i = 0; i < SETTINGS; i++) {
    const char *flag = settings_flag_name(&arena, (enum setting)i);
    assert_non_null(memmem(out.p, out.n, flag, strlen(flag)));
    assert_non_null(memmem(out.p, out.n, settings_table[i].name, strlen(settings_table[i].name)));
  }
  struct str line = str_printf(&arena, "%s:1\n", file);
  assert_non_null(memmem(out.p, out.n, line.p, line.n));
}

static void the_databases_password_is_not_shown(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, &arena, 1 << 20);
  assert_true(load_flag("database", "postgres://u:hunter2@h/db"));
  assert_string_equal(s.database, "postgres://u:hunter2@h/db");
  settings_print(&s, &out);
  settings_print_json(&s, &out);
  assert_non_null(memmem(out.p, out.n, "postgres://u:***@h/db", 21));
  assert_null(memmem(out.p, out.n, "hunter2", 7));
  assert_false(load_flag("database", "postgres://u:hunter2/@h/db"));
  says("--database: host, port or name are not understood");
  assert_null(memmem(error.p, error.n, "hunter2", 7));
}

static void nodes_are_repeated(void **state) {
  (void)state;
  assert_true(
      load_file("node = http://a:8090/ solidity=http://a:8091/  rate=7\nnode = https://b per_day=5 key=K\n"));
  assert_int_equal(s.node.n, 2);
  assert_true(str_eqc(s.node.list[0].url, "http://a:8090"));
  assert_true(str_eqc(s.node.list[0].solidity, "http://a:8091"));
  assert_int_equal(s.node.list[0].per_s, 7);
  assert_true(str_eqc(s.node.list[1].solidity, "https://b"));
  assert_true(str_eqc(s.node.list[1].key, "K"));
  assert_int_equal(s.node.list[1].per_day, 5);
  // the environment's order is nobody's; the command line stands in place of the environment
  char *environment[] = {(char *)"CRYPTOPAY_NODE_10=http://n10", (char *)"CRYPTOPAY_NODE_2=http://n2",
                         (char *)"CRYPTOPAY_NODE=http://n0", NULL};
  assert_true(load(NULL, 0, environment));
  assert_int_equal(s.node.n, 3);
  assert_true(str_eqc(s.node.list[0].url, "http://n0"));
  assert_true(str_eqc(s.node.list[1].url, "http://n2"));
  assert_true(str_eqc(s.node.list[2].url, "http://n10"));
  struct setting_flag flags[] = {{STR("node"), STR("http://f2")}, {STR("node"), STR("http://f1")}};
  assert_true(load(flags, 2, environment));
  assert_int_equal(s.node.n, 2);
  assert_true(str_eqc(s.node.list[0].url, "http://f2"));
  char *wrong[] = {(char *)"CRYPTOPAY_NODE_x=http://n", NULL};
  assert_false(load(NULL, 0, wrong));
  says("did you mean CRYPTOPAY_NODE?");
}

static void wrong_nodes_say_what(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"a:8090", "expected http"},
      {"http://a?x", "no ?"},
      {"http://hunter2@a", "key=KEY"},
      {"http://a kay=hunter2", "unknown word \"kay=\"; did you mean \"key=\"?"},
      {"http://a hunter2", "word 2 is not understood"},
      {"http://a key=", "the key is empty"},
      {"http://a key=hunter2\x7f", "visible ASCII"},
      {"http://a key=hunter2 rate=0", "rate is from 1"},
      {"http://a key=hunter2 solidity=b", "expected http"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (load_flag("node", wrong[i][0]))
      fail_msg("accepted %s", wrong[i][0]);
    says("--node: ");
    says(wrong[i][1]);
    assert_null(memmem(error.p, error.n, "hunter2", 7));
  }
  assert_false(load_file("\nnode = http://a\nnode = http://b what=1\n"));
  says(":3: node: unknown word");
  char *environment[] = {(char *)"CRYPTOPAY_NODE_3=nowhere", NULL};
  assert_false(load(NULL, 0, environment));
  says("CRYPTOPAY_NODE_3: expected http");
  assert_false(load_file("node = http://a/\nnode = http://a\n"));
  says("the same URL is given twice");
}

static void a_nodes_key_is_not_shown(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, &arena, 1 << 20);
  assert_true(load_file("node = https://b key=hunter2 rate=3\nnode = http://c\n"));
  settings_print(&s, &out);
  settings_print_json(&s, &out);
  assert_non_null(memmem(out.p, out.n, "https://b key=*** rate=3, http://c", 34));
  assert_null(memmem(out.p, out.n, "hunter2", 7));
  chmod(file, 0644);
  assert_true(settings_exposed(&s));
  assert_true(load_flag("node", "https://b key=hunter2"));
  assert_false(settings_exposed(&s));
}

static void the_chain_is_put_together(void **state) {
  (void)state;
  assert_true(load(NULL, 0, NULL));
  assert_int_equal(s.chain.network, NETWORK_MAIN);
  assert_int_equal(s.chain.trust, TRUST_ONE);
  assert_int_equal(s.chain.k, 1);
  assert_int_equal(s.chain.token.account[0], 0xa6);
  assert_int_equal(s.chain.genesis.n, 64);
  assert_false(load_file("network = custom\n"));
  says(":1: network: custom needs the token's address too");
  assert_true(load_file("network = custom\nusdt_contract = TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf\n"));
  assert_null(s.chain.genesis.p);
  assert_int_equal(s.chain.token.account[0], 0xec);
  assert_false(load_file("usdt_contract = TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf\n"));
  says("goes with network = custom only");
  assert_true(load_file("network = nile\nusdt_contract = TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf\n"));
  assert_false(load_flag("usdt-contract", "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg"));
  says("good checksum");
  assert_false(load_flag("network", "mainnet"));
  says("expected main, nile");
}

static void trust_needs_its_nodes(void **state) {
  (void)state;
  assert_true(load_file("node = http://a\nnode = http://b\nnode = http://c\ntrust = quorum:2\n"));
  assert_int_equal(s.chain.trust, TRUST_QUORUM);
  assert_int_equal(s.chain.k, 2);
  assert_true(load_file("node = http://a\ntrust = verified:1\n"));
  assert_int_equal(s.chain.trust, TRUST_VERIFIED);
  assert_false(load_file("node = http://a\ntrust = quorum:2\n"));
  says(":2: trust: quorum:2 needs 2 nodes that agree, and 1 is named");
  assert_false(load_flag("trust", "verified:1"));
  says("and 0 are named");
  static const char *const wrong[] = {"two",        "quorum",    "quorum:",  "quorum:0",
                                      "verified:x", "quorum:-1", "quorum:17"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_false(load_flag("trust", wrong[i]));
    says("--trust: expected one, quorum:K or verified:K");
  }
  assert_false(load_flag("fee-bps", "10001"));
  assert_true(load_flag("start-block", "70000000"));
  assert_int_equal(s.start_block, 70000000);
}

// dist/cryptopay.ini is what the program itself prints; it must also be loadable with every line switched on.
static void example_file_is_up_to_date(void **state) {
  (void)state;
  struct buf out, live;
  buf_init(&out, &arena, 1 << 20);
  buf_init(&live, &arena, 1 << 20);
  settings_example(&out);
  char *have = arena_alloc(&arena, 1 << 16);
  FILE *f = fopen("dist/cryptopay.ini", "r");
  assert_non_null(f);
  size_t n = fread(have, 1, (1 << 16) - 1, f);
  fclose(f);
  assert_true(str_eq((struct str){have, n}, buf_view(&out)));
  for (size_t i = 0; i < out.n; i++)
    if (!(out.p[i] == '#' && i + 1 < out.n && out.p[i + 1] != ' '))
      buf_char(&live, out.p[i]);
  assert_true(load_file(str_c(&arena, buf_view(&live))));
  assert_int_equal(s.source[SETTING_log_level], FROM_FILE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults),
      cmocka_unit_test(flag_then_environment_then_file),
      cmocka_unit_test(unknown_names_the_nearest),
      cmocka_unit_test(wrong_values_say_where),
      cmocka_unit_test(switches),
      cmocka_unit_test(base_urls),
      cmocka_unit_test(all_are_shown_with_their_source),
      cmocka_unit_test(the_databases_password_is_not_shown),
      cmocka_unit_test(nodes_are_repeated),
      cmocka_unit_test(wrong_nodes_say_what),
      cmocka_unit_test(a_nodes_key_is_not_shown),
      cmocka_unit_test(the_chain_is_put_together),
      cmocka_unit_test(trust_needs_its_nodes),
      cmocka_unit_test(example_file_is_up_to_date),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
