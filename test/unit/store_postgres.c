// A PostgreSQL that goes away, at the worst moments: what a job was told is true afterwards, nothing is done
// twice or by halves, and the store finds back by itself. Two nodes in each other's way; upgrades by several
// at once.
#include "../support/database.h"
#include "../support/postgres.h"
#include "../support/proxy.h"

#include "base/log.h"
#include "store/migrate.h"
#include "store/pg.h"

#include <time.h>

struct fixture {
  struct database database;
  struct proxy proxy;
  char url[POSTGRES_URL_MAX]; // through the proxy
  PGconn *admin;              // beside it
  struct store *store;
  struct arena arena;
};

static struct store *open_at(const char *url) {
  char error[256] = "";
  struct store *s =
      store_open(&(struct store_options){.database = url, .world = &world_real}, error, sizeof error);
  if (!s)
    fail_msg("%s", error);
  return s;
}

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  log_set_level(LOG_ERROR + 1);
  arena_init(&f->arena, 256 << 20);
  postgres_url(f->url, "");
  proxy_start(&f->proxy, atoi(strrchr(f->url, ':') + 1));
  database_make(&f->database);
  snprintf(f->url, sizeof f->url, "postgres://cryptopay@127.0.0.1:%d/%s", f->proxy.port, f->database.name);
  f->admin = postgres_connect(f->database.name);
  f->store = open_at(f->url);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  store_close(f->store);
  proxy_stop(&f->proxy);
  PQfinish(f->admin);
  database_drop(&f->database);
  arena_free(&f->arena);
  free(f);
  return 0;
}

static int64_t kill_sessions(PGconn *admin) {
  return postgres_order(admin, "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity"
                               " WHERE datname = current_database() AND application_name = 'cryptopay'");
}

static int64_t now_ms(void) {
  return world_mono(&world_real) / 1000;
}

// ---- a job that leaves two rows --------------------------------------------------------------------------

enum manner { PLAIN, KILLS_ONCE, KILLS_ALWAYS };

struct work {
  struct job job;
  int number;
  enum manner manner;
  PGconn *admin;
  int runs, committed, undone;
  bool found_itself; // what it adds was there already
};

static enum err work_step(struct job *j) {
  struct work *w = (struct work *)j;
  switch (j->round) {
  case 0:
    w->runs++;
    JOB_OP(j, Q_MERCHANT_ADD, v_text(str_printf(j->arena, "m%d", w->number)), v_text(STR("hash")), v_int(1));
    JOB_OP(j, Q_EVENT_ADD, v_int(w->number), v_int(1), v_text(STR("work")), v_null());
    return ERR_NONE;
  case 1:
    w->found_itself |= job_rows(j, 0)->n == 0;
    if (w->manner == KILLS_ALWAYS || (w->manner == KILLS_ONCE && w->runs == 1))
      kill_sessions(w->admin);
    JOB_OP(j, Q_META_GET, v_text(STR("schema_version")));
    return ERR_NONE;
  default:
    return ERR_NONE;
  }
}

static void count_committed(struct job *j) {
  ((struct work *)j)->committed++;
}

static void count_undone(struct job *j) {
  ((struct work *)j)->undone++;
}

static struct work work(struct fixture *f, int number, enum manner manner) {
  return (struct work){
      .job = {.step = work_step, .committed = count_committed, .undone = count_undone, .arena = &f->arena},
      .number = number,
      .manner = manner,
      .admin = f->admin};
}

static bool is_stored(struct fixture *f, int number) {
  int64_t events = postgres_order(f->admin, "SELECT count(*) FROM events WHERE payment_id = %d", number);
  int64_t rows = postgres_order(f->admin, "SELECT count(*) FROM merchants WHERE email = 'm%d'", number);
  assert_int_equal(events, rows); // whole or absent
  assert_true(rows <= 1);
  return rows == 1;
}

// What the job was told is what the database says.
static void check(struct fixture *f, const struct work *w) {
  bool stored = is_stored(f, w->number);
  assert_false(w->found_itself);
  assert_int_equal(w->committed, w->job.result == ERR_NONE);
  if (w->job.result == ERR_NONE)
    assert_true(stored);
  else if (w->job.result != ERR_UNAVAILABLE)
    assert_false(stored);
}

static void run(struct fixture *f, struct work *w, int n) {
  for (int i = 0; i < n; i++)
    assert_int_equal(store_submit(f->store, &w[i].job), ERR_NONE);
  assert_int_equal(store_run_queued(f->store, 100), n);
  for (int i = 0; i < n; i++)
    check(f, &w[i]);
}

