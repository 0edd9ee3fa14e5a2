// Where requests wait for long, off the library: it would keep its whole connection memory for each of them,
// and would walk through all suspended connections whenever one of them goes on.
//
// hall_take() keeps a duplicate of the socket and what the handler may still ask of the request; the library
// is then told to drop the connection, which in turbo mode only closes its own descriptor. The hall's threads
// run what follows, write the answer with "Connection: close", and close.
#pragma once
#include "http/server_internal.h"

struct hall;

struct hall *hall_start(struct server *s, unsigned threads);
void hall_stop(struct hall *h); // nobody may be in it

// On the pool thread, while the handler runs. False when there is no descriptor left: the request must stay
// where it is.
bool hall_take(struct hall *h, struct server_request *q) MUST_CHECK;
// Goes on with q->then on a thread of the hall. From any thread.
void hall_call(struct hall *h, struct server_request *q);
