// A merchant's project: one website, two pairs of keys, and the rules for its payments. Pure.
#pragma once
#include "core/payment.h"

enum custody { CUSTODY_MERCHANT = 0, CUSTODY_OPERATOR = 1 }; // stored; spec "Whose money"

enum webhook_event { // stored as bits; EVENT_PAID is always sent
  EVENT_PAID = 1,
  EVENT_EXPIRED = 2,
  EVENT_FAILED = 4,
  EVENT_UNDERPAID = 8,
};

struct project {
  int64_t id; // app_id
  int64_t merchant_id;
  struct str name;
  bool live; // mode: Test until switched
  bool enabled;
  struct str website;      // URL as given; absent: not configured
  struct str website_host; // normalised, without "www."; UNIQUE over all projects
  struct str webhook_url;  // absent: no webhooks
  struct str support;      // what the payer is told to contact: an e-mail address or URL; absent: the website
  int events;              // enum webhook_event bits
  bool public_status;      // answer payment-status without a signature
  bool require_v2;
  struct usdt min_amount, max_amount;
  struct usdt surcharge_cap; // most that an amount is raised to tell payments apart
  struct pay_policy policy;
  int64_t created_us;
  int64_t version;
};

// A project as it is made: in Test mode, enabled, with the documented defaults.
void project_init(struct project *p);

// One setting by its name on the command line ("mode", "enabled", "website", …); an unknown name or an
// unusable value is refused with the error that fits. `allow_http` permits http webhooks. Texts are kept by
// reference or live in `a`.
enum err project_set(struct project *p, struct arena *a, struct str key, struct str value,
                     bool allow_http) MUST_CHECK;

// Every name that project_set() takes, with a line of help; ends with a NULL name.
struct project_setting {
  const char *name, *help;
};
extern const struct project_setting project_settings[];