// ---- sessions that are killed ----------------------------------------------------------------------------

static void killed_before_a_batch(void **state) {
  struct fixture *f = *state;
  struct work w[] = {work(f, 1, PLAIN), work(f, 2, PLAIN)};
  run(f, w, 1);
  assert_true(kill_sessions(f->admin) > 0);
  run(f, w + 1, 1);
  assert_int_equal(w[1].job.result, ERR_NONE);
}

static void killed_within_a_batch(void **state) {
  struct fixture *f = *state;
  struct work w[] = {work(f, 1, PLAIN), work(f, 2, KILLS_ONCE), work(f, 3, PLAIN)};
  run(f, w, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(w[i].job.result, ERR_NONE);
    assert_int_equal(w[i].runs, 2);
    assert_int_equal(w[i].undone, 1);
  }
}

// The only one that is refused is the one that cannot be done.
static void killed_at_each_try(void **state) {
  struct fixture *f = *state;
  struct work w[] = {work(f, 1, PLAIN), work(f, 2, KILLS_ALWAYS), work(f, 3, PLAIN)};
  run(f, w, 3);
  assert_int_equal(w[0].job.result, ERR_NONE);
  assert_int_not_equal(w[1].job.result, ERR_NONE);
  assert_int_equal(w[2].job.result, ERR_NONE);
  assert_false(is_stored(f, 2));
}

// ---- a COMMIT without an answer --------------------------------------------------------------------------

// In a writer's first batch, which adds its row of `writers`, and in a later one, which changes it.
static void commit_in_trouble(struct fixture *f, enum proxy_harm harm, int runs) {
  for (int first = 1; first <= 4; first += 3) {
    struct work w[] = {work(f, first, PLAIN), work(f, first + 1, PLAIN), work(f, first + 2, PLAIN)};
    f->proxy.harm = (int)harm;
    run(f, w, 2);
    assert_int_equal(f->proxy.harm, PROXY_NO_HARM); // it has come to it
    for (int i = 0; i < 2; i++) {
      assert_int_equal(w[i].job.result, ERR_NONE);
      assert_int_equal(w[i].runs, runs);
    }
    run(f, w + 2, 1);
    assert_int_equal(w[2].job.result, ERR_NONE);
  }
}

static void the_answer_is_lost(void **state) {
  commit_in_trouble(*state, PROXY_KEEP_ANSWER, 1);
}

static void the_commit_is_lost(void **state) {
  commit_in_trouble(*state, PROXY_KEEP_COMMIT, 2);
}

// Whoever looks too early would not find it, and do it again.
static void the_commit_comes_late(void **state) {
  commit_in_trouble(*state, PROXY_LATE_COMMIT, 1);
}

static void the_end_comes_late(void **state) {
  commit_in_trouble(*state, PROXY_LATE_END, 2);
}

// ---- a database that is away -----------------------------------------------------------------------------

struct look {
  struct job job;
  struct rows rows;
};

static enum err look_step(struct job *j) {
  if (j->round == 0)
    JOB_OP(j, Q_META_GET, v_text(STR("schema_version")));
  else
    ((struct look *)j)->rows = *job_rows(j, 0);
  return ERR_NONE;
}

static enum err look(struct fixture *f) {
  struct look l = {.job = {.step = look_step, .arena = &f->arena}};
  enum err e = store_read(f->store, &l.job);
  if (e == ERR_NONE)
    assert_int_equal(l.rows.n, 1);
  return e;
}

static void refused_soon_and_back_by_itself(void **state) {
  struct fixture *f = *state;
  assert_true(store_writer_start(f->store));
  struct work before = work(f, 1, PLAIN);
  assert_int_equal(store_call(f->store, &before.job), ERR_NONE);
  f->proxy.down = true;
  for (int i = 2; i < 10; i++) {
    int64_t start = now_ms();
    struct work w = work(f, i, PLAIN);
    enum err e = store_call(f->store, &w.job);
    check(f, &w);
    assert_true(e == ERR_UNAVAILABLE || (i == 2 && e == ERR_NONE)); // it may just have been in time
    assert_true(e == ERR_NONE || look(f) == ERR_UNAVAILABLE);
    assert_true(now_ms() - start < 1000);
  }
  assert_false(store_reachable(f->store));
  f->proxy.down = false;
  for (int i = 0; i < 300 && !store_reachable(f->store); i++) // though nobody asks for anything
    usleep(10000);
  assert_true(store_reachable(f->store));
  struct work after = work(f, 20, PLAIN);
  assert_int_equal(store_call(f->store, &after.job), ERR_NONE);
  assert_int_equal(look(f), ERR_NONE);
  check(f, &after);
  store_writer_stop(f->store);
}

