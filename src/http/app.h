// What every handler is given as r->app.
#pragma once
#include "flow/env.h"
#include "http/live.h"
#include "http/rate.h"

struct app {
  struct env *env;
  struct live *live;
  struct rate *rate; // NULL: no limits
};
