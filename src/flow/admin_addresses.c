#include "flow/admin.h"
#include "flow/configuration.h"
#include "flow/pool.h"
#include "wire/address.h"
#include "wire/bip32.h"

struct address_job {
  struct job job;
  struct env *env;
  int64_t project_id;
  struct str address;
  int64_t id;
  bool adds;
};

static void changed(struct job *j) {
  struct address_job *f = (struct address_job *)j;
  configuration_committed(f->env);
  pools_forget(f->env->pools, f->project_id);
}

static enum err address_call(struct env *env, struct arena *a, int64_t app_id, struct str address,
                             enum err (*step)(struct job *)) {
  struct address_job f = {.job = {.step = step, .committed = changed, .arena = a, .key = CONFIGURATION_KEY},
                          .env = env,
                          .project_id = app_id,
                          .address = address};
  return store_call(env->store, &f.job);
}

// An address of the project that was removed comes back; one of another project is refused.
static enum err claim_again(struct address_job *f) {
  const struct val *v = rows_at(job_rows(&f->job, 0), 0);
  if (v[1].i != f->project_id || v[3].type != VAL_NULL)
    return ERR_ADDRESS_TAKEN;
  if (v[2].i) {
    JOB_OP(&f->job, Q_ADDRESS_REMOVE, v_int(v[0].i), v_int(0));
    configuration_count(&f->job);
  }
  return ERR_NONE;
}

static enum err add_step(struct job *j) {
  struct address_job *f = (struct address_job *)j;
  switch (j->round) {
  case 0:
    f->adds = false;
    configuration_lock(j);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->project_id));
    JOB_OP(j, Q_XPUB_ACTIVE, v_int(f->project_id));
    JOB_OP(j, Q_ADDRESS_POOL_SIZE, v_int(f->project_id));
    return ERR_NONE;
  case 1:
    if (job_rows(j, 1)->n == 0)
      return ERR_NO_PROJECT;
    if (rows_at(job_rows(j, 3), 0)[0].i >= POOL_ADDRESSES_MAX)
      return ERR_POOL_FULL;
    // A list of addresses is the merchant's own custody; an operator's xpub excludes it.
    if (job_rows(j, 2)->n && rows_at(job_rows(j, 2), 0)[2].i == CUSTODY_OPERATOR)
      return ERR_CUSTODY;
    JOB_OP(j, Q_ADDRESS_BY_TEXT, v_text(f->address));
    return ERR_NONE;
  case 2:
    if (job_rows(j, 0)->n)
      return claim_again(f);
    f->adds = true;
    JOB_OP(j, Q_ADDRESS_ADD, v_int(f->project_id), v_text(f->address), v_null(), v_null());
    configuration_count(j);
    return ERR_NONE;
  default: // derived for a payment meanwhile, at another node?
    return f->adds && job_rows(j, 0)->n == 0 ? ERR_CHANGED : ERR_NONE;
  }
}

enum err admin_address_add(struct env *env, struct arena *a, int64_t app_id, struct str address) {
  struct tron_address parsed;
  if (!address_parse(address, &parsed))
    return ERR_ADDRESS;
  return address_call(env, a, app_id, address, add_step);
}

// Round 1 of removing and releasing: the project's own address.
static enum err own_address(struct address_job *f) {
  const struct rows *rows = job_rows(&f->job, 1);
  if (rows->n == 0 || rows_at(rows, 0)[1].i != f->project_id)
    return ERR_NO_ADDRESS;
  f->id = rows_at(rows, 0)[0].i;
  return ERR_NONE;
}

static enum err remove_step(struct job *j) {
  struct address_job *f = (struct address_job *)j;
  if (j->round == 0) {
    configuration_lock(j);
    JOB_OP(j, Q_ADDRESS_BY_TEXT, v_text(f->address));
  } else if (j->round == 1) {
    enum err e = own_address(f);
    if (e != ERR_NONE)
      return e;
    JOB_OP(j, Q_ADDRESS_REMOVE, v_int(f->id), v_int(1));
    configuration_count(j);
  }
  return ERR_NONE;
}

enum err admin_address_remove(struct env *env, struct arena *a, int64_t app_id, struct str address) {
  return address_call(env, a, app_id, address, remove_step);
}

