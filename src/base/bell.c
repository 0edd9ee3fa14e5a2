#include "base/bell.h"
#include "base/bug.h"

void bell_listen(struct bell *b, bell_fn *hear, void *self) {
  BUG_IF(b->n == BELL_LISTENERS_MAX, "too many listeners");
  b->listener[b->n].hear = hear;
  b->listener[b->n].self = self;
  b->n++;
}

void bell_ring(const struct bell *b, int64_t payment_row, int64_t version) {
  for (int i = 0; i < b->n; i++)
    b->listener[i].hear(b->listener[i].self, payment_row, version);
}
