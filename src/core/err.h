// Every way in which a request can be refused, in one list: symbol, HTTP status, machine-readable code,
// public sentence.
//
// The sentences marked "doc" are those of the public API documentation and may not change by a letter. A
// function that can fail returns enum err and is declared MUST_CHECK; bugs are not errors, they stop the
// program (base/bug.h).
#pragma once
#include "base/str.h"

#define MUST_CHECK __attribute__((warn_unused_result))

#define ERR_LIST(X)                                                                                           \
  X(ERR_NONE, 200, "ok", "")                                                                                  \
  X(ERR_FRAMING, 400, "bad_request", "The request is not well-formed HTTP.")                                  \
  X(ERR_JSON, 400, "invalid_json", "The body is not valid JSON.")                                             \
  X(ERR_JSON_DEPTH, 400, "invalid_json", "The body is nested too deeply.")                                    \
  X(ERR_NOT_OBJECT, 400, "invalid_json", "The body must be a JSON object.")                                   \
  X(ERR_BODY_TOO_LARGE, 413, "body_too_large", "The body is too large: at most 65536 bytes.")                 \
  X(ERR_HEADERS_TOO_LARGE, 431, "headers_too_large", "The request has too many or too large headers.")        \
  X(ERR_METHOD, 405, "method_not_allowed", "This method is not allowed here.")                                \
  X(ERR_CONTENT_TYPE, 415, "unsupported_media_type", "Content-Type must be application/json.")                \
  X(ERR_FORM_TYPE, 415, "unsupported_media_type", "Content-Type must be application/x-www-form-urlencoded.")  \
  X(ERR_RATE, 429, "rate_limited", "Too many requests. Try again after the time in Retry-After.")             \
  X(ERR_API_KEY, 401, "invalid_api_key", "Invalid API key")       /* doc */                                   \
  X(ERR_SIGNATURE, 401, "invalid_signature", "Invalid signature") /* doc */                                   \
  X(ERR_TIMESTAMP, 401, "invalid_timestamp",                                                                  \
    "X-Timestamp must be the current time in Unix seconds, within 300 seconds.")                              \
  X(ERR_V2_REQUIRED, 401, "version_2_required", "This project accepts only requests signed with version 2.")  \
  X(ERR_DISABLED, 403, "project_disabled", "Project is disabled.") /* doc */                                  \
  X(ERR_MODE_TEST, 403, "wrong_mode",                                                                         \
    "Project is currently in Test mode. Use test API credentials or switch project to Live mode.") /* doc */  \
  X(ERR_MODE_LIVE, 403, "wrong_mode",                                                                         \
    "Project is currently in Live mode. Use live API credentials or switch project to Test mode.")            \
  X(ERR_NO_WEBSITE, 422, "website_not_configured", "Project website is not configured.") /* doc */            \
  X(ERR_ORDER_ID, 422, "invalid_order_id",                                                                    \
    "order_id is required: 1 to 128 characters of printable text, or an integer.")                            \
  X(ERR_AMOUNT_MISSING, 422, "invalid_amount", "amount is required: a decimal number such as \"50.00\".")     \
  X(ERR_AMOUNT_FORMAT, 422, "invalid_amount",                                                                 \
    "Amount must be a decimal number such as \"50.00\", without sign, exponent, spaces or separators.")       \
  X(ERR_AMOUNT_DECIMALS, 422, "invalid_amount", "Amount must have at most 6 decimals.")                       \
  X(ERR_AMOUNT_ZERO, 422, "invalid_amount", "Amount must be greater than zero") /* doc */                     \
  X(ERR_AMOUNT_MIN, 422, "amount_too_small", "Amount is below the minimum of this project.")                  \
  X(ERR_AMOUNT_MAX, 422, "amount_too_large", "Amount is above the maximum of this project.")                  \
  X(ERR_DESCRIPTION, 422, "invalid_description", "description must be text of at most 500 characters.")       \
  X(ERR_SUCCESS_URL, 422, "invalid_success_url",                                                              \
    "success_url must be an http or https URL of at most 2048 characters.")                                   \
  X(ERR_FAIL_URL, 422, "invalid_fail_url",                                                                    \
    "fail_url must be an http or https URL of at most 2048 characters.")                                      \
  X(ERR_SUCCESS_HOST, 422, "success_url_domain",                                                              \
    "Success URL domain does not match project website.")                                     /* doc */       \
  X(ERR_FAIL_HOST, 422, "fail_url_domain", "Fail URL domain does not match project website.") /* doc */       \
  X(ERR_PAYMENT_ID, 422, "invalid_payment_id", "payment_id must be a payment's number.")                      \
  X(ERR_IDEMPOTENCY_KEY, 400, "idempotency_key_required",                                                     \
    "Idempotency-Key is required: 1 to 255 printable ASCII characters.")                                      \
  X(ERR_IDEMPOTENCY_REUSE, 409, "idempotency_key_reused",                                                     \
    "This Idempotency-Key was used for another request.")                                                     \
  X(ERR_ORDER_AMOUNT, 409, "order_amount_conflict",                                                           \
    "This order_id already has a payment with another amount. Use a new order_id, or wait until it has "      \
    "ended.")                                                                                                 \
  X(ERR_NO_PROOF, 404, "no_proof", "Nothing is kept that proves this payment.")                               \
  X(ERR_NO_PAYMENT, 404, "payment_not_found", "Payment not found.")                                           \
  X(ERR_NOT_FOUND, 404, "not_found", "There is nothing at this address.")                                     \
  X(ERR_NO_PROJECT, 404, "project_not_found", "Project not found.")                                           \
  X(ERR_NO_MERCHANT, 404, "merchant_not_found", "Merchant not found.")                                        \
  X(ERR_NO_DELIVERY, 404, "webhook_not_found", "Webhook delivery not found.")                                 \
  X(ERR_PUBLIC_STATUS_OFF, 401, "signature_required", "This project answers only signed status requests.")    \
  X(ERR_MOVE, 409, "illegal_move", "The payment's present state does not allow this.")                        \
  X(ERR_FOREIGN, 403, "foreign_request", "This request comes from a page of another site.")                   \
  X(ERR_ACTION, 422, "invalid_action", "action must be pay, underpay, overpay, late, cancel or expire.")      \
  X(ERR_CHANGED, 409, "changed_meanwhile", "Something else changed this at the same moment. Try again.")      \
  X(ERR_NO_ADDRESSES, 503, "no_address_configured",                                                           \
    "This project has no receiving address for live payments. Add one with: cryptopay address add")           \
  X(ERR_NO_ADDRESS_FREE, 503, "no_address_free",                                                              \
    "No receiving address is free for this amount. Try again later.")                                         \
  X(ERR_BUSY, 503, "busy", "The gateway is busy. Try again after the time in Retry-After.")                   \
  X(ERR_UNAVAILABLE, 503, "unavailable",                                                                      \
    "The database cannot be reached at the moment. Try again after the time in Retry-After.")                 \
  X(ERR_STOPPING, 503, "stopping", "The gateway is stopping. Try again in a moment.")                         \
  X(ERR_STORE, 500, "internal", "Something went wrong here. Nothing was changed; try again.")                 \
  X(ERR_EMAIL, 422, "invalid_email", "This is not an e-mail address.")                                        \
  X(ERR_EMAIL_TAKEN, 409, "email_taken", "There is a merchant with this e-mail address already.")             \
  X(ERR_PASSWORD, 422, "invalid_password",                                                                    \
    "The password must have 8 to 1024 characters and not be a common one.")                                   \
  X(ERR_NAME, 422, "invalid_name", "A name has 1 to 100 characters of printable text.")                       \
  X(ERR_KEY_PAIRS, 409, "too_many_keys",                                                                      \
    "8 pairs of keys are in force already. Wait until an overlap ends, or revoke all old ones with "          \
    "--overlap 0.")                                                                                           \
  X(ERR_WEBSITE, 422, "invalid_website",                                                                      \
    "The website must be an http or https URL with a public domain name, not an IP address or localhost.")    \
  X(ERR_WEBSITE_TAKEN, 409, "website_taken", "This website is linked to another project already.")            \
  X(ERR_WEBHOOK_URL, 422, "invalid_webhook_url",                                                              \
    "The webhook must be an https URL of at most 2048 characters.")                                           \
  X(ERR_ADDRESS, 422, "invalid_address",                                                                      \
    "This is not a TRON address: 34 characters from T, checksum included.")                                   \
  X(ERR_ADDRESS_TOKEN, 422, "token_address",                                                                  \
    "This is the contract of the token itself: what is sent to it is lost.")                                  \
  X(ERR_ADDRESS_TAKEN, 409, "address_taken", "This address belongs to a project already.")                    \
  X(ERR_ADDRESS_BUSY, 409, "address_in_use",                                                                  \
    "Payments are still reserved on this address, or transfers to it unmatched. Remove it, and release it "   \
    "later.")                                                                                                 \
  X(ERR_POOL_FULL, 409, "too_many_addresses",                                                                 \
    "A project has at most 10000 addresses in its list. Give it an extended public key instead: cryptopay "   \
    "address set-xpub")                                                                                       \
  X(ERR_NO_ADDRESS, 404, "address_not_found", "This project has no such address.")                            \
  X(ERR_XPUB, 422, "invalid_xpub", "This is not an extended public key (xpub…) of m/44'/195'/account'.")      \
  X(ERR_XPUB_PRIVATE, 422, "private_key_refused",                                                             \
    "This is an extended PRIVATE key: whoever has it has the money. Enter the public one (xpub…) and keep " \
    "this secret.")                                                                                           \
  X(ERR_XPUB_TAKEN, 409, "xpub_taken", "This extended public key belongs to a project already.")              \
  X(ERR_XPUB_CUSTODY, 409, "xpub_custody",                                                                    \
    "Addresses of this key were given out under its present custody, which stays with them. Use another "     \
    "key.")                                                                                                   \
  X(ERR_CUSTODY, 409, "custody_conflict",                                                                     \
    "A project has either merchant or operator custody: remove the other kind of addresses first.")           \
  X(ERR_TXID, 422, "invalid_txid", "A transaction hash has 64 hexadecimal digits.")                           \
  X(ERR_CLAIMS, 429, "too_many_claims", "Too many transactions were named for this payment already.")         \
  X(ERR_NO_TRANSFER, 404, "transfer_not_found", "Transfer not found.")                                        \
  X(ERR_ATTACHED, 409, "transfer_attached", "This transfer belongs to a payment already.")                    \
  X(ERR_OTHER_PROJECT, 409, "other_project", "Transfer and payment belong to different projects.")            \
  X(ERR_SETTING, 422, "invalid_setting", "This setting does not exist or the value does not fit.")

enum err {
#define X(symbol, status, code, sentence) symbol,
  ERR_LIST(X)
#undef X
};

int err_status(enum err e);           // HTTP status
const char *err_code(enum err e);     // stable, for programs
const char *err_sentence(enum err e); // for people; ends up in "error"
