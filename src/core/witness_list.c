#include "core/witness_list.h"
#include "base/jsonr.h"

#include <string.h>

enum { HEX_ADDRESS_N = 21, PREFIX = 0x41 };

bool address_same(const struct tron_address *a, const struct tron_address *b) {
  return memcmp(a->account, b->account, ADDRESS_N) == 0;
}

int witness_list_find(const struct witness_list *l, const struct tron_address *who) {
  for (int i = 0; i < l->n; i++)
    if (address_same(&l->who[i], who))
      return i;
  return -1;
}

bool witness_list_same(const struct witness_list *a, const struct witness_list *b) {
  if (a->n != b->n)
    return false;
  for (int i = 0; i < a->n; i++)
    if (witness_list_find(b, &a->who[i]) < 0)
      return false;
  return true;
}

bool witness_list_add(struct witness_list *l, struct str text) {
  struct tron_address who, key;
  struct str first = {text.p, text.n < ADDRESS_TEXT_N ? text.n : ADDRESS_TEXT_N};
  if (l->n == WITNESSES_MAX || !address_parse(first, &who) || witness_list_find(l, &who) >= 0)
    return false;
  key = who;
  if (text.n > ADDRESS_TEXT_N) {
    struct str second = {text.p + ADDRESS_TEXT_N + 1, text.n - ADDRESS_TEXT_N - 1};
    if (text.p[ADDRESS_TEXT_N] != ':' || !address_parse(second, &key) || address_same(&who, &key))
      return false;
  }
  l->who[l->n] = who;
  l->key[l->n++] = key;
  return true;
}

bool witness_list_of_file(struct str json, struct witness_list *out) {
  struct jsonr r;
  struct str text;
  bool ok = true;
  out->n = 0;
  jsonr_init(&r, json);
  if (jsonr_open(&r, '['))
    while (ok && jsonr_item(&r))
      ok = jsonr_str(&r, &text) && witness_list_add(out, text);
  return ok && jsonr_end(&r) && out->n > 0;
}

static bool read_address(struct jsonr *r, struct tron_address *out) {
  uint8_t bytes[HEX_ADDRESS_N];
  if (!jsonr_hex(r, bytes, sizeof bytes) || bytes[0] != PREFIX)
    return false;
  memcpy(out->account, bytes + 1, ADDRESS_N);
  return true;
}

struct candidate {
  struct tron_address who;
  int64_t votes;
  bool has_job;
};

static bool read_candidate(struct jsonr *r, struct candidate *out) {
  struct str name;
  bool named = false;
  *out = (struct candidate){0};
  if (!jsonr_open(r, '{'))
    return false;
  while (jsonr_key(r, &name)) {
    if (str_eqc(name, "address"))
      named = read_address(r, &out->who);
    else if (str_eqc(name, "voteCount"))
      jsonr_i64(r, &out->votes);
    else if (str_eqc(name, "isJobs"))
      jsonr_bool(r, &out->has_job);
    else
      jsonr_skip(r);
  }
  return named;
}

// Where there are fewer candidates than places (a private chain), those without a job are candidates only.
// Where there are more, the flag says nothing: it is set for some who lost their place.
static bool is_before(const struct candidate *a, const struct candidate *b) {
  if (a->votes != b->votes)
    return a->votes > b->votes;
  return memcmp(a->who.account, b->who.account, ADDRESS_N) > 0;
}

// Keeps the best ones, best first.
static void insert(struct candidate *best, int *n, const struct candidate *c) {
  int at = *n;
  while (at > 0 && is_before(c, &best[at - 1]))
    at--;
  if (at == WITNESSES_MAX)
    return;
  *n += *n < WITNESSES_MAX;
  for (int i = *n - 1; i > at; i--)
    best[i] = best[i - 1];
  best[at] = *c;
}

static bool read_candidates(struct jsonr *r, struct candidate best[WITNESSES_MAX], int *n, int *total) {
  struct candidate c;
  if (!jsonr_open(r, '['))
    return false;
  for (*n = *total = 0; jsonr_item(r); ++*total) {
    if (!read_candidate(r, &c))
      return false;
    insert(best, n, &c);
  }
  return true;
}

bool witness_list_of_answer(struct str json, struct witness_list *out) {
  struct jsonr r;
  struct str name;
  struct candidate best[WITNESSES_MAX];
  int n = 0, total = 0;
  jsonr_init(&r, json);
  bool ok = jsonr_open(&r, '{');
  while (ok && jsonr_key(&r, &name))
    if (str_eqc(name, "witnesses"))
      ok = read_candidates(&r, best, &n, &total);
    else
      jsonr_skip(&r);
  out->n = 0;
  for (int i = 0; i < n; i++) {
    if (total <= WITNESSES_MAX && !best[i].has_job)
      continue;
    if (witness_list_find(out, &best[i].who) >= 0)
      return false;
    out->who[out->n] = out->key[out->n] = best[i].who;
    out->n++;
  }
  return ok && jsonr_end(&r) && out->n > 0;
}

static bool read_key(struct jsonr *r, struct tron_address *out) {
  struct str name;
  bool named = false;
  if (!jsonr_open(r, '{'))
    return false;
  while (jsonr_key(r, &name))
    if (str_eqc(name, "address"))
      named = read_address(r, out);
    else
      jsonr_skip(r);
  return named;
}

static bool read_permission(struct jsonr *r, struct tron_address *out) {
  struct str name;
  int n = 0;
  if (!jsonr_open(r, '{'))
    return false;
  while (jsonr_key(r, &name)) {
    if (!str_eqc(name, "keys"))
      jsonr_skip(r);
    else if (jsonr_open(r, '['))
      for (; jsonr_item(r); n++)
        if (!read_key(r, out))
          return false;
  }
  return n == 1;
}

bool witness_key_of_answer(struct str json, const struct tron_address *who, struct tron_address *key) {
  struct jsonr r;
  struct str name;
  struct tron_address account;
  bool named = false;
  *key = *who;
  jsonr_init(&r, json);
  bool ok = jsonr_open(&r, '{');
  while (ok && jsonr_key(&r, &name))
    if (str_eqc(name, "address"))
      named = ok = read_address(&r, &account);
    else if (str_eqc(name, "witness_permission"))
      ok = read_permission(&r, key);
    else
      jsonr_skip(&r);
  return ok && jsonr_end(&r) && named && address_same(&account, who);
}
