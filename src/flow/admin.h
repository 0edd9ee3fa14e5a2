// Use cases of the operator: merchants, projects, keys, addresses, lists. Blocking calls; texts belong to the
// arena. Each returns an error of core/err.h; lists are given as arrays in the arena.
#pragma once
#include "core/project.h"
#include "flow/env.h"

struct credentials { // of one mode, in clear: shown once, never stored so
  struct str api_key, api_secret, webhook_secret;
};

enum { MODE_TEST = 0, MODE_LIVE = 1 };

enum err admin_merchant_add(struct env *env, struct arena *a, struct str email, struct str password_hash,
                            int64_t *merchant_id);

struct project_new {
  struct str merchant; // e-mail address
  struct str name, website, webhook;
};
enum err admin_project_add(struct env *env, struct arena *a, const struct project_new *in,
                           struct project *out, struct credentials keys[2]);
enum { PROJECTS_LISTED_MAX = 10000 }; // the oldest ones: what a command can hold in memory
enum err admin_project_list(struct env *env, struct arena *a, struct project **out, int *n);
enum err admin_project_find(struct env *env, struct arena *a, int64_t app_id, struct project *out);

struct change {
  struct str key, value;
};
struct changes {
  const struct change *list;
  int n;
  int bad; // which one was refused; -1: none
};
// All or nothing. `*bad` names the change that was refused.
enum err admin_project_set(struct env *env, struct arena *a, int64_t app_id, struct changes *changes,
                           struct project *out);

// Masked keys in force, for `project show`: tail of the api key, when made, when it ends (0: not).
struct key_info {
  int mode;
  struct str key_tail;
  int64_t created_us, expires_us, used_us; // used_us: first request signed with it; 0: none yet
};
enum err admin_project_keys(struct env *env, struct arena *a, int64_t app_id, struct key_info **out, int *n);
enum { KEY_PAIRS_MAX = 8 }; // of a mode in force at a time; then a rotation with an overlap is refused
struct rotation {
  int64_t app_id;
  int mode;
  int64_t overlap_us; // how long the old keys go on working
};
enum err admin_project_rotate(struct env *env, struct arena *a, const struct rotation *in,
                              struct credentials *out);

struct address_info {
  struct str address;
  int64_t hd_index; // -1: not derived
  bool removed;
  int64_t reserved; // open reservations on it
};
enum err admin_address_add(struct env *env, struct arena *a, int64_t app_id, struct str address);
struct address_filter {
  int64_t app_id;
  struct str after; // go on after this address; absent: from the beginning
  int limit;
};
enum err admin_address_list(struct env *env, struct arena *a, const struct address_filter *filter,
                            struct address_info **out, int *n);
enum err admin_address_remove(struct env *env, struct arena *a, int64_t app_id, struct str address);
// Gives up the claim of a removed address on which nothing is reserved any more.
enum err admin_address_release(struct env *env, struct arena *a, int64_t app_id, struct str address);
enum err admin_address_set_xpub(struct env *env, struct arena *a, int64_t app_id, struct str xpub,
                                enum custody custody);
struct xpub_info {
  struct str xpub;      // absent: the project has none, its addresses are the merchant's list
  enum custody custody; // of all its addresses
  int64_t next_index;
};
enum err admin_xpub_find(struct env *env, struct arena *a, int64_t app_id, struct xpub_info *out);

struct payment_filter {
  int64_t app_id;    // 0: all
  int status;        // enum pay_status; -1: all
  int64_t before_id; // row to go on from, 0: newest
  int limit;
};
enum err admin_payment_list(struct env *env, struct arena *a, const struct payment_filter *filter,
                            struct payment **out, int *n);

struct payment_event {
  int64_t at_us;
  struct str kind, detail;
};
enum err admin_payment_events(struct env *env, struct arena *a, const struct payment *p,
                              struct payment_event **out, int *n);

struct delivery_info {
  int64_t id, payment_id, app_id;
  struct str webhook_id, event, url, status; // status: pending, delivered, failed
  int attempts;
  int64_t created_us, next_us, delivered_us;
  struct str body;
};
struct attempt_info {
  int number;
  int64_t at_us, duration_us;
  int http_status;           // 0: no answer
  struct str error, excerpt; // absent where there is none
};
struct delivery_filter {
  int64_t app_id, payment_id; // 0: all
  struct str status;          // absent: all
  int64_t before_id;
  int limit;
};
enum err admin_delivery_list(struct env *env, struct arena *a, const struct delivery_filter *filter,
                             struct delivery_info **out, int *n);
enum err admin_delivery_find(struct env *env, struct arena *a, int64_t id, struct delivery_info *out);
enum err admin_delivery_attempts(struct env *env, struct arena *a, int64_t id, struct attempt_info **out,
                                 int *n);
// Sends stored rows again: one, or (id 0) all of a project created in [from_us, to_us). The same webhook-id
// and body.
struct replay_range {
  int64_t id;             // one delivery, or 0 and
  int64_t app_id;         // those of a project
  int64_t from_us, to_us; // created in [from_us, to_us)
};
enum err admin_delivery_replay(struct env *env, struct arena *a, const struct replay_range *range,
                               int64_t *n);

// After a restore: payments skip ahead by `rows` numbers, derived addresses by `addresses`; gives the next
// address index.
enum err admin_skip_ahead(struct env *env, struct arena *a, int64_t rows, int64_t addresses,
                          int64_t *next_index);
