// Posts over TLS: the certificate must be the name's, from a known authority; sessions are taken up again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/poster.h"

static EVP_PKEY *key;
static char ca_file[] = "/tmp/cryptopay-ca-XXXXXX";
static SSL_CTX *server;
static int listener, port;
static pthread_t thread;
static atomic_int requests, resumed;
static char sni[64], head[1024]; // of the last request

static X509 *certificate(const char *name, X509 *issuer) {
  X509 *x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                             -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
  char san[80];
  snprintf(san, sizeof san, "DNS:%s", name);
  X509_EXTENSION *e = issuer ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san)
                             : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext(x, e, -1);
  X509_EXTENSION_free(e);
  X509_sign(x, key, EVP_sha256());
  return x;
}

static void answer(SSL *ssl) {
  int n = SSL_read(ssl, head, sizeof head - 1); // small enough to come in one record
  if (n <= 0)
    return;
  head[n] = 0;
  requests++;
  resumed += SSL_session_reused(ssl);
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  snprintf(sni, sizeof sni, "%s", name ? name : "");
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  SSL_write(ssl, ok, sizeof ok - 1);
  SSL_shutdown(ssl);
}

static void *serve(void *arg) {
  (void)arg;
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
    SSL *ssl = SSL_new(server);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
      answer(ssl);
    SSL_free(ssl);
  }
  return NULL;
}

static bool make_certificates(void) {
  key = EVP_EC_gen("P-256");
  X509 *ca = certificate("Test authority", NULL), *leaf = certificate("shop.test", ca);
  server = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(server, leaf);
  SSL_CTX_use_PrivateKey(server, key);
  int fd = mkstemp(ca_file);
  FILE *f = fdopen(fd, "w");
  bool ok = f && PEM_write_X509(f, ca) == 1;
  ok = f && fclose(f) == 0 && ok;
  X509_free(ca);
  X509_free(leaf);
  return ok;
}

static int setup(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!make_certificates() || bind(listener, (struct sockaddr *)&a, n) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, (struct sockaddr *)&a, &n) != 0)
    return -1;
  port = ntohs(a.sin_port);
  return pthread_create(&thread, NULL, serve, NULL);
}

static int teardown(void **state) {
  (void)state;
  shutdown(listener, SHUT_RDWR);
  pthread_join(thread, NULL);
  close(listener);
  unlink(ca_file);
  SSL_CTX_free(server);
  EVP_PKEY_free(key);
  return 0;
}

static size_t resolve(void *self, const char *host, union net_address *out, size_t max) {
  (void)self, (void)max;
  if (strcmp(host, "slow.test") == 0)
    usleep(300000);
  out[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return 1;
}

static struct poster *make_poster(const char *authorities) {
  struct poster_options o = {.world = &world_real,
                             .user_agent = "x",
                             .allow_private = true,
                             .ca_file = authorities,
                             .timeout_ms = 5000,
                             .resolve = resolve};
  return poster_create(&o);
}

static void keep(struct post *p) {
  *(struct post *)p->user = *p;
}

static struct post send_to(struct poster *poster, const char *host) {
  char url[80];
  struct post result = {0};
  snprintf(url, sizeof url, "https://%s:%d/hook", host, port);
  struct post p = {.url = str_of(url), .body = STR("{}"), .user = &result, .done = keep};
  poster->post(poster, &p);
  while (poster_run(poster, 100) > 0)
    continue;
  return result;
}

static void certificate_of_the_name(void **state) {
  (void)state;
  struct poster *p = make_poster(ca_file);
  struct post r = send_to(p, "shop.test");
  assert_int_equal(r.error, POST_OK);
  assert_int_equal(r.status, 200);
  assert_string_equal(sni, "shop.test");
  char host[64];
  snprintf(host, sizeof host, "\r\nHost: shop.test:%d\r\n", port);
  assert_non_null(strstr(head, host));
  poster_free(p);
}

static void another_name_is_refused(void **state) {
  (void)state;
  struct poster *p = make_poster(ca_file);
  int before = requests;
  assert_int_equal(send_to(p, "other.test").error, POST_TLS);
  assert_int_equal(send_to(p, "127.0.0.1").error, POST_TLS);
  assert_int_equal(requests, before);
  poster_free(p);
}

static void unknown_authority_is_refused(void **state) {
  (void)state;
  struct poster *p = make_poster(NULL);
  int before = requests;
  assert_int_equal(send_to(p, "shop.test").error, POST_TLS);
  assert_int_equal(requests, before);
  poster_free(p);
}

// The server closes each connection. The second post uses another handle of libcurl, the first one's being
// taken by a post that waits for its name.
static void sessions_are_shared(void **state) {
  (void)state;
  struct poster *p = make_poster(ca_file);
  assert_int_equal(send_to(p, "shop.test").status, 200);
  int before = resumed;
  struct post result,
      waiting = {.url = STR("https://slow.test/"), .body = STR("{}"), .user = &result, .done = keep};
  p->post(p, &waiting);
  assert_int_equal(send_to(p, "shop.test").status, 200);
  assert_int_equal(resumed - before, 1);
  poster_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(certificate_of_the_name),
      cmocka_unit_test(another_name_is_refused),
      cmocka_unit_test(unknown_authority_is_refused),
      cmocka_unit_test(sessions_are_shared),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
