// The body of a create request: whatever is accepted keeps its promises, and the amount that the pre-scan
// found is the one that the JSON reader sees.
#include "base/text.h"
#include "core/create_request.h"
#include "core/website.h"
#include "fuzz.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static void check_number(struct arena *a, const json_t *value, struct str text) {
  if (json_is_string(value))
    BUG_IF(!str_eq(text, (struct str){json_string_value(value), json_string_length(value)}), "text as sent");
  else
    BUG_IF(strtod(str_c(a, text), NULL) != json_number_value(value), "the number that the reader sees");
}

static void check(struct arena *a, struct str body, struct create_request *r) {
  const char *param;
  json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
  BUG_IF(!root, "accepted bodies are JSON objects");
  BUG_IF(!text_printable(r->order_id, 1, ORDER_ID_CHARS_MAX), "order_id");
  check_number(a, json_object_get(root, "order_id"), r->order_id);
  if (r->amount_text.n > 0)
    check_number(a, json_object_get(root, "amount"), r->amount_text);
  json_decref(root);
  if (create_request_urls(r, STR("merchant-site.com"), &param) == ERR_NONE && r->success_url.p)
    BUG_IF(website_match(STR("merchant-site.com"), r->success_url) != MATCH_OK, "success_url");
  if (create_request_amount(r, USDT(1), USDT(1000), &param) == ERR_NONE)
    BUG_IF(usdt_cmp(r->amount, USDT(1)) < 0 || usdt_cmp(r->amount, USDT(1000)) > 0,
           "amount within its limits");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str body = fuzz_text(data, n);
  struct create_request r;
  struct arena a;
  const char *param;
  arena_init(&a, 1 << 22);
  if (create_request_parse(&a, body, &r, &param) == ERR_NONE)
    check(&a, body, &r);
  arena_free(&a);
  return 0;
}
