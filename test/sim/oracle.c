#include "oracle.h"
#include "look.h"
#include "stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)
#define DUST   10000 // micro; spec "Matching a confirmed transfer"

static jmp_buf *trial;

bool oracle_try(struct oracle *o, void (*f)(struct oracle *o, void *self), void *self) {
  jmp_buf here;
  struct stats *kept = stats_keep();
  bool ok = setjmp(here) == 0;
  if (ok) {
    trial = &here;
    f(o, self);
  } else {
    look_abandon();
    stats_restore(kept);
  }
  trial = NULL;
  return ok;
}

void violation(const struct oracle *o, const char *format, ...) {
  va_list args;
  if (trial)
    longjmp(*trial, 1);
  fprintf(stderr, "\nVIOLATION SIM_SEED=%llu: ", (unsigned long long)o->seed);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\nreplay it with: %sbuild/sim/sim --seed %llu --trace\n",
          look_is_shared() ? "test/postgres run " : "", (unsigned long long)o->seed);
  exit(1);
}

void oracle_clear(struct oracle *o) {
  for (int i = 0; i < o->n_idempotent; i++)
    free(o->idempotent[i].answer);
  *o = (struct oracle){0};
}

void oracle_open(struct oracle *o, const struct intent *op) {
  if (o->n_open == OPEN_MAX)
    violation(o, "too many operations without an answer");
  o->open[o->n_open++] = *op;
}

// ---- changes of a payment --------------------------------------------------------------------------------

void o_count_move(const struct o_payment *p, int from, int from_sub) {
  static const char *const subs[] = {"-",        "waiting", "seen",   "confirming", "underpaid",
                                     "overpaid", "late",    "review", "cancelled"};
  char text[64];
  snprintf(text, sizeof text, "%s/%s to %s/%s", text_status(from), subs[from_sub], text_status(p->status),
           subs[p->sub]);
  stats_count(p->is_test ? "changes of test payments" : "changes of live payments", text);
}

static void add_delivery(struct oracle *o, int index, int event, int64_t now_us) {
  if (o->n_deliveries == DELIVERIES_MAX)
    violation(o, "too many deliveries for the model");
  o->deliveries[o->n_deliveries++] =
      (struct o_delivery){.payment = index, .event = event, .created_us = now_us};
}

void o_tell(struct oracle *o, int index, int event, int64_t now_us) {
  const struct o_project *project = &o->projects[o->payments[index].project];
  if (project->webhook[0] && (event == TOLD_PAID || (project->events & event)))
    add_delivery(o, index, event, now_us);
}

bool o_lengthen(struct o_payment *p, const struct o_policy *policy, int bit) {
  int64_t end = p->expires_us + policy->window_us, latest = p->first_expires_us + DAY;
  end = end < latest ? end : latest;
  if ((p->extended & bit) || end <= p->expires_us)
    return false;
  p->extended |= bit;
  p->expires_us = end;
  p->quarantine_us = end + policy->quarantine_us;
  return true;
}

static int money(struct oracle *o, int index, int64_t value, int64_t block_us, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  const struct o_policy *policy = &o->projects[p->project].policy;
  int64_t tolerance =
      policy->tolerance < p->pay_amount / 10 ? policy->tolerance : p->pay_amount / 10; // at most a tenth
  bool late = block_us >= p->expires_us, pays = p->received + value + tolerance >= p->pay_amount;
  int told = 0;
  if (p->status == O_PAID || p->status == O_FAILED || value <= 0 || block_us >= p->quarantine_us)
    return 409;
  p->transfers++;
  p->sum += value;
  if (!pays && value < DUST) {
    // booked, changes no state
  } else if (late && !policy->accept_late) {
    told |= p->status == O_PENDING ? TOLD_EXPIRED : 0;
    p->status = O_EXPIRED;
    p->sub = SUBST_REVIEW;
  } else if (pays) {
    p->received += value;
    p->status = O_PAID;
    p->paid_us = block_us;
    p->sub = p->received > p->pay_amount ? SUBST_OVERPAID : late ? SUBST_LATE : SUBST_NONE;
    told |= TOLD_PAID;
  } else {
    p->received += value;
    told |= p->sub != SUBST_UNDERPAID ? TOLD_UNDERPAID : 0;
    p->sub = SUBST_UNDERPAID;
    if (late && p->status == O_PENDING) { // its end has passed: more time would bring it back to life
      p->status = O_EXPIRED;
      told |= TOLD_EXPIRED;
    } else if (p->status == O_PENDING) {
      o_lengthen(p, policy, 2);
    }
  }
  for (int event = TOLD_PAID; event <= TOLD_UNDERPAID; event *= 2)
    if (told & event)
      o_tell(o, index, event, now_us);
  return 0;
}

