// The command line: its table of commands, how words become a request, and what the answers look like.
//
// Exit status: 0 done, 1 refused, 2 usage, 3 cannot reach.
#pragma once
#include "daemon/settings.h"

#include <jansson.h>

enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct cli_option {
  const char *name; // without "--"; the argument's key in the request is the same with '_'
  const char *word; // what follows it, NULL for a switch
  const char *help;
  bool needed;
};

struct cli;

struct cli_command {
  const char *name;      // "project add"
  const char *arguments; // "APP_ID ADDRESS…": names of the words that follow; "[…]" may be left out
  const char *help;      // one line
  const struct cli_option *options; // end with a NULL name; NULL: none
  const char *note;                 // more help, NULL: none
  int (*run)(struct cli *c);        // gives the exit status
};

// One run of the program.
struct cli {
  struct arena arena;
  const struct cli_command *command;
  struct settings settings;
  json_t *args; // of the request
  bool json;    // --json
};

extern const struct cli_command cli_commands[]; // end with a NULL name

// Takes the words apart. -1: go on and run; otherwise the exit status (help was asked for, or the usage is
// wrong and was reported).
int cli_parse(struct cli *c, int argc, char **argv, char *const *environment);
void cli_free(struct cli *c);

// Was it given? Text of an argument or option, NULL when absent.
const char *cli_text(const struct cli *c, const char *key);
bool cli_switch(const struct cli *c, const char *key);

// Reports a failure on standard error, as JSON on standard output with --json; returns `status`.
int cli_fail(const struct cli *c, enum exit_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Reports that a command was refused, in the shape of an answer; returns EXIT_REFUSED.
int cli_refused(const struct cli *c, const char *error, const char *code, const char *param);

// Sends the request to the server or executes it here, and shows the answer. `make` permits a new data
// folder.
int cli_ask(struct cli *c, bool make);
// The same without showing: the answer's result, NULL after a failure was reported (then *status).
json_t *cli_call(struct cli *c, const char *command, bool make, int *status);
// Shows a result: as JSON (lists one object a line), or aligned for people.
void cli_show(const struct cli *c, const json_t *result);
