-- What nodes that share a database need of each other. Times are the database's own clock.

-- Goes up with each change of projects, keys and addresses: nodes forget what they hold of them in memory.
INSERT INTO meta (name, value) VALUES ('changes', '0');

-- Work that one node at a time does. The fence goes up with each change of hands: what a former holder still
-- tries can be told by its older number.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  fence INTEGER NOT NULL,
  until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last batch that each writer committed, in that batch's transaction: a COMMIT without an answer is looked up here.
CREATE TABLE writers (
  id INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL,
  seen_us INTEGER NOT NULL
) STRICT;
