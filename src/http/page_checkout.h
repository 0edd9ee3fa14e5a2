// The checkout: what a payer sees and the buttons that he has. Nobody signs in here; a payment's number
// cannot be guessed.
#pragma once
#include "http/server.h"

request_fn page_checkout;      // GET  /pay/?id=N[&lang=xx][&claim=1]: with the form of POST /pay/claim open
request_fn page_checkout_bare; // GET  /pay?…: to /pay/?…
request_fn
    page_checkout_extend; // POST /pay/extend  id [lang]: 303 to the checkout once the change is committed
request_fn page_checkout_cancel; // POST /pay/cancel  id [lang]
request_fn page_checkout_test;   // POST /pay/test    id action [lang]: 404 unless a test payment of a project
                                 // in Test mode

// GET /pay/status?id=N&v=VERSION[&s=STATE][&d=0|1][&lang=xx]: waits until the payment has another version, or
// is shown in another state or (d) otherwise as to delayed confirmations, than the page has, at most WAIT_MS;
// while money for it is being confirmed, CONFIRMING_WAIT_MS.
// {"version":3,"status":"pending","substatus":"waiting","state":"waiting", "html":"…"}; html, the inside of
// the page, only where something is new. "blocks_done", "blocks_needed", "seconds_left" before it where they
// are known.
request_fn page_checkout_status;
