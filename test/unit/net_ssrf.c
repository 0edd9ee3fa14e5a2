// No post ever leads to an address that is not public, however the URL spells it and whatever the name server
// says.
//
// Two things are counted: connections that a listener on loopback accepts, and posts that end with anything
// but a refusal before a connection was tried. The last test shows that the same listener is reached when
// loopback is allowed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <signal.h>

#include "../support/receiver.h"
#include "net/slot.h"

enum { LEAST_URLS = 2000, IN_FLIGHT = 50 };

static struct receiver receiver;
static struct poster *strict; // what a gateway uses, http allowed to make it harder
static int tried, spare;
static int64_t clock_skew_us;

static int64_t mono(void *self) {
  (void)self;
  return world_mono(&world_real) + clock_skew_us;
}

static const struct world skewed = {.mono_us = mono};

static const char *const forbidden4[] = {
    "0.0.0.0",     "10.0.0.1",    "10.255.255.254",  "100.64.0.1",      "127.0.0.1",      "127.1.2.3",
    "169.254.0.1", "192.0.0.170", "169.254.169.254", "172.16.0.1",      "172.31.255.254", "192.0.0.1",
    "192.0.2.1",   "192.88.99.1", "192.168.0.1",     "192.168.1.254",   "198.18.0.1",     "198.51.100.7",
    "203.0.113.9", "224.0.0.1",   "240.0.0.1",       "255.255.255.255",
};
static const char *const forbidden6[] = {
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "ff02::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "64:ff9b::7f00:1",
    "5f00::1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
    "64:ff9b:1::808:808",
    "fd00:ec2::254",
    "::7f00:1",
    "::ffff:7f00:1",
    "::ffff:0:7f00:1",
    "::ffff:127.0.0.1",
    "0:0:0:0:0:0:0:1",
    "2620:4f:8000::1",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct sockaddr_in v4(const char *text) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
    fail_msg("%s", text);
  return a;
}

// A name server in the hands of the attacker: f12.evil.test is the twelfth forbidden address, m12 and n12 mix
// it with a public one, s12 is the twelfth of IPv6; numbers are read as the C library reads them, and
// everything else is this machine.
static size_t hostile(void *self, const char *host, union net_address *out, size_t max) {
  (void)self, (void)max;
  size_t i = strlen(host) > 1 ? strtoul(host + 1, NULL, 10) : 0;
  bool named = strstr(host, ".evil.test") != NULL;
  out[0].v4 = out[1].v4 = v4("8.8.8.8");
  if (named && strchr("fmn", host[0]))
    out[host[0] == 'm'].v4 = v4(forbidden4[i % COUNT(forbidden4)]);
  else if (named && host[0] == 's') {
    out[0].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    inet_pton(AF_INET6, forbidden6[i % COUNT(forbidden6)], &out[0].v6.sin6_addr);
  } else if (!inet_aton(host, &out[0].v4.sin_addr))
    out[0].v4 = v4("127.0.0.1");
  return named && (host[0] == 'm' || host[0] == 'n') ? 2 : 1;
}

static int setup(void **state) {
  (void)state;
  static uint16_t ports[5] = {443, 80, 8443};
  signal(SIGPIPE, SIG_IGN);
  if (!receiver_start(&receiver))
    return -1;
  ports[3] = (uint16_t)receiver.port;
  struct poster_options o = {
      .world = &world_real, .user_agent = "x", .allow_http = true, .ports = ports, .resolve = hostile};
  strict = poster_create(&o);
  return strict ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  poster_free(strict);
  receiver_stop(&receiver);
  return 0;
}

struct attempt {
  struct post post;
  char url[512];
};

// A refusal, that is: nobody was even asked for a connection.
static void must_be_refused(struct post *p) {
  struct attempt *a = p->user;
  bool refused = p->error == POST_BAD_URL || p->error == POST_BAD_SCHEME || p->error == POST_BAD_PORT ||
                 p->error == POST_BAD_ADDRESS || p->error == POST_NO_NAME;
  if (!refused || p->status)
    fail_msg("%s: %s", a->url, post_error_sentence(p->error));
  free(a);
  tried++;
  spare++;
}

static void attack(const char *scheme, const char *host, const char *rest) {
  struct attempt *a = calloc(1, sizeof *a);
  snprintf(a->url, sizeof a->url, "%s://%s%s", scheme, host, rest);
  a->post = (struct post){.url = str_of(a->url), .body = STR("{}"), .user = a, .done = must_be_refused};
  spare--;
  strict->post(strict, &a->post);
  while (spare < 0)
    poster_run(strict, 100);
}

