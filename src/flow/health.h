// What the database knows of trouble that somebody should look at: for `doctor`.
#pragma once
#include "flow/env.h"

enum { HEALTH_LIST_MAX = 1000 };

struct health {
  int64_t *no_addresses; // projects in Live mode without a receiving address
  int no_addresses_n;
  int failed_webhooks; // deliveries given up, counted up to HEALTH_LIST_MAX
};
enum err flow_health(struct env *env, struct arena *a, struct health *out) MUST_CHECK;
