// The parts of simnode/chain.h.
#pragma once
#include "simnode/chain.h"

#define RICH INT64_C(1000000000000) // a million

void *sim_checked(void *p); // memory, or the end
int64_t sim_number(const struct sim_chain *c, enum slot_kind kind, int64_t which);
int64_t sim_next_slot(const struct sim_chain *c);
int64_t sim_slot_time(const struct sim_chain *c, int64_t slot);
void sim_index_add(struct sim_chain *c, struct tx *t);

void sim_endow(struct sim_chain *c, const struct tron_address *a, int64_t sun, int64_t usdt);
void sim_pend(struct sim_chain *c, struct tx *t);
bool sim_fits(const struct sim_chain *c, const struct tx *t,
              struct sim_verdict *out); // may the next block hold it?
bool sim_asks_well(const struct sim_chain *c, const struct tx *t, struct sim_verdict *out);
// False: it cannot be in a block at all. Everything is paid, whatever the outcome.
bool sim_run(struct sim_chain *c, struct tx *t, int64_t now);
