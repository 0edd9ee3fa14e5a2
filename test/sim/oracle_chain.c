// What becomes of money on the chain, from the specification alone ("Matching a confirmed transfer", "Payment
// life"), and whether the stored rows are just that.
#include "look.h"
#include "stats.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define DUST   10000

// ---- matching --------------------------------------------------------------------------------------------

static bool is_on(const struct o_payment *p, const char *address) {
  return !p->is_test && strcmp(p->address, address) == 0;
}

// Is this address anybody's? Derived ones are known from the payment that got them.
static bool is_ours(const struct oracle *o, const char *address) {
  for (int i = 0; i < o->n_addresses; i++)
    if (strcmp(o->addresses[i].text, address) == 0)
      return o->addresses[i].project >= 0;
  for (int i = 0; i < o->n_payments; i++)
    if (is_on(&o->payments[i], address))
      return true;
  return false;
}

static int reserved_by(const struct oracle *o, const char *address, int64_t value) {
  for (int i = 0; i < o->n_payments; i++) {
    const struct o_payment *p = &o->payments[i];
    if (is_on(p, address) && p->holds && (p->pay_amount == value || p->rest == value))
      return i;
  }
  return -1;
}

static int newest_on(const struct oracle *o, const char *address) {
  int newest = -1;
  for (int i = 0; i < o->n_payments; i++)
    if (is_on(&o->payments[i], address) && (newest < 0 || o->payments[i].row > o->payments[newest].row))
      newest = i;
  return newest;
}

static bool is_shared(const struct oracle *o, int newest) {
  const struct o_payment *n = &o->payments[newest];
  for (int i = 0; i < o->n_payments; i++) {
    const struct o_payment *p = &o->payments[i];
    if (is_on(p, n->address) && (p->project != n->project || strcmp(p->order, n->order) != 0))
      return true;
  }
  return false;
}

static bool completes(const struct oracle *o, const struct o_payment *p, int64_t value) {
  int64_t tolerance = o->projects[p->project].policy.tolerance, tenth = p->pay_amount / 10;
  return p->received + value + (tolerance < tenth ? tolerance : tenth) >= p->pay_amount;
}

static enum reason judge(const struct oracle *o, const struct o_payment *p, int64_t value, int64_t block_us) {
  if (block_us < p->match_from_us - 3 * SECOND)
    return BECAUSE_EARLY;
  if (block_us >= p->quarantine_us)
    return BECAUSE_TOO_LATE;
  if (value < DUST && !completes(o, p, value))
    return BECAUSE_DUST;
  if (p->replaced_by >= 0)
    return BECAUSE_REPLACED;
  if (p->status == O_PAID)
    return BECAUSE_PAID;
  if (p->status == O_FAILED)
    return BECAUSE_CANCELLED;
  if (block_us >= p->expires_us && !o->projects[p->project].policy.accept_late)
    return BECAUSE_LATE;
  return BECAUSE_CREDITED;
}

// ---- what it does ----------------------------------------------------------------------------------------

static void review(struct oracle *o, int index) {
  struct o_payment *p = &o->payments[index];
  if (p->status == O_PENDING) {
    p->status = O_EXPIRED;
    o_tell(o, index, TOLD_EXPIRED, 0);
  }
  if (p->status != O_PAID) {
    p->sub = SUBST_REVIEW;
    p->seen = false;
  }
}

static void part(struct oracle *o, int index, const struct o_transfer *t, int64_t rest) {
  struct o_payment *p = &o->payments[index];
  bool late = t->block_us >= p->expires_us, first = p->received == t->arrival.value;
  int other = reserved_by(o, p->address, rest);
  if (p->status == O_PENDING && late) {
    p->status = O_EXPIRED;
    o_tell(o, index, TOLD_EXPIRED, 0);
  } else if (p->status == O_PENDING) {
    o_lengthen(p, &o->projects[p->project].policy, 2);
  }
  if (first)
    o_tell(o, index, TOLD_UNDERPAID, 0);
  p->sub = other >= 0 && other != index ? SUBST_REVIEW : SUBST_UNDERPAID;
  p->rest = p->sub == SUBST_REVIEW ? 0 : rest;
}