int o_expire(struct oracle *o, int index, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  if (p->status != O_PENDING)
    return 409;
  p->status = O_EXPIRED;
  if (p->received == 0)
    p->sub = SUBST_NONE;
  o_tell(o, index, TOLD_EXPIRED, now_us);
  return 0;
}

static int cancel(struct oracle *o, int index, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  if (o_status_at(p, now_us) != O_PENDING || p->sub != SUBST_WAITING || p->seen)
    return 409;
  p->status = O_FAILED;
  p->sub = SUBST_CANCELLED;
  p->cancelled_us = now_us;
  o_tell(o, index, TOLD_FAILED, now_us);
  return 0;
}

static int change(struct oracle *o, int index, enum action action, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  int64_t rest = p->pay_amount > p->received ? p->pay_amount - p->received : 0,
          after = p->expires_us + 3 * SECOND;
  switch (action) {
  case DO_PAY:
    return money(o, index, rest, now_us, now_us);
  case DO_UNDERPAY:
    return money(o, index, rest / 2, now_us, now_us);
  case DO_OVERPAY:
    return money(o, index, rest + 1000000, now_us, now_us);
  case DO_LATE:
    return money(o, index, rest, now_us > after ? now_us : after, now_us);
  case DO_EXPIRE:
    return o_expire(o, index, now_us);
  case DO_CANCEL:
  case DO_TEST_CANCEL:
    return cancel(o, index, now_us);
  case DO_EXTEND:
    return o_status_at(p, now_us) == O_PENDING && o_lengthen(p, &o->projects[p->project].policy, 1) ? 0 : 409;
  case ACTIONS:
    break;
  }
  return 404;
}

static bool is_for_chain(enum action action) { // what the simulated chain does, not the payer
  return action != DO_CANCEL && action != DO_TEST_CANCEL && action != DO_EXTEND;
}

// Money for a payment whose order, with the same amount, has been taken over pays the newer one.
int oracle_target(const struct oracle *o, int index, enum action action) {
  while (is_for_chain(action) && o->payments[index].replaced_by >= 0 &&
         o->payments[o->payments[index].replaced_by].amount == o->payments[index].amount)
    index = o->payments[index].replaced_by;
  return index;
}

// "late" is two changes, if the second can follow: the end passes, then the money comes.
static void end_first(struct oracle *o, int index, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  int64_t after = p->expires_us + 3 * SECOND, at = now_us > after ? now_us : after;
  int from = p->status, from_sub = p->sub;
  if (from != O_PENDING || p->received >= p->pay_amount || at >= p->quarantine_us)
    return;
  o_expire(o, index, now_us);
  p->version++;
  o_count_move(p, from, from_sub);
}

int oracle_apply(struct oracle *o, int index, enum action action, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  if (action != DO_CANCEL && action != DO_EXTEND && (!p->is_test || o->projects[p->project].live))
    return 404;
  if (p->replaced_by >= 0 && is_for_chain(action))
    return 409;
  if (action == DO_LATE)
    end_first(o, index, now_us);
  int from = p->status, from_sub = p->sub;
  int refused = change(o, index, action, now_us);
  if (!refused) {
    p->version++;
    o_count_move(p, from, from_sub);
  }
  return refused;
}

int64_t o_key_end(const struct o_key *k, int64_t seq) {
  int64_t end_us = k->expires_us;
  for (int i = k->n_ends - 1; i >= 0 && k->ends[i].seq > seq; i--)
    end_us = k->ends[i].before_us;
  return end_us;
}

const struct o_key *o_newest_key(const struct o_project *p, int mode) {
  int at = p->n_keys[mode] - 1;
  while (at > 0 && p->keys[mode][at].lost)
    at--;
  return &p->keys[mode][at];
}

// ---- creates ---------------------------------------------------------------------------------------------

int oracle_find_order(const struct oracle *o, int project, bool is_test, const char *order) {
  for (int i = o->n_payments - 1; i >= 0; i--) {
    const struct o_payment *p = &o->payments[i];
    if (p->project == project && p->is_test == is_test && strcmp(p->order, order) == 0)
      return i;
  }
  return -1;
}

