// What a statement answers, the same on both engines; on SQLite RETURNING is left out of it (store/sqlite.c).
#include "../support/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct probe {
  struct job job;
  enum query query;
  int n;
  struct val params[OP_PARAMS_MAX];
  struct rows rows;
};

static enum err step(struct job *j) {
  struct probe *p = (struct probe *)j;
  if (j->round == 0)
    job_ops(j, p->query, p->n, p->params);
  else if (j->round == 1)
    p->rows = *job_rows(j, 0);
  return ERR_NONE;
}

#define RUN(f, q, ...)                                                                                       \
  run((f), (q), (int)(sizeof((struct val[]){__VA_ARGS__}) / sizeof(struct val)), (struct val[]){__VA_ARGS__})

static struct rows run(struct fixture *f, enum query q, int n, const struct val *params) {
  struct probe *p = ARENA_NEW(&f->arena, struct probe);
  p->job.step = step;
  p->job.arena = &f->arena;
  p->query = q;
  p->n = n;
  memcpy(p->params, params, sizeof *params * (size_t)n);
  assert_int_equal(store_call(f->store, &p->job), ERR_NONE);
  return p->rows;
}

static struct rows add_merchant(struct fixture *f, const char *email) {
  return RUN(f, Q_MERCHANT_ADD, v_text(str_of(email)), v_text(STR("hash")), v_int(1));
}

static void test_insert_gives_its_number(void **state) {
  struct fixture *f = *state;
  struct rows a = add_merchant(f, "a@example.com"), b = add_merchant(f, "b@example.com");
  assert_int_equal(a.n, 1);
  assert_int_equal(b.n, 1);
  assert_int_equal(b.cols, 1);
  struct rows found = RUN(f, Q_MERCHANT_BY_EMAIL, v_text(STR("b@example.com")));
  assert_int_equal(found.n, 1);
  assert_int_equal(rows_at(&b, 0)->i, rows_at(&found, 0)->i);
  assert_int_not_equal(rows_at(&a, 0)->i, rows_at(&b, 0)->i);
}

static void test_conflict_gives_nothing(void **state) {
  struct fixture *f = *state;
  assert_int_equal(add_merchant(f, "a@example.com").n, 1);
  assert_int_equal(add_merchant(f, "a@example.com").n, 0);
}

static void test_link_says_whether_it_is_new(void **state) {
  struct fixture *f = *state;
  for (int again = 0; again < 2; again++)
    assert_int_equal(RUN(f, Q_ORDER_ADD, v_int(1), v_int(1), v_text(STR("o")), v_int(7)).n, !again);
}

static void test_compare_and_swap_says_whether_it_hit(void **state) {
  struct fixture *f = *state;
  RUN(f, Q_ORDER_ADD, v_int(1), v_int(1), v_text(STR("o")), v_int(7));
  struct rows hit = RUN(f, Q_ORDER_MOVE, v_int(1), v_int(1), v_text(STR("o")), v_int(8), v_int(7));
  struct rows miss = RUN(f, Q_ORDER_MOVE, v_int(1), v_int(1), v_text(STR("o")), v_int(9), v_int(7));
  assert_int_equal(hit.n, 1);
  assert_int_equal(miss.n, 0);
}

static _Atomic bool stop;

static void *watch_queue(void *arg) {
  struct fixture *f = arg;
  while (store_queue_length(f->store) >= 0 && !atomic_load(&stop)) {
  }
  return NULL;
}

// What /metrics asks while others work; the thread sanitizer listens.
static void test_queue_is_measured_meanwhile(void **state) {
  struct fixture *f = *state;
  pthread_t watcher;
  assert_true(store_writer_start(f->store));
  assert_int_equal(pthread_create(&watcher, NULL, watch_queue, f), 0);
  for (int i = 0; i < 200; i++)
    RUN(f, Q_META_ADD, v_text(STR("x")), v_text(STR("y")));
  atomic_store(&stop, true);
  pthread_join(watcher, NULL);
  assert_int_equal(store_queue_length(f->store), 0);
  store_writer_stop(f->store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_queue_is_measured_meanwhile, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_insert_gives_its_number, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_conflict_gives_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_link_says_whether_it_is_new, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_compare_and_swap_says_whether_it_hit, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
