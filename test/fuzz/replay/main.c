// Runs a fuzz target once over each file named on the command line; needs no fuzzer.
#include "../fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static bool replay(const char *path) {
  static const size_t max = 1 << 20;
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    return false;
  }
  // a block of the exact size, so that a sanitizer sees a read past its end
  uint8_t *all = malloc(max), *exact;
  size_t n = fread(all, 1, max, f);
  fclose(f);
  exact = malloc(n ? n : 1);
  for (size_t i = 0; i < n; i++)
    exact[i] = all[i];
  free(all);
  fprintf(stderr, "%s\n", path); // the last line names the input that stopped it
  LLVMFuzzerTestOneInput(exact, n);
  free(exact);
  return true;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (!replay(argv[i]))
      return 1;
  printf("%d inputs replayed\n", argc - 1);
  return argc > 1 ? 0 : 1;
}