static void credit(struct oracle *o, int index, const struct o_transfer *t) {
  struct o_payment *p = &o->payments[index];
  int64_t value = t->arrival.value, rest = p->pay_amount - p->received - value;
  bool pays = completes(o, p, value);
  p->transfers++;
  p->sum += value;
  p->received += value;
  if (!pays) {
    part(o, index, t, rest);
    return;
  }
  p->status = O_PAID;
  p->paid_us = t->block_us;
  p->rest = 0;
  p->seen = false;
  p->sub = p->received > p->pay_amount    ? SUBST_OVERPAID
           : t->block_us >= p->expires_us ? SUBST_LATE
                                          : SUBST_NONE;
  memcpy(p->txid, t->arrival.txid, sizeof t->arrival.txid);
  o_tell(o, index, TOLD_PAID, 0);
}

static void arrive(struct oracle *o, const struct o_block *b, const struct o_arrival *a) {
  static const char *const names[] = {"credited", "unknown",  "shared",   "paid", "cancelled",
                                      "early",    "too late", "replaced", "dust", "late"};
  if (!is_ours(o, a->to))
    return;
  if (o->n_transfers == TRANSFERS_MAX)
    violation(o, "too many transfers for the model");
  struct o_transfer *t = &o->transfers[o->n_transfers++];
  *t = (struct o_transfer){*a, b->number, b->time_us, BECAUSE_UNKNOWN, reserved_by(o, a->to, a->value)};
  int newest = newest_on(o, a->to);
  bool shared = newest >= 0 && is_shared(o, newest);
  if (t->payment < 0 && !shared)
    t->payment = newest;
  struct o_payment *p = t->payment < 0 ? NULL : &o->payments[t->payment];
  t->reason = p ? judge(o, p, a->value, b->time_us) : shared ? BECAUSE_SHARED : BECAUSE_UNKNOWN;
  int from = p ? p->status : 0, from_sub = p ? p->seen ? SUBST_SEEN : p->sub : 0;
  if (t->reason == BECAUSE_CREDITED)
    credit(o, t->payment, t);
  else if (t->reason == BECAUSE_PAID || t->reason == BECAUSE_CANCELLED || t->reason == BECAUSE_REPLACED ||
           t->reason == BECAUSE_LATE)
    review(o, t->payment);
  if (p && (p->status != from || p->sub != from_sub))
    o_count_move(p, from, from_sub);
  stats_count("transfers", names[t->reason]);
  if (o->trace)
    fprintf(stderr, "    block %lld: %.8s:%d %lld to %s: %s, order %s\n", (long long)b->number, a->txid,
            a->log_index, (long long)a->value, a->to, names[t->reason], p ? p->order : "-");
}

// ---- what the gateway has stored -------------------------------------------------------------------------

static void read_cursor(struct oracle *o) {
  static struct o_block b;
  char text[160], blob[80];
  struct found *st = look_ask("SELECT number, time_us FROM chain");
  if (!look_next(st))
    return;
  int64_t number = look_int(st, 0), time_us = look_int(st, 1);
  look_drop(st);
  if (!onchain_block(o->onchain, number, &b) || number > onchain_solid(o->onchain))
    violation(o, "the cursor stands at %lld, which is not final", (long long)number);
  snprintf(text, sizeof text, "SELECT COUNT(*) FROM chain WHERE block_id = %s",
           look_blob(b.id, sizeof b.id, blob));
  if (look_count(text) != 1 || time_us != b.time_us)
    violation(o, "the cursor's block %lld is not the chain's", (long long)number);
  if (o->followed && number < o->cursor)
    violation(o, "the cursor went back from %lld to %lld", (long long)o->cursor, (long long)number);
  for (int64_t i = o->followed ? o->cursor + 1 : number + 1; i <= number; i++) {
    onchain_block(o->onchain, i, &b);
    for (int k = 0; k < b.n; k++)
      arrive(o, &b, &b.arrivals[k]);
  }
  o->followed = true;
  o->cursor = number;
  o->cursor_us = time_us;
}

