// The stored rows against the model. Reads with a connection of its own, below which nothing fails.
#include "oracle.h"
#include "stats.h"
#include "vfs.h"

#include <openssl/sha.h>
#include <stdlib.h>

enum { SHOWN = 200, SLACK_US = 10000000 }; // slack: the clock goes back a little now and then

struct check {
  struct oracle *o;
  sqlite3 *db;
};

static sqlite3_stmt *ask(struct check *c, const char *text) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(c->db, text, -1, &st, NULL) != SQLITE_OK)
    violation(c->o, "the checker cannot read: %s", sqlite3_errmsg(c->db));
  return st;
}

static bool next(struct check *c, sqlite3_stmt *st) {
  int rc = sqlite3_step(st);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    violation(c->o, "the checker cannot read: %s", sqlite3_errmsg(c->db));
  if (rc == SQLITE_DONE)
    sqlite3_finalize(st);
  return rc == SQLITE_ROW;
}

static int64_t number(sqlite3_stmt *st, int column) {
  return sqlite3_column_int64(st, column);
}

static const char *words(sqlite3_stmt *st, int column) {
  const char *p = (const char *)sqlite3_column_text(st, column);
  return p ? p : "";
}

static int64_t count(struct check *c, const char *text) {
  sqlite3_stmt *st = ask(c, text);
  if (!next(c, st))
    violation(c->o, "no answer: %s", text);
  int64_t n = number(st, 0);
  sqlite3_finalize(st);
  return n;
}

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

static bool event_at(struct check *c, int64_t row, int64_t at_us) {
  char text[128];
  snprintf(text, sizeof text, "SELECT COUNT(*) FROM events WHERE payment_id = %lld AND at_us = %lld",
           (long long)row, (long long)at_us);
  return count(c, text) > 0;
}

// A create happened if a row bears its time; rows of the model are the first ones.
static void settle_create(struct check *c, const struct intent *op) {
  struct o_payment facts = {0};
  char text[160];
  snprintf(
      text, sizeof text,
      "SELECT id, pay_amount, address FROM payments WHERE created_us = %lld AND order_id = '%s' ORDER BY id",
      (long long)op->now_us, op->order);
  sqlite3_stmt *st = ask(c, text);
  if (!next(c, st))
    return;
  facts.row = number(st, 0);
  facts.id = payment_id_from_row(c->o->id_key, facts.row);
  facts.pay_amount = number(st, 1);
  snprintf(facts.address, sizeof facts.address, "%s", words(st, 2));
  oracle_add(c->o, op, &facts);
  if (next(c, st))
    violation(c->o, "order %s was created twice at once", op->order);
  stats_count("unanswered", "create had happened");
}

// A stored answer of an Idempotency-Key belongs to the create that had it.
static void settle_idempotent(struct check *c, const struct intent *op) {
  sqlite3_stmt *st = ask(c, "SELECT answer FROM idempotency WHERE project_id = $1 AND is_test = $2 AND key = "
                            "$3 AND created_us = $4");
  sqlite3_bind_int64(st, 1, c->o->projects[op->project].id);
  sqlite3_bind_int(st, 2, op->mode == 0);
  sqlite3_bind_text(st, 3, op->idempotency, -1, SQLITE_STATIC);
  sqlite3_bind_int64(st, 4, op->now_us);
  if (!next(c, st))
    return;
  struct o_idempotent *k = &c->o->idempotent[c->o->n_idempotent++];
  *k = (struct o_idempotent){op->project, op->mode, "", op->request, op->now_us, strdup(words(st, 0))};
  memcpy(k->key, op->idempotency, sizeof k->key);
  sqlite3_finalize(st);
}

static void settle_sweep(struct check *c, const struct intent *op) {
  for (int i = 0; i < c->o->n_payments; i++) {
    const struct o_payment *p = &c->o->payments[i];
    if (!p->is_test || p->status != O_PENDING || p->expires_us > op->now_us ||
        !event_at(c, p->row, op->now_us))
      continue;
    oracle_expired(c->o, i, op->now_us);
  }
}

