// The proof of a payment (core/proof.h), from what verified mode has kept of its transfer.
#pragma once
#include "flow/payments.h"

struct flow_proof {
  struct job job;
  struct env *env;
  // input
  int64_t id; // public number of the payment
  // result
  struct str file; // JSON; the arena's
  // inside
  int64_t row;
  struct str part, token;
};
// Of the transfer that completed the sum. ERR_NO_PAYMENT; ERR_NO_PROOF: it is not paid, or nothing was kept:
// another mode, or money that a contract sent. true: it has ended already, job.result says how, and `done` is
// not called.
bool flow_proof_start(struct env *env, struct arena *a, struct flow_proof *f) MUST_CHECK;
// The same, waiting for its end.
enum err flow_proof(struct env *env, struct arena *a, int64_t id, struct str *file) MUST_CHECK;