static struct o_payment *of_row(struct oracle *o, int64_t row) {
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].row == row)
      return &o->payments[i];
  return NULL;
}

// What has ended by the chain's time, and what stands in blocks that are not final.
static void read_payments(struct oracle *o) {
  struct found *st =
      look_ask("SELECT id, status, sub, seen_number, seen_txid FROM payments WHERE is_test = 0 ORDER BY id");
  while (look_next(st)) {
    struct o_payment *p = of_row(o, look_int(st, 0));
    if (!p)
      continue;
    if (look_int(st, 1) == O_EXPIRED && p->status == O_PENDING) {
      if (!o->followed || p->expires_us > o->cursor_us)
        violation(o, "order %s has expired before the chain's time has passed its end", p->order);
      int sub = p->sub;
      o_expire(o, (int)(p - o->payments), 0);
      o_count_move(p, O_PENDING, sub);
    }
    bool seen = look_int(st, 2) == SUBST_SEEN;
    if (seen && (look_is_null(st, 3) || !onchain_was_sent(o->onchain, look_text(st, 4), p->address)))
      violation(o, "order %s (%s) is seen in block %lld (%.8s), but nobody has sent anything for it",
                p->order, text_status(p->status), (long long)look_int(st, 3), look_text(st, 4));
    if (seen && p->status != O_PENDING && p->status != O_EXPIRED)
      violation(o, "order %s is seen although it has ended", p->order);
    if (seen && !p->seen)
      stats_count("chain", "seen before it was final");
    if (!seen && p->seen && p->status == O_PENDING && p->sub == SUBST_WAITING)
      stats_count("chain", "seen, and vanished");
    p->seen = seen;
    p->seen_number = look_int(st, 3);
  }
}

static void read_reservations(struct oracle *o) {
  bool held[PAYMENTS_MAX] = {false};
  struct found *st =
      look_ask("SELECT r.payment_id, r.pay_amount, a.address FROM reservations r JOIN addresses "
               "a ON a.id = r.address_id");
  o->n_kept = 0;
  while (look_next(st)) {
    struct o_payment *p = of_row(o, look_int(st, 0));
    if (p) {
      held[p - o->payments] = true;
    } else if (look_int(st, 0) < 0 && o->n_kept < KEPT_MAX) {
      struct o_kept *k = &o->kept[o->n_kept++];
      k->value = look_int(st, 1);
      snprintf(k->address, sizeof k->address, "%s", look_text(st, 2));
    }
  }
  for (int i = 0; i < o->n_payments; i++) {
    struct o_payment *p = &o->payments[i];
    if (!p->holds || held[i])
      continue;
    if (p->status == O_PENDING || p->quarantine_us > o->cursor_us)
      violation(o, "the reservation of order %s was given back before the chain's time allows it", p->order);
    p->holds = false;
    p->rest = 0;
    stats_count("chain", "reservation given back");
  }
}

// When the webhooks of all this were queued is the gateway's affair, within this look.
static void read_deliveries(struct oracle *o) {
  for (int i = 0; i < o->n_deliveries; i++) {
    struct o_delivery *d = &o->deliveries[i];
    char text[160];
    if (d->created_us)
      continue;
    snprintf(text, sizeof text,
             "SELECT MAX(created_us) FROM deliveries WHERE payment_id = %lld AND event = %d",
             (long long)o->payments[d->payment].row, d->event);
    d->created_us = look_count(text);
    if (!d->created_us)
      violation(o, "the webhook %s of order %s is not there", text_event(d->event),
                o->payments[d->payment].order);
  }
}

void oracle_chain_read(struct oracle *o) {
  if (!o->onchain)
    return;
  read_cursor(o);
  read_payments(o);
  read_reservations(o);
  read_deliveries(o);
}

void oracle_chain_follow(struct oracle *o) {
  look_begin(o);
  oracle_learn_rows(o);
  oracle_chain_read(o);
  look_end();
}

