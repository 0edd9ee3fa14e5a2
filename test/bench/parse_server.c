// What the HTTP server, the signature and the parsing cost without the rest: the gateway's own server with a
// create-payment handler that checks key, signature and body and answers in the same shape, but stores
// nothing and knows one project. usage: parse_server PORT API_KEY API_SECRET
#include "base/hmac.h"
#include "base/world.h"
#include "core/answer.h"
#include "core/create_request.h"
#include "core/project.h"
#include "http/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct one_project {
  struct str api_key;
  struct hmac_key *secret;
  struct project project;
  struct str host, base_url;
};

static enum err check(struct request *r, struct create_request *body, const char **param) {
  const struct one_project *p = r->app;
  if (!equal_constant_time(request_header(r, "X-API-Key"), p->api_key))
    return ERR_API_KEY;
  if (!hmac_verify_hex(p->secret, r->body, request_header(r, "X-Signature")))
    return ERR_SIGNATURE;
  enum err e = create_request_parse(r->arena, r->body, body, param);
  if (e == ERR_NONE)
    e = create_request_urls(body, p->host, param);
  if (e == ERR_NONE)
    e = create_request_amount(body, p->project.min_amount, p->project.max_amount, param);
  return e;
}

static void create(struct request *r) {
  const struct one_project *p = r->app;
  struct create_request body;
  const char *param = NULL;
  enum err e = check(r, &body, &param);
  if (e != ERR_NONE) {
    request_error(r, e, param);
    return;
  }
  int64_t now_us = world_now(&world_real);
  struct payment payment = {
      .id = now_us,
      .is_test = true,
      .order_id = body.order_id,
      .amount = body.amount,
      .scale = body.scale,
      .pay_amount = body.amount,
      .sub = SUB_WAITING,
      .address = STR("TXk1gk9wA2oTVLmA2P3NqWhLg3gVZyS1aB"),
      .expires_us = now_us + INT64_C(1800000000),
  };
  struct buf out;
  buf_init(&out, r->arena, 65536);
  answer_payment(&out, &payment, p->base_url, now_us);
  request_reply(r, 200, "application/json", buf_view(&out));
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  struct one_project one = {
      .api_key = str_of(argv[2]),
      .secret = hmac_key_create(argv[3], strlen(argv[3])),
      .host = STR("shop.example.com"),
      .base_url = STR("http://127.0.0.1:8080"),
  };
  project_init(&one.project);
  static const struct route routes[] = {
      {"POST", "/api/create-payment.php", ACCESS_SIGNED, "application/json", create, "create"}, {0}};
  char listen[64], error[256] = "";
  snprintf(listen, sizeof listen, "127.0.0.1:%s", argv[1]);
  struct server_options o = {.listen = listen,
                             .prefix = STR(""),
                             .host = str_of(listen),
                             .routes = routes,
                             .world = &world_real,
                             .app = &one};
  struct server *s = server_start(&o, error, sizeof error);
  if (!s) {
    fprintf(stderr, "parse_server: %s\n", error);
    return 1;
  }
  int signal_number;
  sigwait(&stop, &signal_number);
  server_stop(s, 1000);
  hmac_key_free(one.secret);
  return 0;
}
