// The stored rows against the model. Reads with a connection of its own, below which nothing fails.
#include "look.h"
#include "stats.h"

#include <openssl/sha.h>
#include <stdlib.h>

enum { SHOWN = 200, SLACK_US = 10000000 }; // slack: the clock goes back a little now and then

struct check {
  struct oracle *o;
};

static void same(struct check *c, const char *what, int64_t which, int64_t stored, int64_t model) {
  if (stored != model)
    violation(c->o, "%s of %lld: stored %lld, expected %lld", what, (long long)which, (long long)stored,
              (long long)model);
}

static void same_text(struct check *c, const char *what, int64_t which, const char *stored,
                      const char *model) {
  if (strcmp(stored, model) != 0)
    violation(c->o, "%s of %lld: stored \"%.*s\", expected \"%.*s\"", what, (long long)which, SHOWN * 3,
              stored, SHOWN * 3, model);
}

static int project_of(const struct check *c, int64_t app_id) {
  for (int i = 0; i < PROJECTS; i++)
    if (c->o->projects[i].id == app_id)
      return i;
  violation(c->o, "no project %lld", (long long)app_id);
}

// ---- what happened without an answer ---------------------------------------------------------------------

static bool event_at(int64_t row, int64_t at_us) {
  char text[128];
  snprintf(text, sizeof text, "SELECT COUNT(*) FROM events WHERE payment_id = %lld AND at_us = %lld",
           (long long)row, (long long)at_us);
  return look_count(text) > 0;
}

// A create happened if a row bears its time; rows of the model are the first ones.
static void settle_create(struct check *c, const struct intent *op) {
  struct o_payment facts = {0};
  char text[160];
  snprintf(
      text, sizeof text,
      "SELECT id, pay_amount, address FROM payments WHERE created_us = %lld AND order_id = '%s' ORDER BY id",
      (long long)op->now_us, op->order);
  struct found *st = look_ask(text);
  if (!look_next(st))
    return;
  facts.row = look_int(st, 0);
  facts.id = payment_id_from_row(c->o->id_key, facts.row);
  facts.pay_amount = look_int(st, 1);
  snprintf(facts.address, sizeof facts.address, "%s", look_text(st, 2));
  oracle_add(c->o, op, &facts);
  if (look_next(st))
    violation(c->o, "order %s was created twice at once", op->order);
  stats_count("unanswered", "create had happened");
}

// A stored answer of an Idempotency-Key belongs to the create that had it.
static void settle_idempotent(struct check *c, const struct intent *op) {
  char text[192];
  snprintf(text, sizeof text,
           "SELECT answer FROM idempotency WHERE project_id = %lld AND is_test = %d AND key = '%s' AND "
           "created_us = %lld",
           (long long)c->o->projects[op->project].id, op->mode == 0, op->idempotency, (long long)op->now_us);
  struct found *st = look_ask(text);
  if (!look_next(st))
    return;
  struct o_idempotent *k = &c->o->idempotent[c->o->n_idempotent++];
  *k = (struct o_idempotent){op->project, op->mode, "", op->request, op->now_us, strdup(look_text(st, 0))};
  memcpy(k->key, op->idempotency, sizeof k->key);
  look_drop(st);
}

static void settle_sweep(struct check *c, const struct intent *op) {
  for (int i = 0; i < c->o->n_payments; i++) {
    const struct o_payment *p = &c->o->payments[i];
    if (!p->is_test || p->status != O_PENDING || p->expires_us > op->now_us || !event_at(p->row, op->now_us))
      continue;
    oracle_expired(c->o, i, op->now_us);
  }
}

static void settle_action(struct check *c, const struct intent *op) {
  int target = oracle_target(c->o, op->payment, op->action);
  if (!event_at(c->o->payments[target].row, op->now_us))
    return;
  int refused = oracle_apply(c->o, target, op->action, op->now_us);
  if (refused)
    violation(c->o, "a change of order %s that must be refused (%d) has happened",
              c->o->payments[target].order, refused);
  stats_count("unanswered", "action had happened");
}

static void settle(struct check *c, const struct intent *op) {
  if (op->kind == DO_SWEEP)
    settle_sweep(c, op);
  else if (op->kind == DO_ACTION)
    settle_action(c, op);
  else if (!op->refusal) {
    settle_create(c, op);
    if (op->idempotency[0])
      settle_idempotent(c, op);
  }
}

