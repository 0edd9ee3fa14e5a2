// The URL of a PostgreSQL database, as libpq reads it:
// postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?KEY=VALUE. Nothing here connects.
#pragma once
#include "base/str.h"

// NULL, or why it is none, in words that do not repeat it: somewhere in it stands a password.
const char *database_url_check(const char *url, struct arena *a);
// The same URL for people's eyes, its passwords as "***". It must have been checked.
struct str database_url_shown(const char *url, struct arena *a);
// Without its passwords: for commands that people copy; PostgreSQL's programs ask for them.
struct str database_url_bare(const char *url, struct arena *a);
