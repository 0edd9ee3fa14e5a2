// "I have paid, but it does not show": the payer names the transaction.
#pragma once
#include "http/server.h"

// POST /pay/claim  id txid [lang]: the payment's page with what is known. 422 for what is no transaction's
// hash, 429 where it was asked too often.
request_fn page_claim;