static void settle_open(struct check *c) {
  for (int i = 0; i < c->o->n_open; i++)
    settle(c, &c->o->open[i]);
  stats_add("unanswered", "operations", c->o->n_open);
  c->o->n_open = 0;
}

// ---- projects, keys, addresses ---------------------------------------------------------------------------

static bool project_is(struct found *st, const struct o_project *p) {
  return look_int(st, 1) == p->live && look_int(st, 2) == p->enabled &&
         strcmp(look_text(st, 3), p->webhook) == 0 && look_int(st, 4) == p->events &&
         look_int(st, 5) == p->policy.window_us && look_int(st, 6) == p->policy.quarantine_us &&
         look_int(st, 7) == p->policy.accept_late && look_int(st, 8) == p->policy.tolerance &&
         look_int(st, 9) == p->n_keys[0] && look_int(st, 10) == p->n_keys[1] && look_int(st, 11) == p->cap &&
         look_int(st, 12) == p->require_v2;
}

// A rotation without an answer may have run twice: is the key that we have seen the one that is stored?
static void find_lost_keys(struct o_project *p) {
  for (int mode = 0; mode < 2; mode++) {
    struct o_key *k = &p->keys[mode][p->n_keys[mode] - 1];
    unsigned char hash[32];
    char text[160], blob[80];
    SHA256((const unsigned char *)k->api_key, strlen(k->api_key), hash);
    snprintf(text, sizeof text, "SELECT COUNT(*) FROM credentials WHERE key_hash = %s",
             look_blob(hash, sizeof hash, blob));
    k->lost = look_count(text) == 0;
  }
}

static void check_projects(struct check *c) {
  struct found *st = look_ask(
      "SELECT id, live, enabled, webhook_url, events, window_us, quarantine_us, accept_late, tolerance,"
      " (SELECT COUNT(*) FROM credentials k WHERE k.project_id = p.id AND k.mode = 0),"
      " (SELECT COUNT(*) FROM credentials k WHERE k.project_id = p.id AND k.mode = 1), surcharge_cap, "
      "require_v2"
      " FROM projects p ORDER BY id");
  while (look_next(st)) {
    int i = project_of(c, look_int(st, 0));
    bool known = project_is(st, &c->o->projects[i]);
    if (!known && c->o->has_maybe_project[i] && project_is(st, &c->o->maybe_project[i])) {
      c->o->projects[i] = c->o->maybe_project[i];
      find_lost_keys(&c->o->projects[i]);
      stats_count("unanswered", "operator's change had happened");
    } else if (!known) {
      violation(c->o, "project %lld is not stored as it must be", (long long)look_int(st, 0));
    }
    c->o->has_maybe_project[i] = false;
  }
}

static bool address_is(const struct check *c, int64_t app_id, bool removed, const struct o_address *a) {
  if (app_id == 0)
    return a->project < 0;
  return a->project == project_of(c, app_id) && removed == a->removed;
}

static struct o_address *known_address(struct oracle *o, const char *text) {
  for (int i = 0; i < o->n_addresses; i++)
    if (strcmp(o->addresses[i].text, text) == 0)
      return &o->addresses[i];
  violation(o, "an address %s that nobody has added", text);
}

static void check_address(struct check *c, struct o_address *a, int64_t app_id, bool removed) {
  int64_t i = a - c->o->addresses;
  bool known = address_is(c, app_id, removed, a);
  if (!known && c->o->has_maybe_address[i] && address_is(c, app_id, removed, &c->o->maybe_address[i]))
    *a = c->o->maybe_address[i];
  else if (!known)
    violation(c->o, "the claim of address %s is not stored as it must be (project %lld)", a->text,
              (long long)app_id);
  c->o->has_maybe_address[i] = false;
}

static void check_addresses(struct check *c) {
  struct found *st = look_ask("SELECT address, project_id, removed FROM addresses WHERE xpub_id IS NULL");
  bool seen[ADDRESSES_MAX] = {false};
  while (look_next(st)) {
    struct o_address *a = known_address(c->o, look_text(st, 0));
    seen[a - c->o->addresses] = true;
    check_address(c, a, look_int(st, 1), look_int(st, 2));
  }
  for (int i = 0; i < c->o->n_addresses; i++)
    if (!seen[i])
      check_address(c, &c->o->addresses[i], 0, false);
}

// ---- payments --------------------------------------------------------------------------------------------

