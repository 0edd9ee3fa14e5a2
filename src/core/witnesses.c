#include "core/witnesses.h"
#include "base/bug.h"

#include <string.h>

enum { NOBODY = -1, SKIPPED_SLOTS = 2 }; // slots left out after a maintenance block

int witnesses_quorum(int n) {
  return n - n * 30 / 100;
}

bool signed_header_of(const struct block_header *h, struct signed_header *out) {
  out->header = *h;
  block_id(h, out->id, NULL);
  return block_signer(h, &out->signer);
}

const char *header_verdict_text(enum header_verdict v) {
  switch (v) {
  case HEADER_TAKEN:
    return "taken";
  case HEADER_NOT_COUNTED:
    return "not signed by the key that is known of this witness";
  case HEADER_NOT_NEXT:
    return "not the child of the block before";
  case HEADER_BAD_TIME:
    return "its time is not later, or between two slots";
  case HEADER_WRONG_TURN:
    return "made by a witness whose turn it is not";
  }
  BUG("no such verdict");
}

// Sets

static bool is_in(const struct witness_set *s, int who) {
  for (int i = 0; i < s->n; i++)
    if (s->of[i] == who)
      return true;
  return false;
}

static void clear(struct witness_set *s, int n) {
  s->n = n;
  memset(s->of, NOBODY, sizeof s->of);
}

static int count_above(const struct witnesses *w, const struct witness_set *s, int64_t height) {
  int count = 0;
  for (int i = 0; i < s->n; i++)
    count += s->of[i] != NOBODY && w->known[s->of[i]].last > height;
  return count;
}

// The highest block at or above which a quorum of the set has made blocks; 0: none.
static int64_t height_of_quorum(const struct witnesses *w, const struct witness_set *s) {
  int64_t best = 0;
  int quorum = witnesses_quorum(w->n);
  for (int i = 0; i < s->n; i++) {
    int64_t last = s->of[i] == NOBODY ? 0 : w->known[s->of[i]].last;
    if (last > best && count_above(w, s, last - 1) >= quorum)
      best = last;
  }
  return best;
}

// How many of b's members are not in a.
static int strangers(const struct witness_set *a, const struct witness_set *b) {
  int count = 0;
  for (int i = 0; i < b->n; i++)
    count += b->of[i] != NOBODY && !is_in(a, b->of[i]);
  return count;
}

// Who is known

static int find(const struct witnesses *w, const struct tron_address *who) {
  for (int i = 0; i < w->n_known; i++)
    if (address_same(&w->known[i].who, who))
      return i;
  return NOBODY;
}

// The place of the one that is in no set and has been silent longest.
static int place_for_one_more(const struct witnesses *w) {
  int at = NOBODY;
  if (w->n_known < WITNESSES_KNOWN_MAX)
    return w->n_known;
  for (int i = 0; i < w->n_known; i++)
    if (!is_in(&w->trusted, i) && !is_in(&w->turns, i) && !is_in(&w->told, i) &&
        (at == NOBODY || w->known[i].last < w->known[at].last))
      at = i;
  BUG_IF(at == NOBODY, "three sets of 27 do not fill the table");
  return at;
}

static int know(struct witnesses *w, const struct tron_address *who) {
  int at = find(w, who);
  if (at != NOBODY)
    return at;
  at = place_for_one_more(w);
  w->known[at] = (struct witness){.who = *who, .key = *who};
  w->n_known += at == w->n_known;
  return at;
}

static void set_of_list(struct witnesses *w, const struct witness_list *list, struct witness_set *out) {
  clear(out, 0);
  for (int i = 0; i < list->n; i++) {
    int at = know(w, &list->who[i]);
    if (!address_same(&list->key[i], &list->who[i]))
      w->known[at].key = list->key[i];
    out->of[out->n++] = (int8_t)at; // at once: what is in a set keeps its place
  }
}

// What is final

static void judge(struct witnesses *w) {
  if (strangers(&w->trusted, &w->turns) > w->n - witnesses_quorum(w->n) ||
      strangers(&w->trusted, &w->told) > w->n - witnesses_quorum(w->n))
    w->stopped = true;
  int64_t now = height_of_quorum(w, &w->trusted), turns = height_of_quorum(w, &w->turns);
  int64_t told = height_of_quorum(w, &w->told);
  // The new set counts from the maintenance block on, for the blocks before it too. For those it is enough
  // who it is said to be.
  int64_t also = turns;
  if (turns <= w->epoch && w->told.n > 0)
    also = told < w->epoch ? told : w->epoch;
  if (also < now)
    now = also;
  if (!w->stopped && now > w->final)
    w->final = now;
  if (told > w->derived)
    w->derived = told;
  if (w->final > w->derived)
    w->derived = w->final;
}

// Maintenance

static int64_t boundary(const struct witnesses *w) {
  return w->next_ms - w->interval_ms;
}

static void trust_named(struct witnesses *w, const struct witness_list *set) {
  w->n = set->n;
  set_of_list(w, set, &w->trusted);
  w->told = w->trusted;
  w->turns.n = set->n;
  w->is_stale = false;
  w->stopped = false;
}

