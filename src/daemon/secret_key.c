#include "daemon/secret_key.h"
#include "daemon/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_TEXT = 2 * SEAL_KEY_BYTES };

static bool fail(struct arena *a, struct str *error, const char *path, const char *why) {
  *error = str_printf(a, "%s: %s", path, why);
  return false;
}

static bool parse(const char *text, size_t n, struct seal_key *key) {
  size_t made = 0;
  while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
    n--;
  return n == KEY_TEXT && sodium_hex2bin(key->bytes, sizeof key->bytes, text, n, NULL, &made, NULL) == 0 &&
         made == sizeof key->bytes;
}

static const char *read_key(int fd, struct seal_key *key) {
  struct stat st;
  char text[KEY_TEXT + 3];
  if (fstat(fd, &st))
    return strerror(errno);
  if (!S_ISREG(st.st_mode))
    return "not a plain file";
  if (st.st_mode & 077)
    return "other users can read this key; mend it with: chmod 600";
  ssize_t n = read(fd, text, sizeof text);
  bool good = n > 0 && parse(text, (size_t)n, key);
  sodium_memzero(text, sizeof text);
  return good ? NULL : "not a key: 64 hex digits and a newline are expected";
}

static bool write_key(int fd) {
  unsigned char raw[SEAL_KEY_BYTES];
  char text[KEY_TEXT + 1];
  randombytes_buf(raw, sizeof raw);
  sodium_bin2hex(text, sizeof text, raw, sizeof raw);
  text[KEY_TEXT] = '\n'; // in place of the NUL
  bool written = file_write_all(fd, text, sizeof text) && fsync(fd) == 0;
  sodium_memzero(raw, sizeof raw);
  sodium_memzero(text, sizeof text);
  return written;
}

// A whole file under another name first; link() then refuses where somebody else was faster, and theirs
// counts.
static bool make(struct arena *a, const char *path) {
  char *temporary = str_c(a, str_printf(a, "%s.%ld.new", path, (long)getpid()));
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return false;
  bool made = write_key(fd) && (link(temporary, path) == 0 || errno == EEXIST);
  int why = errno;
  close(fd);
  unlink(temporary);
  made = made && file_sync_folder(a, path);
  errno = why;
  return made;
}

bool secret_key_load(const char *path, bool create, struct seal_key *key, struct arena *a,
                     struct str *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && create) {
    if (!make(a, path))
      return fail(a, error, path, strerror(errno));
    fd = open(path, O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0 && errno == ENOENT)
    return fail(
        a, error, path,
        "the key that seals this database's secrets is missing; put your copy of it back (a backup does "
        "not hold it; all nodes of a database share it), or name it with --secret-key-file");
  if (fd < 0)
    return fail(a, error, path, strerror(errno));
  const char *why = read_key(fd, key);
  close(fd);
  return why ? fail(a, error, path, why) : true;
}
