#include "flow/webhooks.h"
#include "base/bug.h"
#include "base/log.h"
#include "flow/admin.h"
#include "flow/keys.h"

#include <stdlib.h>
#include <string.h>

enum {
  COL_ID,
  COL_PAYMENT,
  COL_PROJECT,
  COL_TEST,
  COL_EVENT,
  COL_WEBHOOK_ID,
  COL_URL,
  COL_HOST,
  COL_BODY,
  COL_STATUS,
  COL_ATTEMPTS,
  COL_ROUND_ATTEMPTS,
  COL_CREATED,
  COL_NEXT,
  COL_DELIVERED,
  COL_VERSION
};

struct due {
  struct job job;
  int64_t now_us, next_us;
  deliveries_room *room;
  void *self;
  int limit, n, cap;
  struct delivery *list;
  bool reading; // rows of a host are coming, beside the next host
};

static void row_to_delivery(const struct val *v, struct delivery *d) {
  *d = (struct delivery){
      .id = v[COL_ID].i,
      .payment_row = v[COL_PAYMENT].i,
      .project_id = v[COL_PROJECT].i,
      .is_test = v[COL_TEST].i != 0,
      .webhook_id = v[COL_WEBHOOK_ID].s,
      .url = v[COL_URL].s,
      .host = v[COL_HOST].s,
      .body = v[COL_BODY].s,
      .attempts = (int)v[COL_ATTEMPTS].i,
      .round_attempts = (int)v[COL_ROUND_ATTEMPTS].i,
      .version = v[COL_VERSION].i,
  };
}

static void take_rows(struct due *d, const struct rows *rows) {
  if (d->n + rows->n > d->cap) { // mostly little is due: room for `limit` would cost more than reading
    struct delivery *old = d->list;
    d->cap = 2 * d->cap + rows->n;
    d->list = ARENA_ARRAY(d->job.arena, struct delivery, d->cap);
    if (d->n)
      memcpy(d->list, old, sizeof *old * (size_t)d->n);
  }
  for (int i = 0; i < rows->n && d->n < d->limit; i++)
    row_to_delivery(rows_at(rows, i), &d->list[d->n++]);
}

// Walks from host to host along the index; a host with a thousand due deliveries costs as much as one with a
// single one.
static enum err due_step(struct job *j) {
  struct due *d = (struct due *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_DELIVERY_NEXT_HOST, v_text(STR("")));
    return ERR_NONE;
  }
  if (d->reading)
    take_rows(d, job_rows(j, 1));
  const struct rows *next = job_rows(j, 0);
  d->reading = false;
  if (next->n == 0 || d->n >= d->limit)
    return ERR_NONE;
  const struct val *host = rows_at(next, 0);
  JOB_OP(j, Q_DELIVERY_NEXT_HOST, v_text(host[0].s));
  if (host[1].i > d->now_us) {
    if (host[1].i < d->next_us)
      d->next_us = host[1].i;
    return ERR_NONE;
  }
  int room = d->room(d->self, host[0].s);
  if (room > 0) {
    d->reading = true;
    JOB_OP(j, Q_DELIVERY_DUE, v_text(host[0].s), v_int(d->now_us), v_int(room));
  }
  return ERR_NONE;
}

enum err flow_deliveries_due(struct env *env, struct arena *a, struct deliveries_due *due) {
  struct due d = {.job = {.step = due_step, .arena = a},
                  .now_us = world_now(env->world),
                  .next_us = INT64_MAX,
                  .room = due->room,
                  .self = due->self,
                  .limit = due->limit};
  enum err e = store_read(env->store, &d.job);
  due->list = d.list;
  due->n = d.n;
  due->next_us = d.next_us;
  return e;
}

// ---- keys ------------------------------------------------------------------------------------------------

enum { SIGNERS_MAX = 1024, SIGNER_ARENA_MAX = 65536 };

struct signer {
  int64_t project_id, generation;
  int64_t until_us; // an overlap ends then: read again
  int mode;
  struct webhook_signers keys;
};

struct signers {
  struct signer list[SIGNERS_MAX];
};

struct signers *signers_new(void) {
  struct signers *s = calloc(1, sizeof *s);
  BUG_IF(!s, "out of memory");
  return s;
}

static void signer_clear(struct signer *s) {
  hmac_key_free((struct hmac_key *)(uintptr_t)s->keys.api);
  for (size_t i = 0; i < s->keys.standard_n; i++)
    hmac_key_free((struct hmac_key *)(uintptr_t)s->keys.standard[i]);
  *s = (struct signer){0};
}

void signers_free(struct signers *s) {
  for (int i = 0; i < SIGNERS_MAX; i++)
    signer_clear(&s->list[i]);
  free(s);
}

struct read_keys {
  struct job job;
  int64_t project_id, now_us;
  int mode;
};

static enum err read_keys_step(struct job *j) {
  struct read_keys *r = (struct read_keys *)j;
  if (j->round == 0)
    JOB_OP(j, Q_CREDENTIAL_OF_PROJECT, v_int(r->project_id), v_int(r->mode), v_int(r->now_us));
  return ERR_NONE;
}

enum { CRED_SECRET = 4, CRED_WEBHOOK = 5, CRED_EXPIRES = 7, CRED_USED = 8 };

static const struct hmac_key *open_api_key(struct env *env, struct arena *a, const struct signer *s,
                                           struct str sealed) {
  struct str secret;
  if (!unseal(a, env->seal, seal_context(a, "api_secret", s->project_id, s->mode), sealed, &secret))
    return NULL;
  const struct hmac_key *key = hmac_key_create(secret.p, secret.n);
  explicit_bzero((void *)(uintptr_t)secret.p, secret.n);
  return key;
}

