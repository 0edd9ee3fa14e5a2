// How many times a second the disk makes 4 KiB durable: write, fdatasync, again. Prints one number.
// usage: fsync DIRECTORY [SECONDS]
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 1024 };

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
  static char page[PAGE] = "page";
  char path[4096];
  snprintf(path, sizeof path, "%s/fsync-probe", argc > 1 ? argv[1] : ".");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || unlink(path) != 0) {
    perror(path);
    return 1;
  }
  for (int i = 0; i < PAGES; i++) // as in a write-ahead log that is used again, the blocks exist already
    if (pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
      return 1;
  fsync(fd);
  int64_t start = now_us(), end = start + (argc > 2 ? atoi(argv[2]) : 2) * (int64_t)1000000, now = start;
  int64_t n = 0;
  for (; now < end; now = now_us(), n++)
    if (pwrite(fd, page, PAGE, n % PAGES * PAGE) != PAGE || fdatasync(fd) != 0)
      return 1;
  printf("%lld\n", (long long)(n * 1000000 / (now - start)));
  return 0;
}
