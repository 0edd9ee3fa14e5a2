// The checkout: what a payer sees and the buttons that he has. Nobody signs in here; a payment's number
// cannot be guessed.
#pragma once
#include "http/server.h"

request_fn page_checkout;      // GET  /pay/?id=N[&lang=xx]
request_fn page_checkout_bare; // GET  /pay?…: to /pay/?…
request_fn
    page_checkout_extend; // POST /pay/extend  id [lang]: 303 to the checkout once the change is committed
request_fn page_checkout_cancel; // POST /pay/cancel  id [lang]
request_fn page_checkout_test;   // POST /pay/test    id action [lang]: 404 unless a test payment of a project
                                 // in Test mode

// GET /pay/status?id=N&v=VERSION[&s=STATE][&lang=xx]: waits until the payment has another version, or is
// shown in another state, than the page has, at most WAIT_MS.
// {"version":3,"status":"pending","substatus":"waiting","state":"waiting", "html":"…"}; html, the inside of
// the page, only where something is new.
request_fn page_checkout_status;
