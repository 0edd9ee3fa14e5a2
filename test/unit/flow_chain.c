// The row of the chain, and how a database of the version before gets one.
#include "flow/blocks.h"
#include "store/migrate.h"
#include "store/pg.h"
#include "../support/gateway.h"

static struct chain_row first_row(void) {
  struct chain_row r = {.network = STR("nile"),
                        .genesis = STR("00"),
                        .token = STR("TXLAQ63Xg1NAzckPwKHvzw7CSEmLMEqcdj"),
                        .witnesses = STR("w"),
                        .cursor = {.number = 100, .time_us = NOW}};
  memset(r.cursor.id.bytes, 7, sizeof r.cursor.id.bytes);
  return r;
}

static void there_is_one_row_of_the_chain(void **state) {
  struct gateway *g = *state;
  struct chain_row in = first_row(), out;
  assert_int_equal(flow_chain_load(&g->env, &g->arena, &out), ERR_NONE);
  assert_false(out.found);
  assert_int_equal(flow_chain_begin(&g->env, &g->arena, &in), ERR_NONE);
  in.cursor.number = 200;
  assert_int_equal(flow_chain_begin(&g->env, &g->arena, &in), ERR_CHANGED);
  assert_int_equal(flow_chain_load(&g->env, &g->arena, &out), ERR_NONE);
  assert_true(out.found);
  assert_int_equal(out.cursor.number, 100);
  assert_memory_equal(out.cursor.id.bytes, in.cursor.id.bytes, CHAIN_ID_N);
  assert_int_equal(out.cursor.time_us, NOW);
  assert_true(str_eqc(out.network, "nile") && str_eqc(out.witnesses, "w") && !out.trouble.p);
}

static void other_nodes_are_told_how_it_stands(void **state) {
  struct gateway *g = *state;
  struct chain_row in = first_row(), out;
  assert_int_equal(flow_chain_begin(&g->env, &g->arena, &in), ERR_NONE);
  struct chain_status s = {.head = 130,
                           .head_us = NOW + 1,
                           .solid = 111,
                           .heard_us = NOW + 2,
                           .behind = true,
                           .level_us = NOW + 3,
                           .trouble = STR("two nodes disagree")};
  assert_int_equal(flow_chain_tell(&g->env, &g->arena, &s), ERR_NONE);
  assert_int_equal(flow_chain_load(&g->env, &g->arena, &out), ERR_NONE);
  assert_int_equal(out.head, 130);
  assert_int_equal(out.solid, 111);
  assert_int_equal(out.level_us, NOW + 3);
  assert_true(out.behind && str_eq(out.trouble, s.trouble));
  assert_int_equal(out.cursor.number, 100);
  s.trouble = STR_NONE;
  assert_int_equal(flow_chain_tell(&g->env, &g->arena, &s), ERR_NONE);
  assert_int_equal(flow_chain_load(&g->env, &g->arena, &out), ERR_NONE);
  assert_null(out.trouble.p);
}

// ---- upgrade

#define OLD_PAYMENT                                                                                          \
  "INSERT INTO payments (project_id, is_test, order_id, amount, scale, pay_amount, received, status, sub,"   \
  " address_id, address, created_us, match_from_us, first_expires_us, expires_us, quarantine_us, extended,"  \
  " version) VALUES (1, 0, 'A', 5, 2, 5, 0, 0, 1, 3, 'T', 1, 1, 2, 2, 3, 0, 1);"                             \
  "INSERT INTO transfers (txid, log_index, is_test, payment_id, value, block_us) VALUES ('t', 0, 1, 1, 5, "  \
  "1)"

static bool has_old_schema(const struct database *d) {
  const struct embedded old[] = {sql_files[0], sql_files[1], {0}};
  char error[256] = "";
  struct pg p;
  struct db db;
  bool ok;
  if (database_is_postgres()) {
    ok = pg_connect(&p, d->url, error, sizeof error) && pg_migrate(&p, old, error, sizeof error) &&
         pg_exec(&p, OLD_PAYMENT);
    pg_close(&p);
  } else {
    ok = db_open(&db, d->url, NULL, true) && migrate(&db, d->url, old, error, sizeof error) &&
         db_exec_quiet(&db, OLD_PAYMENT);
    db_close(&db);
  }
  return ok;
}

struct look {
  struct job job;
  struct rows payment, chain;
};

static enum err look_step(struct job *j) {
  struct look *l = (struct look *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(1));
    job_ops(j, Q_CHAIN_GET, 0, NULL);
  } else {
    l->payment = *job_rows(j, 0);
    l->chain = *job_rows(j, 1);
  }
  return ERR_NONE;
}

static void a_database_of_the_version_before_is_upgraded(void **state) {
  (void)state;
  struct database d;
  struct arena a;
  arena_init(&a, 1 << 20);
  database_make(&d);
  assert_true(has_old_schema(&d));
  struct store *s = database_open(&d, &world_real, 0);
  struct look l = {.job = {.step = look_step, .arena = &a}};
  assert_int_equal(store_read(s, &l.job), ERR_NONE);
  assert_int_equal(l.payment.n, 1);
  assert_int_equal(rows_at(&l.payment, 0)[4].i, 5);
  assert_int_equal(l.chain.n, 0);
  store_close(s);
  database_drop(&d);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(there_is_one_row_of_the_chain),
      TEST(other_nodes_are_told_how_it_stands),
      cmocka_unit_test(a_database_of_the_version_before_is_upgraded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