static void check_payment(struct check *c, struct found *st, struct o_payment *p) {
  int64_t row = look_int(st, 0);
  same(c, "payment_id", row, payment_id_from_row(c->o->id_key, row), p->id);
  same(c, "project", row, project_of(c, look_int(st, 1)), p->project);
  same(c, "is_test", row, look_int(st, 2), p->is_test);
  same_text(c, "order_id", row, look_text(st, 3), p->order);
  same(c, "amount", row, look_int(st, 4), p->amount);
  same(c, "pay_amount", row, look_int(st, 5), p->pay_amount);
  same(c, "received", row, look_int(st, 6), p->received);
  same(c, "status", row, look_int(st, 7), p->status);
  same(c, "substatus", row, look_int(st, 8), p->seen ? SUBST_SEEN : p->sub);
  same_text(c, "address", row, look_text(st, 9), p->address);
  same(c, "created_us", row, look_int(st, 10), p->created_us);
  same(c, "match_from_us", row, look_int(st, 11), p->match_from_us);
  same(c, "first_expires_us", row, look_int(st, 12), p->first_expires_us);
  same(c, "expires_us", row, look_int(st, 13), p->expires_us);
  same(c, "quarantine_us", row, look_int(st, 14), p->quarantine_us);
  same(c, "extended", row, look_int(st, 15), p->extended);
  same(c, "cancelled_us", row, look_int(st, 16), p->cancelled_us);
  same(c, "paid_us", row, look_int(st, 17), p->paid_us);
  same(c, "replaced_by", row, look_int(st, 18), p->replaced_by < 0 ? 0 : c->o->payments[p->replaced_by].row);
  if (c->o->onchain && !p->is_test) // a sighting that came and went has counted, too
    p->version = look_int(st, 19);
  same(c, "version", row, look_int(st, 19), p->version);
  same(c, "scale", row, look_int(st, 20), p->scale);
  if (p->status == O_PAID && !p->txid[0])
    snprintf(p->txid, sizeof p->txid, "%s", look_text(st, 21));
  same_text(c, "txid", row, look_text(st, 21), p->txid);
  same(c, "number of transfers", row, look_int(st, 22), p->transfers);
  same(c, "sum of transfers", row, look_int(st, 23), p->sum);
  if (p->is_test != (look_is_null(st, 24)))
    violation(c->o, "payment of row %lld: a test payment has no address of the pool, a live one has",
              (long long)row);
}

static void check_payments(struct check *c) {
  struct oracle *o = c->o;
  struct found *st =
      look_ask("SELECT id, project_id, is_test, order_id, amount, pay_amount, received, status, "
               "sub, address, created_us,"
               " match_from_us, first_expires_us, expires_us, quarantine_us, extended, "
               "cancelled_us, paid_us, replaced_by,"
               " version, scale, txid, (SELECT COUNT(*) FROM transfers t WHERE t.payment_id = "
               "p.id AND t.is_test = p.is_test),"
               " (SELECT COALESCE(SUM(value), 0) FROM transfers t WHERE t.payment_id = p.id), "
               "address_id FROM payments p ORDER BY id");
  int n = 0;
  for (; look_next(st); n++) {
    struct o_payment *p = NULL;
    for (int i = n; i < n + o->n_payments && !p; i++) // mostly in this order
      if (o->payments[i % o->n_payments].row == look_int(st, 0))
        p = &o->payments[i % o->n_payments];
    if (!p)
      violation(o, "a payment (row %lld, order %s) that nobody asked for", (long long)look_int(st, 0),
                look_text(st, 3));
    check_payment(c, st, p);
    p->stored = true;
  }
  for (int i = 0; i < o->n_payments; i++) {
    if (!o->payments[i].stored)
      violation(o, "the acknowledged payment of order %s is lost", o->payments[i].order);
    o->payments[i].stored = false;
  }
}

static int index_of_row(const struct check *c, int64_t row) {
  for (int i = 0; i < c->o->n_payments; i++)
    if (c->o->payments[i].row == row)
      return i;
  violation(c->o, "a row for payment %lld, which is not there", (long long)row);
}

static void check_orders(struct check *c) {
  struct found *st = look_ask("SELECT project_id, is_test, order_id, payment_id FROM orders");
  int n = 0, current = 0;
  for (; look_next(st); n++)
    same(c, "payment of an order", look_int(st, 3), index_of_row(c, look_int(st, 3)),
         oracle_find_order(c->o, project_of(c, look_int(st, 0)), look_int(st, 1), look_text(st, 2)));
  for (int i = 0; i < c->o->n_payments; i++)
    current += c->o->payments[i].replaced_by < 0;
  same(c, "number of orders", 0, n, current);
}

