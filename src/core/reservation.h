// In which order the amounts of an address are handed out. Pure.
//
// The plain amount first, then surcharges on the coarsest grid that has room: multiples of 0.01, then those
// of 0.001 that are not multiples of 0.01, then of 0.0001, then of 0.000001; never more than the project's
// cap (spec "Which address, which amount").
#pragma once
#include "core/money.h"

// How many different amounts one address offers, the plain one included.
int64_t reservation_slots(struct usdt cap);

// The surcharge of slot 0, 1, … (below reservation_slots).
struct usdt reservation_surcharge(struct usdt cap, int64_t slot);

// The other way round: false when it is no surcharge within the cap.
bool reservation_slot(struct usdt cap, struct usdt surcharge, int64_t *slot) MUST_CHECK;
