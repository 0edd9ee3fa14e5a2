// The same posts as bare_curl.c through the gateway's own client with all its checks. usage: poster URL COUNT
// [CONCURRENCY]
#include "net/poster.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { CONCURRENCY = 32 };

static const char body[] =
    "{\"payment_id\":4503599627370496,\"app_id\":45,\"order_id\":\"ORDER_12345\",\"status\":\"paid\","
    "\"amount\":\"50.00\","
    "\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\",\"txid\":"
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"paid_at\":\"2026-07-01 "
    "18:04:12\",\"is_test\":false}";
static const struct str lines[] = {
    STR("Content-Type: application/json"),
    STR("X-Signature: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    STR("webhook-id: msg_4503599627370496_3_paid"),
    STR("webhook-timestamp: 1782929052"),
    STR("webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
};

static struct poster *poster;
static long left, failed;

static void again(struct post *p) {
  failed += p->status != 200;
  if (left-- > 0)
    poster->post(poster, p);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: poster URL COUNT [CONCURRENCY]\n");
    return 2;
  }
  long count = strtol(argv[2], NULL, 10), concurrency = argc > 3 ? strtol(argv[3], NULL, 10) : CONCURRENCY;
  if (concurrency > count)
    concurrency = count;
  signal(SIGPIPE, SIG_IGN);
  struct poster_options o = {.world = &world_real, .user_agent = "cryptopay", .allow_private = true};
  poster = poster_create(&o);
  struct post *posts = calloc((size_t)concurrency, sizeof *posts);
  left = count - concurrency;
  int64_t from_us = world_mono(&world_real);
  for (long i = 0; i < concurrency; i++) {
    posts[i] = (struct post){.url = str_of(argv[1]),
                             .body = {body, sizeof body - 1},
                             .headers = lines,
                             .headers_n = sizeof lines / sizeof *lines,
                             .done = again};
    poster->post(poster, &posts[i]);
  }
  while (poster_run(poster, 1000) > 0)
    continue;
  int64_t took_us = world_mono(&world_real) - from_us;
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  int64_t cpu_us =
      (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
  printf("{\"posts\":%ld,\"failed\":%ld,\"per_s\":%ld,\"cpu_ns_per_post\":%ld}\n", count, failed,
         (long)(count * 1000000 / took_us), (long)(cpu_us * 1000 / count));
  poster_free(poster);
  free(posts);
  return failed != 0;
}
