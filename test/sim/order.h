// Requests that were under way at the same time may have happened in any order. Finds one in which all their
// answers are right, and in it tells the oracle.
#pragma once
#include "oracle.h"

enum { HEARD_MAX = 64 };

struct heard { // an answer, or that it does not say what happened
  struct intent op;
  struct answer answer;
  char code[64];
  int64_t location_id; // of an action
  bool faulty;         // something has failed meanwhile
  bool unknown;        // the database tells
};

// As they stand, or a violation.
void order_as_given(struct oracle *o, const struct heard *list, int n);
// In some order, which must also explain what is stored: of payments at least.
void order_any(struct oracle *o, const struct heard *list, int n, bool all_stored);
