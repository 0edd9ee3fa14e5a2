// One node: its budget, its rests, and what of the recorded answers counts as one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/recordings.h"
#include "node/budget.h"
#include "node/client.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

enum { ARENA_MAX = 64 << 20 };

static int64_t wall_us, mono_us;

static int64_t now_wall(void *self) {
  (void)self;
  return wall_us;
}

static int64_t now_mono(void *self) {
  (void)self;
  return mono_us;
}

static void no_random(void *self, void *out, size_t n) {
  (void)self;
  memset(out, 0, n);
}

static const struct world world = {now_wall, now_mono, no_random, NULL};

static void pass(int64_t us) {
  wall_us += us;
  mono_us += us;
}

// --- a fetcher that answers what the test says, and keeps the last request ---

static struct {
  struct fetch answer, request;
  int runs;
} fake;

static void fake_run(struct fetcher *f, struct fetch *list, size_t n) {
  (void)f;
  fake.runs++;
  for (size_t i = 0; i < n; i++) {
    fake.request = list[i];
    list[i].error = fake.answer.error;
    list[i].status = fake.answer.status;
    list[i].answer = fake.answer.answer;
    list[i].retry_after_s = fake.answer.retry_after_s;
  }
}

static struct fetcher fetcher = {fake_run, NULL, NULL};
static struct arena arena;
static const struct chain_node own = {.url = {"http://10.0.0.1:8090", 20},
                                      .solidity = {"http://10.0.0.1:8091", 20}},
                               hosted = {.url = {"https://api.trongrid.io", 23},
                                         .solidity = {"https://api.trongrid.io", 23},
                                         .key = {"secret", 6}};

static int setup(void **state) {
  (void)state;
  wall_us = 20000 * DAY;
  mono_us = 5 * SECOND;
  memset(&fake, 0, sizeof fake);
  arena_init(&arena, ARENA_MAX);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static void answer(int status, struct str text) {
  fake.answer = (struct fetch){.status = status, .answer = text};
}

static struct ask ask(struct node *n, enum ask_what what) {
  struct ask k = {.node = n, .what = what, .number = 70, .end = 80, .function = STR("decimals()")};
  node_ask(&fetcher, &k, 1, &arena);
  return k;
}

// --- requests ---

static void requests(void **state) {
  (void)state;
  static const struct {
    enum ask_what what;
    const char *url, *body;
  } cases[] = {
      {ASK_HEAD, "http://10.0.0.1:8090/wallet/getnowblock", "{}"},
      {ASK_SOLID, "http://10.0.0.1:8091/walletsolidity/getnowblock", "{}"},
      {ASK_BLOCK, "http://10.0.0.1:8090/wallet/getblockbynum", "{\"num\":70}"},
      {ASK_BLOCKS, "http://10.0.0.1:8090/wallet/getblockbylimitnext", "{\"startNum\":70,\"endNum\":80}"},
      {ASK_SOLID_BLOCK, "http://10.0.0.1:8091/walletsolidity/getblockbynum", "{\"num\":70}"},
      {ASK_RECEIPTS, "http://10.0.0.1:8091/walletsolidity/gettransactioninfobyblocknum", "{\"num\":70}"},
      {ASK_CALL, "http://10.0.0.1:8091/walletsolidity/triggerconstantcontract",
       "{\"owner_address\":\"410000000000000000000000000000000000000000\","
       "\"contract_address\":\"410000000000000000000000000000000000000000\","
       "\"function_selector\":\"decimals()\",\"parameter\":\"\"}"},
      {ASK_ACCOUNT, "http://10.0.0.1:8091/walletsolidity/getaccount",
       "{\"address\":\"410000000000000000000000000000000000000000\"}"},
      {ASK_WITNESSES, "http://10.0.0.1:8090/wallet/listwitnesses", "{}"},
      {ASK_MAINTENANCE, "http://10.0.0.1:8090/wallet/getnextmaintenancetime", "{}"},
      {ASK_PARAMETERS, "http://10.0.0.1:8090/wallet/getchainparameters", "{}"},
  };
  struct node *n = node_new(&own, &world);
  answer(200, STR("{\"a\":1}"));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ask k = ask(n, cases[i].what);
    assert_int_equal(k.outcome, OUTCOME_ANSWER);
    assert_true(str_eqc(fake.request.url, cases[i].url));
    assert_true(str_eqc(fake.request.body, cases[i].body));
    assert_null(fake.request.header.p);
    assert_true(fake.request.timeout_ms >= 3000); // a limiter may delay the answer by two seconds
    assert_true(fake.request.timeout_ms <= NODE_BLOCK_MS && fake.request.max_bytes <= NODE_BLOCK_BYTES);
  }
  node_free(n);
}

