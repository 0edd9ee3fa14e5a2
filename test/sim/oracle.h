// What must be true: a model of the gateway written from the specification, sharing no decision with src/core
// or src/flow.
//
// It is told of every request with its answer. An answer that it did not predict is a violation; a request
// whose answer never came (crash, 500 after a fault) is `open` until the database tells whether it happened.
// The stored state must then be the model's in every field.
#pragma once
#include "below.h"

#include "core/payment_id.h"

#include <stdio.h>

enum {
  PROJECTS = 4,
  PAYMENTS_MAX = 512,
  ADDRESSES_MAX = 32, // of pools, all projects
  KEYS_MAX = 16,      // generations of a mode's keys
  OPEN_MAX = 256,
  DELIVERIES_MAX = 512,
  IDEMPOTENT_MAX = 128,
  ORDER_TEXT = 24,
  ADDRESS_TEXT = 40,
  URL_TEXT = 96,
  ANSWER_TEXT = 1024,
  TRANSFERS_MAX = 512, // of the chain
  ARRIVALS_MAX = 32,   // in a block
  KEPT_MAX = 64,
};

// As stored.
enum { O_PENDING, O_PAID, O_EXPIRED, O_FAILED };
enum {
  SUBST_NONE = 0,
  SUBST_WAITING = 1,
  SUBST_SEEN = 2,
  SUBST_CONFIRMING = 3,
  SUBST_UNDERPAID = 4,
  SUBST_OVERPAID = 5,
  SUBST_LATE = 6,
  SUBST_REVIEW = 7,
  SUBST_CANCELLED = 8
};
enum { TOLD_PAID = 1, TOLD_EXPIRED = 2, TOLD_FAILED = 4, TOLD_UNDERPAID = 8 };

struct o_policy {
  int64_t window_us, quarantine_us, tolerance;
  bool accept_late;
};

struct o_key { // one generation
  char api_key[64], secret[64], webhook[80];
  int64_t expires_us; // 0: none
  int64_t seq;        // the change that made it
  struct {
    int64_t seq, before_us;
  } ends[KEYS_MAX]; // the changes of expires_us, and what it was before
  int n_ends;
  bool used; // a request signed with it was let in
  bool lost; // the answer that told it never came: nobody knows it
};

struct o_project {
  int64_t id;
  bool live, enabled, xpub, require_v2;
  int64_t cap;
  char website[URL_TEXT];
  char webhook[URL_TEXT]; // empty: none
  int events;
  struct o_policy policy;
  struct o_key keys[2][KEYS_MAX];
  int n_keys[2];
  int64_t listed_seq[GATEWAYS_MAX]; // the last change of its address list, by the node that made it
};

struct o_address {
  char text[ADDRESS_TEXT];
  int project; // -1: nobody's
  bool removed;
};

struct o_payment {
  int64_t id, row;
  int project;
  bool is_test;
  char order[ORDER_TEXT], address[ADDRESS_TEXT], txid[80];
  int64_t amount, pay_amount, received;
  int scale, status, sub, extended;
  int64_t created_us, match_from_us, first_expires_us, expires_us, quarantine_us, cancelled_us, paid_us;
  int replaced_by; // index; -1: none
  bool holds;      // a reservation
  int64_t rest;    // what is left to pay, where that is reserved too; 0: not
  bool seen;       // money for it stands in a block that is not final, by the newest look
  int64_t seen_number;
  bool stored; // the checker's: seen in the table
  int64_t version;
  int transfers;
  int64_t sum; // of its transfers, those that count for nothing included
};

enum op_kind { DO_CREATE, DO_ACTION, DO_SWEEP };
enum action {
  DO_PAY,
  DO_UNDERPAY,
  DO_OVERPAY,
  DO_LATE,
  DO_EXPIRE,
  DO_CANCEL,
  DO_TEST_CANCEL,
  DO_EXTEND,
  ACTIONS
};

struct intent {
  enum op_kind kind;
  int64_t now_us;
  int64_t fired; // faults so far when it began
  // create: the project as it was when the request came in
  int project, mode;
  struct o_policy policy;
  int64_t cap;
  int events;    // that the project wants to hear of; 0: it has no webhook
  bool at_once;  // other nodes were asked for addresses at the same time
  bool old_list; // another node has changed the address list, and this one cannot know yet
  char order[ORDER_TEXT];
  int64_t amount;
  int scale;
  char idempotency[32]; // empty: none
  uint64_t request;     // of what is signed
  const char *refusal;  // code of the error that must come before anything is stored; NULL: none
  // action
  int payment; // index
  enum action action;
};

struct o_delivery {
  int payment, event;
  int64_t created_us;
  int64_t replayed_us, last_us; // last replay and newest attempt, by the clock that never goes back; 0: none
  bool maybe_replayed;
  char txid[64];
  char id[64]; // webhook-id once seen
  int64_t seen, accepted;
};

// The chain, as it really is (onchain.c).
struct o_arrival {
  char txid[65], to[ADDRESS_TEXT];
  int log_index;
  int64_t value;
};

struct o_block {
  int64_t number, time_us;
  uint8_t id[32];
  struct o_arrival arrivals[ARRIVALS_MAX];
  int n;
};

// What was done about one of them.
enum reason {
  BECAUSE_CREDITED,
  BECAUSE_UNKNOWN,
  BECAUSE_SHARED,
  BECAUSE_PAID,
  BECAUSE_CANCELLED,
  BECAUSE_EARLY,
  BECAUSE_TOO_LATE,
  BECAUSE_REPLACED,
  BECAUSE_DUST,
  BECAUSE_LATE
};