enum again { FRESH, REPLAY, CONFLICT, TAKE_OVER };

static enum again order_again(const struct oracle *o, const struct intent *op, int index) {
  if (index < 0)
    return FRESH;
  const struct o_payment *p = &o->payments[index];
  bool same = p->amount == op->amount;
  switch (o_status_at(p, op->now_us)) {
  case O_PAID:
    return same ? REPLAY : CONFLICT;
  case O_PENDING:
    return !same ? CONFLICT : op->now_us >= p->expires_us ? TAKE_OVER : REPLAY;
  default:
    return same && (p->is_test || p->holds) ? TAKE_OVER : FRESH;
  }
}

static void close_old(struct oracle *o, const struct intent *op, int old, int by, bool taken) {
  struct o_payment *p = &o->payments[old];
  int from = p->status, from_sub = p->sub;
  if (p->status == O_PENDING) {
    p->status = O_EXPIRED;
    if (op->events & TOLD_EXPIRED)
      add_delivery(o, old, TOLD_EXPIRED, op->now_us);
  }
  if (taken) {
    p->received = 0;
    p->sub = SUBST_NONE;
    p->holds = false;
    p->rest = 0;
  }
  p->seen = false;
  p->replaced_by = by;
  p->version++;
  if (from != p->status)
    o_count_move(p, from, from_sub);
}

static void check_pair(const struct oracle *o, const struct intent *op, const struct o_payment *facts) {
  const struct o_project *project = &o->projects[op->project];
  int64_t surcharge = facts->pay_amount - op->amount;
  int owner = -1;
  if (surcharge < 0 || surcharge > op->cap || (project->xpub && surcharge))
    violation(o, "a surcharge of %lld micro on order %s", (long long)surcharge, op->order);
  for (int i = 0; i < o->n_payments; i++) {
    const struct o_payment *p = &o->payments[i];
    bool same = !p->is_test && strcmp(p->address, facts->address) == 0;
    if (same && p->holds && (p->pay_amount == facts->pay_amount || p->rest == facts->pay_amount))
      violation(o, "%s with %lld micro is reserved twice, for %s and %s", p->address,
                (long long)p->pay_amount, p->order, op->order);
    if (same && project->xpub)
      violation(o, "the derived address %s is given to a second order", p->address);
  }
  for (int i = 0; i < o->n_addresses; i++)
    if (strcmp(o->addresses[i].text, facts->address) == 0)
      owner = i;
  if (!project->xpub &&
      (owner < 0 || o->addresses[owner].project != op->project || o->addresses[owner].removed))
    violation(o, "order %s got %s, which is no address of its project", op->order, facts->address);
  if (project->xpub && owner >= 0)
    violation(o, "the derived address %s is claimed by hand already", facts->address);
}

static bool pair_taken(const struct oracle *o, const char *address, int64_t amount) {
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].holds && (o->payments[i].pay_amount == amount || o->payments[i].rest == amount) &&
        strcmp(o->payments[i].address, address) == 0)
      return true;
  for (int i = 0; i < o->n_kept; i++)
    if (o->kept[i].value == amount && strcmp(o->kept[i].address, address) == 0)
      return true;
  return false;
}

// Is some address of the pool free at the plain amount?
static bool plain_is_free(const struct oracle *o, int project, int64_t amount, int *addresses) {
  bool found = false;
  *addresses = 0;
  for (int i = 0; i < o->n_addresses; i++) {
    const struct o_address *a = &o->addresses[i];
    if (a->project != project || a->removed)
      continue;
    ++*addresses;
    found |= !pair_taken(o, a->text, amount);
  }
  return found;
}