// Each connection comes back at its own time: while only readings succeed the store is not said to be
// reachable.
static void reachable_is_what_can_be_written(void **state) {
  struct fixture *f = *state;
  assert_int_equal(look(f), ERR_NONE); // there is a connection for readings
  for (int i = 1; i <= 5; i++) {
    struct work lost = work(f, 2 * i, PLAIN), w = work(f, 2 * i + 1, PLAIN);
    f->proxy.down = true;
    while (store_call(f->store, &lost.job) == ERR_NONE)
      lost.number += 100;
    assert_false(store_reachable(f->store));
    f->proxy.down = false;
    usleep(50000); // the writer has just tried in vain, and rests
    for (int k = 0; k < 300 && look(f) != ERR_NONE; k++)
      usleep(10000);
    if (store_reachable(f->store))
      assert_int_equal(store_call(f->store, &w.job), ERR_NONE);
  }
}

// A server that says nothing more is given up, and what it was asked is refused.
static void silence_ends(void **state) {
  struct fixture *f = *state;
  struct work w[] = {work(f, 1, PLAIN), work(f, 2, PLAIN)};
  f->proxy.frozen = true;
  int64_t start = now_ms();
  run(f, w, 1);
  assert_int_equal(w[0].job.result, ERR_UNAVAILABLE);
  assert_true(now_ms() - start < 2 * PG_SILENCE_MS);
  f->proxy.frozen = false;
  usleep(500000);
  run(f, w + 1, 1);
  assert_int_equal(w[1].job.result, ERR_NONE);
}

// The look whether a COMMIT has happened is answered too late: nobody may take its answer for another's.
static void a_look_that_is_answered_late(void **state) {
  struct fixture *f = *state;
  struct work before = work(f, 1, PLAIN), lost = work(f, 2, PLAIN),
              after[] = {work(f, 3, PLAIN), work(f, 4, PLAIN)};
  run(f, &before, 1);
  postgres_order(f->admin, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                           " 'BEGIN PERFORM pg_sleep(11); RETURN NEW; END'");
  postgres_order(f->admin, "CREATE TRIGGER slow BEFORE UPDATE ON writers FOR EACH ROW"
                           " WHEN (NEW.batch = OLD.batch) EXECUTE FUNCTION slow()");
  f->proxy.harm = PROXY_KEEP_ANSWER;
  run(f, &lost, 1);
  assert_int_equal(lost.job.result, ERR_UNAVAILABLE);
  sleep(2);
  postgres_order(f->admin, "DROP TRIGGER slow ON writers");
  run(f, after, 2);
  assert_int_equal(after[0].job.result, ERR_NONE);
  assert_int_equal(after[1].job.result, ERR_NONE);
}

// A COMMIT that waits for its standby holds the writer's row: what comes after it is refused, soon.
static void refused_soon_while_a_commit_hangs(void **state) {
  struct fixture *f = *state;
  struct work w[] = {work(f, 1, PLAIN), work(f, 2, PLAIN), work(f, 3, PLAIN),
                     work(f, 4, PLAIN), work(f, 5, PLAIN), work(f, 6, PLAIN)};
  run(f, w, 1);
  postgres_order(f->admin, "BEGIN");
  postgres_order(f->admin, "SELECT 1 FROM writers FOR UPDATE");
  int64_t start = now_ms();
  run(f, w + 1, 3);
  assert_true(now_ms() - start < PG_SILENCE_MS);
  start = now_ms();
  run(f, w + 4, 1);
  assert_true(now_ms() - start < 1000);
  for (int i = 1; i < 5; i++)
    assert_int_equal(w[i].job.result, ERR_UNAVAILABLE);
  assert_false(store_reachable(f->store));
  postgres_order(f->admin, "ROLLBACK");
  run(f, w + 5, 1);
  assert_int_equal(w[5].job.result, ERR_NONE);
  assert_true(store_reachable(f->store));
}

// ---- a storm ---------------------------------------------------------------------------------------------

enum { CALLERS = 4, CALLS_MAX = 4000, STORM_MS = 3000 };

