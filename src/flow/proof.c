#include "flow/proof.h"
#include "base/log.h"
#include "core/proof.h"
#include "flow/rows.h"

static enum err read_payment(struct flow_proof *f) {
  struct job *j = &f->job;
  struct payment p;
  if (job_rows(j, 0)->n == 0)
    return ERR_NO_PAYMENT;
  row_to_payment_state(f->env, rows_at(job_rows(j, 0), 0), &p);
  if (p.status != PAY_PAID || p.is_test)
    return ERR_NO_PROOF;
  JOB_OP(j, Q_PROOF_GET, v_int(p.row), v_text(p.txid));
  JOB_OP(j, Q_CHAIN_GET);
  return ERR_NONE;
}

static enum err read_part(struct flow_proof *f) {
  struct job *j = &f->job;
  if (job_rows(j, 0)->n == 0 || job_rows(j, 1)->n == 0)
    return ERR_NO_PROOF;
  const struct val *v = rows_at(job_rows(j, 0), 0);
  f->part = v[1].s;
  f->token = rows_at(job_rows(j, 1), 0)[2].s;
  JOB_OP(j, Q_HEADERS_FROM, v_int(v[0].i), v_int(PROOF_HEADERS_MAX));
  return ERR_NONE;
}

static enum err make_file(struct flow_proof *f) {
  const struct rows *rows = job_rows(&f->job, 0);
  struct arena *a = f->job.arena;
  struct chain_header *headers = ARENA_ARRAY(a, struct chain_header, rows->n + 1);
  struct tron_address token;
  struct buf file;
  for (int i = 0; i < rows->n; i++) {
    const struct val *v = rows_at(rows, i);
    headers[i] = (struct chain_header){v[0].i, v[1].s, v[2].s};
  }
  buf_init(&file, a, PROOF_FILE_MAX);
  const char *why = address_parse(f->token, &token) ? proof_make(f->part, &token, headers, rows->n, &file)
                                                    : "the token is not known";
  if (why) {
    LOG(WARN, "a stored proof does not prove", LOG_I("payment_id", f->id), LOG_C("error", why));
    return ERR_NO_PROOF;
  }
  f->file = buf_view(&file);
  return ERR_NONE;
}

static enum err proof_step(struct job *j) {
  struct flow_proof *f = (struct flow_proof *)j;
  switch (j->round) {
  case 0:
    JOB_OP(j, Q_PAYMENT_STATE, v_int(f->row));
    return ERR_NONE;
  case 1:
    return read_payment(f);
  case 2:
    return read_part(f);
  }
  return make_file(f);
}

static bool prepare(struct env *env, struct arena *a, struct flow_proof *f) {
  f->env = env;
  f->job.step = proof_step;
  f->job.arena = a;
  if (payment_id_to_row(&env->id_key, f->id, &f->row))
    return true;
  f->job.result = ERR_NO_PAYMENT;
  return false;
}

bool flow_proof_start(struct env *env, struct arena *a, struct flow_proof *f) {
  return !prepare(env, a, f) || store_read_start(env->store, &f->job);
}

enum err flow_proof(struct env *env, struct arena *a, int64_t id, struct str *file) {
  struct flow_proof f = {.id = id};
  if (prepare(env, a, &f))
    (void)store_read(env->store, &f.job);
  *file = f.file;
  return f.job.result;
}
