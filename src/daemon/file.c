#include "daemon/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct str file_error(struct arena *a, const char *path) {
  return str_printf(a, "%s: %s", path, strerror(errno));
}

bool file_write_all(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    p += done;
    n -= (size_t)done;
  }
  return true;
}

bool file_sync_folder(struct arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? str_c(a, (struct str){path, (size_t)(slash - path) + 1}) : str_c(a, STR("."));
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

// Closes; what failed first stays in errno.
static bool finish(int fd, bool ok) {
  int why = errno;
  close(fd);
  errno = why;
  return ok;
}

bool file_put(struct arena *a, const char *path, struct str content) {
  char *temporary = str_c(a, str_printf(a, "%s.new", path));
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || !finish(fd, file_write_all(fd, content.p, content.n) && fsync(fd) == 0))
    return false;
  return rename(temporary, path) == 0 && file_sync_folder(a, path);
}

struct str file_get(struct arena *a, const char *path, size_t max) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return STR_NONE;
  char *text = arena_alloc(a, max + 1);
  ssize_t n = read(fd, text, max);
  close(fd);
  return n < 0 ? STR_NONE : (struct str){text, (size_t)n};
}

static bool copy_bytes(int in, int out) {
  static const size_t step = 1 << 16;
  char part[1 << 16];
  for (;;) {
    ssize_t n = read(in, part, step);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0;
    if (!file_write_all(out, part, (size_t)n))
      return false;
  }
}

bool file_copy(const char *from, const char *to) {
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0)
    return false;
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (out < 0)
    return finish(in, false);
  bool copied = copy_bytes(in, out) && fsync(out) == 0;
  copied = finish(out, copied);
  if (!copied) {
    int why = errno;
    unlink(to);
    errno = why;
  }
  return finish(in, copied);
}

static bool sync_file(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd >= 0 && finish(fd, fsync(fd) == 0);
}

bool file_move(struct arena *a, const char *from, const char *to) {
  if (!sync_file(from))
    return false;
  if (rename(from, to) == 0)
    return file_sync_folder(a, to);
  if (errno != EXDEV)
    return false;
  char *near = str_c(a, str_printf(a, "%s.%ld.new", to, (long)getpid()));
  if (!file_copy(from, near))
    return false;
  if (rename(near, to)) {
    int why = errno;
    unlink(near);
    errno = why;
    return false;
  }
  unlink(from);
  return file_sync_folder(a, to);
}