static enum err release_step(struct job *j) {
  struct address_job *f = (struct address_job *)j;
  enum err e;
  switch (j->round) {
  case 0:
    configuration_lock(j);
    JOB_OP(j, Q_ADDRESS_BY_TEXT, v_text(f->address));
    return ERR_NONE;
  case 1:
    if ((e = own_address(f)) != ERR_NONE)
      return e;
    // Derived addresses stay claimed for ever: a second order must never get one.
    if (rows_at(job_rows(j, 1), 0)[3].type != VAL_NULL || !rows_at(job_rows(j, 1), 0)[2].i)
      return ERR_ADDRESS_BUSY;
    JOB_OP(j, Q_ADDRESS_LOCK, v_int(f->id));
    JOB_OP(j, Q_RESERVATION_COUNT, v_int(f->id));
    JOB_OP(j, Q_TRANSFER_UNMATCHED_ON, v_int(f->id));
    JOB_OP(j, Q_ADDRESS_USERS, v_int(f->id));
    return ERR_NONE;
  case 2:
    if (rows_at(job_rows(j, 1), 0)[0].i || job_rows(j, 2)->n)
      return ERR_ADDRESS_BUSY;
    if (job_rows(j, 3)->n) // its payers may still send
      JOB_OP(j, Q_ADDRESS_HAND_OVER, v_text(f->address), v_int(world_now(f->env->world)));
    JOB_OP(j, Q_ADDRESS_DROP, v_int(f->id));
    configuration_count(j);
    return ERR_NONE;
  default:
    return ERR_NONE;
  }
}

enum err admin_address_release(struct env *env, struct arena *a, int64_t app_id, struct str address) {
  return address_call(env, a, app_id, address, release_step);
}

struct list_addresses {
  struct job job;
  const struct address_filter *filter;
};

static enum err list_step(struct job *j) {
  const struct address_filter *f = ((struct list_addresses *)j)->filter;
  if (j->round == 0) {
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->app_id));
    JOB_OP(j, Q_ADDRESS_BY_TEXT, v_text(f->after));
  } else if (j->round == 1) {
    const struct rows *after = job_rows(j, 1);
    if (job_rows(j, 0)->n == 0)
      return ERR_NO_PROJECT;
    if (f->after.p && (after->n == 0 || rows_at(after, 0)[1].i != f->app_id))
      return ERR_NO_ADDRESS;
    JOB_OP(j, Q_ADDRESS_LIST, v_int(f->app_id), v_int(f->after.p ? rows_at(after, 0)[0].i : 0),
           v_int(f->limit));
  }
  return ERR_NONE;
}

enum err admin_address_list(struct env *env, struct arena *a, const struct address_filter *filter,
                            struct address_info **out, int *n) {
  struct list_addresses f = {.job = {.step = list_step, .arena = a}, .filter = filter};
  enum err e = store_read(env->store, &f.job);
  if (e != ERR_NONE)
    return e;
  const struct rows *rows = job_rows(&f.job, 0);
  *n = rows->n;
  *out = ARENA_ARRAY(a, struct address_info, rows->n);
  for (int i = 0; i < rows->n; i++) {
    const struct val *v = rows_at(rows, i);
    (*out)[i] = (struct address_info){v[1].s, v[2].type == VAL_NULL ? -1 : v[2].i, v[3].i != 0, v[4].i};
  }
  return ERR_NONE;
}

struct find_xpub {
  struct job job;
  int64_t project_id;
  struct xpub_info *out;
};

static enum err find_xpub_step(struct job *j) {
  struct find_xpub *f = (struct find_xpub *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_XPUB_ACTIVE, v_int(f->project_id));
  } else if (job_rows(j, 0)->n) {
    const struct val *v = rows_at(job_rows(j, 0), 0);
    *f->out =
        (struct xpub_info){v[1].s, v[2].i == CUSTODY_OPERATOR ? CUSTODY_OPERATOR : CUSTODY_MERCHANT, v[3].i};
  }
  return ERR_NONE;
}

enum err admin_xpub_find(struct env *env, struct arena *a, int64_t app_id, struct xpub_info *out) {
  struct find_xpub f = {.job = {.step = find_xpub_step, .arena = a}, .project_id = app_id, .out = out};
  *out = (struct xpub_info){.custody = CUSTODY_MERCHANT};
  return store_read(env->store, &f.job);
}

