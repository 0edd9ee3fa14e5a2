#include "flow/lease.h"
#include "base/hex.h"
#include "flow/job_key.h"

void lease_init(struct lease *l, const struct world *world, struct str name, int64_t length_us) {
  unsigned char random[LEASE_HOLDER_BYTES];
  *l = (struct lease){.name = name, .length_us = length_us};
  world_random(world, random, sizeof random);
  hex_encode(random, sizeof random, l->holder);
}

struct take {
  struct job job;
  const struct lease *lease;
  int64_t now_us; // SQLite's clock
  int64_t fence;  // 0: another one's
};

// Looks first: the row of somebody else's lease is left alone.
static enum err take_step(struct job *j) {
  struct take *t = (struct take *)j;
  const struct lease *l = t->lease;
  if (j->round == 0) {
    t->fence = 0;
    JOB_OP(j, Q_LEASE_FREE, v_text(l->name), v_text(str_of(l->holder)), v_int(t->now_us));
  } else if (j->round == 1 && rows_at(job_rows(j, 0), 0)[0].i) {
    JOB_OP(j, Q_LEASE_TAKE, v_text(l->name), v_text(str_of(l->holder)), v_int(l->length_us),
           v_int(t->now_us));
  } else if (j->round == 2 && job_rows(j, 0)->n) {
    t->fence = rows_at(job_rows(j, 0), 0)[0].i;
  }
  return ERR_NONE;
}

enum err lease_take(struct lease *l, struct env *env, struct arena *a) {
  if (!store_shared(env->store)) {
    l->fence = 1;
    l->until_us = INT64_MAX;
    return ERR_NONE;
  }
  struct take t = {.job = {.step = take_step, .arena = a, .key = job_key_lease(l->name)},
                   .lease = l,
                   .now_us = world_now(env->world)};
  int64_t asked_us = world_mono(env->world);
  enum err e = store_call(env->store, &t.job);
  if (e == ERR_NONE) {
    l->fence = t.fence;
    l->until_us = t.fence ? asked_us + l->length_us : 0;
  }
  return e;
}

int64_t lease_left_us(const struct lease *l, const struct env *env) {
  return l->until_us == INT64_MAX ? INT64_MAX : l->until_us ? l->until_us - world_mono(env->world) : 0;
}

struct give {
  struct job job;
  const struct lease *lease;
};

static enum err give_step(struct job *j) {
  const struct give *g = (const struct give *)j;
  if (j->round == 0)
    JOB_OP(j, Q_LEASE_GIVE, v_text(g->lease->name), v_text(str_of(g->lease->holder)));
  return ERR_NONE;
}

void lease_give(struct lease *l, struct env *env, struct arena *a) {
  struct give g = {.job = {.step = give_step, .arena = a, .key = job_key_lease(l->name)}, .lease = l};
  if (l->until_us && store_shared(env->store))
    (void)store_call(env->store, &g.job); // or it ends by itself
  l->until_us = 0;
}
