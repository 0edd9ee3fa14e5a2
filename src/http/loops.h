// The threads of the HTTP pool: each runs an event loop of the library.
//
// The library can run such threads itself, but then (0.9.75) it fetches at most 128 events at a time, and
// when exactly 128 have come it waits for more without a limit before it looks at any: 128 connections stand
// still until something else happens. Here our thread waits and the library never does.
#pragma once
#include "http/server_internal.h"

struct loop;
struct loops;

typedef struct MHD_Daemon *
loop_daemon_fn(struct server *s); // makes the library's side of one loop; NULL: it cannot

struct loops *loops_start(struct server *s, unsigned n,
                          loop_daemon_fn *make); // NULL: a loop could not be made
int loops_quiesce(struct loops *l); // accepts no more; the listening socket, to be closed by the caller
void loops_stop(struct loops *l);   // nothing may be suspended

struct loop *loop_here(void); // of the calling thread
void loop_resume(struct loop *l,
                 struct MHD_Connection *mhd); // from any thread, a suspended connection of this loop
