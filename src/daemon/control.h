// How the command line reaches a running server: a Unix socket in the data folder, for this user (and root)
// only.
//
// The server greets with a line, the client sends one request line, the server answers with one line and
// closes. Without a greeting nothing was executed, so the client may try again; with a greeting but no answer
// it cannot know.
#pragma once
#include "base/str.h"

enum { CONTROL_REQUEST_MAX = 1 << 20, CONTROL_ANSWER_MAX = 64 << 20 };

struct control;
// Executes a request and adds its answer, a line without the line break. Called on the control thread, one at
// a time.
typedef void control_fn(void *user, struct arena *a, struct str request, struct buf *answer);

// NULL: *error says why. The lock of the data folder must be held: a socket left behind by a crash is
// replaced.
struct control *control_start(const char *path, control_fn *run, void *user, char *error, size_t error_size);
// Lets the running request finish, refuses what waits, removes the socket.
void control_stop(struct control *c);

enum control_result {
  CONTROL_ANSWERED,
  CONTROL_NOBODY, // nobody listens there or took the request: nothing happened
  CONTROL_LOST,   // the server took the request but gave no answer
  CONTROL_DENIED, // the socket belongs to another user
};
enum control_result control_call(const char *path, struct str request, struct buf *answer);
