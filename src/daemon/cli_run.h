// What runs behind each row of the table of commands. Internal to the command line.
#pragma once
#include "daemon/cli.h"

int run_request(struct cli *c); // sent as it was parsed
int run_serve(struct cli *c);
int run_merchant_add(struct cli *c);
int run_payment_show(struct cli *c);
int run_rescan(struct cli *c);
int run_reconcile(struct cli *c);
int run_proof_export(struct cli *c);
int run_proof_verify(struct cli *c);
int run_backup(struct cli *c);
int run_restore(struct cli *c);
int run_migrate_to(struct cli *c);
int run_doctor(struct cli *c);
int run_version(struct cli *c);
