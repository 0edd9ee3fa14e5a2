// The documented API: create a payment, ask for its status.
#pragma once
#include "http/server.h"

request_fn api_create_payment; // POST /api/create-payment.php
request_fn api_payment_status; // GET  /api/payment-status.php?payment_id=N
