-- Live payments: how far the chain is in the book, what arrived, who owes whom. New tables and columns only.

-- One row (id 1): the chain that this database follows, the last block in the book, and what the watching node
-- last said of it. Moved by compare-and-swap on number and block_id.
CREATE TABLE chain (
  id INTEGER PRIMARY KEY,
  network TEXT NOT NULL,
  genesis TEXT NOT NULL,
  token TEXT NOT NULL,
  number INTEGER NOT NULL,
  block_id BLOB NOT NULL,
  time_us INTEGER NOT NULL,
  witnesses TEXT,
  head INTEGER NOT NULL,
  head_us INTEGER NOT NULL,
  solid INTEGER NOT NULL,
  heard_us INTEGER NOT NULL,
  behind INTEGER NOT NULL,
  level_us INTEGER NOT NULL,
  trouble TEXT,
  rescan_next INTEGER NOT NULL,
  rescan_to INTEGER NOT NULL
) STRICT;

-- Where the chain shows money that is not final yet.
ALTER TABLE payments ADD COLUMN seen_number INTEGER;
ALTER TABLE payments ADD COLUMN seen_txid TEXT;
-- whose an address has ever been
CREATE INDEX payments_address ON payments (address_id, id) WHERE address_id IS NOT NULL;
CREATE INDEX payments_seen ON payments (seen_number) WHERE seen_number IS NOT NULL;

-- Of a live transfer everything; without a payment it is unmatched, `reason` says why, and
-- review_payment_id which payment it may be for.
ALTER TABLE transfers ADD COLUMN block_number INTEGER;
ALTER TABLE transfers ADD COLUMN address_id INTEGER;
ALTER TABLE transfers ADD COLUMN project_id INTEGER;
ALTER TABLE transfers ADD COLUMN from_address TEXT;
ALTER TABLE transfers ADD COLUMN reason INTEGER;
ALTER TABLE transfers ADD COLUMN review_payment_id INTEGER;
CREATE INDEX transfers_block ON transfers (block_number, id) WHERE block_number IS NOT NULL;
CREATE INDEX transfers_unmatched ON transfers (id) WHERE is_test = 0 AND payment_id IS NULL;
CREATE INDEX transfers_address ON transfers (address_id, id) WHERE address_id IS NOT NULL;
CREATE INDEX transfers_review ON transfers (review_payment_id, id) WHERE review_payment_id IS NOT NULL;

-- A pair that was seen paid at the head though nobody had reserved it is kept back: payment_id is then the block's
-- number, negative.
CREATE INDEX reservations_kept ON reservations (payment_id) WHERE payment_id < 0;

-- Addresses that were handed over: somebody else's payments have been reserved on them.
CREATE TABLE handed_over (
  address TEXT PRIMARY KEY,
  at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A payer's word that this transaction was meant for this payment.
CREATE TABLE claims (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  txid TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  UNIQUE (payment_id, txid)
) STRICT;
CREATE INDEX claims_txid ON claims (txid, id);

-- Double entry: the entries of a journal sum to zero; a balance is the sum of its account's entries.
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  kind INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  UNIQUE (project_id, kind)
) STRICT;

CREATE TABLE journals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  transfer_id INTEGER REFERENCES transfers (id),
  at_us INTEGER NOT NULL
) STRICT;
CREATE INDEX journals_transfer ON journals (transfer_id, id) WHERE transfer_id IS NOT NULL;

CREATE TABLE entries (
  journal_id INTEGER NOT NULL REFERENCES journals (id),
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  amount INTEGER NOT NULL,
  PRIMARY KEY (journal_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_account ON entries (account_id, journal_id);

-- Verified mode: what proves the credited transfers, and the signed headers that make their blocks final.
CREATE TABLE proofs (
  transfer_id INTEGER PRIMARY KEY,
  proof BLOB NOT NULL
) STRICT;
CREATE TABLE headers (
  number INTEGER PRIMARY KEY,
  raw BLOB NOT NULL,
  signature BLOB NOT NULL
) STRICT;
