// Every statement of the program, in one list. X: one text serves both engines. Y: where none can, each has
// its own, and this is the only place where they differ. Parameters are $1, $2 … in order. What a text for
// both may not do: now(), random(), floating point, "::", ON CONFLICT without naming its target. Two endings
// have a meaning of their own, for at most one row: "RETURNING id" of an INSERT gives the new row's number,
// "RETURNING 1" says whether a row was changed.
#pragma once
#include <stdbool.h>

// PostgreSQL's clock, read once in a statement. The name is not qualified: a schema in front of the search
// path gives a test a clock of its own.
#define PG_CLOCK "(SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))"

#define PROJECT_COLS                                                                                         \
  "id, merchant_id, name, live, enabled, website, website_host, webhook_url, support, events, "              \
  "public_status, "                                                                                          \
  "require_v2, min_amount, max_amount, surcharge_cap, window_us, quarantine_us, accept_late, tolerance, "    \
  "created_us, version"

// What an answer about a payment says of it: read much more often than anything else.
#define PAYMENT_STATE_COLS                                                                                   \
  "id, project_id, is_test, order_id, amount, scale, pay_amount, status, sub, address, expires_us, "         \
  "cancelled_us, txid, paid_us, replaced_by, version, seen_number"

#define PAYMENT_COLS                                                                                         \
  PAYMENT_STATE_COLS ", received, address_id, description, success_url, fail_url, created_us, "              \
                     "match_from_us, first_expires_us, quarantine_us, extended, due_us, seen_txid"

#define TRANSFER_COLS                                                                                        \
  "id, txid, log_index, is_test, payment_id, value, block_us, block_number, address_id, project_id, "        \
  "from_address, reason, review_payment_id"

#define TRANSFER_OWNED                                                                                       \
  "SELECT t.id, t.txid, t.log_index, t.is_test, t.payment_id, t.value, t.block_us, t.block_number, "         \
  "t.address_id, t.project_id, t.from_address, t.reason, t.review_payment_id, COALESCE(x.custody, 0), "      \
  "a.address FROM transfers t LEFT JOIN addresses a ON a.id = t.address_id LEFT JOIN xpubs x ON x.id = "     \
  "a.xpub_id"

#define PARAMS_32                                                                                            \
  "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "    \
  "$23, $24, $25, $26, $27, $28, $29, $30, $31, $32"

#define DELIVERY_COLS                                                                                        \
  "id, payment_id, project_id, is_test, event, webhook_id, url, host, body, status, attempts, "              \
  "round_attempts, created_us, next_us, delivered_us, version"

#define DELIVERY_ADD(next_us)                                                                                \
  "INSERT INTO deliveries (payment_id, project_id, is_test, event, webhook_id, url, host, body, status,"     \
  " attempts, round_attempts, created_us, next_us, version)"                                                 \
  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, " next_us ", 1) RETURNING id"

#define FIRST_OF_HOST " ORDER BY host, next_us LIMIT 1"

#define CREDENTIAL_COLS                                                                                      \
  "id, project_id, mode, key_tail, api_secret, webhook_secret, created_us, expires_us, used_us"

#define LEASE_TAKE(now)                                                                                      \
  "INSERT INTO leases (name, holder, fence, until_us) SELECT $1, $2, 1, " now                                \
  " + $3 WHERE CAST($4 AS BIGINT) > 0"                                                                       \
  " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us,"                \
  " fence = leases.fence + CAST(leases.holder <> excluded.holder AS INTEGER)"                                \
  " WHERE leases.holder = excluded.holder OR leases.until_us <= excluded.until_us - $3 RETURNING fence"