static void attack_all_ways(const char *host) {
  char port[16];
  snprintf(port, sizeof port, ":%d/x", receiver.port);
  attack("http", host, port);
  attack("https", host, "/");
  attack("http", host, ":80/");
  attack("https", host, ":8443/?q");
}

static void finish_attacks(void) {
  while (poster_run(strict, 100) > 0)
    continue;
  assert_int_equal(receiver.accepts, 0);
  assert_int_equal(poster_refusals(strict), 0); // the last line of defence was not needed
}

static void spelled_in_digits(const char *address) {
  unsigned a, b, c, d;
  char h[128];
  assert_int_equal(sscanf(address, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
  unsigned all = a << 24 | b << 16 | c << 8 | d, bcd = b << 16 | c << 8 | d, cd = c << 8 | d;
#define SPELL(...) (snprintf(h, sizeof h, __VA_ARGS__), attack_all_ways(h))
  SPELL("%u.%u.%u.%u", a, b, c, d);
  SPELL("%u.%u.%u.%u.", a, b, c, d);
  SPELL("%u", all);
  SPELL("0x%x", all);
  SPELL("0X%X", all);
  SPELL("0%o", all);
  SPELL("000000000%o", all);
  SPELL("%u.%u", a, bcd);
  SPELL("%u.%u.%u", a, b, cd);
  SPELL("0x%x.0x%x.0x%x.0x%x", a, b, c, d);
  SPELL("0%o.0%o.0%o.0%o", a, b, c, d);
  SPELL("0x%x.%u.0%o.%u", a, b, c, d);
  SPELL("0x%x.0x%x", a, bcd);
  SPELL("%%3%c%s", address[0], address + 1);
  SPELL("%u%%2e%u%%2e%u%%2e%u", a, b, c, d);
  SPELL("%u\xe3\x80\x82%u\xe3\x80\x82%u\xe3\x80\x82%u", a, b, c, d); // ideographic full stops
  SPELL("\xef\xbc\x90x%x", all);                                     // a full-width zero
  SPELL("public.example@%u.%u.%u.%u", a, b, c, d);
  SPELL("%u.%u.%u.%u#.public.example", a, b, c, d);
  SPELL("%u.%u.%u.%u\\@public.example", a, b, c, d);
  SPELL("[::%x:%x]", all >> 16, cd);
  SPELL("[::%s]", address);
  SPELL("[::ffff:%s]", address);
  SPELL("[::FFFF:%x:%x]", all >> 16, cd);
  SPELL("[0:0:0:0:0:ffff:%x:%x]", all >> 16, cd);
  SPELL("[::ffff:0:%s]", address);
  SPELL("[64:ff9b::%s]", address);
  SPELL("[64:ff9b:1::%s]", address);
  SPELL("[2002:%x:%x::1]", all >> 16, cd);
  SPELL("[2001:0:%x:%x:0:0:%x:%x]", all >> 16, cd, ~all >> 16, ~all & 0xffff);
#undef SPELL
}

static void every_spelling(void **state) {
  (void)state;
  spare = IN_FLIGHT;
  for (size_t i = 0; i < COUNT(forbidden4); i++)
    spelled_in_digits(forbidden4[i]);
  for (size_t i = 0; i < COUNT(forbidden6); i++) {
    char host[64];
    snprintf(host, sizeof host, "[%s]", forbidden6[i]);
    attack_all_ways(host);
    snprintf(host, sizeof host, "[%s%%25lo]", forbidden6[i]);
    attack_all_ways(host);
  }
  finish_attacks();
  assert_true(tried >= LEAST_URLS);
}

static void names_that_lead_inside(void **state) {
  (void)state;
  spare = IN_FLIGHT;
  char host[64];
  for (int i = 0; i < 50; i++)
    for (const char *kind = "fmns"; *kind; kind++) {
      snprintf(host, sizeof host, "%c%d.evil.test", *kind, i);
      attack_all_ways(host);
    }
  static const char *const inside[] = {"localhost",   "LOCALHOST",
                                       "localhost.",  "metadata.google.internal",
                                       "a.localhost", "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
                                       "xn--a",       "127.0.0.1.evil.example"};
  for (size_t i = 0; i < COUNT(inside); i++)
    attack_all_ways(inside[i]);
  finish_attacks();
}

static void other_schemes_and_ports(void **state) {
  (void)state;
  spare = IN_FLIGHT;
  static const char *const schemes[] = {"ftp", "gopher", "dict",       "file",      "ldap",  "telnet",
                                        "smb", "ws",     "javascript", "http+unix", "socks5"};
  for (size_t i = 0; i < COUNT(schemes); i++)
    attack_all_ways("f4.evil.test"), attack(schemes[i], "127.0.0.1", "/"),
        attack(schemes[i], "f4.evil.test", "/");
  static const char *const ports[] = {":0/",  ":22/",     ":25/",  ":6379/", ":65536/",
                                      ":-1/", ":443443/", ": 80/", ":8 0/",  ":+80/"};
  for (size_t i = 0; i < COUNT(ports); i++)
    attack("https", "public.example", ports[i]), attack("https", "127.0.0.1", ports[i]);
  finish_attacks();
}

// The system's own resolver knows this machine by name too.
static void system_names(void **state) {
  (void)state;
  struct poster *injected = strict;
  struct poster_options o = {.world = &world_real, .user_agent = "x", .allow_http = true};
  strict = poster_create(&o);
  spare = IN_FLIGHT;
  attack("https", "localhost", "/");
  attack("http", "LocalHost", "/");
  finish_attacks();
  poster_free(strict);
  strict = injected;
}

// For the rebinding test loopback stands for the public address; later the name leads elsewhere.
static const char *rebound_to = "127.0.0.1";

static size_t rebinding(void *self, const char *host, union net_address *out, size_t max) {
  (void)self, (void)host, (void)max;
  out[0].v4 = v4(rebound_to);
  return 1;
}

static enum post_error last_error;

static void keep_error(struct post *p) {
  last_error = p->error;
}

static void rebinding_is_noticed(void **state) {
  (void)state;
  struct poster_options o = {
      .world = &skewed, .user_agent = "x", .allow_private = true, .resolve = rebinding};
  struct poster *p = poster_create(&o);
  char url[64];
  snprintf(url, sizeof url, "http://rebind.evil.test:%d/ok", receiver.port);
  struct post post = {.url = str_of(url), .body = STR("{}"), .done = keep_error};
  p->post(p, &post);
  while (poster_run(p, 100) > 0)
    continue;
  assert_int_equal(last_error, POST_OK);
  assert_int_equal(receiver.accepts, 1); // the listener does count

  int requests = receiver.requests;
  rebound_to = "169.254.169.254";
  clock_skew_us += 60 * INT64_C(1000000);
  p->post(p, &post);
  while (poster_run(p, 100) > 0)
    continue;
  assert_int_equal(last_error, POST_BAD_ADDRESS); // although a connection was still open
  assert_int_equal(receiver.requests, requests);
  poster_free(p);
}

// Were everything above wrong, the last line of defence would still hold: the check of the address that
// libcurl is about to connect to, and that of the peer before anything is sent.
static void last_line_of_defence(void **state) {
  (void)state;
  struct poster_options o = {.world = &world_real, .user_agent = "x", .allow_http = true, .timeout_ms = 2000};
  int64_t refusals = 0;
  struct slot *s = slot_create(&o, NULL, &refusals);
  struct post post = {.body = STR("{}")};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/ok", receiver.port);
  int accepts = receiver.accepts, requests = receiver.requests;

  slot_take(s, &post, 0);
  assert_int_equal(curl_url_set(s->url, CURLUPART_URL, url, 0), CURLUE_OK);
  slot_prepare(s, 2000);
  CURLcode code = curl_easy_perform(s->easy);
  assert_int_equal(slot_error(s, code), POST_BAD_ADDRESS);
  assert_int_equal(refusals, 1);
  assert_int_equal(receiver.accepts, accepts);

  slot_take(s, &post, 0);
  slot_prepare(s, 2000);
  curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, NULL);
  code = curl_easy_perform(s->easy);
  assert_int_equal(slot_error(s, code), POST_BAD_ADDRESS);
  assert_int_equal(refusals, 2);
  assert_int_equal(receiver.requests, requests);
  slot_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_spelling),          cmocka_unit_test(names_that_lead_inside),
      cmocka_unit_test(other_schemes_and_ports), cmocka_unit_test(system_names),
      cmocka_unit_test(rebinding_is_noticed),    cmocka_unit_test(last_line_of_defence),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