struct caller {
  struct fixture *fixture;
  pthread_t thread;
  int first, n;
  struct work *work;
};

static _Atomic bool over;

static void *call_main(void *self) {
  struct caller *c = self;
  for (; c->n < CALLS_MAX && !over; c->n++) {
    struct work *w = &c->work[c->n];
    struct arena a;
    arena_init(&a, 1 << 20);
    *w = work(c->fixture, c->first + c->n, PLAIN);
    w->job.arena = &a;
    (void)store_call(c->fixture->store, &w->job);
    arena_free(&a);
    if (w->job.result != ERR_NONE)
      usleep(1000);
  }
  return NULL;
}

static void *read_main(void *self) {
  struct fixture *f = self;
  struct arena a;
  while (!over) {
    arena_init(&a, 1 << 20);
    struct look l = {.job = {.step = look_step, .arena = &a}};
    enum err e = store_read(f->store, &l.job);
    assert_true(e == ERR_NONE || e == ERR_UNAVAILABLE);
    arena_free(&a);
  }
  return NULL;
}

static void whatever_is_killed_the_books_agree(void **state) {
  struct fixture *f = *state;
  struct caller c[CALLERS] = {0};
  pthread_t reader;
  int good = 0;
  int64_t killed = 0;
  over = false;
  assert_true(store_writer_start(f->store));
  assert_int_equal(pthread_create(&reader, NULL, read_main, f), 0);
  for (int i = 0; i < CALLERS; i++) {
    c[i] = (struct caller){.fixture = f, .first = 1 + i * CALLS_MAX};
    c[i].work = calloc(CALLS_MAX, sizeof *c[i].work);
    assert_int_equal(pthread_create(&c[i].thread, NULL, call_main, &c[i]), 0);
  }
  for (int64_t until = now_ms() + STORM_MS; now_ms() < until; usleep(5000 + (unsigned)killed % 37 * 1000))
    killed += kill_sessions(f->admin);
  over = true;
  for (int i = 0; i < CALLERS; i++)
    pthread_join(c[i].thread, NULL);
  pthread_join(reader, NULL);
  store_writer_stop(f->store);
  for (int i = 0; i < CALLERS; i++) {
    for (int k = 0; k < c[i].n; k++) {
      check(f, &c[i].work[k]);
      good += c[i].work[k].job.result == ERR_NONE;
    }
    free(c[i].work);
  }
  assert_true(good > 50 && killed > 20);
}

// ---- two nodes in each other's way -----------------------------------------------------------------------

struct crossing {
  struct job job;
  struct store *store;
  pthread_t thread;
  int64_t first, second, value;
  int runs;
};

static _Atomic int arrived;

// The first time it has one row it waits until the other has the other one.
static enum err crossing_step(struct job *j) {
  struct crossing *c = (struct crossing *)j;
  if (j->round > 1)
    return ERR_NONE;
  if (j->round == 0) {
    c->runs++;
  } else if (c->runs == 1) {
    arrived++;
    for (int i = 0; i < 5000 && arrived < 2; i++)
      usleep(1000);
  }
  JOB_OP(j, Q_CREDENTIAL_END, v_int(j->round == 0 ? c->first : c->second), v_int(0), v_int(c->value));
  return ERR_NONE;
}

static void *cross(void *self) {
  struct crossing *c = self;
  (void)store_call(c->store, &c->job);
  return NULL;
}

static void cross_once(struct fixture *f, struct store *other, int64_t value) {
  struct crossing c[2] = {{.store = f->store, .first = 1, .second = 2, .value = value},
                          {.store = other, .first = 2, .second = 1, .value = value - 1}};
  struct arena arena[2];
  arrived = 0;
  for (int i = 0; i < 2; i++) {
    arena_init(&arena[i], 1 << 20);
    c[i].job = (struct job){.step = crossing_step, .arena = &arena[i]};
    assert_int_equal(pthread_create(&c[i].thread, NULL, cross, &c[i]), 0);
  }
  for (int i = 0; i < 2; i++) {
    pthread_join(c[i].thread, NULL);
    assert_int_equal(c[i].job.result, ERR_NONE);
    arena_free(&arena[i]);
  }
  assert_true(c[0].runs + c[1].runs >= 3); // one of them was the victim
  // one after the other, never mixed
  assert_int_equal(postgres_order(f->admin, "SELECT count(DISTINCT expires_us) FROM credentials"), 1);
}

