// The bell rings after a commit: "payment `row` now has `version`". Whoever listens is called on the ringing
// thread and must be quick. Nothing else goes from the store back up to those who wait.
#pragma once
#include <stdint.h>

typedef void bell_fn(void *self, int64_t payment_row, int64_t version);

enum { BELL_LISTENERS_MAX = 4 };

struct bell {
  struct {
    bell_fn *hear;
    void *self;
  } listener[BELL_LISTENERS_MAX];
  int n;
};

// Before the first ring: the list is read without a lock.
void bell_listen(struct bell *b, bell_fn *hear, void *self);
void bell_ring(const struct bell *b, int64_t payment_row, int64_t version);
