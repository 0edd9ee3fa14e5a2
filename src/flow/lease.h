// Work that one node at a time does: whoever holds the lease of its name. Leases end by the database's clock;
// how much of its own is left a node judges by its monotonic clock, started before it asked, so that a node
// that was paused knows at once that its time is over. Where nobody else uses the database it is always held.
//
// The fence goes up with each change of hands. What must not be done by a former holder that does not know
// yet is written with it; what is harmless when done twice needs no more than lease_left_us().
#pragma once
#include "flow/env.h"

enum { LEASE_HOLDER_BYTES = 16 };

struct lease { // of one thread
  struct str name;
  int64_t length_us;
  char holder[2 * LEASE_HOLDER_BYTES + 1]; // this one, in hex
  int64_t fence;                           // while held
  int64_t until_us;                        // by the monotonic clock; 0: not held
};

void lease_init(struct lease *l, const struct world *world, struct str name, int64_t length_us);

// Takes it where nobody holds it, or makes one's own last for another `length_us`. ERR_NONE also when another
// node holds it: lease_left_us() tells.
enum err lease_take(struct lease *l, struct env *env, struct arena *a) MUST_CHECK;
int64_t lease_left_us(const struct lease *l, const struct env *env); // at most 0: not held

// Others may have it at once.
void lease_give(struct lease *l, struct env *env, struct arena *a);
