// Files that are there whole or not at all, and survive a power cut.
#pragma once
#include "base/str.h"

// What an operation on files says when it fails: "PATH: reason" from errno.
struct str file_error(struct arena *a, const char *path);

bool file_write_all(int fd, const char *p, size_t n);
// fsync of the folder that `path` is in: makes a rename there last.
bool file_sync_folder(struct arena *a, const char *path);
// A small file with this content, mode 0600; replaces an older one.
bool file_put(struct arena *a, const char *path, struct str content);
// Its content, at most `max` bytes; STR_NONE where it is missing or not readable.
struct str file_get(struct arena *a, const char *path, size_t max);
// Copies to a new file `to` (mode 0600, replaced where it exists) and syncs it. False: errno.
bool file_copy(const char *from, const char *to);
// Gives a finished file its final name, also on another file system, and syncs. False: errno; `from` is left.
bool file_move(struct arena *a, const char *from, const char *to);
