// Rows of the database as structs of the domain, and back. Texts stay in the job's arena.
#pragma once
#include "core/chain.h"
#include "core/project.h"
#include "flow/env.h"

// PAYMENT_STATE_COLS, and PAYMENT_COLS, which begin with them.
void row_to_payment_state(const struct env *env, const struct val *v, struct payment *p);
void row_to_payment(const struct env *env, const struct val *v, struct payment *p);
void row_to_project(const struct val *v, struct project *p); // PROJECT_COLS

void job_add_payment(struct job *j, const struct payment *p); // one row: its new number
void job_update_payment(struct job *j,
                        const struct payment *p); // one row when the version before was the stored one
void job_update_project(struct job *j, const struct project *p); // likewise

static inline struct str chain_id_text(const struct chain_id *id) { // as it is stored; borrows its bytes
  return (struct str){(const char *)id->bytes, sizeof id->bytes};
}
