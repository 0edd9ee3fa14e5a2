// The network between the nodes and PostgreSQL, which fails when it is told to: this program's own send(),
// recv(), poll() and connect() stand in front of the system's, for libpq too.
//
// A connection belongs to the node that `wire_node` names when it is made. Nothing happens to others.
#pragma once
#include "below.h"

enum wire_fault {
  WIRE_CUT,               // the connection breaks before something is sent
  WIRE_UNANSWERED,        // it is worked off, but the answer is lost
  WIRE_TERMINATED,        // pg_terminate_backend()
  WIRE_COMMIT_CUT,        // the connection breaks before a COMMIT is sent
  WIRE_COMMIT_UNANSWERED, // the COMMIT happens, but nobody is told
  WIRE_COMMIT_LATE,       // the connection breaks, and later the COMMIT reaches the server after all
  WIRE_REFUSED,           // all connections break, new ones are refused for a while
  WIRE_CRASH,             // the program stops
  WIRE_CRASH_COMMITTED,   // it stops just after a COMMIT has happened
  WIRE_FAULTS
};

extern _Thread_local int wire_node; // -1: nobody's connections are made now

// `terminate` ends the session with this client port, `waits` says whether it waits for another session's
// lock; `before` is called before anything is sent.
struct wire_calls {
  void (*terminate)(int port);
  bool (*waits)(int port);
  void (*before)(void);
};

void wire_setup(int port, const struct wire_calls *calls); // once: of the server
void wire_begin(void);                                     // no faults
void wire_calm(void);                                      // takes back what has not fired
void wire_fail(int node, enum wire_fault kind, int in, int times);
void wire_crash(int node); // now
bool wire_dead(int node);
void wire_revive(int node);
int64_t wire_fired(int node);
int64_t wire_begun(enum wire_fault kind); // of all nodes
void wire_deliver(void);                  // what is late arrives now
void wire_pass_time(int64_t us);          // the monotonic clock of the store stands still otherwise
