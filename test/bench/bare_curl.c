// The least that libcurl needs to post COUNT bodies to URL over kept connections: curl_multi_socket_action on
// epoll, CONCURRENCY handles made once, no checks, nothing signed, nothing recorded. The yardstick for
// webhooks. usage: bare_curl URL COUNT [CONCURRENCY]
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum { CONCURRENCY = 32, EVENTS = 256 };

static int epoll_fd;
static int64_t timer_us = INT64_MAX;
static long left, open_posts, failed; // left: not begun yet

// What a webhook of the documentation looks like on the wire, headers of that size included.
static const char body[] =
    "{\"payment_id\":4503599627370496,\"app_id\":45,\"order_id\":\"ORDER_12345\",\"status\":\"paid\","
    "\"amount\":\"50.00\","
    "\"pay_amount\":\"50.013400\",\"currency\":\"USDT\",\"network\":\"TRC20\",\"txid\":"
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"paid_at\":\"2026-07-01 "
    "18:04:12\",\"is_test\":false}";
static const char *const lines[] = {
    "Content-Type: application/json",
    "X-Signature: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "webhook-id: msg_4503599627370496_3_paid",
    "webhook-timestamp: 1782929052",
    "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *multi, void *known) {
  (void)easy;
  struct epoll_event e = {.data.fd = fd};
  e.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
  int op = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (op == EPOLL_CTL_ADD)
    curl_multi_assign(multi, fd, &epoll_fd);
  epoll_ctl(epoll_fd, op, fd, &e);
  return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *arg) {
  (void)multi, (void)arg;
  timer_us = wait_ms < 0 ? INT64_MAX : now_us() + wait_ms * 1000;
  return 0;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg) {
  (void)p, (void)arg;
  return one * n;
}

static CURL *make(const char *url, struct curl_slist *headers) {
  CURL *e = curl_easy_init();
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_URL, url);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)(sizeof body - 1));
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  return e;
}

static void post_again(CURLM *multi) {
  int in_queue;
  for (CURLMsg *m; (m = curl_multi_info_read(multi, &in_queue));) {
    CURL *e = m->easy_handle;
    failed += m->data.result != CURLE_OK;
    curl_multi_remove_handle(multi, e);
    if (left-- > 0) {
      curl_multi_add_handle(multi, e);
    } else {
      curl_easy_cleanup(e);
      open_posts--;
    }
  }
}

static void run(CURLM *multi) {
  for (int running; open_posts > 0;) {
    int64_t wait_us = timer_us == INT64_MAX ? 1000000 : timer_us - now_us();
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll_fd, events, EVENTS, wait_us > 0 ? (int)((wait_us + 999) / 1000) : 0);
    for (int i = 0; i < n; i++) {
      int what = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                 (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
      curl_multi_socket_action(multi, events[i].data.fd, what, &running);
    }
    if (now_us() >= timer_us) {
      timer_us = INT64_MAX;
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    post_again(multi);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: bare_curl URL COUNT [CONCURRENCY]\n");
    return 2;
  }
  long count = strtol(argv[2], NULL, 10), concurrency = argc > 3 ? strtol(argv[3], NULL, 10) : CONCURRENCY;
  if (concurrency > count)
    concurrency = count;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  epoll_fd = epoll_create1(0);
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, concurrency);
  struct curl_slist *headers = NULL;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    headers = curl_slist_append(headers, lines[i]);
  left = count - concurrency;
  open_posts = concurrency;
  int64_t from_us = now_us();
  for (long i = 0; i < concurrency; i++)
    curl_multi_add_handle(multi, make(argv[1], headers));
  run(multi);
  int64_t took_us = now_us() - from_us;
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  int64_t cpu_us =
      (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
  printf("{\"posts\":%ld,\"failed\":%ld,\"per_s\":%ld,\"cpu_ns_per_post\":%ld}\n", count, failed,
         (long)(count * 1000000 / took_us), (long)(cpu_us * 1000 / count));
  curl_multi_cleanup(multi);
  curl_slist_free_all(headers);
  curl_global_cleanup();
  return failed != 0;
}