static void settle_action(struct check *c, const struct intent *op) {
  int target = oracle_target(c->o, op->payment, op->action);
  if (!event_at(c, c->o->payments[target].row, op->now_us))
    return;
  int refused = oracle_apply(c->o, target, op->action, op->now_us);
  if (refused)
    violation(c->o, "a change of order %s that must be refused (%d) has happened",
              c->o->payments[target].order, refused);
  stats_count("unanswered", "action had happened");
}

static void settle_open(struct check *c) {
  for (int i = 0; i < c->o->n_open; i++) {
    const struct intent *op = &c->o->open[i];
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
  stats_add("unanswered", "operations", c->o->n_open);
  c->o->n_open = 0;
}

// ---- projects, keys, addresses ---------------------------------------------------------------------------

static bool project_is(sqlite3_stmt *st, const struct o_project *p) {
  return number(st, 1) == p->live && number(st, 2) == p->enabled && strcmp(words(st, 3), p->webhook) == 0 &&
         number(st, 4) == p->events && number(st, 5) == p->policy.window_us &&
         number(st, 6) == p->policy.quarantine_us && number(st, 7) == p->policy.accept_late &&
         number(st, 8) == p->policy.tolerance && number(st, 9) == p->n_keys[0] &&
         number(st, 10) == p->n_keys[1] && number(st, 11) == p->cap && number(st, 12) == p->require_v2;
}

// A rotation without an answer may have run twice: is the key that we have seen the one that is stored?
static void find_lost_keys(struct check *c, struct o_project *p) {
  for (int mode = 0; mode < 2; mode++) {
    struct o_key *k = &p->keys[mode][p->n_keys[mode] - 1];
    unsigned char hash[32];
    SHA256((const unsigned char *)k->api_key, strlen(k->api_key), hash);
    sqlite3_stmt *st = ask(c, "SELECT 1 FROM credentials WHERE key_hash = $1");
    sqlite3_bind_blob(st, 1, hash, sizeof hash, SQLITE_STATIC);
    k->lost = !next(c, st);
    if (!k->lost)
      sqlite3_finalize(st);
  }
}

static void check_projects(struct check *c) {
  sqlite3_stmt *st = ask(
      c, "SELECT id, live, enabled, webhook_url, events, window_us, quarantine_us, accept_late, tolerance,"
         " (SELECT COUNT(*) FROM credentials k WHERE k.project_id = p.id AND k.mode = 0),"
         " (SELECT COUNT(*) FROM credentials k WHERE k.project_id = p.id AND k.mode = 1), surcharge_cap, "
         "require_v2"
         " FROM projects p ORDER BY id");
  while (next(c, st)) {
    int i = project_of(c, number(st, 0));
    bool known = project_is(st, &c->o->projects[i]);
    if (!known && c->o->has_maybe_project[i] && project_is(st, &c->o->maybe_project[i])) {
      c->o->projects[i] = c->o->maybe_project[i];
      find_lost_keys(c, &c->o->projects[i]);
      stats_count("unanswered", "operator's change had happened");
    } else if (!known) {
      violation(c->o, "project %lld is not stored as it must be", (long long)number(st, 0));
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
  sqlite3_stmt *st = ask(c, "SELECT address, project_id, removed FROM addresses WHERE xpub_id IS NULL");
  bool seen[ADDRESSES_MAX] = {false};
  while (next(c, st)) {
    struct o_address *a = known_address(c->o, words(st, 0));
    seen[a - c->o->addresses] = true;
    check_address(c, a, number(st, 1), number(st, 2));
  }
  for (int i = 0; i < c->o->n_addresses; i++)
    if (!seen[i])
      check_address(c, &c->o->addresses[i], 0, false);
}

// ---- payments --------------------------------------------------------------------------------------------

static void check_payment(struct check *c, sqlite3_stmt *st, struct o_payment *p) {
  int64_t row = number(st, 0);
  if (p->row && p->row != row)
    violation(c->o, "the payment of order %s is not there", p->order);
  p->row = row;
  same(c, "payment_id", row, payment_id_from_row(c->o->id_key, row), p->id);
  same(c, "project", row, project_of(c, number(st, 1)), p->project);
  same(c, "is_test", row, number(st, 2), p->is_test);
  same_text(c, "order_id", row, words(st, 3), p->order);
  same(c, "amount", row, number(st, 4), p->amount);
  same(c, "pay_amount", row, number(st, 5), p->pay_amount);
  same(c, "received", row, number(st, 6), p->received);
  same(c, "status", row, number(st, 7), p->status);
  same(c, "substatus", row, number(st, 8), p->sub);
  same_text(c, "address", row, words(st, 9), p->address);
  same(c, "created_us", row, number(st, 10), p->created_us);
  same(c, "match_from_us", row, number(st, 11), p->match_from_us);
  same(c, "first_expires_us", row, number(st, 12), p->first_expires_us);
  same(c, "expires_us", row, number(st, 13), p->expires_us);
  same(c, "quarantine_us", row, number(st, 14), p->quarantine_us);
  same(c, "extended", row, number(st, 15), p->extended);
  same(c, "cancelled_us", row, number(st, 16), p->cancelled_us);
  same(c, "paid_us", row, number(st, 17), p->paid_us);
  same(c, "replaced_by", row, number(st, 18), p->replaced_by < 0 ? 0 : c->o->payments[p->replaced_by].row);
  same(c, "version", row, number(st, 19), p->version);
  same(c, "scale", row, number(st, 20), p->scale);
  if (p->status == O_PAID && !p->txid[0])
    snprintf(p->txid, sizeof p->txid, "%s", words(st, 21));
  same_text(c, "txid", row, words(st, 21), p->txid);
  same(c, "number of transfers", row, number(st, 22), p->transfers);
  same(c, "sum of transfers", row, number(st, 23), p->sum);
  if (p->is_test != (sqlite3_column_type(st, 24) == SQLITE_NULL))
    violation(c->o, "payment of row %lld: a test payment has no address of the pool, a live one has",
              (long long)row);
}

static void check_payments(struct check *c) {
  struct oracle *o = c->o;
  sqlite3_stmt *st = ask(c, "SELECT id, project_id, is_test, order_id, amount, pay_amount, received, status, "
                            "sub, address, created_us,"
                            " match_from_us, first_expires_us, expires_us, quarantine_us, extended, "
                            "cancelled_us, paid_us, replaced_by,"
                            " version, scale, txid, (SELECT COUNT(*) FROM transfers t WHERE t.payment_id = "
                            "p.id AND t.is_test = p.is_test),"
                            " (SELECT COALESCE(SUM(value), 0) FROM transfers t WHERE t.payment_id = p.id), "
                            "address_id FROM payments p ORDER BY id");
  int i = 0;
  for (; next(c, st); i++) {
    // rows of newer payments are needed for replaced_by
    if (i >= o->n_payments)
      violation(o, "a payment (row %lld, order %s) that nobody asked for", (long long)number(st, 0),
                words(st, 3));
    int64_t row = 0;
    if (o->payments[i].replaced_by >= 0 &&
        !payment_id_to_row(o->id_key, o->payments[o->payments[i].replaced_by].id, &row))
      violation(o, "payment_id out of range");
    if (row)
      o->payments[o->payments[i].replaced_by].row = row;
    check_payment(c, st, &o->payments[i]);
  }
  if (i < o->n_payments)
    violation(o, "the acknowledged payment of order %s is lost", o->payments[i].order);
}

static int index_of_row(const struct check *c, int64_t row) {
  for (int i = 0; i < c->o->n_payments; i++)
    if (c->o->payments[i].row == row)
      return i;
  violation(c->o, "a row for payment %lld, which is not there", (long long)row);
}

static void check_orders(struct check *c) {
  sqlite3_stmt *st = ask(c, "SELECT project_id, is_test, order_id, payment_id FROM orders");
  int n = 0, current = 0;
  for (; next(c, st); n++)
    same(c, "payment of an order", number(st, 3), index_of_row(c, number(st, 3)),
         oracle_find_order(c->o, project_of(c, number(st, 0)), number(st, 1), words(st, 2)));
  for (int i = 0; i < c->o->n_payments; i++)
    current += c->o->payments[i].replaced_by < 0;
  same(c, "number of orders", 0, n, current);
}

static void check_reservations(struct check *c) {
  sqlite3_stmt *st = ask(c, "SELECT r.payment_id, r.pay_amount, a.address, a.project_id FROM reservations r "
                            "JOIN addresses a ON a.id = r.address_id");
  int n = 0, held = 0;
  for (; next(c, st); n++) {
    const struct o_payment *p = &c->o->payments[index_of_row(c, number(st, 0))];
    same(c, "whether a reservation is held", p->row, 1, p->holds);
    same(c, "reserved amount", p->row, number(st, 1), p->pay_amount);
    same_text(c, "reserved address", p->row, words(st, 2), p->address);
    same(c, "project of the reserved address", p->row, project_of(c, number(st, 3)), p->project);
  }
  for (int i = 0; i < c->o->n_payments; i++)
    held += c->o->payments[i].holds;
  same(c, "number of reservations", 0, n, held);
}

static void check_transfers(struct check *c) {
  same(
      c, "transfers of one chain output twice", 0,
      count(c, "SELECT COUNT(*) FROM (SELECT 1 FROM transfers GROUP BY txid, log_index HAVING COUNT(*) > 1)"),
      0);
  same(c, "test transfers with live payments", 0,
       count(c, "SELECT COUNT(*) FROM transfers t JOIN payments p ON p.id = t.payment_id WHERE t.is_test <> "
                "p.is_test"),
       0);
  same(c, "paid payments without their transfer", 0,
       count(c, "SELECT COUNT(*) FROM payments p WHERE status = 1 AND NOT EXISTS"
                " (SELECT 1 FROM transfers t WHERE t.payment_id = p.id AND t.txid = p.txid AND t.block_us = "
                "p.paid_us)"),
       0);
}

// ---- webhooks --------------------------------------------------------------------------------------------

static struct o_delivery *find_delivery(const struct check *c, sqlite3_stmt *st) {
  int payment = index_of_row(c, number(st, 0));
  for (int i = 0; i < c->o->n_deliveries; i++) {
    struct o_delivery *d = &c->o->deliveries[i];
    if (d->payment == payment && d->event == number(st, 1) && d->created_us == number(st, 2))
      return d;
  }
  violation(c->o, "a webhook (%s of row %lld) that nothing asked for", text_event((int)number(st, 1)),
            (long long)number(st, 0));
}

static void check_delivery(struct check *c, sqlite3_stmt *st, struct o_delivery *d) {
  const struct o_payment *p = &c->o->payments[d->payment];
  char body[ANSWER_TEXT];
  int64_t attempts = number(st, 7);
  text_webhook(c->o, p, d, body);
  same_text(c, "webhook's body", p->row, words(st, 3), body);
  if (!d->id[0])
    snprintf(d->id, sizeof d->id, "%s", words(st, 4));
  same_text(c, "webhook-id", p->row, words(st, 4), d->id);
  same(c, "webhook's mode", p->row, number(st, 5), p->is_test);
  same(c, "logged attempts", p->row, number(st, 8), attempts);
  if (number(st, 6) == 1 && d->accepted == 0)
    violation(c->o, "the webhook %s counts as delivered, but no receiver has accepted it", d->id);
  if (attempts > d->seen)
    violation(c->o, "the webhook %s has %lld attempts, but was sent %lld times", d->id, (long long)attempts,
              (long long)d->seen);
}

static void check_deliveries(struct check *c) {
  sqlite3_stmt *st =
      ask(c, "SELECT payment_id, event, created_us, body, webhook_id, is_test, status, attempts,"
             " (SELECT COUNT(*) FROM attempts a WHERE a.delivery_id = d.id) FROM deliveries d ORDER BY id");
  int n = 0;
  for (; next(c, st); n++)
    check_delivery(c, st, find_delivery(c, st));
  same(c, "number of webhooks", 0, n, c->o->n_deliveries);
  same(c, "webhooks with one id", 0,
       count(c, "SELECT COUNT(*) FROM (SELECT 1 FROM deliveries GROUP BY webhook_id HAVING COUNT(*) > 1)"),
       0);
}

static void check_idempotent(struct check *c) {
  sqlite3_stmt *st = ask(c, "SELECT project_id, is_test, key, answer FROM idempotency");
  int n = 0;
  for (; next(c, st); n++) {
    const struct o_idempotent *found = NULL;
    for (int i = 0; i < c->o->n_idempotent; i++) {
      const struct o_idempotent *k = &c->o->idempotent[i];
      if (strcmp(k->key, words(st, 2)) == 0 && k->mode != number(st, 1) &&
          k->project == project_of(c, number(st, 0)))
        found = k;
    }
    if (!found)
      violation(c->o, "an answer is stored for the key %s, which nobody has sent", words(st, 2));
    same_text(c, "stored answer", n, words(st, 3), found->answer);
  }
  same(c, "number of stored answers", 0, n, c->o->n_idempotent);
}

// ---- all of it -------------------------------------------------------------------------------------------

static void open_check(struct check *c, struct oracle *o) {
  *c = (struct check){.o = o};
  vfs.trusted = true;
  if (sqlite3_open_v2("/sim.db", &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, VFS_NAME) != SQLITE_OK)
    violation(o, "the checker cannot open the database");
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_exec(c->db, "PRAGMA query_only=1;PRAGMA wal_autocheckpoint=0;BEGIN", NULL, NULL, NULL);
}

static void close_check(struct check *c) {
  if (sqlite3_close(c->db) != SQLITE_OK)
    violation(c->o, "the checker forgot a statement");
  vfs.trusted = false;
}

// Rows of payments must be known before open operations are settled: actions are found by them.
static void learn_rows(struct oracle *o) {
  for (int i = 0; i < o->n_payments; i++)
    if (!o->payments[i].row && !payment_id_to_row(o->id_key, o->payments[i].id, &o->payments[i].row))
      violation(o, "payment_id out of range");
}

void oracle_check(struct oracle *o, bool settle) {
  struct check c;
  open_check(&c, o);
  learn_rows(o);
  check_projects(&c);
  if (settle)
    settle_open(&c);
  check_addresses(&c);
  check_payments(&c);
  check_orders(&c);
  check_reservations(&c);
  check_transfers(&c);
  check_deliveries(&c);
  check_idempotent(&c);
  close_check(&c);
  stats_count("checks", "of the whole database");
}

static void check_schedule(struct check *c) {
  static const int64_t minutes[] = {0, 5, 15, 60};
  sqlite3_stmt *st =
      ask(c, "SELECT d.payment_id, d.event, d.created_us, a.number, a.at_us,"
             " LAG(a.at_us + a.duration_us) OVER (PARTITION BY d.id ORDER BY a.number), d.status, "
             "a.http_status, d.attempts"
             " FROM attempts a JOIN deliveries d ON d.id = a.delivery_id ORDER BY d.id, a.number");
  while (next(c, st)) {
    const struct o_delivery *d = find_delivery(c, st);
    int64_t n = number(st, 3), status = number(st, 6), http = number(st, 7);
    bool accepted = http >= 200 && http <= 299, last = n == number(st, 8);
    if (d->replayed_us || d->maybe_replayed)
      continue;
    if (n > 4)
      violation(c->o, "the webhook %s was tried %lld times", d->id, (long long)n);
    if (n > 1 && number(st, 4) < number(st, 5) + minutes[n - 1] * 60000000 - SLACK_US)
      violation(c->o, "attempt %lld of the webhook %s came too early", (long long)n, d->id);
    if (last && status != (accepted ? 1 : 2))
      violation(c->o, "the webhook %s ended as %lld after an answer of %lld", d->id, (long long)status,
                (long long)http);
    if (last && status == 2 && n != 4)
      violation(c->o, "the webhook %s was given up after %lld attempts", d->id, (long long)n);
  }
}

void oracle_check_quiet(struct oracle *o, int64_t now_us) {
  struct check c;
  open_check(&c, o);
  learn_rows(o);
  same(&c, "webhooks that still wait", 0, count(&c, "SELECT COUNT(*) FROM deliveries WHERE status = 0"), 0);
  check_schedule(&c);
  close_check(&c);
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].is_test && o->payments[i].status == O_PENDING && o->payments[i].expires_us <= now_us)
      violation(o, "the test payment of order %s has not expired", o->payments[i].order);
  for (int i = 0; i < o->n_deliveries; i++)
    if (o->deliveries[i].replayed_us && o->deliveries[i].last_us < o->deliveries[i].replayed_us)
      violation(o, "the webhook %s was not sent again", o->deliveries[i].id);
}
