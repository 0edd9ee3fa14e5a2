// A payment with its project, read for a page.
#pragma once
#include "flow/payments.h"
#include "http/checkout_view.h"
#include "http/reading.h"

struct visit {
  struct flow_find find; // first: the job's address is this one's
  struct reading reading;
};

// Reads the payment of this number and goes on with `then`; `v`, the request's, is r->user there.
void visit(struct request *r, struct visit *v, int64_t id, request_fn *then);
// In `then`: what the page shows. Otherwise why there is nothing to show.
enum err visit_view(struct request *r, struct str chosen, struct checkout_view *v);
// 303 to a payment's page; `lang` is the request's field.
void visit_redirect(struct request *r, int64_t id, struct str lang);
