// The shop's one page.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { ORDERS = 8, ARRIVALS = 8, BODY_MAX = 65536 };

struct order {
  char id[24];
  char payment_url[512];
  bool paid;
};

struct arrival { // a webhook that came in
  time_t at;
  char *body; // as received
  size_t size;
  char order_id[132], webhook_id[80];
  bool signature_ok, standard_ok, repeated;
};

struct shop {
  struct order orders[ORDERS]; // newest first
  struct arrival arrivals[ARRIVALS];
  const char *product, *price;
  const char *gateway_url;
  char error[256]; // of the last attempt to buy; "" when it went well
};

// The page as HTML, to be freed by the caller; NULL when memory is out.
char *page_render(const struct shop *shop, size_t *size);
