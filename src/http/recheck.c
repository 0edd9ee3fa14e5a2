#include "http/recheck.h"
#include "base/bug.h"
#include "base/ticker.h"
#include "flow/payments.h"
#include "http/limits.h"

#include <stdlib.h>

enum { LOOK_MAX = 1024, ARENA_BYTES_MAX = 4 << 20 };

struct recheck {
  struct env *env;
  struct live *live;
  struct ticker *ticker;
};

// false: the database does not answer.
static bool look_at_some(struct recheck *c, struct arena *a, const struct live_wait *waits, size_t n) {
  struct payment_version *now = ARENA_ARRAY(a, struct payment_version, (int)n);
  for (size_t i = 0; i < n; i++)
    now[i] = (struct payment_version){waits[i].row, waits[i].version};
  bool answered = flow_payment_versions(c->env, a, now, n) == ERR_NONE;
  for (size_t i = 0; answered && i < n; i++)
    if (now[i].version > waits[i].version)
      live_ring(c->live, now[i].row, now[i].version);
  return answered;
}

static void look_at_all(void *self) {
  struct recheck *c = self;
  struct arena a;
  arena_init(&a, ARENA_BYTES_MAX);
  struct live_wait *waits = ARENA_ARRAY(&a, struct live_wait, LOOK_MAX);
  uint32_t from = 0;
  size_t n;
  bool answered = true;
  while (answered && (n = live_list(c->live, &from, waits, LOOK_MAX)) > 0) {
    struct arena round;
    arena_init(&round, ARENA_BYTES_MAX);
    answered = look_at_some(c, &round, waits, n);
    arena_free(&round);
  }
  arena_free(&a);
}

struct recheck *recheck_start(struct env *env, struct live *live, int every_ms) {
  struct recheck *c = calloc(1, sizeof *c);
  BUG_IF(!c, "out of memory");
  c->env = env;
  c->live = live;
  c->ticker = ticker_start(look_at_all, c, every_ms ? every_ms : RECHECK_MS);
  BUG_IF(!c->ticker, "no thread for looking at payments");
  return c;
}

void recheck_now(struct recheck *c) {
  ticker_now(c->ticker);
}

void recheck_stop(struct recheck *c) {
  ticker_stop(c->ticker);
  free(c);
}
