// Where other processes change payments too: looks now and then whether what the waiting pages wait for has
// changed, and wakes those for which it has. Messages between the nodes do that at once; this finds what they
// have lost. One statement for 32 payments: ten thousand waiting pages cost a percent of a core.
#pragma once
#include "flow/env.h"
#include "http/live.h"

struct recheck;

struct recheck *recheck_start(struct env *env, struct live *live, int every_ms); // 0: RECHECK_MS
void recheck_stop(struct recheck *c);
void recheck_now(struct recheck *c); // from any thread: messages may have been missed