static void a_key_is_told_to_its_node_alone(void **state) {
  (void)state;
  struct node *a = node_new(&hosted, &world), *b = node_new(&own, &world);
  answer(200, STR("{\"a\":1}"));
  ask(a, ASK_HEAD);
  assert_true(str_eqc(fake.request.header, "TRON-PRO-API-KEY: secret"));
  ask(b, ASK_HEAD);
  assert_null(fake.request.header.p);
  struct node_state s;
  node_state_get(a, &s);
  assert_true(str_eqc(s.name, "api.trongrid.io"));
  static const struct chain_node named = {.url = {"http://u:p@10.0.0.2:80/x", 24}};
  struct node *c = node_new(&named, &world);
  node_state_get(c, &s);
  assert_true(str_eqc(s.name, "10.0.0.2:80"));
  node_free(a), node_free(b), node_free(c);
}

// --- answers ---

static void refusals(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *text;
    enum outcome outcome;
    int64_t rest_s; // least
  } cases[] = {
      {200, "{\"num\":1}", OUTCOME_ANSWER, 0},
      {200, " [ 1 ]\n", OUTCOME_ANSWER, 0},
      {200, "{}\n", OUTCOME_ABSENT, 0},
      {200, "[]", OUTCOME_ABSENT, 0},
      {200, "{ }", OUTCOME_ABSENT, 0},
      {200, "{\"block\":[]}", OUTCOME_ANSWER, 0},
      {200, "", OUTCOME_REFUSED, 0},
      {200, "\n", OUTCOME_REFUSED, 0},
      {200, "<html>", OUTCOME_REFUSED, 0},
      {200, "null", OUTCOME_REFUSED, 0},
      {200, "this API is closed because this node is a lite fullnode", OUTCOME_REFUSED, 0},
      {200, "{\"Error\":\"class java.lang.X : lack of computing resources\"}", OUTCOME_REFUSED, 0},
      {200, "{\"Success\":false,\"Error\":\"is suspended for 40 s\"}", OUTCOME_REFUSED, 40},
      {200, "{\"Error\":\"the query server is suspended for 9 s\"}", OUTCOME_REFUSED, 9},
      {200, "{\"Error\":{}}", OUTCOME_REFUSED, 0},
      {200, "{\"note\":\"is suspended for 9 s\"}", OUTCOME_ANSWER, 0},
      {403, "{\"Error\":\"ApiKey not exists\"}", OUTCOME_REFUSED, 0},
      {429, "suspended for 99999999999999999999 s", OUTCOME_REFUSED, 3600},
      {429, "suspended for x s", OUTCOME_REFUSED, 0},
      {404, "{\"Error\":\"this API is unavailable due to config\"}", OUTCOME_REFUSED, 0},
      {405, "<html>", OUTCOME_REFUSED, 0},
      {301, "{\"a\":1}", OUTCOME_REFUSED, 0},
      {204, "", OUTCOME_REFUSED, 0},
      {500, "{\"a\":1}", OUTCOME_REFUSED, 0},
      {503, "{}", OUTCOME_REFUSED, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct node *n = node_new(&own, &world);
    answer(cases[i].status, str_of(cases[i].text));
    struct ask k = ask(n, ASK_BLOCK);
    int64_t rest_us = node_free_us(n) - wall_us, least_us = cases[i].rest_s * SECOND;
    bool rests = k.outcome == OUTCOME_REFUSED;
    if (k.outcome != cases[i].outcome || rests != (k.why.p != NULL) || rests != (rest_us > 0) ||
        rest_us < least_us || rest_us > least_us + 2 * SECOND)
      fail_msg("%d %s", cases[i].status, cases[i].text);
    node_free(n);
  }
}

