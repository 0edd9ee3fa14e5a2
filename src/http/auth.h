// Who signed this request? Both versions of the signature, in the documented order of checks (spec
// "Requests").
#pragma once
#include "flow/keys.h"
#include "http/reading.h"

enum { TIMESTAMP_TOLERANCE_S = 300, IDEMPOTENCY_KEY_MAX = 255, FAULT_BODY_MAX = 8 * 1024 };

struct auth {
  enum err result;
  struct credential *credential; // NULL unless ERR_NONE; the request's, given back at its end
  bool v2;
  struct str idempotency_key; // version 2 on a POST; absent otherwise
  uint8_t request_hash[32];   // version 2: of what makes two requests the same
  // inside
  struct str key;
  struct key_search search;
  struct reading reading;
  request_fn *then;
};

// Does the request bring anything that must be checked?
bool auth_present(const struct request *r);

// Sets r->auth and goes on with `then`. Its result: ERR_API_KEY, ERR_SIGNATURE, ERR_TIMESTAMP,
// ERR_IDEMPOTENCY_KEY, ERR_V2_REQUIRED, ERR_RATE (Retry-After is in the answer already), or the database's.
void auth_check(struct request *r, request_fn *then);

// Rate limit by the client's address, asked before the handler. Requests with an API key are counted by
// auth_check().
request_fn auth_admit;