static void check_reservations(struct check *c) {
  struct found *st =
      look_ask("SELECT r.payment_id, r.pay_amount, a.address, a.project_id FROM reservations r "
               "JOIN addresses a ON a.id = r.address_id");
  int n = 0, held = 0;
  for (; look_next(st); n++) {
    if (look_int(st, 0) < 0) { // kept back
      n--;
      continue;
    }
    const struct o_payment *p = &c->o->payments[index_of_row(c, look_int(st, 0))];
    same(c, "whether a reservation is held", p->row, 1, p->holds);
    if (look_int(st, 1) != p->rest)
      same(c, "reserved amount", p->row, look_int(st, 1), p->pay_amount);
    same_text(c, "reserved address", p->row, look_text(st, 2), p->address);
    same(c, "project of the reserved address", p->row, project_of(c, look_int(st, 3)), p->project);
  }
  for (int i = 0; i < c->o->n_payments; i++)
    held += c->o->payments[i].holds + (c->o->payments[i].rest != 0);
  same(c, "number of reservations", 0, n, held);
}

static void check_transfers(struct check *c) {
  same(c, "transfers of one chain output twice", 0,
       look_count("SELECT COUNT(*) FROM (SELECT 1 FROM transfers GROUP BY txid, log_index HAVING COUNT(*) > "
                  "1) AS twice"),
       0);
  same(
      c, "test transfers with live payments", 0,
      look_count("SELECT COUNT(*) FROM transfers t JOIN payments p ON p.id = t.payment_id WHERE t.is_test <> "
                 "p.is_test"),
      0);
  same(
      c, "paid payments without their transfer", 0,
      look_count("SELECT COUNT(*) FROM payments p WHERE status = 1 AND NOT EXISTS"
                 " (SELECT 1 FROM transfers t WHERE t.payment_id = p.id AND t.txid = p.txid AND t.block_us = "
                 "p.paid_us)"),
      0);
}

// ---- webhooks --------------------------------------------------------------------------------------------

static struct o_delivery *find_delivery(const struct check *c, struct found *st) {
  int payment = index_of_row(c, look_int(st, 0));
  for (int i = 0; i < c->o->n_deliveries; i++) {
    struct o_delivery *d = &c->o->deliveries[i];
    if (d->payment == payment && d->event == look_int(st, 1) && d->created_us == look_int(st, 2))
      return d;
  }
  violation(c->o, "a webhook (%s of row %lld) that nothing asked for", text_event((int)look_int(st, 1)),
            (long long)look_int(st, 0));
}

static void check_delivery(struct check *c, struct found *st, struct o_delivery *d) {
  const struct o_payment *p = &c->o->payments[d->payment];
  char body[ANSWER_TEXT];
  int64_t attempts = look_int(st, 7);
  text_webhook(c->o, p, d, body);
  same_text(c, "webhook's body", p->row, look_text(st, 3), body);
  if (!d->id[0])
    snprintf(d->id, sizeof d->id, "%s", look_text(st, 4));
  same_text(c, "webhook-id", p->row, look_text(st, 4), d->id);
  same(c, "webhook's mode", p->row, look_int(st, 5), p->is_test);
  same(c, "logged attempts", p->row, look_int(st, 8), attempts);
  if (look_int(st, 6) == 1 && d->accepted == 0)
    violation(c->o, "the webhook %s counts as delivered, but no receiver has accepted it", d->id);
  if (attempts > d->seen)
    violation(c->o, "the webhook %s has %lld attempts, but was sent %lld times", d->id, (long long)attempts,
              (long long)d->seen);
}

static void check_deliveries(struct check *c) {
  struct found *st =
      look_ask("SELECT payment_id, event, created_us, body, webhook_id, is_test, status, attempts,"
               " (SELECT COUNT(*) FROM attempts a WHERE a.delivery_id = d.id) FROM deliveries d ORDER BY id");
  int n = 0;
  for (; look_next(st); n++)
    check_delivery(c, st, find_delivery(c, st));
  same(c, "number of webhooks", 0, n, c->o->n_deliveries);
  same(
      c, "webhooks with one id", 0,
      look_count(
          "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries GROUP BY webhook_id HAVING COUNT(*) > 1) AS twice"),
      0);
}

