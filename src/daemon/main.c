#include "daemon/cli.h"

#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
  extern char **environ;
  struct cli c;
  umask(077);                                  // nothing made here is for other users
  setrlimit(RLIMIT_CORE, &(struct rlimit){0}); // memory holds secrets
  signal(SIGPIPE, SIG_IGN);                    // whoever has gone is noticed by the failing write
  if (sodium_init() < 0)
    return EXIT_REFUSED;
  int status = cli_parse(&c, argc, argv, environ);
  if (status < 0)
    status = c.command->run(&c);
  cli_free(&c);
  return fflush(stdout) ? EXIT_REFUSED : status;
}
