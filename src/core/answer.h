// The JSON answers about payments: names, order and types as documented, additive fields behind them (spec).
#pragma once
#include "core/payment.h"

// {"ok":true,"payment":{…}} as create-payment and the signed payment-status answer it.
void answer_payment(struct buf *out, const struct payment *p, struct str base_url, int64_t now_us);

// The nine fields that anybody may see by the payment's number.
void answer_payment_public(struct buf *out, const struct payment *p, int64_t now_us);
