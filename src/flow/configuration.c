#include "flow/configuration.h"
#include "base/bug.h"
#include "flow/keys.h"
#include "flow/pool.h"
#include "store/notify.h"

void configuration_lock(struct job *j) {
  BUG_IF(j->round || j->n_ops, "the lock comes first");
  job_ops(j, Q_CONFIGURATION_LOCK, 0, NULL);
}

void configuration_count(struct job *j) {
  job_ops(j, Q_CONFIGURATION_COUNT, 0, NULL);
}

void configuration_committed(const struct env *env) {
  key_cache_clear(env->keys);
  notify_configuration(env->notify);
}

void configuration_heard(const struct env *env) {
  pools_changed(env->pools);
  key_cache_clear(env->keys);
}

static enum err look_step(struct job *j) {
  if (j->round == 0)
    JOB_OP(j, Q_META_GET, v_text(STR("changes")));
  return ERR_NONE;
}

void configuration_follow(struct env *env, struct arena *a) {
  struct job j = {.step = look_step, .arena = a};
  int64_t start_us = world_mono(env->world), changes;
  pools_tick(env->pools);
  if (store_read(env->store, &j) != ERR_NONE || job_rows(&j, 0)->n == 0 ||
      !str_to_i64(rows_at(job_rows(&j, 0), 0)[0].s, &changes))
    return;
  if (changes != env->configuration.changes)
    configuration_heard(env);
  env->configuration.changes = changes;
  atomic_store(&env->configuration.looked_us, start_us);
}

bool configuration_is_fresh(const struct env *env) {
  int64_t looked_us = atomic_load(&env->configuration.looked_us);
  return !looked_us || world_mono(env->world) - looked_us < CONFIGURATION_STALE_US;
}
