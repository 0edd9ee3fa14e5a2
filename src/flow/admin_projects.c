#include "base/bug.h"
#include "core/webhook.h"
#include "flow/admin.h"
#include "flow/change.h"
#include "flow/configuration.h"
#include "flow/keys.h"
#include "flow/pool.h"
#include "flow/rows.h"

#include <string.h>

enum { SECRET_BYTES = 24, WEBHOOK_SECRET_BYTES = 32, KEY_TAIL_CHARS = 4, EMAIL_MAX = 254 };

// A job that knows its environment; the structs below begin like it.
struct admin_job {
  struct job job;
  struct env *env;
};

// After a change of a project or its keys nobody may go on with what was read before.
static void changed(struct job *j) {
  configuration_committed(((struct admin_job *)j)->env);
}

// ---- merchants -------------------------------------------------------------------------------------------

struct merchant_add {
  struct job job;
  struct str email, password_hash;
  int64_t now_us, id;
};

static enum err merchant_add_step(struct job *j) {
  struct merchant_add *m = (struct merchant_add *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_MERCHANT_ADD, v_text(m->email), v_text(m->password_hash), v_int(m->now_us));
    return ERR_NONE;
  }
  if (job_rows(j, 0)->n == 0)
    return ERR_EMAIL_TAKEN;
  m->id = rows_at(job_rows(j, 0), 0)[0].i;
  return ERR_NONE;
}

// One @ with something on both sides, a dot behind it, no spaces or control characters: more only its owner
// can say.
static bool email_ok(struct str s) {
  const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
  if (!at || at == s.p || s.n > EMAIL_MAX || !str_is_utf8(s))
    return false;
  struct str domain = {at + 1, s.n - (size_t)(at + 1 - s.p)};
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
      return false;
  return domain.n > 2 && !memchr(domain.p, '@', domain.n) && memchr(domain.p, '.', domain.n) &&
         domain.p[0] != '.' && domain.p[domain.n - 1] != '.';
}

static struct str lower_case(struct arena *a, struct str s) {
  char *p = str_c(a, s);
  for (size_t i = 0; i < s.n; i++)
    if (p[i] >= 'A' && p[i] <= 'Z')
      p[i] = (char)(p[i] + ('a' - 'A'));
  return (struct str){p, s.n};
}

enum err admin_merchant_add(struct env *env, struct arena *a, struct str email, struct str password_hash,
                            int64_t *merchant_id) {
  if (!email_ok(email))
    return ERR_EMAIL;
  struct merchant_add m = {.job = {.step = merchant_add_step, .arena = a},
                           .email = lower_case(a, email),
                           .password_hash = password_hash,
                           .now_us = world_now(env->world)};
  enum err e = store_call(env->store, &m.job);
  *merchant_id = m.id;
  return e;
}

// ---- keys ------------------------------------------------------------------------------------------------

static struct str random_token(struct env *env, struct arena *a, const char *prefix, size_t n) {
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; // 6 bits each
  uint8_t random[64];
  struct buf b;
  BUG_IF(n > sizeof random, "token too long");
  world_random(env->world, random, sizeof random);
  buf_init(&b, a, 128);
  buf_c(&b, prefix);
  for (size_t i = 0; i < n * 8 / 6; i++)
    buf_char(&b, alphabet[random[i] & 63]);
  explicit_bzero(random, sizeof random);
  return buf_view(&b);
}

static void make_credentials(struct env *env, struct arena *a, int mode, struct credentials *c) {
  uint8_t key[WEBHOOK_SECRET_BYTES];
  c->api_key = random_token(env, a, mode == MODE_LIVE ? "pk_live_" : "pk_test_", SECRET_BYTES);
  c->api_secret = random_token(env, a, mode == MODE_LIVE ? "sk_live_" : "sk_test_", SECRET_BYTES);
  world_random(env->world, key, sizeof key);
  c->webhook_secret = webhook_secret_text(a, key, sizeof key);
  explicit_bzero(key, sizeof key);
}

static void add_credentials(struct job *j, struct env *env, int64_t project_id, int mode,
                            const struct credentials *c) {
  struct arena *a = j->arena;
  uint8_t *hash = arena_alloc(a, SHA256_N);
  sha256(c->api_key, hash);
  struct str tail = {c->api_key.p + c->api_key.n - KEY_TAIL_CHARS, KEY_TAIL_CHARS};
  struct str secret =
      seal(a, env->world, env->seal, seal_context(a, "api_secret", project_id, mode), c->api_secret);
  struct str webhook =
      seal(a, env->world, env->seal, seal_context(a, "webhook_secret", project_id, mode), c->webhook_secret);
  JOB_OP(j, Q_CREDENTIAL_ADD, v_int(project_id), v_int(mode),
         v_blob((struct str){(const char *)hash, SHA256_N}), v_text(tail), v_blob(secret), v_blob(webhook),
         v_int(world_now(env->world)));
}

// ---- projects --------------------------------------------------------------------------------------------