// The set that took turns until now takes the place of the one before it; without a quorum for that, nothing
// is final any more.
static void next_epoch(struct witnesses *w) {
  if (!w->is_stale) {
    w->is_stale = true;
  } else if (count_above(w, &w->trusted, w->epoch) >= witnesses_quorum(w->n)) {
    clear(&w->trusted, 0);
    for (int i = 0; i < w->turns.n; i++)
      if (w->turns.of[i] != NOBODY)
        w->trusted.of[w->trusted.n++] = w->turns.of[i];
  } else {
    w->stopped = true;
  }
  w->epoch = w->number;
  w->next_ms += ((w->time_ms - w->next_ms) / w->interval_ms + 1) * w->interval_ms;
  clear(&w->turns, w->n);
  clear(&w->told, 0);
  if (w->named.n > 0 && w->named_ms <= boundary(w)) {
    if (w->named_ms == boundary(w))
      trust_named(w, &w->named);
    w->named.n = 0;
  }
}

void witnesses_begin(struct witnesses *w, const struct witnesses_start *start,
                     const struct witness_list *set) {
  BUG_IF(set->n < 1 || start->interval_ms < SLOT_MS || start->time_ms < start->genesis_ms,
         "a chain has these");
  *w = (struct witnesses){.genesis_ms = start->genesis_ms,
                          .interval_ms = start->interval_ms,
                          .number = start->number,
                          .time_ms = start->time_ms,
                          .is_first = start->number > 0,
                          .epoch = start->number,
                          .final = start->number,
                          .derived = start->number};
  int64_t due_ms = start->due_ms ? start->due_ms : start->genesis_ms;
  int64_t phase = (start->time_ms - due_ms) % start->interval_ms;
  w->next_ms = start->time_ms + start->interval_ms - (phase < 0 ? phase + start->interval_ms : phase);
  memcpy(w->id, start->id, sizeof w->id);
  clear(&w->turns, set->n);
  trust_named(w, set);
}

// One header

// Whose turn: the place in the schedule. Block 1 counts as a maintenance block too.
static int turn_of(const struct witnesses *w, int64_t time_ms) {
  int64_t slot = (time_ms - w->genesis_ms) / SLOT_MS - (w->was_maintenance ? SKIPPED_SLOTS : 0);
  return (int)(slot % w->n);
}

static bool may_take_turn(const struct witnesses *w, int turn, int who) {
  if (w->turns.of[turn] != NOBODY)
    return w->turns.of[turn] == who;
  return who == NOBODY || !is_in(&w->turns, who);
}

enum header_verdict witnesses_take(struct witnesses *w, const struct signed_header *h) {
  const struct block_header *b = &h->header;
  if (b->number != w->number + 1 || memcmp(b->parent, w->id, sizeof b->parent) != 0)
    return HEADER_NOT_NEXT;
  if (b->time_ms <= w->time_ms || b->time_ms > BLOCK_TIME_MAX_MS ||
      (b->time_ms - w->genesis_ms) % SLOT_MS != 0 ||
      (w->was_maintenance && b->time_ms <= w->time_ms + SKIPPED_SLOTS * SLOT_MS))
    return HEADER_BAD_TIME;
  int turn = turn_of(w, b->time_ms);
  if (!w->is_first && !may_take_turn(w, turn, find(w, &b->witness)))
    return HEADER_WRONG_TURN;
  int who = know(w, &b->witness);
  bool counts = address_same(&w->known[who].key, &h->signer);
  *(counts ? &w->known[who].last : &w->known[who].unmatched) = b->number;
  if (!w->is_first)
    w->turns.of[turn] = (int8_t)who;
  w->number = b->number;
  w->time_ms = b->time_ms;
  memcpy(w->id, h->id, sizeof w->id);
  w->is_first = false;
  bool is_due = b->time_ms >= w->next_ms;
  if (is_due)
    next_epoch(w);
  w->was_maintenance = is_due || b->number == 1;
  judge(w);
  return counts ? HEADER_TAKEN : HEADER_NOT_COUNTED;
}

void witnesses_trusted(const struct witnesses *w, struct witness_list *out) {
  out->n = 0;
  for (int i = 0; i < w->trusted.n; i++) {
    out->who[out->n] = w->known[w->trusted.of[i]].who;
    out->key[out->n++] = w->known[w->trusted.of[i]].key;
  }
}

// Questions and answers

void witnesses_ask(const struct witnesses *w, struct witnesses_question *out) {
  *out = (struct witnesses_question){.set = w->stopped, .boundary_ms = boundary(w)};
  for (int i = 0; i < w->n_known && out->n_keys < WITNESSES_MAX; i++)
    if (w->known[i].unmatched > w->known[i].last && w->known[i].unmatched >= w->epoch)
      out->keys[out->n_keys++] = w->known[i].who;
}

void witnesses_tell(struct witnesses *w, const struct witness_list *set) {
  if (set->n != w->n)
    return;
  set_of_list(w, set, &w->told);
  if (strangers(&w->told, &w->turns) > 0)
    clear(&w->told, 0);
  judge(w);
}

bool witnesses_name(struct witnesses *w, int64_t boundary_ms, const struct witness_list *set) {
  if (boundary_ms > boundary(w)) {
    w->named = *set;
    w->named_ms = boundary_ms;
    return true;
  }
  for (int i = 0; i < w->turns.n; i++)
    if (w->turns.of[i] != NOBODY && witness_list_find(set, &w->known[w->turns.of[i]].who) < 0)
      return false;
  if (boundary_ms < boundary(w) || (set->n != w->n && w->number > w->epoch))
    return false;
  trust_named(w, set);
  judge(w);
  return true;
}

bool witnesses_key(struct witnesses *w, const struct tron_address *who, const struct tron_address *key) {
  struct witness *k = &w->known[know(w, who)];
  bool is_new = !address_same(&k->key, key);
  k->key = *key;
  return is_new;
}