struct o_transfer {
  struct o_arrival arrival;
  int64_t number, block_us;
  enum reason reason;
  int payment; // index of the one that it is for, or may be for; -1: none
};

struct o_kept { // a pair that was seen paid though nobody had reserved it
  char address[ADDRESS_TEXT];
  int64_t value;
};

struct o_idempotent {
  int project, mode;
  char key[32];
  uint64_t request;
  int64_t created_us;
  char *answer;
};

struct oracle {
  uint64_t seed;
  bool trace;
  int64_t max_now_us; // the clock's highest so far
  int64_t seq;        // changes of the operator
  struct o_project projects[PROJECTS];
  struct o_address addresses[ADDRESSES_MAX];
  int n_addresses;
  struct o_payment payments[PAYMENTS_MAX];
  int n_payments;
  struct o_delivery deliveries[DELIVERIES_MAX];
  int n_deliveries;
  struct o_idempotent idempotent[IDEMPOTENT_MAX];
  int n_idempotent;
  struct intent open[OPEN_MAX];
  int n_open;
  // operator's changes whose answer never came: as it is if they happened
  struct o_project maybe_project[PROJECTS];
  bool has_maybe_project[PROJECTS];
  struct o_address maybe_address[ADDRESSES_MAX];
  bool has_maybe_address[ADDRESSES_MAX];
  const struct payment_id_key *id_key;
  struct onchain *onchain; // NULL: this run has no chain
  bool followed;           // since `cursor` was read for the first time
  int64_t cursor, cursor_us;
  int64_t heads[GATEWAYS_MAX], head; // as the nodes show it; the one that answers now
  struct o_transfer transfers[TRANSFERS_MAX];
  int n_transfers;
  struct o_kept kept[KEPT_MAX];
  int n_kept;
  bool hints_true; // no fault since the start, so nothing was rolled back: allocation takes the smallest
                   // surcharge
};

// Prints the seed and what is wrong, and ends the program.
void violation(const struct oracle *o, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

// Whether `f` finds no violation. What it has changed in the model stays.
bool oracle_try(struct oracle *o, void (*f)(struct oracle *o, void *self), void *self);

void oracle_clear(struct oracle *o);

// ---- answers (oracle.c) ----
struct answer {
  int status;
  const char *code; // of an error; "" without one
  const char *body; // NUL-terminated
  bool replayed;
};
void oracle_created(struct oracle *o, const struct intent *op, const struct answer *a, bool faulty);
void oracle_acted(struct oracle *o, const struct intent *op, const struct answer *a, int64_t location_id,
                  bool faulty);
void oracle_swept(struct oracle *o, int64_t now_us); // all that are due
void oracle_expired(struct oracle *o, int index, int64_t now_us);
void oracle_open(struct oracle *o, const struct intent *op); // its answer never came
int oracle_find_order(const struct oracle *o, int project, bool is_test,
                      const char *order);                              // current payment; -1
const struct o_key *o_newest_key(const struct o_project *p, int mode); // that is known
int64_t o_key_end(const struct o_key *k, int64_t seq);                 // as it was after that change
int o_status_at(const struct o_payment *p, int64_t now_us);

// What a change of a payment must be; 0, or the HTTP status of the refusal (404, 409) and nothing is changed.
int oracle_apply(struct oracle *o, int index, enum action action, int64_t now_us);
int oracle_target(const struct oracle *o, int index, enum action action); // the payment that it concerns
void oracle_add(struct oracle *o, const struct intent *op,
                const struct o_payment *facts); // a create that happened

// ---- texts (oracle_text.c) ----
void text_answer(const struct oracle *o, const struct o_payment *p, int64_t now_us, char out[ANSWER_TEXT]);
void text_public(const struct oracle *o, const struct o_payment *p, int64_t now_us, char out[ANSWER_TEXT]);
void text_webhook(const struct oracle *o, const struct o_payment *p, const struct o_delivery *d,
                  char out[ANSWER_TEXT]);
bool text_field(const char *body, const char *name, char *out,
                size_t n); // the first "name": value, without quotes
int64_t text_micro(const char *amount);
const char *text_status(int status);
const char *text_event(int event);

// ---- the database (oracle_db.c) ----
// After a start: which open operations happened; then everything stored must be as the model says.
void oracle_check(struct oracle *o, bool settle_open);
void oracle_check_payments(struct oracle *o); // only these
// Has this operation happened? Asks the database at once.
void oracle_settle(struct oracle *o, const struct intent *op);
// After the liveness phase.
void oracle_check_quiet(struct oracle *o, int64_t now_us);

// ---- changes that several files make (oracle.c) ----
void o_tell(struct oracle *o, int index, int event, int64_t now_us); // 0: at a time that the database tells
bool o_lengthen(struct o_payment *p, const struct o_policy *policy, int bit);
int o_expire(struct oracle *o, int index, int64_t now_us);
void o_count_move(const struct o_payment *p, int from, int from_sub);

void oracle_learn_rows(struct oracle *o); // oracle_db.c

// ---- the chain (oracle_chain.c) ----
bool onchain_block(struct onchain *l, int64_t number, struct o_block *out); // false: there is none
int64_t onchain_solid(const struct onchain *l);
bool onchain_was_sent(const struct onchain *l, const char *txid, const char *to);
void oracle_chain_settle(struct oracle *o); // before a gateway looks: nothing may be unknown
void oracle_chain_follow(struct oracle *o); // after it has: what it has stored must be what the chain gives
void oracle_chain_read(struct oracle *o);   // the same, where the checker is looking already
void oracle_chain_check(struct oracle *o);  // transfers and the book
void oracle_chain_quiet(struct oracle *o);  // all is final: nothing waits
