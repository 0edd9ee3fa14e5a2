// Postings of the book, inside another job. Internal to flow/.
#pragma once
#include "core/ledger.h"
#include "store/job.h"

// The balances, in one round; then, in a later one, the journal of this transfer and its entries.
void book_balances(struct job *j, int64_t project_id, const struct ledger_posting *p);
void book_entries(struct job *j, int64_t project_id, const struct ledger_posting *p, int64_t transfer_row,
                  int64_t now_us);
