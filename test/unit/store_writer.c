// Group commit: what one job of a batch does must not harm the others.
#include "../support/store.h"

#include <pthread.h>

// A job that adds a merchant and then behaves in a chosen way.
enum manner { GOOD, REFUSES_BEFORE, FAILS_AFTER, BREAKS_A_CONSTRAINT };

struct trial {
  struct job job;
  const char *email;
  enum manner manner;
  int committed, done, runs;
};

static enum err trial_step(struct job *j) {
  struct trial *t = (struct trial *)j;
  struct str email = str_of(t->email);
  switch (j->round) {
  case 0:
    t->runs++;
    if (t->manner == REFUSES_BEFORE)
      return ERR_EMAIL;
    JOB_OP(j, Q_MERCHANT_ADD, v_text(email), v_text(STR("hash")), v_int(1));
    if (t->manner == BREAKS_A_CONSTRAINT)
      JOB_OP(j, Q_EVENT_ADD, v_null(), v_int(1), v_text(STR("x")), v_null());
    return ERR_NONE;
  default:
    return t->manner == FAILS_AFTER ? ERR_CHANGED : ERR_NONE;
  }
}

static void count_committed(struct job *j) {
  ((struct trial *)j)->committed++;
}

static void count_done(struct job *j) {
  ((struct trial *)j)->done++;
}

static struct trial trial(struct fixture *f, const char *email, enum manner manner) {
  return (struct trial){
      .job = {.step = trial_step, .committed = count_committed, .done = count_done, .arena = &f->arena},
      .email = email,
      .manner = manner};
}

struct look {
  struct job job;
  const char *email;
  bool found;
};

static enum err look_step(struct job *j) {
  struct look *l = (struct look *)j;
  if (j->round == 0)
    JOB_OP(j, Q_MERCHANT_BY_EMAIL, v_text(str_of(l->email)));
  else if (j->round == 1)
    l->found = job_rows(j, 0)->n == 1;
  return ERR_NONE;
}

// On a reading connection: what is committed.
static bool exists(struct fixture *f, const char *email) {
  struct look l = {.job = {.step = look_step, .arena = &f->arena}, .email = email};
  assert_int_equal(store_read(f->store, &l.job), ERR_NONE);
  return l.found;
}

static void run(struct fixture *f, struct trial *t, int n) {
  for (int i = 0; i < n; i++)
    assert_int_equal(store_submit(f->store, &t[i].job), ERR_NONE);
  assert_int_equal(store_run_queued(f->store, 100), n);
}

static void a_refusal_before_writing_harms_nobody(void **state) {
  struct fixture *f = *state;
  struct trial t[] = {trial(f, "a", GOOD), trial(f, "b", REFUSES_BEFORE), trial(f, "c", GOOD)};
  run(f, t, 3);
  assert_int_equal(t[1].job.result, ERR_EMAIL);
  assert_true(exists(f, "a") && exists(f, "c") && !exists(f, "b"));
  assert_int_equal(t[0].runs, 1); // one transaction was enough
  assert_int_equal(t[1].committed, 0);
  assert_int_equal(t[1].done, 1);
}

static void a_failure_after_writing_undoes_only_itself(void **state) {
  struct fixture *f = *state;
  struct trial t[] = {trial(f, "a", GOOD), trial(f, "b", FAILS_AFTER), trial(f, "c", BREAKS_A_CONSTRAINT),
                      trial(f, "d", GOOD)};
  run(f, t, 4);
  assert_int_equal(t[0].job.result, ERR_NONE);
  assert_int_equal(t[1].job.result, ERR_CHANGED);
  assert_int_equal(t[2].job.result, ERR_STORE);
  assert_int_equal(t[3].job.result, ERR_NONE);
  assert_true(exists(f, "a") && exists(f, "d"));
  assert_false(exists(f, "b") || exists(f, "c"));
  for (int i = 0; i < 4; i++) {
    assert_int_equal(t[i].done, 1);
    assert_int_equal(t[i].committed, t[i].job.result == ERR_NONE);
  }
}

// A job that is busy for some rounds with what its key stands for.
struct turn {
  struct job job;
  int *busy, *ended;
  int place;
};

static enum err turn_step(struct job *j) {
  struct turn *t = (struct turn *)j;
  if (j->round == 0)
    assert_int_equal((*t->busy)++, 0);
  if (j->round < 5) {
    JOB_OP(j, Q_META_GET, v_text(STR("schema_version")));
    return ERR_NONE;
  }
  --*t->busy;
  t->place = ++*t->ended;
  return ERR_NONE;
}

// Also where the rounds of a batch run side by side; and whoever came first is first.
static void jobs_of_one_key_run_one_after_the_other(void **state) {
  enum { KEYS = 3, JOBS = 30 };
  struct fixture *f = *state;
  struct turn t[JOBS];
  int busy[KEYS] = {0}, ended[KEYS] = {0};
  for (int i = 0; i < JOBS; i++) {
    int key = i % KEYS;
    t[i] = (struct turn){.job = {.step = turn_step, .arena = &f->arena, .key = (uint64_t)(7 - key)},
                         .busy = &busy[key],
                         .ended = &ended[key]};
    assert_int_equal(store_submit(f->store, &t[i].job), ERR_NONE);
  }
  assert_int_equal(store_run_queued(f->store, JOBS), JOBS);
  for (int i = 0; i < JOBS; i++) {
    assert_int_equal(t[i].job.result, ERR_NONE);
    assert_int_equal(t[i].place, i / KEYS + 1);
  }
}

static void a_full_queue_says_so(void **state) {
  struct fixture *f = *state;
  struct trial t[65];
  char emails[65][8];
  for (int i = 0; i < 65; i++) {
    snprintf(emails[i], sizeof emails[i], "m%d", i);
    t[i] = trial(f, emails[i], GOOD);
    assert_int_equal(store_submit(f->store, &t[i].job), i < 64 ? ERR_NONE : ERR_BUSY);
  }
  while (store_run_queued(f->store, 10)) {
  }
  assert_int_equal(t[64].done, 0); // a refused job is not told of
  assert_int_equal(t[63].done, 1);
}

static void *call_many(void *arg) {
  struct fixture *f = arg;
  struct arena a;
  arena_init(&a, 16 << 20);
  for (int i = 0; i < 50; i++) {
    struct trial t = trial(f, "x", REFUSES_BEFORE);
    char email[32];
    snprintf(email, sizeof email, "t%lx-%d", (unsigned long)pthread_self(), i);
    t.email = email;
    t.manner = i % 3 ? GOOD : FAILS_AFTER;
    t.job.arena = &a;
    assert_int_equal(store_call(f->store, &t.job), i % 3 ? ERR_NONE : ERR_CHANGED);
  }
  arena_free(&a);
  return NULL;
}

static void many_threads_one_writer(void **state) {
  struct fixture *f = *state;
  pthread_t threads[4];
  assert_true(store_writer_start(f->store));
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, call_many, f), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  store_writer_stop(f->store);
  struct trial late = trial(f, "late", GOOD);
  assert_int_equal(store_submit(f->store, &late.job), ERR_STOPPING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_refusal_before_writing_harms_nobody),
      TEST(a_failure_after_writing_undoes_only_itself),
      TEST(jobs_of_one_key_run_one_after_the_other),
      TEST(a_full_queue_says_so),
      TEST(many_threads_one_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