struct project_add {
  struct job job;
  struct env *env;
  const struct project_new *in;
  struct project project;
  struct credentials *keys;
};

static void insert_project(struct job *j, const struct project *p) {
  JOB_OP(j, Q_PROJECT_ADD, v_int(p->merchant_id), v_text(p->name), v_int(p->live), v_int(p->enabled),
         v_text(p->website), v_text(p->website_host), v_text(p->webhook_url), v_text(p->support),
         v_int(p->events), v_int(p->public_status), v_int(p->require_v2), v_int(p->min_amount.micro),
         v_int(p->max_amount.micro), v_int(p->surcharge_cap.micro), v_int(p->policy.window_us),
         v_int(p->policy.quarantine_us), v_int(p->policy.accept_late), v_int(p->policy.tolerance.micro),
         v_int(p->created_us));
}

static enum err project_add_step(struct job *j) {
  struct project_add *f = (struct project_add *)j;
  switch (j->round) {
  case 0:
    configuration_lock(j);
    JOB_OP(j, Q_MERCHANT_BY_EMAIL, v_text(lower_case(j->arena, f->in->merchant)));
    return ERR_NONE;
  case 1:
    if (job_rows(j, 1)->n == 0)
      return ERR_NO_MERCHANT;
    f->project.merchant_id = rows_at(job_rows(j, 1), 0)[0].i;
    insert_project(j, &f->project);
    return ERR_NONE;
  case 2:
    if (job_rows(j, 0)->n == 0)
      return ERR_WEBSITE_TAKEN;
    f->project.id = rows_at(job_rows(j, 0), 0)[0].i;
    f->project.version = 1;
    for (int mode = MODE_TEST; mode <= MODE_LIVE; mode++) {
      make_credentials(f->env, j->arena, mode, &f->keys[mode]);
      add_credentials(j, f->env, f->project.id, mode, &f->keys[mode]);
    }
    return ERR_NONE;
  default:
    return ERR_NONE;
  }
}

enum err admin_project_add(struct env *env, struct arena *a, const struct project_new *in,
                           struct project *out, struct credentials keys[2]) {
  struct project_add f = {.job = {.step = project_add_step, .arena = a, .key = CONFIGURATION_KEY},
                          .env = env,
                          .in = in,
                          .keys = keys};
  project_init(&f.project);
  f.project.created_us = world_now(env->world);
  const struct change wanted[] = {
      {STR("name"), in->name}, {STR("website"), in->website}, {STR("webhook"), in->webhook}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    enum err e = project_set(&f.project, a, wanted[i].key, wanted[i].value, env->allow_http_webhooks);
    if (e != ERR_NONE)
      return e;
  }
  enum err e = store_call(env->store, &f.job);
  *out = f.project;
  return e;
}

struct project_read {
  struct job job;
  int64_t id; // 0: all
};

static enum err project_read_step(struct job *j) {
  const struct project_read *f = (const struct project_read *)j;
  if (j->round == 0 && f->id)
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->id));
  else if (j->round == 0)
    JOB_OP(j, Q_PROJECT_ALL, v_int(0), v_int(PROJECTS_LISTED_MAX));
  return ERR_NONE;
}

enum err admin_project_list(struct env *env, struct arena *a, struct project **out, int *n) {
  struct project_read f = {.job = {.step = project_read_step, .arena = a}};
  enum err e = store_read(env->store, &f.job);
  if (e != ERR_NONE)
    return e;
  *n = job_rows(&f.job, 0)->n;
  *out = ARENA_ARRAY(a, struct project, *n);
  for (int i = 0; i < *n; i++)
    row_to_project(rows_at(job_rows(&f.job, 0), i), &(*out)[i]);
  return ERR_NONE;
}

enum err admin_project_find(struct env *env, struct arena *a, int64_t app_id, struct project *out) {
  struct project_read f = {.job = {.step = project_read_step, .arena = a}, .id = app_id};
  enum err e = store_read(env->store, &f.job);
  if (e == ERR_NONE && job_rows(&f.job, 0)->n == 0)
    e = ERR_NO_PROJECT;
  if (e == ERR_NONE)
    row_to_project(rows_at(job_rows(&f.job, 0), 0), out);
  return e;
}

struct project_change {
  struct job job;
  struct env *env;
  int64_t id;
  const struct change *changes;
  int n, bad;
  struct str old_webhook;
  struct project project;
};

static enum err apply_changes(struct project_change *f) {
  struct job *j = &f->job;
  struct project *p = &f->project;
  if (job_rows(j, 1)->n == 0)
    return ERR_NO_PROJECT;
  row_to_project(rows_at(job_rows(j, 1), 0), p);
  f->old_webhook = p->webhook_url;
  for (f->bad = 0; f->bad < f->n; f->bad++) {
    const struct change *c = &f->changes[f->bad];
    enum err e = project_set(p, j->arena, c->key, c->value, f->env->allow_http_webhooks);
    if (e != ERR_NONE)
      return e;
  }
  f->bad = -1;
  JOB_OP(j, Q_PROJECT_BY_HOST, v_text(p->website_host));
  return ERR_NONE;
}

