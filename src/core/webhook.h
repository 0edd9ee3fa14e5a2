// What a webhook says, how it is signed and when it is tried again. Pure. Rules: spec "Webhooks".
#pragma once
#include "base/hmac.h"
#include "core/payment.h"
#include "core/project.h"

enum {
  WEBHOOK_ATTEMPTS = 4, // one at once, then 5 min, 15 min and 1 h after the one that failed
  WEBHOOK_BODY_MAX =
      4096, // bytes: order_id is the only long field, at most 128 characters, each at most 6 when escaped
  WEBHOOK_SECRETS_MAX = 2, // the new and the old one during a rotation
  WEBHOOK_HEADERS = 5,
  WEBHOOK_KEY_MIN = 24, // bytes of key behind "whsec_" (Standard Webhooks 1.0.0)
  WEBHOOK_KEY_MAX = 64,
};

// The word in `status`: that of the event, "paid" for EVENT_PAID, and so on.
const char *webhook_status(enum webhook_event event);

// The event of that name; false where there is none.
bool webhook_event_parse(struct str name, enum webhook_event *event);

// The body: the documented fields in the documented order. txid and paid_at are null unless the event is
// EVENT_PAID.
void webhook_body(struct buf *out, const struct payment *p, enum webhook_event event);

// webhook-id of the delivery of one change (`p` as it is after the change): the same on every attempt, no two
// alike, and nothing of how many there are can be read from it.
struct str webhook_id(struct arena *a, const struct payment *p, enum webhook_event event);

// When to try again after attempt number `attempt` (1, 2, …) failed at `now_us`; false: that was the last
// one. `retry_after_s` is what the receiver asked for, 0 for nothing: it makes the wait longer, never
// shorter, up to one hour, the longest that the documentation names.
bool webhook_next(int attempt, int64_t now_us, int64_t retry_after_s, int64_t *next_us);

// Was an answer with this HTTP status a success?
bool webhook_accepted(int status);

// The key bytes behind "whsec_…". False where it is not such a secret. Wipe `key` after use.
bool webhook_secret_key(struct str secret, uint8_t key[WEBHOOK_KEY_MAX], size_t *n);

// "whsec_…" of these bytes.
struct str webhook_secret_text(struct arena *a, const uint8_t *key, size_t n);

struct webhook_signers {
  const struct hmac_key *api;                           // for X-Signature: the mode's API secret
  const struct hmac_key *standard[WEBHOOK_SECRETS_MAX]; // for webhook-signature: the newest first
  size_t standard_n;
};

// Value of webhook-signature: "v1,…" for each secret, separated by spaces, over "id.timestamp.body".
struct str webhook_signature(struct arena *a, const struct webhook_signers *s, struct str id, int64_t unix_s,
                             struct str body);

// All WEBHOOK_HEADERS header lines ("Name: value") of one attempt.
struct str *webhook_headers(struct arena *a, const struct webhook_signers *s, struct str id, struct str body,
                            int64_t now_us);
