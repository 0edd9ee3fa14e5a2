// The gateway as a server: opens the data folder, starts listeners and workers, runs until SIGTERM or SIGINT.
#pragma once
#include "daemon/settings.h"

// Exit status: 0 after a clean stop, otherwise as in daemon/cli.h; the reason is logged.
int serve_run(const struct settings *settings);