static const struct hmac_key *open_webhook_key(struct env *env, struct arena *a, const struct signer *s,
                                               struct str sealed) {
  struct str secret;
  uint8_t bytes[WEBHOOK_KEY_MAX];
  size_t n;
  if (!unseal(a, env->seal, seal_context(a, "webhook_secret", s->project_id, s->mode), sealed, &secret) ||
      !webhook_secret_key(secret, bytes, &n))
    return NULL;
  const struct hmac_key *key = hmac_key_create(bytes, n);
  explicit_bzero(bytes, sizeof bytes);
  explicit_bzero((void *)(uintptr_t)secret.p, secret.n);
  return key;
}

// X-Signature: the newest secret that a request has been signed with; none of them: the oldest in force (spec
// "rotation": the old one until the new one has been seen or the overlap has ended).
static int signing_row(const struct rows *rows) {
  for (int i = rows->n - 1; i > 0; i--)
    if (rows_at(rows, i)[CRED_USED].i)
      return i;
  return 0;
}

static bool add_webhook_key(struct signer *s, struct env *env, struct arena *a, const struct val *v) {
  const struct hmac_key *key = open_webhook_key(env, a, s, v[CRED_WEBHOOK].s);
  if (key)
    s->keys.standard[s->keys.standard_n++] = key;
  return key != NULL;
}

// webhook-signature carries the newest secret and beside it the one that X-Signature uses, or else the one
// before.
static bool fill(struct signer *s, struct env *env, struct arena *a, const struct rows *rows) {
  int newest = rows->n - 1, signs = signing_row(rows);
  int second = signs < newest ? signs : newest - 1;
  s->until_us = INT64_MAX;
  for (int i = 0; i < rows->n; i++) {
    int64_t ends_us = rows_at(rows, i)[CRED_EXPIRES].i;
    if (ends_us && ends_us < s->until_us)
      s->until_us = ends_us;
  }
  s->keys.api = open_api_key(env, a, s, rows_at(rows, signs)[CRED_SECRET].s);
  return s->keys.api && add_webhook_key(s, env, a, rows_at(rows, newest)) &&
         (second < 0 || add_webhook_key(s, env, a, rows_at(rows, second)));
}

enum err signers_find(struct signers *list, struct env *env, const struct delivery *d, int64_t now_us,
                      struct webhook_signers *out) {
  int64_t project_id = d->project_id;
  int mode = d->is_test ? MODE_TEST : MODE_LIVE;
  struct signer *s = &list->list[(uint64_t)(project_id * 2 + mode) % SIGNERS_MAX];
  int64_t generation = key_cache_generation(env->keys);
  bool fits = s->keys.api && s->project_id == project_id && s->mode == mode && s->generation == generation &&
              now_us < s->until_us;
  if (!fits) {
    struct arena a;
    arena_init(&a, SIGNER_ARENA_MAX);
    signer_clear(s);
    *s = (struct signer){.project_id = project_id, .mode = mode, .generation = generation};
    struct read_keys r = {.job = {.step = read_keys_step, .arena = &a}, project_id, now_us, mode};
    enum err e = store_read(env->store, &r.job);
    if (e != ERR_NONE || job_rows(&r.job, 0)->n == 0 || !fill(s, env, &a, job_rows(&r.job, 0))) {
      LOG(ERROR, "a project's webhook keys cannot be read", LOG_I("app_id", project_id));
      signer_clear(s);
    }
    arena_free(&a);
  }
  *out = s->keys;
  return s->keys.api ? ERR_NONE : ERR_STORE;
}

// ---- waiting ---------------------------------------------------------------------------------------------

static enum err waiting_step(struct job *j) {
  if (j->round == 0)
    job_ops(j, Q_DELIVERY_WAITING, 0, NULL);
  return ERR_NONE;
}

enum err flow_deliveries_waiting(struct env *env, struct arena *a, int64_t *n, int64_t *oldest_us) {
  struct job j = {.step = waiting_step, .arena = a};
  enum err e = store_read(env->store, &j);
  *n = e ? 0 : rows_at(job_rows(&j, 0), 0)[0].i;
  *oldest_us = e ? 0 : rows_at(job_rows(&j, 0), 0)[1].i;
  return e;
}

// ---- outcome ---------------------------------------------------------------------------------------------

static enum err settle_step(struct job *j) {
  struct flow_settle *f = (struct flow_settle *)j;
  const struct delivery *d = &f->delivery;
  if (j->round > 0)
    return job_rows(j, 0)->n == 1 ? ERR_NONE : ERR_CHANGED;
  bool done = webhook_accepted(f->http_status);
  int64_t ended_us = f->at_us + f->duration_us, next_us = 0;
  bool again = !done && webhook_next(d->round_attempts + 1, ended_us, f->retry_after_s, &next_us);
  enum delivery_status status = done ? DELIVERY_DONE : again ? DELIVERY_PENDING : DELIVERY_FAILED;
  JOB_OP(j, Q_DELIVERY_SETTLE, v_int(d->id), v_int(status), v_int(d->attempts + 1),
         v_int(d->round_attempts + 1), v_int_or_null(again ? next_us : 0), v_int_or_null(done ? ended_us : 0),
         v_int(d->version));
  JOB_OP(j, Q_ATTEMPT_ADD, v_int(d->id), v_int(d->attempts + 1), v_int(f->at_us), v_int(f->duration_us),
         v_int(f->http_status), v_text(f->error), v_text(f->excerpt));
  return ERR_NONE;
}

enum err flow_settle_start(struct env *env, struct arena *a, struct flow_settle *f) {
  f->env = env;
  f->job.arena = a;
  f->job.step = settle_step;
  return store_submit(env->store, &f->job);
}
