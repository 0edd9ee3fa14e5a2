// Creates over HTTP whose clients do not wait for the answer: the payment is made, and nothing of the request
// stays (the leak checker of the asan variant looks).
#include "../support/gateway.h"
#include "raw_http.h"

#include "base/hmac.h"
#include "base/log.h"
#include "http/api_payments.h"
#include "http/app.h"

static const struct route routes[] = {
    {"POST", "/api/create-payment.php", ACCESS_SIGNED, "application/json", api_create_payment, "create"},
    {0}};

static int send_create(const struct server *s, const struct credentials *keys, int order) {
  char body[100], head[600], signature[HMAC_HEX_N + 1];
  int n = snprintf(body, sizeof body, "{\"order_id\":\"O%d\",\"amount\":\"5.00\"}", order);
  struct hmac_key *secret = hmac_key_create(keys->api_secret.p, keys->api_secret.n);
  hmac_sign_hex(secret, (struct str){body, (size_t)n}, signature);
  hmac_key_free(secret);
  int head_n =
      snprintf(head, sizeof head,
               "POST /api/create-payment.php HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               "X-API-Key: %.*s\r\nX-Signature: %s\r\nContent-Length: %d\r\n\r\n%s",
               STR_FMT(keys->api_key), signature, n, body);
  int fd = raw_dial(s);
  assert_true(raw_send(fd, head, (size_t)head_n));
  return fd;
}

static void hang_up(int fd, bool rudely) {
  if (rudely)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)); // a reset
  close(fd);
}

static bool job_comes(struct gateway *g, int ms) {
  for (int i = 0; i < 4 * ms && store_queue_length(g->env.store) == 0; i++)
    usleep(250);
  return store_queue_length(g->env.store) > 0;
}

static void clients_that_do_not_wait(void **state) {
  struct gateway *g = *state;
  char error[200];
  struct app app = {.env = &g->env};
  log_set_level(LOG_ERROR);
  struct server *s = server_start(
      &(struct server_options){
          .listen = "127.0.0.1:0", .routes = routes, .threads = 1, .world = &world_real, .app = &app},
      error, sizeof error);
  assert_non_null(s);
  int least = 0, n;
  for (int i = 0; i < 400; i++) {
    int fd = send_create(s, &g->keys[0], i);
    bool waits = i % 2;
    if (waits)
      assert_true(job_comes(g, 5000));
    hang_up(fd, i % 4 >= 2);
    bool sure = waits || i % 4 < 2; // a reset may take the request away unread
    assert_true(job_comes(g, sure ? 5000 : 20) || !sure);
    usleep(2000);
    key_cache_clear(g->env.keys); // each has read its own
    least += sure;
    while (store_run_queued(g->env.store, 100)) {
    }
  }
  struct payment_filter all = {.status = -1, .limit = 1000};
  struct payment *list;
  assert_int_equal(admin_payment_list(&g->env, &g->arena, &all, &list, &n), ERR_NONE);
  assert_true(n >= least && n <= 400);
  int fd = send_create(s, &g->keys[0], 0); // and the order is answered when it is asked again
  assert_true(job_comes(g, 5000));
  while (store_run_queued(g->env.store, 100)) {
  }
  raw_read(fd, "}}", 3000);
  assert_int_equal(raw_status(), 200);
  assert_non_null(strstr(answer, "Idempotent-Replayed: true"));
  close(fd);
  server_stop(s, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(clients_that_do_not_wait, set_up, tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
