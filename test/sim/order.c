#include "order.h"
#include "stats.h"

#include <stdlib.h>

enum { TRIES_MAX = 20000 };

static void tell(struct oracle *o, const struct heard *heard) {
  struct heard h_copy = *heard, *h = &h_copy;
  h->answer.code = h->code;
  if (h->unknown)
    oracle_settle(o, &h->op);
  else if (h->op.kind == DO_CREATE)
    oracle_created(o, &h->op, &h->answer, h->faulty);
  else if (h->op.kind == DO_ACTION)
    oracle_acted(o, &h->op, &h->answer, h->location_id, h->faulty);
  else
    oracle_swept(o, h->op.now_us);
}

void order_as_given(struct oracle *o, const struct heard *list, int n) {
  for (int i = 0; i < n; i++)
    tell(o, &list[i]);
}

struct search {
  struct oracle *o, *before; // one state a level
  const struct heard *list;
  int n, level;
  bool all_stored;
  int next[HEARD_MAX + 1]; // at each level: what is tried next
  bool placed[HEARD_MAX];
  int chosen[HEARD_MAX];
};

static void compare(const struct search *s) {
  if (s->all_stored)
    oracle_check(s->o, false);
  else
    oracle_check_payments(s->o);
}

static void tell_chosen(struct oracle *o, void *self) {
  const struct search *s = self;
  if (s->level == s->n)
    compare(s);
  else
    tell(o, &s->list[s->chosen[s->level]]);
}

// Back to the level before, whose choice was wrong.
static void back(struct search *s) {
  s->level--;
  s->placed[s->chosen[s->level]] = false;
  *s->o = s->before[s->level];
}

static bool choose(struct search *s) {
  int i = s->next[s->level];
  while (i < s->n && s->placed[i])
    i++;
  s->next[s->level] = i + 1;
  s->chosen[s->level] = i;
  return i < s->n;
}

static bool find(struct search *s) {
  for (int tries = 0; tries < TRIES_MAX; tries++) {
    if (s->level == s->n && oracle_try(s->o, tell_chosen, s))
      return true;
    if (s->level == s->n || !choose(s)) {
      if (s->level == 0)
        return false;
      back(s);
      continue;
    }
    s->before[s->level] = *s->o;
    if (!oracle_try(s->o, tell_chosen, s)) {
      *s->o = s->before[s->level];
      continue;
    }
    s->placed[s->chosen[s->level]] = true;
    s->next[++s->level] = 0;
  }
  return false;
}

static void tell_all(struct oracle *o, void *self) {
  const struct search *s = self;
  order_as_given(o, s->list, s->n);
  compare(s);
}

static bool is_as_given(const struct search *s) {
  static struct oracle before;
  before = *s->o;
  bool ok = oracle_try(s->o, tell_all, (void *)(uintptr_t)s);
  if (!ok)
    *s->o = before;
  else
    stats_count("requests at once", "as they came");
  return ok;
}

void order_any(struct oracle *o, const struct heard *list, int n, bool all_stored) {
  struct search s = {.o = o, .list = list, .n = n, .all_stored = all_stored};
  if (n == 0 || (n == 1 && !all_stored)) {
    order_as_given(o, list, n);
    return;
  }
  if (is_as_given(&s))
    return;
  s.before = calloc((size_t)n + 1, sizeof *s.before);
  if (!s.before)
    abort();
  bool found = find(&s);
  if (!found) { // says what is wrong with the order in which they were asked for
    *o = s.before[0];
    order_as_given(o, list, n);
    compare(&s);
    violation(o, "no order of %d requests at once explains their answers", n);
  }
  free(s.before);
  stats_count("requests at once", "in another order");
}
