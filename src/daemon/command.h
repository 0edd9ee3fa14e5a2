// One command being executed: its arguments, and where its result goes. Internal to the files command_*.c.
#pragma once
#include "base/jsonw.h"
#include "daemon/commands.h"

#include <jansson.h>

struct call {
  const struct gateway *gateway;
  struct env *env;
  struct arena *a;
  const json_t *args;
  struct jsonw out;   // takes one value: an object, or an array of objects
  const char *param;  // of a refusal: the argument that is wrong, or NULL
  struct str problem; // of a refusal: a better sentence than the error's own, or absent
};

typedef enum err command_fn(struct call *c);

// Arguments. A wrong or missing one is refused by the callee setting `param` and `problem`: return its error.
struct str call_text(const struct call *c, const char *name); // absent where it was not given
enum err call_number(struct call *c, const char *name, int64_t *out) MUST_CHECK; // needed
enum err call_time(struct call *c, const char *name, int64_t fallback_us, int64_t *out) MUST_CHECK;
enum err call_limit(struct call *c, int fallback, int *out) MUST_CHECK; // "limit"
// A refusal with a sentence of its own.
enum err call_refuse(struct call *c, enum err e, const char *param, const char *sentence) MUST_CHECK;

// Output
void call_time_field(struct call *c, const char *name, int64_t us); // "2026-07-01 18:30:00"; 0 gives null

command_fn command_merchant_add;
command_fn command_project_add, command_project_list, command_project_show, command_project_set,
    command_project_rotate_keys;
command_fn command_address_add, command_address_list, command_address_remove, command_address_release,
    command_address_set_xpub;
command_fn command_payment_list, command_payment_show, command_payment_accept;
command_fn command_transfer_list, command_transfer_attach;
command_fn command_webhook_list, command_webhook_show, command_webhook_replay;
command_fn command_chain_status, command_rescan, command_reconcile;
command_fn command_proof_export;
command_fn command_backup, command_skip_ahead, command_doctor;
