// What the parts of doctor share: a list of findings, each with what mends it. Internal to the files
// doctor*.c.
#pragma once
#include "daemon/cli.h"
#include "daemon/data_folder.h"

enum finding { GOOD, WARNING, BAD };

struct doctor {
  struct cli *c;
  struct arena *a;
  struct data_folder folder;
  json_t *findings;
  enum finding worst;
};

// `mend`: a command or a hint; NULL where there is nothing to do.
void doctor_found(struct doctor *d, const char *check, enum finding state, struct str finding,
                  const char *mend);

// The findings on a server of PostgreSQL; false when it cannot be used.
bool doctor_server(struct doctor *d);

// Those about the nodes of the chain, which it asks itself.
void doctor_nodes(struct doctor *d);
