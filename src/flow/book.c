#include "flow/book.h"

void book_balances(struct job *j, int64_t project_id, const struct ledger_posting *p) {
  for (int i = 0; i < p->n; i++)
    JOB_OP(j, Q_ACCOUNT_POST, v_int(project_id), v_int(p->entries[i].account),
           v_int(p->entries[i].amount.micro));
}

void book_entries(struct job *j, int64_t project_id, const struct ledger_posting *p, int64_t transfer_row,
                  int64_t now_us) {
  JOB_OP(j, Q_JOURNAL_ADD, v_int(p->kind), v_int(transfer_row), v_int(now_us));
  for (int i = 0; i < p->n; i++)
    JOB_OP(j, Q_ENTRY_ADD, v_int(transfer_row), v_int(project_id), v_int(p->entries[i].account),
           v_int(p->entries[i].amount.micro));
}