static void a_deadlock_is_tried_again(void **state) {
  struct fixture *f = *state;
  struct store *other = open_at(f->url);
  for (int project = 1; project <= 2; project++)
    postgres_order(f->admin,
                   "INSERT INTO credentials (project_id, mode, key_hash, key_tail, api_secret,"
                   " webhook_secret, created_us) VALUES (%d, 0, '%d', '', '', '', 1)",
                   project, project);
  for (int i = 0; i < 10; i++)
    cross_once(f, other, 1000 - 2 * i);
  store_close(other);
}

// ---- versions --------------------------------------------------------------------------------------------

static void *open_and_close(void *self) {
  struct fixture *f = self;
  struct arena a;
  struct store *s = open_at(f->url);
  arena_init(&a, 1 << 20);
  struct look l = {.job = {.step = look_step, .arena = &a}};
  assert_int_equal(store_read(s, &l.job), ERR_NONE);
  arena_free(&a);
  store_close(s);
  return NULL;
}

static void many_begin_with_an_empty_database(void **state) {
  struct fixture *f = *state;
  pthread_t t[6];
  struct database empty;
  char url[POSTGRES_URL_MAX];
  strcpy(url, f->url);
  database_make(&empty);
  strcpy(f->url, empty.url);
  for (int i = 0; i < 6; i++)
    assert_int_equal(pthread_create(&t[i], NULL, open_and_close, f), 0);
  for (int i = 0; i < 6; i++)
    pthread_join(t[i], NULL);
  strcpy(f->url, url);
  database_drop(&empty);
}

static const char first[] = "CREATE TABLE t (a INTEGER NOT NULL) STRICT;";
static const char second[] = "ALTER TABLE t ADD COLUMN b INTEGER;";
static const struct embedded one[] = {{"001", first, sizeof first - 1}, {0}};
static const struct embedded two[] = {
    {"001", first, sizeof first - 1}, {"002", second, sizeof second - 1}, {0}};
static const struct embedded broken[] = {{"001", first, sizeof first - 1},
                                         {"002", "ALTER TABLE t ADD COLUMN b INTEGER; CREATE NONSENSE", 51},
                                         {0}};

static bool migrated(const struct database *d, const struct embedded *files, char *error, size_t size) {
  struct pg p;
  assert_true(pg_connect(&p, d->url, error, size));
  bool ok = pg_migrate(&p, files, error, size);
  if (ok)
    assert_true(pg_exec(&p, "INSERT INTO t (a) VALUES (1)"));
  pg_close(&p);
  return ok;
}

static void a_failed_upgrade_changes_nothing(void **state) {
  (void)state;
  struct database d;
  char error[256] = "";
  database_make(&d);
  assert_true(migrated(&d, one, error, sizeof error));
  assert_false(migrated(&d, broken, error, sizeof error));
  assert_non_null(strstr(error, "002"));
  assert_true(migrated(&d, one, error, sizeof error));
  assert_true(migrated(&d, two, error, sizeof error)); // column b is not there yet
  database_drop(&d);
}

static void a_newer_database_is_refused_by_an_older_program(void **state) {
  (void)state;
  struct database d;
  char error[256] = "";
  database_make(&d);
  assert_true(migrated(&d, two, error, sizeof error));
  assert_true(migrated(&d, one, error, sizeof error)); // a newer schema that older code can live with
  PGconn *c = postgres_connect(d.name);
  postgres_order(c, "UPDATE meta SET value = '2' WHERE name = 'oldest_binary'");
  PQfinish(c);
  assert_false(migrated(&d, one, error, sizeof error));
  assert_non_null(strstr(error, "newer"));
  database_drop(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(killed_before_a_batch),
      TEST(killed_within_a_batch),
      TEST(killed_at_each_try),
      TEST(the_answer_is_lost),
      TEST(the_commit_is_lost),
      TEST(the_commit_comes_late),
      TEST(the_end_comes_late),
      TEST(refused_soon_and_back_by_itself),
      TEST(reachable_is_what_can_be_written),
      TEST(silence_ends),
      TEST(a_look_that_is_answered_late),
      TEST(refused_soon_while_a_commit_hangs),
      TEST(whatever_is_killed_the_books_agree),
      TEST(a_deadlock_is_tried_again),
      TEST(many_begin_with_an_empty_database),
      cmocka_unit_test(a_failed_upgrade_changes_nothing),
      cmocka_unit_test(a_newer_database_is_refused_by_an_older_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
