// Turns files into a C table: embed NAME FILE… writes `const struct embedded NAME[]` to standard output.
// The table ends with an entry whose name is NULL; names are the files' base names.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    exit(1);
  }
  const char *slash = strrchr(path, '/');
  printf("    {\"%s\", (const char[]){", slash ? slash + 1 : path);
  size_t n = 0;
  for (int c; (c = fgetc(f)) != EOF; n++)
    printf("%s%d,", n % 32 ? "" : "\n        ", (signed char)c);
  printf("0}, %zu},\n", n);
  fclose(f);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: embed NAME FILE...\n");
    return 2;
  }
  printf("#include \"base/embedded.h\"\n\nconst struct embedded %s[] = {\n", argv[1]);
  for (int i = 2; i < argc; i++)
    put_file(argv[i]);
  printf("    {0},\n};\n");
  return ferror(stdout) != 0;
}
