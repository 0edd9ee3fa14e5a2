// What the book says of every receiving address: to be compared with the chain (`cryptopay reconcile`).
#pragma once
#include "core/money.h"
#include "core/project.h"
#include "flow/env.h"

enum { HOLDINGS_PAGE = 16 };

struct holding {
  int64_t id, project_id;
  struct str address;
  enum custody custody;
  struct usdt received; // by transfers that are final, unmatched ones too
  int64_t transfers;
};

struct holdings {       // a page
  int64_t project_id;   // of one project only; 0: of all
  int64_t after_id;     // begins after this one
  struct holding *list; // the arena's; at most HOLDINGS_PAGE
  int n;
};

// Nothing is ever taken from an address yet: what was received is what must be there.
enum err flow_holdings(struct env *env, struct arena *a, struct holdings *page) MUST_CHECK;
// One of them again.
enum err flow_holding(struct env *env, struct arena *a, struct holding *h) MUST_CHECK;
