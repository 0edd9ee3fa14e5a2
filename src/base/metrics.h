// The program's own numbers, for /metrics: one list, relaxed atomics, any thread. Base units; counters end in
// _total. Rows with the same name and different labels stand together. Requests by route are counted by
// http/route_stats.h.
#pragma once
#include "base/str.h"

// symbol, type, name, labels or "", help
#define METRIC_LIST(X)                                                                                       \
  X(METRIC_CREATED_TEST, counter, "payments_created_total", "mode=\"test\"", "Payments opened.")             \
  X(METRIC_CREATED_LIVE, counter, "payments_created_total", "mode=\"live\"", "Payments opened.")             \
  X(METRIC_REPLAYED, counter, "payments_replayed_total", "", "Creates answered with an existing payment.")   \
  X(METRIC_PAID_TEST, counter, "payments_paid_total", "mode=\"test\"", "Payments that became paid.")         \
  X(METRIC_PAID_LIVE, counter, "payments_paid_total", "mode=\"live\"", "Payments that became paid.")         \
  X(METRIC_EXPIRED, counter, "payments_expired_total", "", "Payments that became expired.")                  \
  X(METRIC_FAILED, counter, "payments_failed_total", "", "Payments that became failed.")                     \
  X(METRIC_NO_ADDRESS_FREE, counter, "address_exhausted_total", "",                                          \
    "Creates refused because no address was free.")                                                          \
  X(METRIC_WEBHOOK_OK, counter, "webhook_attempts_total", "result=\"ok\"", "Webhook attempts.")              \
  X(METRIC_WEBHOOK_REFUSED, counter, "webhook_attempts_total", "result=\"refused\"", "Webhook attempts.")    \
  X(METRIC_WEBHOOK_UNREACHABLE, counter, "webhook_attempts_total", "result=\"unreachable\"",                 \
    "Webhook attempts.")                                                                                     \
  X(METRIC_WEBHOOK_FORBIDDEN, counter, "webhook_attempts_total", "result=\"forbidden\"",                     \
    "Webhook attempts.")                                                                                     \
  X(METRIC_WEBHOOK_OVERTAKEN, counter, "webhooks_overtaken_total", "",                                       \
    "Attempts whose outcome came too late: another node or a replay had the delivery.")                      \
  X(METRIC_WEBHOOK_LEASE_OVER, counter, "webhook_leases_over_total", "",                                     \
    "Deliveries taken, but not sent within their lease.")                                                    \
  X(METRIC_WEBHOOKS_PENDING, gauge, "webhooks_pending", "", "Deliveries waiting for their next attempt.")    \
  X(METRIC_WEBHOOK_OLDEST_S, gauge, "webhook_oldest_pending_seconds", "",                                    \
    "Age of the oldest pending delivery.")                                                                   \
  X(METRIC_WEBHOOK_SECONDS, histogram, "webhook_attempt_duration_seconds", "", "How long an attempt took.")  \
  X(METRIC_CHAIN_HEAD, gauge, "chain_head", "", "Newest block that nodes have shown.")                       \
  X(METRIC_CHAIN_SOLID, gauge, "chain_solid", "", "Newest final block that nodes have shown.")               \
  X(METRIC_CHAIN_CURSOR, gauge, "chain_cursor", "", "Last block whose transfers are in the book.")           \
  X(METRIC_CHAIN_LAG_BLOCKS, gauge, "chain_lag_blocks", "", "Final blocks that are not in the book yet.")    \
  X(METRIC_CHAIN_LAG_S, gauge, "chain_lag_seconds", "", "Age of the last block in the book.")                \
  X(METRIC_CHAIN_BEHIND, gauge, "chain_catching_up", "", "1: behind, the head is not looked at.")            \
  X(METRIC_CHAIN_STALLED, gauge, "chain_stalled", "", "1: the chain cannot be followed for now.")            \
  X(METRIC_CHAIN_FORKS, counter, "chain_forks_total", "",                                                    \
    "Times that blocks which were not final vanished.")                                                      \
  X(METRIC_NODE_OK, counter, "node_requests_total", "outcome=\"ok\"", "Requests to nodes.")                  \
  X(METRIC_NODE_UNREACHABLE, counter, "node_requests_total", "outcome=\"unreachable\"",                      \
    "Requests to nodes.")                                                                                    \
  X(METRIC_NODE_LIMITED, counter, "node_requests_total", "outcome=\"limited\"", "Requests to nodes.")        \
  X(METRIC_NODE_REFUSED, counter, "node_requests_total", "outcome=\"refused\"", "Requests to nodes.")        \
  X(METRIC_NODE_WRONG, counter, "node_requests_total", "outcome=\"wrong\"", "Requests to nodes.")            \
  X(METRIC_NODE_DISAGREEMENTS, counter, "node_disagreements_total", "",                                      \
    "Blocks of which a node said something else than the others.")                                           \
  X(METRIC_TRANSFERS_CREDITED, counter, "transfers_credited_total", "",                                      \
    "Final transfers that went to a payment.")                                                               \
  X(METRIC_TRANSFERS_UNMATCHED, counter, "transfers_unmatched_total", "",                                    \
    "Final transfers to our addresses that fit no payment.")                                                 \
  X(METRIC_TRANSFERS_DIFFERING, counter, "transfers_differing_total", "",                                    \
    "Transfers that a rescan found to differ from the book.")                                                \
  X(METRIC_JOBS, counter, "store_jobs_total", "", "Jobs run by the writer.")                                 \
  X(METRIC_STATEMENTS, counter, "store_statements_total", "", "Statements of jobs that write or read.")      \
  X(METRIC_COMMITS, counter, "store_commits_total", "", "Transactions committed by the writer.")             \
  X(METRIC_ROLLBACKS, counter, "store_rollbacks_total", "", "Batches rolled back and run one by one.")       \
  X(METRIC_JOBS_WAITING, gauge, "store_jobs_waiting", "", "Jobs in the writer's queue.")                     \
  X(METRIC_BATCH_SECONDS, histogram, "store_batch_duration_seconds", "", "Running and committing a batch.")  \
  X(METRIC_RATE_REFUSED_KEY, counter, "rate_limited_total", "by=\"key\"", "Requests answered 429.")          \
  X(METRIC_RATE_REFUSED_ADDRESS, counter, "rate_limited_total", "by=\"address\"", "Requests answered 429.")  \
  X(METRIC_FRAMING_REFUSED, counter, "http_malformed_total", "", "Requests refused for their framing.")      \
  X(METRIC_CONNECTIONS_REFUSED, counter, "http_connections_refused_total", "", "Connections over a limit.")  \
  X(METRIC_CONNECTIONS_SLOW, counter, "http_connections_slow_total", "", "Connections closed for slowness.") \
  X(METRIC_CONNECTIONS, gauge, "http_connections", "", "Open connections.")                                  \
  X(METRIC_IN_FLIGHT, gauge, "http_requests_in_flight", "", "Requests begun and not answered.")              \
  X(METRIC_WAITING, gauge, "http_requests_waiting", "", "Requests waiting for a payment to change.")

enum metric {
#define X(symbol, type, name, labels, help) symbol,
  METRIC_LIST(X)
#undef X
      METRIC_COUNT
};

void metric_add(enum metric m, int64_t n);     // counters and gauges; n may be negative for gauges
void metric_set(enum metric m, int64_t value); // gauges
void metric_observe_us(enum metric m, int64_t duration_us); // histograms
int64_t metric_get(enum metric m);                          // a histogram's: number of observations

void metrics_print(struct buf *out); // Prometheus text format 0.0.4