void oracle_add(struct oracle *o, const struct intent *op, const struct o_payment *facts) {
  int old = oracle_find_order(o, op->project, op->mode == 0, op->order);
  bool taken = old >= 0 && order_again(o, op, old) == TAKE_OVER;
  if (o->n_payments == PAYMENTS_MAX)
    violation(o, "too many payments for the model");
  struct o_payment *p = &o->payments[o->n_payments];
  *p = (struct o_payment){.id = facts->id,
                          .row = facts->row,
                          .project = op->project,
                          .is_test = op->mode == 0,
                          .amount = op->amount,
                          .scale = op->scale,
                          .pay_amount = facts->pay_amount,
                          .sub = SUBST_WAITING,
                          .created_us = op->now_us,
                          .match_from_us = op->now_us,
                          .expires_us = op->now_us + op->policy.window_us,
                          .replaced_by = -1,
                          .holds = op->mode == 1,
                          .version = 1};
  p->first_expires_us = p->expires_us;
  p->quarantine_us = p->expires_us + op->policy.quarantine_us;
  memcpy(p->order, op->order, sizeof p->order);
  memcpy(p->address, facts->address, sizeof p->address);
  if (taken) {
    const struct o_payment *before = &o->payments[old];
    if (facts->pay_amount != before->pay_amount || strcmp(facts->address, before->address) != 0)
      violation(o, "order %s was opened again with another address or amount", op->order);
    p->match_from_us = before->match_from_us;
    p->received = before->received;
    p->sub = p->received ? SUBST_UNDERPAID : SUBST_WAITING;
    p->rest = before->rest;
    p->seen = before->seen;
    p->seen_number = before->seen_number;
  } else if (op->mode == 1) {
    check_pair(o, op, facts);
  } else if (facts->pay_amount != op->amount) {
    violation(o, "a test payment costs more than its order %s", op->order);
  }
  stats_count("creates", taken ? "new, taken over" : old >= 0 ? "new, order closed before" : "new");
  if (old >= 0)
    close_old(o, op, old, o->n_payments, taken);
  o->n_payments++;
}

static void must(const struct oracle *o, const struct intent *op, const struct answer *a, int status,
                 const char *code) {
  if (a->status != status || strcmp(a->code, code) != 0)
    violation(o, "order %s: expected %d %s, got %d %s %s", op->order, status, code, a->status, a->code,
              a->body);
  stats_count("refusals", code);
}

static struct o_idempotent *find_idempotent(struct oracle *o, const struct intent *op) {
  for (int i = 0; i < o->n_idempotent && op->idempotency[0]; i++) {
    struct o_idempotent *k = &o->idempotent[i];
    if (k->project == op->project && k->mode == op->mode && strcmp(k->key, op->idempotency) == 0)
      return k;
  }
  return NULL;
}

static void remember(struct oracle *o, const struct intent *op, const char *answer) {
  if (!op->idempotency[0])
    return;
  if (o->n_idempotent == IDEMPOTENT_MAX)
    violation(o, "too many idempotency keys for the model");
  struct o_idempotent *k = &o->idempotent[o->n_idempotent++];
  *k = (struct o_idempotent){op->project, op->mode, "", op->request, op->now_us, strdup(answer)};
  memcpy(k->key, op->idempotency, sizeof k->key);
}

static void learn_txid(const struct oracle *o, struct o_payment *p, const char *body) {
  if (p->status != O_PAID || p->txid[0])
    return;
  if (!text_field(body, "txid", p->txid, sizeof p->txid) || strncmp(p->txid, "test_", 5) != 0)
    violation(o, "the paid payment of order %s has no test txid: %s", p->order, body);
}

static void check_replay(struct oracle *o, const struct intent *op, const struct answer *a, int index) {
  char expected[ANSWER_TEXT];
  learn_txid(o, &o->payments[index], a->body);
  text_answer(o, &o->payments[index], op->now_us, expected);
  if (a->status != 200 || !a->replayed || strcmp(a->body, expected) != 0)
    violation(o, "order %s again: expected the same payment\n  %s\ngot %d\n  %s", op->order, expected,
              a->status, a->body);
  remember(o, op, a->body);
  stats_count("creates", "same order, same payment");
}

static void check_new(struct oracle *o, const struct intent *op, const struct answer *a) {
  struct o_payment facts = {0};
  char number[32], expected[ANSWER_TEXT];
  if (a->status != 200 || a->replayed || !text_field(a->body, "payment_id", number, sizeof number))
    violation(o, "order %s: expected a new payment, got %d %s", op->order, a->status, a->body);
  facts.id = strtoll(number, NULL, 10);
  if (!text_field(a->body, "pay_amount", number, sizeof number) ||
      !text_field(a->body, "address", facts.address, sizeof facts.address))
    violation(o, "order %s: an answer without address or amount: %s", op->order, a->body);
  facts.pay_amount = text_micro(number);
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].id == facts.id)
      violation(o, "payment_id %lld is given twice", (long long)facts.id);
  oracle_add(o, op, &facts);
  text_answer(o, &o->payments[o->n_payments - 1], op->now_us, expected);
  if (strcmp(a->body, expected) != 0)
    violation(o, "order %s: expected\n  %s\ngot\n  %s", op->order, expected, a->body);
  remember(o, op, a->body);
}

