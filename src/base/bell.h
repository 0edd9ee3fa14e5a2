// The bell rings after a commit: "payment `row` now has `version`". Whoever listens is called on the ringing
// thread and must be quick. Nothing else goes from the store back up to those who wait.
//
// Where other processes use the same database their changes ring here too (store/notify.h), with
// bell_ring_heard().
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef void bell_fn(void *self, int64_t payment_row, int64_t version);

enum { BELL_LISTENERS_MAX = 4 };

struct bell {
  struct {
    bell_fn *hear;
    void *self;
    bool own_only;
  } listener[BELL_LISTENERS_MAX];
  int n;
};

// Before the first ring: the list is read without a lock.
void bell_listen(struct bell *b, bell_fn *hear, void *self);     // whoever has made the change
void bell_listen_own(struct bell *b, bell_fn *hear, void *self); // only what this process has committed

void bell_ring(const struct bell *b, int64_t payment_row, int64_t version);
void bell_ring_heard(const struct bell *b, int64_t payment_row, int64_t version); // another process's change
