// What a shop needs to take payments through the gateway: one signed request, and one check of what comes
// back. The shop is somebody else's program: it knows the public documentation and its own keys, nothing
// more.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct gateway {
  const char *url; // base URL, without a slash at the end
  const char *api_key, *api_secret, *webhook_secret;
};

struct created {
  char payment_url[512];
  char error[256]; // why it failed, for people
  long long payment_id;
};

// Asks the gateway for a payment page. false: out->error says why.
bool gateway_create(const struct gateway *g, const char *order_id, const char *amount,
                    const char *description, struct created *out);

struct webhook {
  const char *body;
  size_t size;
  const char *signature;                           // X-Signature; NULL where a header is missing
  const char *id, *timestamp, *standard_signature; // webhook-id, webhook-timestamp, webhook-signature
};

// X-Signature: lower-case hex HMAC-SHA256 of the raw body with the API secret.
bool gateway_signature_ok(const struct gateway *g, const struct webhook *w);

// webhook-signature, as standardwebhooks.com describes it; older or newer than 5 minutes is refused.
bool gateway_standard_signature_ok(const struct gateway *g, const struct webhook *w, long long now_s);
