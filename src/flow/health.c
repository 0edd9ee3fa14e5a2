#include "flow/health.h"
#include "flow/admin.h"

struct pool_check {
  struct job job;
  int64_t project_id;
  bool any;
};

static enum err pool_check_step(struct job *j) {
  struct pool_check *f = (struct pool_check *)j;
  if (j->round == 0) {
    JOB_OP(j, Q_ADDRESS_ANY_POOL, v_int(f->project_id));
    JOB_OP(j, Q_XPUB_ACTIVE, v_int(f->project_id));
  } else {
    f->any = job_rows(j, 0)->n > 0 || job_rows(j, 1)->n > 0;
  }
  return ERR_NONE;
}

static enum err check_pools(struct env *env, struct arena *a, struct health *out) {
  struct project *projects;
  int n;
  enum err e = admin_project_list(env, a, &projects, &n);
  if (e)
    return e;
  out->no_addresses = ARENA_ARRAY(a, int64_t, n + 1);
  for (int i = 0; i < n; i++) {
    struct pool_check f = {.job = {.step = pool_check_step, .arena = a}, .project_id = projects[i].id};
    if (!projects[i].live)
      continue;
    e = store_read(env->store, &f.job);
    if (e)
      return e;
    if (!f.any)
      out->no_addresses[out->no_addresses_n++] = projects[i].id;
  }
  return ERR_NONE;
}

enum err flow_health(struct env *env, struct arena *a, struct health *out) {
  struct delivery_filter failed = {.status = STR("failed"), .limit = HEALTH_LIST_MAX};
  struct delivery_info *list;
  *out = (struct health){0};
  enum err e = check_pools(env, a, out);
  return e ? e : admin_delivery_list(env, a, &failed, &list, &out->failed_webhooks);
}
