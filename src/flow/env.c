#include "base/hex.h"
#include "flow/env.h"
#include "store/move.h"

#include <stdio.h>
#include <string.h>

// The key of the payment numbers lives sealed in `meta`; opening it also proves that the secret key is the
// right one.
#define ID_KEY_NAME    "payment_id_key"
#define ID_KEY_CONTEXT "meta." ID_KEY_NAME

struct load {
  struct job job;
  struct env *env;
  enum env_state state;
};

static enum err add_key(struct job *j, struct env *env) {
  unsigned char raw[sizeof env->id_key.bytes];
  world_random(env->world, raw, sizeof raw);
  struct str plain = {(const char *)raw, sizeof raw};
  struct str sealed = seal(j->arena, env->world, env->seal, STR(ID_KEY_CONTEXT), plain);
  char *hex = arena_alloc(j->arena, 2 * sealed.n + 1);
  hex_encode(sealed.p, sealed.n, hex);
  JOB_OP(j, Q_META_ADD, v_text(STR(ID_KEY_NAME)), v_text(str_of(hex)));
  return ERR_NONE;
}

static bool open_key(struct job *j, struct str hex, struct env *env) {
  struct payment_id_key *key = &env->id_key;
  struct str plain;
  char *sealed = arena_alloc(j->arena, hex.n / 2 + 1);
  bool good = hex_decode(hex, sealed, hex.n / 2) &&
              unseal(j->arena, env->seal, STR(ID_KEY_CONTEXT), (struct str){sealed, hex.n / 2}, &plain) &&
              plain.n == sizeof key->bytes;
  if (good)
    memcpy(key->bytes, plain.p, plain.n);
  return good;
}

// The key that was made is read back like any other: another node may have been faster.
static enum err load_step(struct job *j) {
  struct load *l = (struct load *)j;
  if (j->round == 0 || j->round == 2) {
    JOB_OP(j, Q_META_GET, v_text(STR(ID_KEY_NAME)));
    JOB_OP(j, Q_META_GET, v_text(STR(MOVE_UNFINISHED)));
    return ERR_NONE;
  }
  if (job_rows(j, 1)->n == 1) {
    l->state = ENV_UNFINISHED;
    return ERR_NONE;
  }
  if (job_rows(j, 0)->n == 1) {
    l->state = open_key(j, rows_at(job_rows(j, 0), 0)[0].s, l->env) ? ENV_LOADED : ENV_WRONG_KEY;
    return ERR_NONE;
  }
  return j->round == 1 ? add_key(j, l->env) : ERR_STORE;
}

enum env_state env_load(struct env *env, char *error, size_t error_size) {
  struct arena a;
  arena_init(&a, 65536);
  struct load l = {.job = {.step = load_step, .arena = &a}, .env = env};
  enum err e = store_call(env->store, &l.job);
  if (e != ERR_NONE) {
    snprintf(error, error_size, "the database does not answer");
    l.state = ENV_FAILED;
  } else if (l.state == ENV_UNFINISHED) {
    snprintf(
        error, error_size,
        "the move of a gateway to this database is unfinished: run cryptopay migrate-to again, it goes on "
        "where it stopped");
  } else if (l.state == ENV_WRONG_KEY) {
    snprintf(
        error, error_size,
        "the secret key does not open what is sealed in this database: give the one that belongs to it with "
        "--secret-key-file");
  }
  arena_free(&a);
  return l.state;
}
