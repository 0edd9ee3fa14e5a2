#include "base/hex.h"
#include "flow/env.h"

#include <stdio.h>
#include <string.h>

// The key of the payment numbers lives sealed in `meta`; opening it also proves that the secret key is the
// right one.
#define ID_KEY_NAME "payment_id_key"

struct load {
  struct job job;
  struct env *env;
  bool wrong_key;
};

static enum err load_step(struct job *j) {
  struct load *l = (struct load *)j;
  struct payment_id_key *key = &l->env->id_key;
  struct str context = STR("meta." ID_KEY_NAME), plain;
  if (j->round == 0) {
    JOB_OP(j, Q_META_GET, v_text(STR(ID_KEY_NAME)));
  } else if (j->round == 1 && job_rows(j, 0)->n == 1) {
    struct str hex = rows_at(job_rows(j, 0), 0)[0].s, sealed = {str_c(j->arena, hex), hex.n / 2};
    l->wrong_key = !hex_decode(hex, (char *)(uintptr_t)sealed.p, sealed.n) ||
                   !unseal(j->arena, l->env->seal, context, sealed, &plain) || plain.n != sizeof key->bytes;
    if (!l->wrong_key)
      memcpy(key->bytes, plain.p, plain.n);
  } else if (j->round == 1) {
    world_random(l->env->world, key->bytes, sizeof key->bytes);
    plain = (struct str){(const char *)key->bytes, sizeof key->bytes};
    struct str sealed = seal(j->arena, l->env->world, l->env->seal, context, plain);
    char *hex = arena_alloc(j->arena, 2 * sealed.n + 1);
    hex_encode(sealed.p, sealed.n, hex);
    JOB_OP(j, Q_META_PUT, v_text(STR(ID_KEY_NAME)), v_text(str_of(hex)));
  }
  return ERR_NONE;
}

bool env_load(struct env *env, char *error, size_t error_size) {
  struct arena a;
  arena_init(&a, 65536);
  struct load l = {.job = {.step = load_step, .arena = &a}, .env = env};
  enum err e = store_call(env->store, &l.job);
  if (e != ERR_NONE)
    snprintf(error, error_size, "the database does not answer");
  else if (l.wrong_key)
    snprintf(
        error, error_size,
        "the secret key does not open what is sealed in this database: give the one that belongs to it with"
        " --secret-key-file");
  arena_free(&a);
  return e == ERR_NONE && !l.wrong_key;
}