// A new live payment may be refused for want of an address: when, and when not?
static bool refused_for_address(const struct oracle *o, const struct intent *op, const struct answer *a) {
  int addresses;
  const struct o_project *project = &o->projects[op->project];
  if (op->mode == 0 || project->xpub)
    return false;
  bool free = plain_is_free(o, op->project, op->amount, &addresses);
  if (op->old_list && a->status == 503 && strncmp(a->code, "no_address", 10) == 0) {
    stats_count("nodes", "refused by an old list of addresses");
    return true;
  }
  if (addresses == 0) {
    must(o, op, a, 503, "no_address_configured");
    return true;
  }
  if (op->cap == 0 && !free) {
    must(o, op, a, 503, "no_address_free");
    return true;
  }
  char amount[32];
  bool plain = text_field(a->body, "pay_amount", amount, sizeof amount) && text_micro(amount) == op->amount;
  if (o->hints_true && free && !plain)
    violation(o, "order %s costs more although an address is free at its amount: %s", op->order, a->body);
  return false;
}

void oracle_created(struct oracle *o, const struct intent *op, const struct answer *a, bool faulty) {
  if (a->status == 500 && faulty) {
    oracle_open(o, op);
    stats_count("refusals", "internal");
    return;
  }
  if (op->refusal) {
    must(o, op, a, a->status, op->refusal);
    return;
  }
  // The address may be held by a create that is on its way, even one of the same order.
  if (op->at_once && op->mode == 1 && a->status == 503 && strcmp(a->code, "no_address_free") == 0) {
    stats_count("nodes", "refused an address that another may get");
    return;
  }
  const struct o_idempotent *known = find_idempotent(o, op);
  int old = oracle_find_order(o, op->project, op->mode == 0, op->order);
  enum again again = order_again(o, op, old);
  if (known && known->request != op->request) {
    must(o, op, a, 409, "idempotency_key_reused");
  } else if (known) {
    if (a->status != 200 || !a->replayed || strcmp(a->body, known->answer) != 0)
      violation(o, "key %s again: expected the stored answer\n  %s\ngot %d\n  %s", op->idempotency,
                known->answer, a->status, a->body);
    stats_count("creates", "same key, stored answer");
  } else if (again == REPLAY) {
    check_replay(o, op, a, old);
  } else if (again == CONFLICT) {
    must(o, op, a, 409, "order_amount_conflict");
  } else if (again == TAKE_OVER || !refused_for_address(o, op, a)) {
    check_new(o, op, a);
  }
}

// ---- actions ---------------------------------------------------------------------------------------------

static const char *const action_names[] = {"pay",    "underpay", "overpay",     "late",
                                           "expire", "cancel",   "test cancel", "extend"};

void oracle_acted(struct oracle *o, const struct intent *op, const struct answer *a, int64_t location_id,
                  bool faulty) {
  char text[64];
  if (a->status == 500 && faulty) {
    oracle_open(o, op);
    return;
  }
  int target = oracle_target(o, op->payment, op->action);
  int refused = oracle_apply(o, target, op->action, op->now_us);
  const struct o_payment *p = &o->payments[target];
  int expected = refused ? refused : 303;
  if (a->status != expected)
    violation(o, "%s on order %s (%s): expected %d, got %d", action_names[op->action], p->order,
              text_status(p->status), expected, a->status);
  if (!refused && location_id != p->id)
    violation(o, "%s on order %s leads to payment %lld", action_names[op->action], p->order,
              (long long)location_id);
  snprintf(text, sizeof text, "%s: %s", action_names[op->action],
           refused == 404 ? "not there"
           : refused      ? "refused"
                          : "done");
  stats_count("actions", text);
}

void oracle_expired(struct oracle *o, int index, int64_t now_us) {
  struct o_payment *p = &o->payments[index];
  int from = p->status, from_sub = p->sub;
  if (o_expire(o, index, now_us) == 0) {
    p->version++;
    o_count_move(p, from, from_sub);
  }
}

void oracle_swept(struct oracle *o, int64_t now_us) {
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].is_test && o->payments[i].status == O_PENDING && o->payments[i].expires_us <= now_us)
      oracle_expired(o, i, now_us);
}
