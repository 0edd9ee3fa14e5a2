#include "daemon/messages.h"
#include "base/bell.h"
#include "base/bug.h"
#include "flow/configuration.h"
#include "http/recheck.h"
#include "store/notify.h"

#include <stdlib.h>

struct messages {
  struct env *env;
  struct recheck *recheck;
};

static void tell_payment(void *self, int64_t row, int64_t version) {
  const struct messages *m = self;
  notify_payment(m->env->notify, row, version);
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
  m->recheck = recheck_start(env, live, 0);
  env->notify =
      notify_start(url, &(struct notify_hear){hear_payment, hear_configuration, hear_everything, m});
  if (env->notify) {
    bell_listen_own(env->bell, tell_payment, m);
    return m;
  }
  recheck_stop(m->recheck);
  free(m);
  return NULL;
}

void messages_stop(struct messages *m) {
  struct notify *n = m->env->notify;
  m->env->notify = NULL;
  notify_stop(n);
  recheck_stop(m->recheck);
  free(m);
}
