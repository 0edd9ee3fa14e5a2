// Use cases of payments: create, read, and what a payer does on the checkout.
//
// Each change is a struct that starts with its job. The caller fills the input, calls the _start function and
// is told by `job.done` (from the writer's thread: only hand the result on there). Everything in it belongs
// to the caller's arena.
#pragma once
#include "core/create_request.h"
#include "core/project.h"
#include "flow/env.h"

// Reads a payment by its public number. ERR_NO_PAYMENT.
struct flow_find {
  struct job job;
  struct env *env;
  // input
  int64_t id;
  bool whole; // else only what answer_payment() says of a payment, and what checkout_state_of() asks
  bool with_project;
  bool with_proof; // also: is there one to hand on (flow/proof.h)?
  // result
  struct payment payment;
  struct project project;
  bool proven;
  // inside
  int64_t row, generation;
  bool reads_project, reads_proof;
};
// true: it has ended already, job.result says how, and `done` is not called.
bool flow_payment_find_start(struct env *env, struct arena *a, struct flow_find *f) MUST_CHECK;

// The same, waiting for its end; `project` may be NULL: not wanted.
enum err flow_payment_find(struct env *env, struct arena *a, int64_t id, struct payment *payment,
                           struct project *project);

// Writes the present versions of these payments into the list; one that is not found keeps what it has.
struct payment_version {
  int64_t row, version;
};
enum err flow_payment_versions(struct env *env, struct arena *a, struct payment_version *list,
                               size_t n) MUST_CHECK;

struct flow_create {
  struct job job;
  struct env *env;
  // input
  const struct project *project;
  bool is_test;
  struct create_request request;
  struct str idempotency_key; // version 2 requests; absent otherwise
  uint8_t request_hash[32];   // of what was signed: the same key with another request is a conflict
  // result
  struct payment payment;
  struct str answer; // the JSON to send
  bool replayed;
  // inside
  int64_t now_us;
  struct payment old; // the order's payment so far; row 0: none
  enum pay_status old_was;
  struct str test_address;
  bool takes_over;
  int stage;
  struct allocation *allocation;
  int looked; // candidates, by all its runs
};
// Beyond the errors of the job's step: ERR_BUSY, ERR_STOPPING, and `done` is not called then.
enum err flow_create_start(struct env *env, struct arena *a, struct flow_create *f) MUST_CHECK;

// What happens to one payment from outside the chain.
enum payment_action {
  ACTION_EXTEND,        // payer: more time, once
  ACTION_CANCEL,        // payer: cancelled on the checkout
  ACTION_TEST_PAY,      // test mode: exactly the rest
  ACTION_TEST_UNDERPAY, // half of it
  ACTION_TEST_OVERPAY,  // 1.00 more
  ACTION_TEST_LATE,     // expire, then pay
  ACTION_TEST_EXPIRE,
};
bool payment_action_parse(struct str name,
                          enum payment_action *out); // "pay", "underpay", … of POST /pay/test

struct flow_action {
  struct job job;
  struct env *env;
  // input
  int64_t id; // public number
  enum payment_action action;
  bool test_chain; // it came by POST /pay/test: then even "cancel" needs a test payment in Test mode
  // result
  struct payment payment; // as it is after the change; the successor where the order has been taken over
  struct project project;
  // inside
  int64_t now_us;
  bool found, applied;
  bool moved_on; // the order has another amount now
  enum pay_status was;
  struct pay_transfer transfer; // txid absent: none
};
// Results: ERR_NO_PAYMENT, also for a test action on what is not a test payment of a project in Test mode;
// ERR_MOVE.
enum err flow_action_start(struct env *env, struct arena *a, struct flow_action *f) MUST_CHECK;

// Test payments past their end become expired (live ones follow the chain's time). Returns how many were
// handled; call again while that is `limit`.
int flow_sweep(struct env *env, struct arena *a, int limit);

// Drops stored answers of old Idempotency-Keys, a few at a time. Returns how many.
int flow_forget_answers(struct env *env, struct arena *a);
