// Keeps up with the other nodes that use the same database: tells them what it has changed, does what they
// tell, and looks each second for changed projects, keys and addresses, in case a message was lost.
#pragma once
#include "flow/env.h"
#include "http/live.h"

struct messages;

// Before the first change: listens to the bell. `env->notify` is set from here on until messages_stop().
// NULL: no thread.
struct messages *messages_start(struct env *env, struct live *live, const char *url);
void messages_stop(struct messages *m); // when nothing is changed any more
