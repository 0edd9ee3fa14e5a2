// Who signed this request? Both versions of the signature, in the documented order of checks (spec
// "Requests").
#pragma once
#include "flow/keys.h"
#include "http/server.h"

enum { TIMESTAMP_TOLERANCE_S = 300, IDEMPOTENCY_KEY_MAX = 255, FAULT_BODY_MAX = 8 * 1024 };

struct auth {
  struct credential *credential; // give it back with key_drop()
  bool v2;
  struct str idempotency_key; // version 2 on a POST; absent otherwise
  uint8_t request_hash[32];   // version 2: of what makes two requests the same
};

// Does the request bring anything that must be checked?
bool auth_present(const struct request *r);

// ERR_API_KEY, ERR_SIGNATURE, ERR_TIMESTAMP, ERR_IDEMPOTENCY_KEY, ERR_V2_REQUIRED, ERR_STORE, ERR_RATE
// (Retry-After is in the answer already); the credential is NULL then.
enum err auth_check(struct request *r, struct auth *out) MUST_CHECK;

// Rate limit by the client's address, asked before the handler. Requests with an API key are counted by
// auth_check().
request_fn auth_admit;
