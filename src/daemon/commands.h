// What the command line can ask of a gateway, executed against its use cases: by the server for a client of
// its control socket, or in the command's own process when no server runs.
//
// Request: {"command":"project add","args":{"merchant":"…",…}}; every argument is text, a list of texts or
// true. Answer: {"ok":true,"result":{…}} or with "result":[{…},…], else
// {"ok":false,"error":…,"code":…,"param":…}.
#pragma once
#include "daemon/data_folder.h"
#include "flow/env.h"

struct watcher;

struct gateway { // what commands work on
  struct env *env;
  struct watcher *watcher; // NULL: no server runs here, or no node is named
  const struct settings *settings;
  const struct data_folder *folder;
};

enum { COMMAND_ROWS_DEFAULT = 50, COMMAND_ROWS_MAX = 10000 }; // of a list

// A control_fn; `user` is the struct gateway.
void commands_run(void *user, struct arena *a, struct str request, struct buf *answer);
