// A thread that does something again and again until it is stopped: at once, then every `every_ms`, and out
// of turn when asked to.
#pragma once

typedef void ticker_fn(void *self);

struct ticker;

struct ticker *ticker_start(ticker_fn *tick, void *self, int every_ms); // NULL: no thread
void ticker_now(struct ticker *t);                                      // from any thread
void ticker_stop(struct ticker *t);                                     // after the tick that is under way
