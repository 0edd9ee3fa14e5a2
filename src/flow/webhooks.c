#include "flow/webhooks.h"
#include "base/bug.h"
#include "base/log.h"
#include "flow/admin.h"
#include "flow/configuration.h"
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

// ---- what is due -----------------------------------------------------------------------------------------

// Mostly little is due: lists grow as they fill.
static void *longer(struct arena *a, const void *list, size_t used, size_t size) {
  void *copy = arena_alloc(a, size);
  if (used)
    memcpy(copy, list, used);
  return copy;
}

// Walks from host to host along the index; a host with a thousand due deliveries costs as much as one with a
// single one.
static enum err due_hosts_step(struct job *j) {
  struct flow_due_hosts *f = (struct flow_due_hosts *)j;
  if (j->round == 0) {
    f->n = 0;
    JOB_OP(j, Q_DELIVERY_HOSTS, v_text(STR("")));
    return ERR_NONE;
  }
  const struct rows *rows = job_rows(j, 0);
  if (f->n + rows->n > f->cap) {
    f->cap = 2 * f->cap + rows->n;
    f->list = longer(j->arena, f->list, sizeof *f->list * (size_t)f->n, sizeof *f->list * (size_t)f->cap);
  }
  for (int i = 0; i < rows->n; i++) {
    const struct val *v = rows_at(rows, i);
    f->list[f->n++] = (struct due_host){.host = v[0].s, .next_us = v[1].i};
    if (f->shared)
      f->now_us = v[2].i;
  }
  if (rows->n)
    JOB_OP(j, Q_DELIVERY_HOSTS, v_text(f->list[f->n - 1].host));
  return ERR_NONE;
}

bool flow_due_hosts_start(struct env *env, struct arena *a, struct flow_due_hosts *f) {
  f->job.step = due_hosts_step;
  f->job.arena = a;
  f->shared = store_shared(env->store);
  f->now_us = world_now(env->world);
  return store_read_start(env->store, &f->job);
}

static void take_rows(struct flow_take *f, const struct rows *rows) {
  if (f->n + rows->n > f->cap) {
    f->cap = 2 * f->cap + rows->n;
    f->list = longer(f->job.arena, f->list, sizeof *f->list * (size_t)f->n, sizeof *f->list * (size_t)f->cap);
  }
  for (int i = 0; i < rows->n; i++)
    row_to_delivery(rows_at(rows, i), &f->list[f->n++]);
}

static enum err take_step(struct job *j) {
  struct flow_take *f = (struct flow_take *)j;
  if (j->round == 0)
    f->n = f->asked = f->queued = 0;
  for (int i = 0; i < f->queued; i++)
    take_rows(f, job_rows(j, i));
  for (f->queued = 0; f->queued < JOB_OPS_MAX && f->asked < f->hosts_n && f->n < f->limit; f->queued++) {
    const struct due_host *h = &f->hosts[f->asked++];
    JOB_OP(j, Q_DELIVERY_TAKE, v_text(h->host), v_int(f->shared ? f->lease_us : f->now_us), v_int(h->room));
  }
  return ERR_NONE;
}

// There may be many rows, and many tries while a database fails: each begins with all its memory.
static void take_undone(struct job *j) {
  struct flow_take *f = (struct flow_take *)j;
  f->list = NULL;
  f->n = f->cap = f->queued = 0;
  arena_reset(j->arena);
}

bool flow_take_start(struct env *env, struct arena *a, struct flow_take *f) {
  f->job.step = take_step;
  f->job.undone = take_undone;
  f->job.arena = a;
  f->shared = store_shared(env->store);
  f->now_us = world_now(env->world);
  if (!f->shared)
    return store_read_start(env->store, &f->job);
  enum err e = store_submit(env->store, &f->job);
  if (e == ERR_NONE)
    return false; // it is the writer's now
  f->job.result = e;
  return true;
}

struct release {
  struct job job;
  const struct delivery *list;
  int n, asked;
  int64_t lease_us;
};

static enum err release_step(struct job *j) {
  struct release *f = (struct release *)j;
  if (j->round == 0)
    f->asked = 0;
  for (int i = 0; i < JOB_OPS_MAX && f->asked < f->n; i++) {
    const struct delivery *d = &f->list[f->asked++];
    JOB_OP(j, Q_DELIVERY_RELEASE, v_int(d->id), v_int(d->version), v_int(f->lease_us));
  }
  return ERR_NONE;
}

enum err flow_release(struct env *env, struct arena *a, const struct delivery *list, int n,
                      int64_t lease_us) {
  struct release f = {.job = {.step = release_step, .arena = a}, .list = list, .n = n, .lease_us = lease_us};
  return store_call(env->store, &f.job);
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
              now_us < s->until_us && configuration_is_fresh(env);
  if (!fits) {
    struct arena a;
    arena_init(&a, SIGNER_ARENA_MAX);
    signer_clear(s);
    *s = (struct signer){.project_id = project_id, .mode = mode, .generation = generation};
    struct read_keys r = {.job = {.step = read_keys_step, .arena = &a}, project_id, now_us, mode};
    enum err e = store_read(env->store, &r.job);
    bool filled = e == ERR_NONE && job_rows(&r.job, 0)->n && fill(s, env, &a, job_rows(&r.job, 0));
    if (!filled && e != ERR_UNAVAILABLE)
      LOG(ERROR, "a project's webhook keys cannot be read", LOG_I("app_id", project_id));
    if (!filled)
      signer_clear(s);
    arena_free(&a);
    if (e == ERR_UNAVAILABLE)
      return e;
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

// The outcome first, by its version; the attempt's row only where that has hit. An outcome that comes too
// late changes nothing, so there is nothing to roll back and the batch's other jobs do not suffer.
static void put_outcome(struct flow_settle *f) {
  struct job *j = &f->job;
  const struct delivery *d = &f->delivery;
  bool done = webhook_accepted(f->http_status);
  int64_t ended_us = f->at_us + f->duration_us, next_us = 0;
  bool again = !done && webhook_next(d->round_attempts + 1, ended_us, f->retry_after_s, &next_us);
  enum delivery_status status = done ? DELIVERY_DONE : again ? DELIVERY_PENDING : DELIVERY_FAILED;
  JOB_OP(j, Q_DELIVERY_SETTLE, v_int(d->id), v_int(status), v_int(d->attempts + 1),
         v_int(d->round_attempts + 1), v_int_or_null(again ? next_us : 0), v_int_or_null(done ? ended_us : 0),
         v_int(d->version));
}

static enum err settle_step(struct job *j) {
  struct flow_settle *f = (struct flow_settle *)j;
  const struct delivery *d = &f->delivery;
  if (j->round == 0)
    put_outcome(f);
  else if (j->round == 1 && !(f->overtaken = job_rows(j, 0)->n == 0))
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