struct set_xpub {
  struct job job;
  struct env *env;
  int64_t project_id;
  struct str xpub;
  enum custody custody;
};

// Round 2: the same key again takes up where it stopped; one of another project is refused; operator custody
// and a list of the merchant's own addresses exclude each other.
static enum err place_xpub(struct set_xpub *f) {
  struct job *j = &f->job;
  const struct rows *known = job_rows(j, 0), *pool = job_rows(j, 1);
  if (known->n && rows_at(known, 0)[1].i != f->project_id)
    return ERR_XPUB_TAKEN;
  if (pool->n && f->custody == CUSTODY_OPERATOR)
    return ERR_CUSTODY;
  if (known->n && rows_at(known, 0)[3].i > 0 && rows_at(known, 0)[2].i != (int64_t)f->custody)
    return ERR_XPUB_CUSTODY;
  JOB_OP(j, Q_XPUB_DEACTIVATE, v_int(f->project_id));
  if (known->n)
    JOB_OP(j, Q_XPUB_ACTIVATE, v_int(rows_at(known, 0)[0].i), v_int(f->custody));
  else
    JOB_OP(j, Q_XPUB_ADD, v_int(f->project_id), v_text(f->xpub), v_int(f->custody));
  configuration_count(j);
  return ERR_NONE;
}

static enum err set_xpub_step(struct job *j) {
  struct set_xpub *f = (struct set_xpub *)j;
  switch (j->round) {
  case 0:
    configuration_lock(j);
    JOB_OP(j, Q_PROJECT_BY_ID, v_int(f->project_id));
    return ERR_NONE;
  case 1:
    if (job_rows(j, 1)->n == 0)
      return ERR_NO_PROJECT;
    JOB_OP(j, Q_XPUB_BY_TEXT, v_text(f->xpub));
    JOB_OP(j, Q_ADDRESS_ANY_POOL, v_int(f->project_id));
    JOB_OP(j, Q_XPUB_ACTIVE, v_int(f->project_id));
    return ERR_NONE;
  case 2:
    return place_xpub(f);
  default: // its first address was given out meanwhile?
    return job_rows(j, 1)->n ? ERR_NONE : ERR_CHANGED;
  }
}

enum err admin_address_set_xpub(struct env *env, struct arena *a, int64_t app_id, struct str xpub,
                                enum custody custody) {
  struct xpub parsed;
  switch (bip32_parse(xpub, &parsed)) {
  case BIP32_OK:
    break;
  case BIP32_PRIVATE:
    return ERR_XPUB_PRIVATE;
  case BIP32_MALFORMED:
  case BIP32_NOT_ACCOUNT:
    return ERR_XPUB;
  }
  char canonical[BIP32_TEXT_N + 1];
  bip32_canonical(xpub, canonical);
  struct set_xpub f = {.job = {.step = set_xpub_step, .arena = a, .key = CONFIGURATION_KEY},
                       .env = env,
                       .project_id = app_id,
                       .xpub = str_of(canonical),
                       .custody = custody};
  return store_call(env->store, &f.job);
}

struct skip {
  struct job job;
  int64_t rows, addresses, next_index;
};

static enum err skip_step(struct job *j) {
  struct skip *f = (struct skip *)j;
  if (j->round == 0) {
    job_ops(j, Q_PAYMENT_SKIP_FROM, 0, NULL); // a database without payments has no number to go on from
    JOB_OP(j, Q_PAYMENT_SKIP, v_int(f->rows));
    JOB_OP(j, Q_XPUB_SKIP, v_int(f->addresses));
  } else if (j->round == 1) {
    job_ops(j, Q_XPUB_HIGHEST, 0, NULL);
  } else {
    f->next_index = rows_at(job_rows(j, 0), 0)[0].i;
  }
  return ERR_NONE;
}

enum err admin_skip_ahead(struct env *env, struct arena *a, int64_t rows, int64_t addresses,
                          int64_t *next_index) {
  struct skip f = {.job = {.step = skip_step, .arena = a}, .rows = rows, .addresses = addresses};
  enum err e = store_call(env->store, &f.job);
  *next_index = f.next_index;
  return e;
}
