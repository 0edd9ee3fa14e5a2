// A small shop to try the gateway with: one product, a "Buy" button, and a page that shows each webhook as it
// arrives.
//   cryptopay-shop --listen 127.0.0.1:8090 --gateway http://localhost:8080
// SHOP_API_KEY, SHOP_API_SECRET and SHOP_WEBHOOK_SECRET hold the project's keys, test or live. One thread,
// everything in memory.
#include "gateway.h"
#include "page.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct shop shop = {.product = "A very good book", .price = "25.00"};
static struct gateway gateway;

struct upload { // body of the request under way
  char data[BODY_MAX];
  size_t n;
  bool too_large;
};

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const char *type, const char *body,
                             size_t n) {
  struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(size_t)body, MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(r, "Content-Type", type);
  MHD_add_response_header(r, "Cache-Control", "no-store");
  MHD_add_response_header(r, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  enum MHD_Result rc = MHD_queue_response(c, status, r);
  MHD_destroy_response(r);
  return rc;
}

static enum MHD_Result reply_text(struct MHD_Connection *c, unsigned status, const char *body) {
  return reply(c, status, "text/plain; charset=utf-8", body, strlen(body));
}

static enum MHD_Result redirect(struct MHD_Connection *c, const char *location) {
  struct MHD_Response *r = MHD_create_response_from_buffer(0, (void *)(size_t) "", MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(r, "Location", location);
  enum MHD_Result rc = MHD_queue_response(c, MHD_HTTP_SEE_OTHER, r);
  MHD_destroy_response(r);
  return rc;
}

static enum MHD_Result show_page(struct MHD_Connection *c) {
  size_t n;
  char *html = page_render(&shop, &n);
  if (!html)
    return reply_text(c, 500, "Out of memory\n");
  enum MHD_Result rc = reply(c, 200, "text/html; charset=utf-8", html, n);
  free(html);
  return rc;
}

static enum MHD_Result buy(struct MHD_Connection *c) {
  struct order order = {.paid = false};
  struct created created;
  unsigned char random[4];
  RAND_bytes(random, sizeof random);
  snprintf(order.id, sizeof order.id, "BOOK-%02X%02X%02X%02X", random[0], random[1], random[2], random[3]);
  shop.error[0] = '\0';
  if (!gateway_create(&gateway, order.id, shop.price, shop.product, &created)) {
    snprintf(shop.error, sizeof shop.error, "%s", created.error);
    return redirect(c, "/");
  }
  snprintf(order.payment_url, sizeof order.payment_url, "%s", created.payment_url);
  memmove(shop.orders + 1, shop.orders, sizeof shop.orders - sizeof shop.orders[0]);
  shop.orders[0] = order;
  return redirect(c, created.payment_url);
}

// Deliveries can come more than once, so an order is marked by what the body says, and twice is the same as
// once.
static void mark_paid(struct arrival *a) {
  json_t *root = json_loadb(a->body, a->size, 0, NULL);
  const char *id = json_string_value(json_object_get(root, "order_id"));
  const char *status = json_string_value(json_object_get(root, "status"));
  bool paid = status && strcmp(status, "paid") == 0;
  for (int i = 0; id && paid && i < ORDERS; i++)
    if (strcmp(shop.orders[i].id, id) == 0)
      shop.orders[i].paid = true;
  json_decref(root);
}

static bool seen_before(const char *webhook_id) {
  for (int i = 0; webhook_id[0] && i < ARRIVALS; i++)
    if (shop.arrivals[i].signature_ok && strcmp(shop.arrivals[i].webhook_id, webhook_id) == 0)
      return true;
  return false;
}

static const char *header(struct MHD_Connection *c, const char *name) {
  return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result take_webhook(struct MHD_Connection *c, const struct upload *up) {
  struct webhook w = {up->data,
                      up->n,
                      header(c, "X-Signature"),
                      header(c, "webhook-id"),
                      header(c, "webhook-timestamp"),
                      header(c, "webhook-signature")};
  struct arrival a = {.at = time(NULL), .size = up->n, .body = malloc(up->n + 1)};
  if (!a.body)
    return reply_text(c, 500, "Out of memory\n");
  memcpy(a.body, up->data, up->n);
  a.body[up->n] = '\0';
  snprintf(a.webhook_id, sizeof a.webhook_id, "%s", w.id ? w.id : "");
  a.signature_ok = gateway_signature_ok(&gateway, &w);
  a.standard_ok = gateway_standard_signature_ok(&gateway, &w, a.at);
  a.repeated = seen_before(a.webhook_id);
  if (a.signature_ok && a.standard_ok)
    mark_paid(&a);
  free(shop.arrivals[ARRIVALS - 1].body);
  memmove(shop.arrivals + 1, shop.arrivals, sizeof shop.arrivals - sizeof shop.arrivals[0]);
  shop.arrivals[0] = a;
  return a.signature_ok && a.standard_ok ? reply_text(c, 200, "OK\n")
                                         : reply_text(c, 401, "The signature does not match\n");
}

static enum MHD_Result handle(void *self, struct MHD_Connection *c, const char *path, const char *method,
                              const char *version, const char *data, size_t *size, void **request) {
  (void)self, (void)version;
  struct upload *up = *request;
  if (!up) {
    *request = calloc(1, sizeof *up);
    return *request ? MHD_YES : MHD_NO;
  }
  if (*size) {
    up->too_large = up->too_large || *size > BODY_MAX - up->n;
    if (!up->too_large)
      memcpy(up->data + up->n, data, *size);
    up->n += up->too_large ? 0 : *size;
    *size = 0;
    return MHD_YES;
  }
  bool is_post = strcmp(method, "POST") == 0;
  if (up->too_large)
    return reply_text(c, 413, "Too large\n");
  if (strcmp(path, "/") == 0 && !is_post)
    return show_page(c);
  if (strcmp(path, "/buy") == 0 && is_post)
    return buy(c);
  if (strcmp(path, "/webhook") == 0 && is_post)
    return take_webhook(c, up);
  return reply_text(c, 404, "Not here. The shop is at /\n");
}

static void finished(void *self, struct MHD_Connection *c, void **request,
                     enum MHD_RequestTerminationCode code) {
  (void)self, (void)c, (void)code;
  free(*request);
}

static bool parse_listen(const char *text, struct sockaddr_in *out) {
  char host[64];
  unsigned short port;
  if (sscanf(text, "%63[0-9.]:%hu", host, &port) != 2)
    return false;
  *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
  return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static bool configure(int argc, char **argv, struct sockaddr_in *listen) {
  const char *at = "127.0.0.1:8090";
  gateway.url = "http://localhost:8080";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--listen") == 0)
      at = argv[i + 1];
    else if (strcmp(argv[i], "--gateway") == 0)
      gateway.url = argv[i + 1];
    else
      return false;
  }
  gateway.api_key = getenv("SHOP_API_KEY");
  gateway.api_secret = getenv("SHOP_API_SECRET");
  gateway.webhook_secret = getenv("SHOP_WEBHOOK_SECRET");
  shop.gateway_url = gateway.url;
  return argc % 2 == 1 && gateway.api_key && gateway.api_secret && gateway.webhook_secret &&
         parse_listen(at, listen);
}

int main(int argc, char **argv) {
  struct sockaddr_in listen;
  if (!configure(argc, argv, &listen)) {
    fputs("usage: cryptopay-shop --listen 127.0.0.1:PORT --gateway URL\n"
          "with SHOP_API_KEY, SHOP_API_SECRET and SHOP_WEBHOOK_SECRET in the environment\n",
          stderr);
    return 2;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  signal(SIGPIPE, SIG_IGN);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &listen,
      MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_NOTIFY_COMPLETED, finished, NULL, MHD_OPTION_END);
  if (!daemon) {
    fprintf(stderr, "cryptopay-shop: cannot listen on port %d\n", ntohs(listen.sin_port));
    return 3;
  }
  int signal_number;
  sigwait(&stop, &signal_number);
  MHD_stop_daemon(daemon);
  return 0;
}