// X(name, text), Y(name, SQLite's text, PostgreSQL's text)
#define QUERY_LIST(X, Y)                                                                                     \
  /* meta */                                                                                                 \
  X(Q_META_GET, "SELECT value FROM meta WHERE name = $1")                                                    \
  X(Q_META_ADD, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")              \
  /* who changes projects, keys or addresses reads them behind this lock; SQLite has one writer anyway */    \
  Y(Q_CONFIGURATION_LOCK, "SELECT value FROM meta WHERE name = 'changes'",                                   \
    "SELECT value FROM meta WHERE name = 'changes' FOR UPDATE")                                              \
  X(Q_CONFIGURATION_COUNT,                                                                                   \
    "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'changes'")                \
  /* leases, by each database's own clock: SQLite's is given */                                              \
  Y(Q_LEASE_FREE,                                                                                            \
    "SELECT CAST(COUNT(*) = 0 AS INTEGER) FROM leases WHERE name = $1 AND holder <> $2 AND until_us > $3",   \
    "SELECT CAST(COUNT(*) = 0 AS INTEGER) FROM leases WHERE name = $1 AND holder <> $2"                      \
    " AND until_us > " PG_CLOCK " AND CAST($3 AS BIGINT) > 0")                                               \
  Y(Q_LEASE_TAKE, LEASE_TAKE("$4"), LEASE_TAKE(PG_CLOCK))                                                    \
  X(Q_LEASE_GIVE, "UPDATE leases SET until_us = 0 WHERE name = $1 AND holder = $2")                          \
  /* merchants */                                                                                            \
  X(Q_MERCHANT_ADD, "INSERT INTO merchants (email, password_hash, created_us) VALUES ($1, $2, $3)"           \
                    " ON CONFLICT (email) DO NOTHING RETURNING id")                                          \
  X(Q_MERCHANT_BY_EMAIL, "SELECT id FROM merchants WHERE email = $1")                                        \
  /* projects */                                                                                             \
  X(Q_PROJECT_ADD,                                                                                           \
    "INSERT INTO projects (merchant_id, name, live, enabled, website, website_host, webhook_url, support, "  \
    "events,"                                                                                                \
    " public_status, require_v2, min_amount, max_amount, surcharge_cap, window_us, quarantine_us, "          \
    "accept_late,"                                                                                           \
    " tolerance, created_us, version)"                                                                       \
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1)"      \
    " ON CONFLICT (website_host) DO NOTHING RETURNING id")                                                   \
  X(Q_PROJECT_UPDATE,                                                                                        \
    "UPDATE projects SET name = $2, live = $3, enabled = $4, website = $5, website_host = $6, webhook_url "  \
    "= $7,"                                                                                                  \
    " support = $8, events = $9, public_status = $10, require_v2 = $11, min_amount = $12, max_amount = $13," \
    " surcharge_cap = $14, window_us = $15, quarantine_us = $16, accept_late = $17, tolerance = $18,"        \
    " version = version + 1 WHERE id = $1 AND version = $19 RETURNING 1")                                    \
  X(Q_PROJECT_BY_ID, "SELECT " PROJECT_COLS " FROM projects WHERE id = $1")                                  \
  X(Q_PROJECT_BY_HOST, "SELECT id FROM projects WHERE website_host = $1")                                    \
  X(Q_PROJECT_ALL, "SELECT " PROJECT_COLS " FROM projects WHERE id > $1 ORDER BY id LIMIT $2")               \
  /* credentials */                                                                                          \
  X(Q_CREDENTIAL_ADD,                                                                                        \
    "INSERT INTO credentials (project_id, mode, key_hash, key_tail, api_secret, webhook_secret, created_us)" \
    " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id")                                                     \
  X(Q_CREDENTIAL_BY_HASH, "SELECT " CREDENTIAL_COLS " FROM credentials WHERE key_hash = $1")                 \
  X(Q_CREDENTIAL_OF_PROJECT,                                                                                 \
    "SELECT " CREDENTIAL_COLS " FROM credentials WHERE project_id = $1 AND mode = $2"                        \
    " AND (expires_us IS NULL OR expires_us > $3) ORDER BY id")                                              \
  X(Q_CREDENTIAL_END, "UPDATE credentials SET expires_us = $3 WHERE project_id = $1 AND mode = $2"           \
                      " AND (expires_us IS NULL OR expires_us > $3)")                                        \
  X(Q_CREDENTIAL_USED, "UPDATE credentials SET used_us = $2 WHERE id = $1 AND used_us IS NULL")              \
  /* payments */                                                                                             \
  X(Q_PAYMENT_ADD,                                                                                           \
    "INSERT INTO payments (project_id, is_test, order_id, amount, scale, pay_amount, received, status, sub," \
    " address_id, address, description, success_url, fail_url, created_us, match_from_us, first_expires_us," \
    " expires_us, quarantine_us, extended, due_us, seen_number, seen_txid, version) VALUES ($1, $2, $3, "    \
    "$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, 1) "      \
    "RETURNING id")                                                                                          \
  X(Q_PAYMENT_UPDATE,                                                                                        \
    "UPDATE payments SET received = $2, status = $3, sub = $4, expires_us = $5, quarantine_us = $6,"         \
    " extended = $7, cancelled_us = $8, txid = $9, paid_us = $10, due_us = $11, replaced_by = $12, "         \
    "seen_number = $13, seen_txid = $14, version = $15 WHERE id = $1 AND version = $15 - 1 RETURNING 1")     \
  X(Q_PAYMENT_BY_ID, "SELECT " PAYMENT_COLS " FROM payments WHERE id = $1")                                  \
  X(Q_PAYMENT_STATE, "SELECT " PAYMENT_STATE_COLS " FROM payments WHERE id = $1")                            \
  X(Q_PAYMENT_VERSIONS, "SELECT id, version FROM payments WHERE id IN (" PARAMS_32 ")")                      \
  X(Q_PAYMENT_DUE,                                                                                           \
    "SELECT " PAYMENT_COLS " FROM payments WHERE is_test = $1 AND due_us IS NOT NULL AND due_us <= $2"       \
    " ORDER BY due_us LIMIT $3")                                                                             \
  X(Q_PAYMENT_LIST, "SELECT " PAYMENT_COLS " FROM payments WHERE id < $1 AND ($2 = 0 OR project_id = $2)"    \
                    " AND ($3 < 0 OR status = $3) ORDER BY id DESC LIMIT $4")                                \
  /* where each engine keeps the number after which new rows are counted */                                  \
  Y(Q_PAYMENT_SKIP_FROM,                                                                                     \
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'payments', 0 WHERE NOT EXISTS"                          \
    " (SELECT 1 FROM sqlite_sequence WHERE name = 'payments')",                                              \
    "SELECT nextval(pg_get_serial_sequence('payments', 'id'))")                                              \
  Y(Q_PAYMENT_SKIP, "UPDATE sqlite_sequence SET seq = seq + $1 WHERE name = 'payments'",                     \
    "SELECT setval(pg_get_serial_sequence('payments', 'id'),"                                                \
    " nextval(pg_get_serial_sequence('payments', 'id')) + $1)")                                              \
  X(Q_ORDER_GET, "SELECT payment_id FROM orders WHERE project_id = $1 AND is_test = $2 AND order_id = $3")   \
  X(Q_ORDER_ADD, "INSERT INTO orders (project_id, is_test, order_id, payment_id) VALUES ($1, $2, $3, $4)"    \
                 " ON CONFLICT (project_id, is_test, order_id) DO NOTHING RETURNING 1")                      \
  X(Q_ORDER_MOVE,                                                                                            \
    "UPDATE orders SET payment_id = $4 WHERE project_id = $1 AND is_test = $2 AND order_id = $3"             \
    " AND payment_id = $5 RETURNING 1")                                                                      \
  /* idempotency */                                                                                          \
  X(Q_IDEMPOTENCY_GET,                                                                                       \
    "SELECT request_hash, answer FROM idempotency WHERE project_id = $1 AND is_test = $2 AND key = $3")      \
  X(Q_IDEMPOTENCY_ADD,                                                                                       \
    "INSERT INTO idempotency (project_id, is_test, key, request_hash, answer, created_us)"                   \
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project_id, is_test, key) DO NOTHING RETURNING 1")        \
  X(Q_IDEMPOTENCY_OLD,                                                                                       \
    "SELECT project_id, is_test, key FROM idempotency WHERE created_us < $1 ORDER BY created_us LIMIT $2")   \
  X(Q_IDEMPOTENCY_DROP, "DELETE FROM idempotency WHERE project_id = $1 AND is_test = $2 AND key = $3")       \
  /* addresses */                                                                                            \
  X(Q_ADDRESS_ADD, "INSERT INTO addresses (project_id, address, xpub_id, hd_index, removed, released_us)"    \
                   " VALUES ($1, $2, $3, $4, 0, 0) ON CONFLICT (address) DO NOTHING RETURNING id")           \
  X(Q_ADDRESS_BY_TEXT, "SELECT id, project_id, removed, hd_index FROM addresses WHERE address = $1")         \
  X(Q_ADDRESS_LIST, "SELECT a.id, a.address, a.hd_index, a.removed,"                                         \
                    " (SELECT COUNT(*) FROM reservations r WHERE r.address_id = a.id)"                       \
                    " FROM addresses a WHERE a.project_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3")        \
  X(Q_ADDRESS_POOL,                                                                                          \
    "SELECT id, address FROM addresses WHERE project_id = $1 AND xpub_id IS NULL AND removed = 0"            \
    " ORDER BY released_us, id LIMIT $2")                                                                    \
  X(Q_ADDRESS_POOL_SIZE,                                                                                     \
    "SELECT COUNT(*) FROM addresses WHERE project_id = $1 AND xpub_id IS NULL AND removed = 0")              \
  X(Q_POOL_RESERVED,                                                                                         \
    "SELECT COUNT(*) FROM (SELECT 1 FROM addresses a JOIN reservations r ON r.address_id = a.id"             \
    " WHERE a.project_id = $1 AND a.xpub_id IS NULL AND a.removed = 0 AND r.pay_amount BETWEEN $2 AND $3"    \
    " LIMIT $4) AS taken")                                                                                   \
  X(Q_ADDRESS_ANY_POOL,                                                                                      \
    "SELECT id FROM addresses WHERE project_id = $1 AND xpub_id IS NULL AND removed = 0 LIMIT 1")            \
  /* nobody claims it or its amounts any more, and all who have are counted afterwards */                    \
  Y(Q_ADDRESS_LOCK, "SELECT id FROM addresses WHERE id = $1",                                                \
    "SELECT id FROM addresses WHERE id = $1 FOR UPDATE")                                                     \
  X(Q_ADDRESS_REMOVE, "UPDATE addresses SET removed = $2 WHERE id = $1")                                     \
  X(Q_ADDRESS_RELEASED, "UPDATE addresses SET released_us = $2 WHERE id = $1")                               \
  X(Q_ADDRESS_DROP, "DELETE FROM addresses WHERE id = $1")                                                   \
  X(Q_XPUB_ACTIVE, "SELECT id, xpub, custody, next_index FROM xpubs WHERE project_id = $1 AND active = 1")   \
  X(Q_XPUB_BY_TEXT, "SELECT id, project_id, custody, next_index FROM xpubs WHERE xpub = $1")                 \
  X(Q_XPUB_ADD,                                                                                              \
    "INSERT INTO xpubs (project_id, xpub, custody, next_index, active) VALUES ($1, $2, $3, 0, 1)"            \
    " ON CONFLICT (xpub) DO NOTHING RETURNING id")                                                           \
  X(Q_XPUB_ACTIVATE, "UPDATE xpubs SET active = 1, custody = $2 WHERE id = $1"                               \
                     " AND (next_index = 0 OR custody = $2) RETURNING 1")                                    \
  X(Q_XPUB_DEACTIVATE, "UPDATE xpubs SET active = 0 WHERE project_id = $1 AND active = 1")                   \
  X(Q_XPUB_TAKE,                                                                                             \
    "UPDATE xpubs SET next_index = next_index + 1 WHERE id = $1 AND active = 1 RETURNING next_index")        \
  X(Q_XPUB_SKIP, "UPDATE xpubs SET next_index = next_index + $1")                                            \
  X(Q_XPUB_HIGHEST, "SELECT COALESCE(MAX(next_index), 0) FROM xpubs")                                        \
  /* reservations */                                                                                         \
  /* A candidate that hints in memory gave is free, and its address still in the project's list: it is this  \
     job's until the commit. In SQLite, where one job runs at a time, it is enough to look; in PostgreSQL    \
     the row is put there, the address cannot be released meanwhile, and a pair that another node is just    \
     claiming is passed by: waiting for it would let two nodes wait for each other. */                       \
  Y(Q_RESERVATION_CLAIM,                                                                                     \
    "SELECT 1 FROM addresses WHERE id = $1 AND project_id = $3 AND removed = 0"                              \
    " AND NOT EXISTS (SELECT 1 FROM reservations WHERE address_id = $1 AND pay_amount = $2)",                \
    "INSERT INTO reservations (address_id, pay_amount, payment_id) SELECT id, $2, 0 FROM addresses"          \
    " WHERE id = $1 AND project_id = $3 AND removed = 0"                                                     \
    " AND pg_try_advisory_xact_lock(hashint8extended($2, $1)) FOR KEY SHARE"                                 \
    " ON CONFLICT (address_id, pay_amount) DO NOTHING RETURNING 1")                                          \
  Y(Q_RESERVATION_BIND,                                                                                      \
    "INSERT INTO reservations (address_id, pay_amount, payment_id) VALUES ($1, $2, $3)"                      \
    " ON CONFLICT (address_id, pay_amount) DO NOTHING RETURNING 1",                                          \
    "UPDATE reservations SET payment_id = $3 WHERE address_id = $1 AND pay_amount = $2 AND payment_id = 0"   \
    " RETURNING 1")                                                                                          \
  X(Q_RESERVATION_ADD, "INSERT INTO reservations (address_id, pay_amount, payment_id) VALUES ($1, $2, $3)"   \
                       " ON CONFLICT (address_id, pay_amount) DO NOTHING RETURNING 1")                       \
  X(Q_RESERVATION_MOVE,                                                                                      \
    "UPDATE reservations SET payment_id = $3 WHERE address_id = $1 AND pay_amount = $2 AND payment_id = $4"  \
    " RETURNING 1")                                                                                          \
  X(Q_RESERVATION_DROP,                                                                                      \
    "DELETE FROM reservations WHERE address_id = $1 AND pay_amount = $2 AND payment_id = $3")                \
  X(Q_RESERVATION_COUNT, "SELECT COUNT(*) FROM reservations WHERE address_id = $1")                          \
  X(Q_RESERVATION_LOOK,                                                                                      \
    "SELECT a.removed, r.payment_id FROM addresses a LEFT JOIN reservations r ON r.address_id = a.id"        \
    " AND r.pay_amount = $2 WHERE a.id = $1 AND a.project_id = $3")                                          \
  X(Q_RESERVATION_OF, "SELECT payment_id FROM reservations WHERE address_id = $1 AND pay_amount = $2")       \
  /* also what is only kept back, or this payment's already */                                               \
  X(Q_RESERVATION_PUT,                                                                                       \
    "INSERT INTO reservations (address_id, pay_amount, payment_id) VALUES ($1, $2, $3) ON CONFLICT "         \
    "(address_id, pay_amount) DO UPDATE SET payment_id = excluded.payment_id WHERE reservations.payment_id " \
    "< 0 OR reservations.payment_id = excluded.payment_id RETURNING 1")                                      \
  X(Q_RESERVATION_KEEP, "INSERT INTO reservations (address_id, pay_amount, payment_id) VALUES ($1, $2, $3) " \
                        "ON CONFLICT (address_id, pay_amount) DO NOTHING")                                   \
  X(Q_RESERVATION_KEPT_DROP,                                                                                 \
    "DELETE FROM reservations WHERE payment_id < 0 AND payment_id BETWEEN $1 AND $2")                        \
  /* the chain */                                                                                            \
  X(Q_CHAIN_GET,                                                                                             \
    "SELECT network, genesis, token, number, block_id, time_us, witnesses, head, head_us, solid, heard_us, " \
    "behind, level_us, trouble, rescan_next, rescan_to FROM chain WHERE id = 1")                             \
  X(Q_CHAIN_ADD, "INSERT INTO chain (id, network, genesis, token, number, block_id, time_us, witnesses, "    \
                 "head, head_us, solid, heard_us, behind, level_us, rescan_next, rescan_to) VALUES (1, $1, " \
                 "$2, $3, $4, $5, $6, $7, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING RETURNING 1")  \
  X(Q_CHAIN_MOVE, "UPDATE chain SET number = $1, block_id = $2, time_us = $3, witnesses = COALESCE($4, "     \
                  "witnesses) WHERE id = 1 AND number = $5 AND block_id = $6 RETURNING 1")                   \
  X(Q_CHAIN_TELL, "UPDATE chain SET head = $1, head_us = $2, solid = $3, heard_us = $4, behind = $5, "       \
                  "level_us = $6, trouble = $7 WHERE id = 1")                                                \
  X(Q_CHAIN_RESCAN,                                                                                          \
    "UPDATE chain SET rescan_next = $1, rescan_to = $2 WHERE id = 1 AND rescan_next = $3 RETURNING 1")       \
  X(Q_HOLDING_LIST,                                                                                          \
    "SELECT a.id, a.address, a.project_id, COALESCE(x.custody, 0) FROM addresses a"                          \
    " LEFT JOIN xpubs x ON x.id = a.xpub_id WHERE a.id > $1 AND ($2 = 0 OR a.project_id = $2)"               \
    " ORDER BY a.id LIMIT $3")                                                                               \
  X(Q_HOLDING_SUM, "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT), COUNT(*) FROM transfers"                 \
                   " WHERE address_id = $1 AND is_test = 0")                                                 \
  X(Q_ADDRESS_OWNERS, "SELECT a.address, a.id, a.project_id, COALESCE(x.custody, 0), CAST(h.address IS NOT " \
                      "NULL AS INTEGER) FROM addresses a LEFT JOIN xpubs x ON x.id = a.xpub_id LEFT JOIN "   \
                      "handed_over h ON h.address = a.address WHERE a.address IN (" PARAMS_32 ")")           \
  /* its newest payment, and whether payments of another order have been there */                            \
  X(Q_ADDRESS_USERS, "SELECT p.id, CAST(EXISTS (SELECT 1 FROM payments o WHERE o.address_id = $1 AND "       \
                     "(o.order_id <> p.order_id OR o.project_id <> p.project_id)) AS INTEGER) FROM "         \
                     "payments p WHERE p.address_id = $1 ORDER BY p.id DESC LIMIT 1")                        \
  X(Q_PAYMENT_SEEN_FROM,                                                                                     \
    "SELECT " PAYMENT_COLS                                                                                   \
    " FROM payments WHERE seen_number >= $1 AND seen_number <= $2 ORDER BY seen_number LIMIT $3")            \
  /* transfers and the timeline */                                                                           \
  X(Q_TRANSFER_ADD,                                                                                          \
    "INSERT INTO transfers (txid, log_index, is_test, payment_id, value, block_us)"                          \
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (txid, log_index) DO NOTHING RETURNING id")                \
  X(Q_TRANSFER_BY_KEY, "SELECT " TRANSFER_COLS " FROM transfers WHERE txid = $1 AND log_index = $2")         \
  X(Q_TRANSFER_OWNED, TRANSFER_OWNED " WHERE t.txid = $1 AND t.log_index = $2")                              \
  X(Q_TRANSFER_OF_TXID,                                                                                      \
    TRANSFER_OWNED " WHERE t.txid = $1 AND t.log_index >= 0 ORDER BY t.log_index LIMIT $2")                  \
  X(Q_TRANSFER_REVIEWED, TRANSFER_OWNED " WHERE t.review_payment_id = $1 ORDER BY t.id LIMIT $2")            \
  X(Q_TRANSFER_UNMATCHED, TRANSFER_OWNED " WHERE t.is_test = 0 AND t.payment_id IS NULL AND t.id < $1 AND "  \
                                         "($2 = 0 OR t.project_id = $2) ORDER BY t.id DESC LIMIT $3")        \
  X(Q_TRANSFER_LIST, TRANSFER_OWNED                                                                          \
    " WHERE t.is_test = 0 AND t.id < $1 AND ($2 = 0 OR t.project_id = $2) ORDER BY t.id DESC LIMIT $3")      \
  /* the last one that an order has received at this address */                                              \
  X(Q_TRANSFER_LAST,                                                                                         \
    "SELECT " TRANSFER_COLS                                                                                  \
    " FROM transfers WHERE id = (SELECT MAX(t.id) FROM payments p JOIN transfers t ON t.payment_id = p.id "  \
    "WHERE p.address_id = $1 AND p.project_id = $2 AND p.order_id = $3)")                                    \
  X(Q_TRANSFER_ATTACH, "UPDATE transfers SET payment_id = $2, reason = NULL, review_payment_id = NULL "      \
                       "WHERE id = $1 AND payment_id IS NULL RETURNING 1")                                   \
  X(Q_CLAIM_GET, "SELECT id FROM claims WHERE payment_id = $1 AND txid = $2")                                \
  X(Q_CLAIM_COUNT, "SELECT COUNT(*) FROM claims WHERE payment_id = $1")                                      \
  X(Q_CLAIM_ADD, "INSERT INTO claims (payment_id, txid, at_us) VALUES ($1, $2, $3) ON CONFLICT "             \
                 "(payment_id, txid) DO NOTHING RETURNING 1")                                                \
  Y(Q_CLAIM_OF_TXID,                                                                                         \
    "SELECT " PAYMENT_COLS                                                                                   \
    " FROM payments WHERE id IN (SELECT payment_id FROM claims WHERE txid = $1 ORDER BY id LIMIT $2)",       \
    "SELECT " PAYMENT_COLS " FROM payments WHERE id = ANY (ARRAY (SELECT payment_id FROM claims WHERE txid " \
    "= $1 ORDER BY id LIMIT $2))")                                                                           \
  X(Q_ADDRESS_HANDED_OVER, "SELECT 1 FROM handed_over WHERE address = $1")                                   \
  X(Q_ADDRESS_PAYMENTS,                                                                                      \
    "SELECT " PAYMENT_COLS " FROM payments WHERE address_id = $1 ORDER BY id DESC LIMIT $2")                 \
  X(Q_TRANSFER_LIVE_ADD,                                                                                     \
    "INSERT INTO transfers (txid, log_index, is_test, payment_id, value, block_us, block_number, "           \
    "address_id, project_id, from_address, reason, review_payment_id) VALUES ($1, $2, 0, $3, $4, $5, $6, "   \
    "$7, $8, $9, $10, $11) ON CONFLICT (txid, log_index) DO NOTHING RETURNING id")                           \
  X(Q_TRANSFER_OF_BLOCKS, "SELECT txid, log_index FROM transfers WHERE block_number BETWEEN $1 AND $2 "      \
                          "ORDER BY block_number, id LIMIT $3")                                              \
  X(Q_TRANSFER_UNMATCHED_ON,                                                                                 \
    "SELECT id FROM transfers WHERE address_id = $1 AND payment_id IS NULL ORDER BY id LIMIT 1")             \
  X(Q_ADDRESS_HAND_OVER,                                                                                     \
    "INSERT INTO handed_over (address, at_us) VALUES ($1, $2) ON CONFLICT (address) DO NOTHING")             \
  X(Q_PROOF_ADD,                                                                                             \
    "INSERT INTO proofs (transfer_id, proof) VALUES ($1, $2) ON CONFLICT (transfer_id) DO NOTHING")          \
  X(Q_HEADER_ADD,                                                                                            \
    "INSERT INTO headers (number, raw, signature) VALUES ($1, $2, $3) ON CONFLICT (number) DO NOTHING")      \
  X(Q_PROOF_GET, "SELECT t.block_number, f.proof FROM transfers t JOIN proofs f ON f.transfer_id = t.id"     \
                 " WHERE t.payment_id = $1 AND t.txid = $2 LIMIT 1")                                         \
  X(Q_PROOF_IS, "SELECT 1 FROM transfers t JOIN proofs f ON f.transfer_id = t.id"                            \
                " WHERE t.payment_id = $1 AND t.txid = $2 LIMIT 1")                                          \
  X(Q_HEADERS_FROM,                                                                                          \
    "SELECT number, raw, signature FROM headers WHERE number >= $1 ORDER BY number LIMIT $2")                \
  /* the book */                                                                                             \
  X(Q_ACCOUNT_POST, "INSERT INTO accounts (project_id, kind, balance) VALUES ($1, $2, $3) ON CONFLICT "      \
                    "(project_id, kind) DO UPDATE SET balance = accounts.balance + excluded.balance")        \
  X(Q_JOURNAL_ADD, "INSERT INTO journals (kind, transfer_id, at_us) VALUES ($1, $2, $3)")                    \
  X(Q_ENTRY_ADD,                                                                                             \
    "INSERT INTO entries (journal_id, account_id, amount) SELECT (SELECT MAX(id) FROM journals WHERE "       \
    "transfer_id = $1), id, $4 FROM accounts WHERE project_id = $2 AND kind = $3")                           \
  X(Q_EVENT_ADD, "INSERT INTO events (payment_id, at_us, kind, detail) VALUES ($1, $2, $3, $4)")             \
  X(Q_EVENT_LIST, "SELECT at_us, kind, detail FROM events WHERE payment_id = $1 ORDER BY id")                \
  /* webhook deliveries */                                                                                   \
  /* due at once by the clock that leases go by, whatever the node's own says */                             \
  Y(Q_DELIVERY_ADD, DELIVERY_ADD("$9"), DELIVERY_ADD("LEAST($9, " PG_CLOCK ")"))                             \
  X(Q_DELIVERY_BY_ID, "SELECT " DELIVERY_COLS " FROM deliveries WHERE id = $1")                              \
  /* the next hosts and when the first of each is due; a server is a trip away: many, and its clock */       \
  Y(Q_DELIVERY_HOSTS, "SELECT host, next_us FROM deliveries WHERE status = 0 AND host > $1" FIRST_OF_HOST,   \
    "SELECT host, next_us, " PG_CLOCK " FROM (WITH RECURSIVE due (host, next_us, n) AS ("                    \
    "(SELECT host, next_us, 1 FROM deliveries WHERE status = 0 AND host > $1" FIRST_OF_HOST ")"              \
    " UNION ALL SELECT d.host, d.next_us, due.n + 1 FROM due CROSS JOIN LATERAL"                             \
    " (SELECT host, next_us FROM deliveries WHERE status = 0 AND host > due.host" FIRST_OF_HOST ") AS d"     \
    " WHERE due.n < 64) SELECT host, next_us FROM due) AS due")                                              \
  /* due at $2, for the only process; or taken for $2 from now: the version then fences whoever had it */    \
  Y(Q_DELIVERY_TAKE,                                                                                         \
    "SELECT " DELIVERY_COLS " FROM deliveries WHERE status = 0 AND host = $1 AND next_us <= $2"              \
    " ORDER BY next_us LIMIT $3",                                                                            \
    "UPDATE deliveries SET next_us = " PG_CLOCK " + $2, version = version + 1 WHERE id = ANY (ARRAY ("       \
    "SELECT id FROM deliveries WHERE status = 0 AND host = $1 AND next_us <= " PG_CLOCK                      \
    " ORDER BY next_us LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING " DELIVERY_COLS)                          \
  X(Q_DELIVERY_RELEASE, "UPDATE deliveries SET next_us = next_us - $3, version = version + 1"                \
                        " WHERE id = $1 AND version = $2 RETURNING 1")                                       \
  X(Q_DELIVERY_SETTLE, "UPDATE deliveries SET status = $2, attempts = $3, round_attempts = $4, next_us = "   \
                       "$5, delivered_us = $6,"                                                              \
                       " version = version + 1 WHERE id = $1 AND version = $7 RETURNING 1")                  \
  X(Q_DELIVERY_RETARGET,                                                                                     \
    "UPDATE deliveries SET url = $2, host = $3, version = version + 1 WHERE project_id = $1 AND status = 0") \
  X(Q_DELIVERY_REPLAY,                                                                                       \
    "UPDATE deliveries SET status = 0, round_attempts = 0, next_us = $2, version = version + 1"              \
    " WHERE id = $1 RETURNING 1")                                                                            \
  X(Q_DELIVERY_REPLAY_RANGE,                                                                                 \
    "UPDATE deliveries SET status = 0, round_attempts = 0, next_us = $2, version = version + 1"              \
    " WHERE id IN (SELECT id FROM deliveries WHERE project_id = $1 AND created_us >= $3"                     \
    " AND created_us < $4 AND (status <> 0 OR next_us <> $2) ORDER BY created_us LIMIT $5)"                  \
    " RETURNING created_us")                                                                                 \
  X(Q_DELIVERY_WAITING, "SELECT COUNT(*), COALESCE(MIN(created_us), 0) FROM deliveries WHERE status = 0")    \
  X(Q_DELIVERY_LIST,                                                                                         \
    "SELECT " DELIVERY_COLS " FROM deliveries WHERE id < $1 AND ($2 = 0 OR project_id = $2)"                 \
    " AND ($3 = 0 OR payment_id = $3) AND ($4 < 0 OR status = $4) ORDER BY id DESC LIMIT $5")                \
  X(Q_ATTEMPT_ADD,                                                                                           \
    "INSERT INTO attempts (delivery_id, number, at_us, duration_us, http_status, error, excerpt)"            \
    " VALUES ($1, $2, $3, $4, $5, $6, $7)")                                                                  \
  X(Q_ATTEMPT_LIST, "SELECT number, at_us, duration_us, http_status, error, excerpt FROM attempts"           \
                    " WHERE delivery_id = $1 ORDER BY number")

enum query {
#define X(name, text)           name,
#define Y(name, lite, postgres) name,
  QUERY_LIST(X, Y)
#undef X
#undef Y
      QUERIES
};

enum engine { ENGINE_SQLITE, ENGINE_POSTGRES };

const char *query_text(enum query q, enum engine e);
bool query_writes(enum query q, enum engine e);
const char *query_name(enum query q);