static enum err store_changes(struct project_change *f) {
  struct job *j = &f->job;
  const struct project *p = &f->project;
  const struct rows *same_host = job_rows(j, 0);
  if (same_host->n && rows_at(same_host, 0)[0].i != p->id)
    return ERR_WEBSITE_TAKEN;
  job_update_project(j, p);
  configuration_count(j);
  // What still waits goes to the new address: a merchant who mends a wrong URL wants those.
  struct str host = change_webhook_host(j->arena, p->webhook_url);
  if (host.p && !str_eq(f->old_webhook, p->webhook_url))
    JOB_OP(j, Q_DELIVERY_RETARGET, v_int(p->id), v_text(p->webhook_url), v_text(host));
  return ERR_NONE;
}

// The hints of its address list depend on the cap of its surcharges.
static void forget_project(struct job *j) {
  struct project_change *f = (struct project_change *)j;
  changed(j);
  pools_forget(f->env->pools, f->id);
}

static enum err project_change_step(struct job *j) {
  struct project_change *f = (struct project_change *)j;
  switch (j->round) {
  case 0:
    configuration_lock(j);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->id));
    return ERR_NONE;
  case 1:
    return apply_changes(f);
  case 2:
    return store_changes(f);
  default:
    f->project.version++;
    return job_rows(j, 0)->n ? ERR_NONE : ERR_CHANGED;
  }
}

enum err admin_project_set(struct env *env, struct arena *a, int64_t app_id, struct changes *changes,
                           struct project *out) {
  struct project_change f = {
      .job = {.step = project_change_step, .committed = forget_project, .arena = a, .key = CONFIGURATION_KEY},
      .env = env,
      .id = app_id,
      .changes = changes->list,
      .n = changes->n,
      .bad = -1};
  enum err e = store_call(env->store, &f.job);
  changes->bad = f.bad;
  *out = f.project;
  return e;
}

// ---- keys of a project -----------------------------------------------------------------------------------

struct keys_read {
  struct job job;
  int64_t id, now_us;
};

static enum err keys_read_step(struct job *j) {
  const struct keys_read *f = (const struct keys_read *)j;
  if (j->round == 0)
    for (int mode = MODE_TEST; mode <= MODE_LIVE; mode++)
      JOB_OP(j, Q_CREDENTIAL_OF_PROJECT, v_int(f->id), v_int(mode), v_int(f->now_us));
  return ERR_NONE;
}

enum err admin_project_keys(struct env *env, struct arena *a, int64_t app_id, struct key_info **out, int *n) {
  struct keys_read f = {
      .job = {.step = keys_read_step, .arena = a}, .id = app_id, .now_us = world_now(env->world)};
  enum err e = store_read(env->store, &f.job);
  *n = 0;
  if (e != ERR_NONE)
    return e;
  *out = ARENA_ARRAY(a, struct key_info, job_rows(&f.job, 0)->n + job_rows(&f.job, 1)->n);
  for (int mode = MODE_TEST; mode <= MODE_LIVE; mode++)
    for (int i = 0; i < job_rows(&f.job, mode)->n; i++) {
      const struct val *v = rows_at(job_rows(&f.job, mode), i);
      (*out)[(*n)++] = (struct key_info){mode, v[3].s, v[6].i, v[7].i, v[8].i};
    }
  return ERR_NONE;
}

struct rotate {
  struct job job;
  struct env *env;
  const struct rotation *in;
  int64_t now_us;
  struct credentials *out;
};

static enum err rotate_step(struct job *j) {
  struct rotate *f = (struct rotate *)j;
  const struct rotation *in = f->in;
  if (j->round == 0) {
    configuration_lock(j);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(in->app_id));
    JOB_OP(j, Q_CREDENTIAL_OF_PROJECT, v_int(in->app_id), v_int(in->mode), v_int(f->now_us));
  } else if (j->round == 1) {
    if (job_rows(j, 1)->n == 0)
      return ERR_NO_PROJECT;
    if (job_rows(j, 2)->n >= KEY_PAIRS_MAX && in->overlap_us)
      return ERR_KEY_PAIRS;
    configuration_count(j);
    // All older pairs end with the overlap; one that ends sooner keeps its end.
    JOB_OP(j, Q_CREDENTIAL_END, v_int(in->app_id), v_int(in->mode), v_int(f->now_us + in->overlap_us));
    make_credentials(f->env, j->arena, in->mode, f->out);
    add_credentials(j, f->env, in->app_id, in->mode, f->out);
  }
  return ERR_NONE;
}

enum err admin_project_rotate(struct env *env, struct arena *a, const struct rotation *in,
                              struct credentials *out) {
  struct rotate f = {.job = {.step = rotate_step, .committed = changed, .arena = a, .key = CONFIGURATION_KEY},
                     .env = env,
                     .in = in,
                     .now_us = world_now(env->world),
                     .out = out};
  return store_call(env->store, &f.job);
}
