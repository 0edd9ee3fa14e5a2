// Lists of witnesses as the operator and nodes give them. Pure. Source: tron.md 5.3 and 5.7.
#pragma once
#include "wire/address.h"

enum { WITNESSES_MAX = 27 };

struct witness_list {
  struct tron_address who[WITNESSES_MAX]; // in any order, none twice
  struct tron_address key[WITNESSES_MAX]; // who signs for it; the same where nothing else was said
  int n;
};

// The operator's file: a JSON array of 1 to 27 base58 addresses; "ADDRESS:KEY" where another key signs.
bool witness_list_of_file(struct str json, struct witness_list *out);
bool witness_list_add(struct witness_list *l, struct str text); // one such text; false: not one, or no place
// listwitnesses: those with most votes, at equal votes the higher address, at most 27. Where no
// more than that are candidates, those that have the job. False: no such answer.
bool witness_list_of_answer(struct str json, struct witness_list *out);
bool witness_list_same(const struct witness_list *a, const struct witness_list *b);  // who, as sets
int witness_list_find(const struct witness_list *l, const struct tron_address *who); // -1: not there

// getaccount: the key that signs for a witness: the only one of its witness_permission; without one the
// account's own. False: no such answer, or another account's.
bool witness_key_of_answer(struct str json, const struct tron_address *who, struct tron_address *key);

bool address_same(const struct tron_address *a, const struct tron_address *b);