static void check_idempotent(struct check *c) {
  struct found *st = look_ask("SELECT project_id, is_test, key, answer FROM idempotency");
  int n = 0;
  for (; look_next(st); n++) {
    const struct o_idempotent *found = NULL;
    for (int i = 0; i < c->o->n_idempotent; i++) {
      const struct o_idempotent *k = &c->o->idempotent[i];
      if (strcmp(k->key, look_text(st, 2)) == 0 && k->mode != look_int(st, 1) &&
          k->project == project_of(c, look_int(st, 0)))
        found = k;
    }
    if (!found)
      violation(c->o, "an answer is stored for the key %s, which nobody has sent", look_text(st, 2));
    same_text(c, "stored answer", n, look_text(st, 3), found->answer);
  }
  same(c, "number of stored answers", 0, n, c->o->n_idempotent);
}

// ---- all of it -------------------------------------------------------------------------------------------

// Rows of payments must be known before open operations are settled: actions are found by them.
void oracle_learn_rows(struct oracle *o) {
  for (int i = 0; i < o->n_payments; i++)
    if (!o->payments[i].row && !payment_id_to_row(o->id_key, o->payments[i].id, &o->payments[i].row))
      violation(o, "payment_id out of range");
}

void oracle_check(struct oracle *o, bool settle) {
  struct check c = {o};
  look_begin(o);
  oracle_learn_rows(o);
  check_projects(&c);
  if (settle)
    settle_open(&c);
  oracle_chain_read(o);
  check_addresses(&c);
  check_payments(&c);
  check_orders(&c);
  check_reservations(&c);
  check_transfers(&c);
  check_deliveries(&c);
  check_idempotent(&c);
  oracle_chain_check(o);
  look_end();
  stats_count("checks", "of the whole database");
}

void oracle_check_payments(struct oracle *o) {
  struct check c = {o};
  look_begin(o);
  oracle_learn_rows(o);
  oracle_chain_read(o);
  check_payments(&c);
  look_end();
}

void oracle_settle(struct oracle *o, const struct intent *op) {
  struct check c = {o};
  look_begin(o);
  oracle_learn_rows(o);
  settle(&c, op);
  look_end();
  stats_count("unanswered", "operations");
}

static void check_schedule(struct check *c) {
  static const int64_t minutes[] = {0, 5, 15, 60};
  struct found *st =
      look_ask("SELECT d.payment_id, d.event, d.created_us, a.number, a.at_us,"
               " LAG(a.at_us + a.duration_us) OVER (PARTITION BY d.id ORDER BY a.number), d.status, "
               "a.http_status, d.attempts"
               " FROM attempts a JOIN deliveries d ON d.id = a.delivery_id ORDER BY d.id, a.number");
  while (look_next(st)) {
    const struct o_delivery *d = find_delivery(c, st);
    int64_t n = look_int(st, 3), status = look_int(st, 6), http = look_int(st, 7);
    bool accepted = http >= 200 && http <= 299, last = n == look_int(st, 8);
    if (d->replayed_us || d->maybe_replayed)
      continue;
    if (n > 4)
      violation(c->o, "the webhook %s was tried %lld times", d->id, (long long)n);
    if (n > 1 && look_int(st, 4) < look_int(st, 5) + minutes[n - 1] * 60000000 - SLACK_US)
      violation(c->o, "attempt %lld of the webhook %s came too early", (long long)n, d->id);
    if (last && status != (accepted ? 1 : 2))
      violation(c->o, "the webhook %s ended as %lld after an answer of %lld", d->id, (long long)status,
                (long long)http);
    if (last && status == 2 && n != 4)
      violation(c->o, "the webhook %s was given up after %lld attempts", d->id, (long long)n);
  }
}

void oracle_check_quiet(struct oracle *o, int64_t now_us) {
  struct check c = {o};
  look_begin(o);
  oracle_learn_rows(o);
  same(&c, "webhooks that still wait", 0, look_count("SELECT COUNT(*) FROM deliveries WHERE status = 0"), 0);
  check_schedule(&c);
  look_end();
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].is_test && o->payments[i].status == O_PENDING && o->payments[i].expires_us <= now_us)
      violation(o, "the test payment of order %s has not expired", o->payments[i].order);
  for (int i = 0; i < o->n_deliveries; i++)
    if (o->deliveries[i].replayed_us && o->deliveries[i].last_us < o->deliveries[i].replayed_us)
      violation(o, "the webhook %s was not sent again", o->deliveries[i].id);
}
