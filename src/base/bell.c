#include "base/bell.h"
#include "base/bug.h"

static void listen_to(struct bell *b, bell_fn *hear, void *self, bool own_only) {
  BUG_IF(b->n == BELL_LISTENERS_MAX, "too many listeners");
  b->listener[b->n].hear = hear;
  b->listener[b->n].self = self;
  b->listener[b->n].own_only = own_only;
  b->n++;
}

void bell_listen(struct bell *b, bell_fn *hear, void *self) {
  listen_to(b, hear, self, false);
}

void bell_listen_own(struct bell *b, bell_fn *hear, void *self) {
  listen_to(b, hear, self, true);
}

static void ring(const struct bell *b, int64_t payment_row, int64_t version, bool own) {
  for (int i = 0; i < b->n; i++)
    if (own || !b->listener[i].own_only)
      b->listener[i].hear(b->listener[i].self, payment_row, version);
}

void bell_ring(const struct bell *b, int64_t payment_row, int64_t version) {
  ring(b, payment_row, version, true);
}

void bell_ring_heard(const struct bell *b, int64_t payment_row, int64_t version) {
  ring(b, payment_row, version, false);
}
