// What every handler is given as r->app.
#pragma once
#include "flow/env.h"
#include "http/live.h"
#include "http/rate.h"

struct hmac_key;

struct app {
  struct env *env;
  struct live *live;
  struct rate *rate;                // NULL: no limits
  const struct hmac_key *no_secret; // checked against where a key is unknown
};
