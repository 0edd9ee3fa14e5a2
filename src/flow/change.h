// What every change of a payment has in common: the row, its timeline, the webhook, all in one transaction.
// Internal to flow/.
#pragma once
#include "core/project.h"
#include "flow/env.h"

// Queues the statements that store `p` as changed (the first one, of which the row must come back:
// CHANGE_STORED), with its event and, where the project wants to hear of it, its webhook delivery.
void change_queue(struct job *j, const struct payment *p, const struct project *project,
                  const struct pay_effects *fx, int64_t now_us);

enum { CHANGE_STORED = 0 }; // index of the result that tells whether the compare-and-swap held

// The authority part of a webhook's URL, port included: deliveries are counted by it. Absent when the URL is
// none.
struct str change_webhook_host(struct arena *a, struct str url);

// After the commit: counts what became of the payment, and tells whoever waits for news of it.
void change_committed(const struct env *env, const struct payment *p, enum pay_status was);