static void what_hosted_nodes_said(void **state) {
  (void)state;
  static const struct {
    const char *file;
    int status;
    int64_t rest_s;
  } cases[] = {{"errors/trongrid-429-key-over-limit.json", 429, 27},
               {"errors/trongrid-403-429-anonymous-over-limit.json", 403, 1},
               {"errors/trongrid-2023-anonymous-over-limit.json", 200, 5},
               {"errors/trongrid-403-bad-key.json", 403, 0},
               {"errors/lite-node.txt", 200, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct node *n = node_new(&hosted, &world);
    struct str text = recording_read(cases[i].file);
    answer(cases[i].status, text);
    struct ask k = ask(n, ASK_BLOCK);
    assert_int_equal(k.outcome, OUTCOME_REFUSED);
    assert_true(k.until_us >= wall_us + cases[i].rest_s * SECOND);
    node_free(n);
    free((char *)text.p);
  }
}

// Each exchange of a path that the client uses: refused where the node refused, absent where it had none.
static void recordings(void **state) {
  (void)state;
  static const char *const paths[] = {
      "getnowblock",   "getblockbynum",           "getblockbylimitnext",
      "getaccount",    "triggerconstantcontract", "gettransactioninfobyblocknum",
      "listwitnesses", "getnextmaintenancetime",  "getchainparameters"};
  json_t *all = recording_exchanges(), *one;
  size_t i;
  int known = 0, refused = 0, absent = 0;
  json_array_foreach(all, i, one) {
    struct str path = recording_text(one, "path"), body = recording_text(one, "body");
    bool ours = false;
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
      ours = ours || str_ends(path, str_of(paths[p]));
    if (!ours || !body.p || str_eqc(recording_text(one, "method"), "OPTIONS") ||
        !json_is_number(json_object_get(one, "status")))
      continue;
    struct node *n = node_new(&own, &world);
    int status = (int)json_number_value(json_object_get(one, "status"));
    answer(status, body);
    struct ask k = ask(n, ASK_BLOCK);
    bool error = status != 200 || str_starts(body, STR("{\"Error\"")) || body.p[0] == '<';
    bool none = str_starts(body, STR("{}")) || str_starts(body, STR("[]"));
    if (k.outcome != (error ? OUTCOME_REFUSED : none ? OUTCOME_ABSENT : OUTCOME_ANSWER))
      fail_msg("%.*s", STR_FMT(recording_text(one, "file")));
    known++, refused += error, absent += none && !error;
    node_free(n);
  }
  json_decref(all);
  assert_true(known > 60 && refused > 5 && absent > 10);
}

// --- rests ---

static void a_node_that_fails_is_asked_less_and_less(void **state) {
  (void)state;
  struct node *n = node_new(&own, &world);
  fake.answer = (struct fetch){.error = FETCH_TIMEOUT};
  for (int64_t want = 1; want <= 128; want *= 2) {
    assert_int_equal(ask(n, ASK_HEAD).outcome, OUTCOME_REFUSED);
    int64_t rest_us = node_free_us(n) - wall_us, s = want < NODE_REST_MAX_S ? want : NODE_REST_MAX_S;
    assert_int_equal(rest_us, s * SECOND * 3 / 4); // the least of the jitter
    int runs = fake.runs;
    pass(rest_us - 1);
    struct ask k = ask(n, ASK_HEAD);
    assert_int_equal(k.outcome, OUTCOME_LATER);
    assert_int_equal(k.until_us, wall_us + 1);
    assert_int_equal(fake.runs, runs);
    pass(1);
  }
  answer(200, STR("{\"a\":1}"));
  assert_int_equal(ask(n, ASK_HEAD).outcome, OUTCOME_ANSWER);
  node_blame(n, STR("it lies"));
  assert_int_equal(node_free_us(n) - wall_us, SECOND * 3 / 4); // begins anew
  node_free(n);
}

static void retry_after_is_kept_to(void **state) {
  (void)state;
  struct node *n = node_new(&own, &world);
  fake.answer = (struct fetch){.status = 429, .answer = STR("{}"), .retry_after_s = 3600};
  ask(n, ASK_HEAD);
  wall_us -= DAY; // a wall clock that is put back changes nothing
  mono_us += 3599 * SECOND;
  assert_int_equal(ask(n, ASK_HEAD).outcome, OUTCOME_LATER);
  mono_us += 2 * SECOND;
  assert_int_equal(ask(n, ASK_HEAD).outcome, OUTCOME_REFUSED);
  node_free(n);
}

static void failures_of_one_run_are_one(void **state) {
  (void)state;
  struct node *n = node_new(&own, &world);
  struct ask k[4];
  for (int i = 0; i < 4; i++)
    k[i] = (struct ask){.node = n, .what = ASK_HEAD};
  fake.answer = (struct fetch){.error = FETCH_BROKEN};
  node_ask(&fetcher, k, 4, &arena);
  assert_int_equal(node_free_us(n) - wall_us, SECOND * 3 / 4);
  node_free(n);
}

// --- budget ---

// However they are spread: no second has more than allowed.
static void no_second_has_more(void **state) {
  (void)state;
  for (int64_t per_s = 1; per_s <= 40; per_s++) {
    struct budget b;
    int64_t at[4096];
    int n = 0;
    budget_init(&b, per_s, 0, wall_us, mono_us);
    for (int64_t t = 0; t < 20 * SECOND; t += 1000) // asks whenever it may, after pauses too
      while (t / SECOND % 5 != 3 && budget_wait(&b, wall_us + t, mono_us + t) == 0) {
        assert_true(n < 4096);
        at[n++] = t;
        budget_take(&b);
      }
    for (int i = 0; i + per_s < n; i++)
      assert_true(at[i + per_s] - at[i] >= SECOND);
    assert_true(n >= 12 * per_s / 2); // and it is of use
  }
}

static int64_t day_of(struct budget *b, int64_t each_us, int64_t *waited) {
  int64_t n = 0;
  *waited = 0;
  for (int64_t t = 0; t < DAY; t += each_us) {
    if (budget_wait(b, wall_us + t, mono_us + t)) {
      ++*waited;
      continue;
    }
    budget_take(b);
    n++;
  }
  return n;
}

// A block each three seconds, three requests for each: every day, never held up.
static void the_main_net_is_followed_with_a_free_key(void **state) {
  (void)state;
  struct budget b;
  int64_t waited;
  pass(DAY / 3);
  budget_init(&b, NODE_KEY_PER_S, NODE_KEY_PER_DAY, wall_us, mono_us);
  for (int d = 0; d < 3; d++) {
    assert_int_equal(day_of(&b, SECOND, &waited), 86400);
    assert_int_equal(waited, 0);
    assert_true(b.taken <= 90000);
    pass(DAY);
  }
}

// All that there is to catch up with does not take more than the day's share, and the last hour has some too.
static void a_days_requests_are_not_exceeded(void **state) {
  (void)state;
  struct budget b;
  int64_t waited;
  budget_init(&b, NODE_KEY_PER_S, NODE_KEY_PER_DAY, wall_us, mono_us);
  int64_t n = day_of(&b, SECOND / 10, &waited);
  assert_true(n <= 90000 && n > 89990);
  for (int64_t h = 0; h < 24; h++) {
    budget_init(&b, NODE_KEY_PER_S, NODE_KEY_PER_DAY, wall_us, mono_us);
    int64_t most = 0;
    for (int64_t t = 0; t < h * 3600 * SECOND; t += SECOND / 5)
      if (!budget_wait(&b, wall_us + t, mono_us + t))
        budget_take(&b), most++;
    int64_t wait_us = budget_wait(&b, wall_us + h * 3600 * SECOND, mono_us + h * 3600 * SECOND);
    assert_true(wait_us < 3 * SECOND);
    assert_true(most <= 22500 + 67500 * h / 24 + 1);
  }
}

// What a wait says is true: then one may go, and not before.
static void waits_are_exact(void **state) {
  (void)state;
  struct budget b;
  budget_init(&b, 3, 2000, wall_us, mono_us);
  for (int i = 0; i < 2500; i++) {
    int64_t wait_us = budget_wait(&b, wall_us, mono_us);
    if (wait_us > 0) {
      struct budget c = b;
      assert_true(budget_wait(&c, wall_us + wait_us - 1, mono_us + wait_us - 1) > 0);
      pass(wait_us);
      assert_int_equal(budget_wait(&b, wall_us, mono_us), 0);
    }
    budget_take(&b);
  }
  assert_true(wall_us > 20001 * DAY); // 1800 a day
}

// A wall clock that is put back to the day before gives no second day.
static void a_clock_that_goes_back(void **state) {
  (void)state;
  struct budget b;
  int64_t n = 0;
  pass(DAY / 2);
  budget_init(&b, 100, 1000, wall_us, mono_us);
  for (int i = 0; i < 5000; i++, pass(SECOND / 10)) {
    if (i % 1000 == 500) // and comes again
      wall_us += i % 2000 == 500 ? -DAY : DAY;
    if (!budget_wait(&b, wall_us, mono_us))
      budget_take(&b), n++;
  }
  assert_true(n < 300);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      T(requests),
      T(a_key_is_told_to_its_node_alone),
      T(refusals),
      T(what_hosted_nodes_said),
      T(recordings),
      T(a_node_that_fails_is_asked_less_and_less),
      T(retry_after_is_kept_to),
      T(failures_of_one_run_are_one),
      T(no_second_has_more),
      T(the_main_net_is_followed_with_a_free_key),
      T(a_days_requests_are_not_exceeded),
      T(waits_are_exact),
      T(a_clock_that_goes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
