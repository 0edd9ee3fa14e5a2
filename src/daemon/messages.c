#include "daemon/messages.h"
#include "base/bell.h"
#include "base/bug.h"
#include "base/ticker.h"
#include "flow/configuration.h"
#include "http/recheck.h"
#include "store/notify.h"

#include <stdlib.h>

enum { FOLLOW_MS = 1000, ARENA_MAX = 1 << 20 };

struct messages {
  struct env *env;
  struct recheck *recheck;
  struct ticker *follower;
};

// On a thread of its own: what a busy sweeper or writer waits for must not make this node's memory old.
static void follow(void *self) {
  struct messages *m = self;
  struct arena a;
  arena_init(&a, ARENA_MAX);
  configuration_follow(m->env, &a);
  arena_free(&a);
}

static void tell_payment(void *self, int64_t row, int64_t version) {
  const struct env *env = self;
  notify_payment(env->notify, row, version);
}

static void hear_payment(void *self, int64_t row, int64_t version) {
  const struct messages *m = self;
  bell_ring_heard(m->env->bell, row, version);
}

static void hear_configuration(void *self) {
  const struct messages *m = self;
  configuration_heard(m->env);
}

static void hear_everything(void *self) {
  const struct messages *m = self;
  recheck_now(m->recheck);
  hear_configuration(self);
}

struct messages *messages_start(struct env *env, struct live *live, const char *url) {
  struct messages *m = calloc(1, sizeof *m);
  BUG_IF(!m, "out of memory");
  m->env = env;
  bell_listen_own(env->bell, tell_payment, env); // before the thread that rings what others tell
  m->recheck = recheck_start(env, live, 0);
  env->notify =
      notify_start(url, &(struct notify_hear){hear_payment, hear_configuration, hear_everything, m});
  m->follower = env->notify ? ticker_start(follow, m, FOLLOW_MS) : NULL;
  if (m->follower)
    return m;
  messages_stop(m);
  return NULL;
}

void messages_stop(struct messages *m) {
  struct notify *n = m->env->notify;
  m->env->notify = NULL;
  if (m->follower)
    ticker_stop(m->follower);
  if (n)
    notify_stop(n);
  recheck_stop(m->recheck);
  free(m);
}
