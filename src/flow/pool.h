// Where to look next for a free (address, amount) of a project's address list: hints in memory, the rows are
// the truth.
//
// A hint walks through the project's addresses at the plain amount (least recently released first), then
// through the surcharges; what is released goes to the front again. A wrong hint costs a look-up, never two
// reservations of one. Used on the writer's thread only, but for pools_changed() and pools_tick().
#pragma once
#include "core/project.h"
#include "store/job.h"
#include "wire/bip32.h"

enum { POOL_ADDRESSES_MAX = 10000 }; // in a project's list; whoever needs more uses an xpub

struct pools;

struct slot {
  int64_t address_id;
  struct str address; // valid until the pool is forgotten
  struct usdt pay_amount;
};

struct pools *pools_new(void);
void pools_free(struct pools *p);

// Is this project's list in memory? If not, give it with pools_load(): rows of Q_ADDRESS_POOL.
bool pools_known(struct pools *p, int64_t project_id);
void pools_load(struct pools *p, int64_t project_id, const struct rows *addresses);
void pools_forget(struct pools *p, int64_t project_id); // the list has changed

// A list is long: one job at a time reads one, into memory that is none of its own: j->arena is another until
// the end, which must follow. false: another job does. pools_read_end() of a job that does not read does
// nothing.
bool pools_read_start(struct pools *p, struct job *j);
void pools_read_end(struct pools *p, struct job *j);

// Told from any thread where several nodes share the database: something was changed by another one, so all
// lists are to be read anew; a second has passed, so pairs may be free again that another one released.
void pools_changed(struct pools *p);
void pools_tick(struct pools *p);

// Has this amount no hint yet, or an old one? Then say how many pairs are reserved from it up to the cap:
// below a bound all are looked at again from the start, so that gaps are found; with more of them the walk
// through the surcharges begins behind as many.
bool pools_cold(const struct pools *p, int64_t project_id, struct usdt amount);
void pools_begin(struct pools *p, int64_t project_id, struct usdt amount, int64_t reserved);

// The parsed xpub of this row, valid until the next call; parsing costs more than deriving an address from
// it.
const struct xpub *pools_xpub(struct pools *p, int64_t row, struct str text);

// The next candidate for a payment of `amount`, to be checked against the rows; false: all have been tried.
// Calling it again gives the one after.
bool pools_next(struct pools *p, const struct project *project, struct usdt amount, struct slot *out);

// Starts from the beginning: a walk may have missed what a rolled back batch gave up. false: it has done so
// already and nothing was found or released since, so all are taken. `insist`: not while other jobs look at
// candidates, which they will mostly give back.
bool pools_rewind(struct pools *p, const struct project *project, struct usdt amount, bool insist);

// Candidates are being looked at, or no longer.
void pools_looking(struct pools *p, int64_t project_id, struct usdt amount, bool begins);

// What became of the last candidate: it was free, or it was not. Was it free, the next one very likely is
// too.
void pools_found(struct pools *p, int64_t project_id, struct usdt amount);
void pools_missed(struct pools *p, int64_t project_id, struct usdt amount);
bool pools_sure(const struct pools *p, int64_t project_id, struct usdt amount);

// This pair is free again.
void pools_released(struct pools *p, const struct project *project, int64_t address_id,
                    struct usdt pay_amount);
