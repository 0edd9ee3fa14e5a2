// The body of a create-payment request. Three steps, so that errors come in the documented order of checks:
// the body and its fields, then the URLs, then the amount. A step that fails names the field in *param (NULL:
// the body as a whole).
//
// Money never passes through a C real: amount and order_id are taken from the request's own text.
#pragma once
#include "core/money.h"

enum {
  REQUEST_DEPTH_MAX = 16,
  ORDER_ID_CHARS_MAX = 128,
  DESCRIPTION_CHARS_MAX = 500,
};

struct create_request {
  struct str order_id;
  struct str
      amount_text; // as written: the number's own text, or the string; empty where it is neither, or absent
  struct usdt amount;                            // from here on set by create_request_amount()
  int scale;                                     // decimals written
  struct str description, success_url, fail_url; // absent where not given, null or empty
};

// ERR_JSON, ERR_JSON_DEPTH, ERR_NOT_OBJECT, ERR_ORDER_ID, ERR_DESCRIPTION; ERR_SUCCESS_URL, ERR_FAIL_URL
// where these are not text; ERR_AMOUNT_FORMAT where the amount is neither text nor number. Texts belong to
// `a`.
enum err create_request_parse(struct arena *a, struct str body, struct create_request *out,
                              const char **param) MUST_CHECK;

// Against the project's website_host. ERR_SUCCESS_URL, ERR_SUCCESS_HOST, ERR_FAIL_URL, ERR_FAIL_HOST.
enum err create_request_urls(const struct create_request *r, struct str website_host,
                             const char **param) MUST_CHECK;

// ERR_AMOUNT_… (MISSING, FORMAT, DECIMALS, ZERO; MIN and MAX against the project's limits).
enum err create_request_amount(struct create_request *r, struct usdt min, struct usdt max,
                               const char **param) MUST_CHECK;
