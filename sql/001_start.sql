-- Money in 10^-6 USDT, times in microseconds since 1970 UTC. Enum values are frozen: see the headers in src/core.

CREATE TABLE merchants (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  merchant_id INTEGER NOT NULL REFERENCES merchants (id),
  name TEXT NOT NULL,
  live INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  website TEXT,
  website_host TEXT UNIQUE,
  webhook_url TEXT,
  support TEXT,
  events INTEGER NOT NULL,
  public_status INTEGER NOT NULL,
  require_v2 INTEGER NOT NULL,
  min_amount INTEGER NOT NULL,
  max_amount INTEGER NOT NULL,
  surcharge_cap INTEGER NOT NULL,
  window_us INTEGER NOT NULL,
  quarantine_us INTEGER NOT NULL,
  accept_late INTEGER NOT NULL,
  tolerance INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_merchant ON projects (merchant_id);

-- A key pair and the webhook secret of one mode. Secrets are sealed; the key itself is known only by its hash.
CREATE TABLE credentials (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  mode INTEGER NOT NULL,
  key_hash BLOB NOT NULL UNIQUE,
  key_tail TEXT NOT NULL,
  api_secret BLOB NOT NULL,
  webhook_secret BLOB NOT NULL,
  created_us INTEGER NOT NULL,
  expires_us INTEGER,
  used_us INTEGER
) STRICT;
CREATE INDEX credentials_project ON credentials (project_id, mode, id);

CREATE TABLE payments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  is_test INTEGER NOT NULL,
  order_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  scale INTEGER NOT NULL,
  pay_amount INTEGER NOT NULL,
  received INTEGER NOT NULL,
  status INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  address_id INTEGER,
  address TEXT NOT NULL,
  description TEXT,
  success_url TEXT,
  fail_url TEXT,
  created_us INTEGER NOT NULL,
  match_from_us INTEGER NOT NULL,
  first_expires_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  quarantine_us INTEGER NOT NULL,
  extended INTEGER NOT NULL,
  cancelled_us INTEGER,
  txid TEXT,
  paid_us INTEGER,
  due_us INTEGER,
  replaced_by INTEGER,
  version INTEGER NOT NULL
) STRICT;
-- what time alone will change next: test payments by the clock, live ones by the chain's time
CREATE INDEX payments_due ON payments (is_test, due_us) WHERE due_us IS NOT NULL;

-- One row an order; it points to the order's current payment and is moved by compare-and-swap.
CREATE TABLE orders (
  project_id INTEGER NOT NULL,
  is_test INTEGER NOT NULL,
  order_id TEXT NOT NULL,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  PRIMARY KEY (project_id, is_test, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE xpubs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  xpub TEXT NOT NULL UNIQUE,
  custody INTEGER NOT NULL,
  next_index INTEGER NOT NULL,
  active INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX xpubs_active ON xpubs (project_id) WHERE active = 1;

-- Receiving addresses. An address belongs to one project for ever, unless it is released.
CREATE TABLE addresses (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  address TEXT NOT NULL UNIQUE,
  xpub_id INTEGER,
  hd_index INTEGER,
  removed INTEGER NOT NULL,
  released_us INTEGER NOT NULL
) STRICT;
CREATE INDEX addresses_pool ON addresses (project_id, released_us, id) WHERE xpub_id IS NULL AND removed = 0;

-- What a transfer can still be matched to. This table is the only thing that the matcher asks.
CREATE TABLE reservations (
  address_id INTEGER NOT NULL REFERENCES addresses (id),
  pay_amount INTEGER NOT NULL,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  PRIMARY KEY (address_id, pay_amount)
) STRICT, WITHOUT ROWID;

-- Confirmed transfers to addresses of ours; the key is what makes a credit happen once.
CREATE TABLE transfers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  txid TEXT NOT NULL,
  log_index INTEGER NOT NULL,
  is_test INTEGER NOT NULL,
  payment_id INTEGER REFERENCES payments (id),
  value INTEGER NOT NULL,
  block_us INTEGER NOT NULL,
  UNIQUE (txid, log_index)
) STRICT;
CREATE INDEX transfers_payment ON transfers (payment_id);

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  at_us INTEGER NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT
) STRICT;
CREATE INDEX events_payment ON events (payment_id, id);

-- The outbox: written in the transaction of the change that it reports.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  project_id INTEGER NOT NULL REFERENCES projects (id),
  is_test INTEGER NOT NULL,
  event INTEGER NOT NULL,
  webhook_id TEXT NOT NULL,
  url TEXT NOT NULL,
  host TEXT NOT NULL,
  body TEXT NOT NULL,
  status INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  round_attempts INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  next_us INTEGER,
  delivered_us INTEGER,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_due ON deliveries (host, next_us) WHERE status = 0;
CREATE INDEX deliveries_payment ON deliveries (payment_id);
CREATE INDEX deliveries_project ON deliveries (project_id, created_us);

CREATE TABLE attempts (
  delivery_id INTEGER NOT NULL REFERENCES deliveries (id),
  number INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  http_status INTEGER NOT NULL,
  error TEXT,
  excerpt TEXT,
  PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- Answers to requests with an Idempotency-Key (signature version 2).
CREATE TABLE idempotency (
  project_id INTEGER NOT NULL,
  is_test INTEGER NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  answer TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  PRIMARY KEY (project_id, is_test, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_us);
