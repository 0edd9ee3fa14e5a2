#include "flow/match.h"
#include "base/hex.h"
#include "flow/rows.h"

enum { STORED, RESERVATION, USERS }; // results of the first round
enum { PROJECT, PAYMENT };           // and of the second

void match_ask(struct matched *m, struct job *j, const struct owned *o) {
  char text[2 * TXID_N + 1];
  hex_encode(o->transfer->txid, TXID_N, text);
  *m = (struct matched){.txid = str_copy(j->arena, str_of(text)), .first = j->n_ops};
  JOB_OP(j, Q_TRANSFER_BY_KEY, v_text(m->txid), v_int(o->transfer->log_index));
  JOB_OP(j, Q_RESERVATION_OF, v_int(o->address_id), v_int(o->transfer->value.micro));
  JOB_OP(j, Q_ADDRESS_USERS, v_int(o->address_id));
}

bool match_ask_payment(struct matched *m, struct job *j, const struct owned *o) {
  const struct rows *stored = job_rows(j, m->first + STORED), *reserved = job_rows(j, m->first + RESERVATION),
                    *users = job_rows(j, m->first + USERS);
  m->stored = stored->n > 0;
  if (m->stored) {
    m->row = rows_at(stored, 0);
    return false;
  }
  m->exact = reserved->n && rows_at(reserved, 0)[0].i > 0; // below 0: only kept back
  m->shared = o->handed_over || (users->n && rows_at(users, 0)[1].i);
  if (m->exact)
    m->candidate = rows_at(reserved, 0)[0].i;
  else if (users->n && !m->shared)
    m->candidate = rows_at(users, 0)[0].i;
  JOB_OP(j, Q_PROJECT_BY_ID, v_int(o->project_id));
  if (m->candidate)
    JOB_OP(j, Q_PAYMENT_BY_ID, v_int(m->candidate));
  return true;
}

void match_judge(struct matched *m, struct job *j, const struct env *env, const struct owned *o) {
  struct match_facts f = {.shared = m->shared, .policy = &m->project.policy};
  row_to_project(rows_at(job_rows(j, PROJECT), 0), &m->project);
  if (m->candidate && job_rows(j, PAYMENT)->n) {
    row_to_payment(env, rows_at(job_rows(j, PAYMENT), 0), &m->payment);
    *(m->exact ? &f.exact : &f.only) = &m->payment;
  }
  m->match = match_transfer(&f, o->transfer->value, o->block->time_us);
}