void oracle_chain_settle(struct oracle *o) {
  bool unknown = o->n_open > 0;
  for (int i = 0; i < PROJECTS; i++)
    unknown |= o->has_maybe_project[i];
  for (int i = 0; i < o->n_addresses; i++)
    unknown |= o->has_maybe_address[i];
  if (unknown)
    oracle_check(o, true);
}

// ---- checks ----------------------------------------------------------------------------------------------

static void check_transfer(const struct oracle *o, struct found *st, const struct o_transfer *t) {
  int64_t payment = t->payment < 0 ? 0 : o->payments[t->payment].row;
  bool credited = t->reason == BECAUSE_CREDITED;
  bool same = strcmp(look_text(st, 0), t->arrival.txid) == 0 && look_int(st, 1) == t->arrival.log_index &&
              look_int(st, 2) == t->arrival.value && look_int(st, 3) == t->number &&
              look_int(st, 4) == t->block_us && look_int(st, 5) == (credited ? payment : 0) &&
              look_int(st, 6) == (int64_t)t->reason && look_int(st, 7) == (credited ? 0 : payment);
  if (!same)
    violation(
        o,
        "transfer %.8s:%lld of %lld in block %lld is stored for payment %lld, reason %lld, review %lld; "
        "expected %.8s:%d of %lld in block %lld for row %lld, reason %d",
        look_text(st, 0), (long long)look_int(st, 1), (long long)look_int(st, 2), (long long)look_int(st, 3),
        (long long)look_int(st, 5), (long long)look_int(st, 6), (long long)look_int(st, 7), t->arrival.txid,
        t->arrival.log_index, (long long)t->arrival.value, (long long)t->number, (long long)payment,
        (int)t->reason);
}

static void none(const struct oracle *o, const char *what, const char *text) {
  int64_t n = look_count(text);
  if (n)
    violation(o, "%lld %s", (long long)n, what);
}

static void check_book(const struct oracle *o) {
  none(o, "journals that do not sum to zero",
       "SELECT COUNT(*) FROM (SELECT 1 FROM entries GROUP BY journal_id HAVING SUM(amount) <> 0) AS bad");
  none(o, "live transfers that are not posted once",
       "SELECT COUNT(*) FROM transfers t WHERE is_test = 0 AND (SELECT COUNT(*) FROM journals j WHERE "
       "j.transfer_id = t.id) <> 1");
  none(o, "balances that are not the sum of their entries",
       "SELECT COUNT(*) FROM accounts a WHERE balance <> (SELECT COALESCE(SUM(amount), 0) FROM entries e "
       "WHERE "
       "e.account_id = a.id)");
}

void oracle_chain_check(struct oracle *o) {
  if (!o->onchain)
    return;
  struct found *st = look_ask("SELECT txid, log_index, value, block_number, block_us, payment_id, reason, "
                              "review_payment_id FROM transfers WHERE is_test = 0 ORDER BY id");
  int n = 0;
  for (; look_next(st); n++) {
    if (n == o->n_transfers)
      violation(o, "a transfer %s that the chain does not have", look_text(st, 0));
    check_transfer(o, st, &o->transfers[n]);
  }
  if (n < o->n_transfers)
    violation(o, "%d transfers of the chain are not in the book", o->n_transfers - n);
  check_book(o);
}

void oracle_chain_quiet(struct oracle *o) {
  if (!o->onchain)
    return;
  look_begin(o);
  none(o, "payments that are still shown as seen",
       "SELECT COUNT(*) FROM payments WHERE seen_number IS NOT NULL");
  none(o, "pairs that are still kept back", "SELECT COUNT(*) FROM reservations WHERE payment_id < 0");
  look_end();
  for (int i = 0; i < o->n_payments; i++) {
    const struct o_payment *p = &o->payments[i];
    if (p->is_test)
      continue;
    if (p->status == O_PENDING && p->expires_us <= o->cursor_us)
      violation(o, "the live payment of order %s has not expired", p->order);
    if (p->holds && p->status != O_PENDING && p->quarantine_us <= o->cursor_us)
      violation(o, "the reservation of order %s is not given back", p->order);
  }
}
