// A project's website: which URLs may be one, and which redirect and webhook URLs go with it (spec
// "Project Website URL", "success_url, fail_url", "Webhooks").
#pragma once
#include "core/err.h"

enum { WEBSITE_URL_MAX = 2048 }; // bytes of any URL that a merchant gives

// The unique key of a website: its host in ASCII and lower case, without trailing dot and leading "www.".
// ERR_WEBSITE where the URL is not http(s), has a user name, or its host is not a public DNS name: an IP
// address in any spelling, a reserved name, a public suffix. An unknown top-level domain is fine. *host
// belongs to `a`.
enum err website_host(struct arena *a, struct str url, struct str *host) MUST_CHECK;

enum website_match {
  MATCH_OK,
  MATCH_MALFORMED, // not a usable http(s) URL, or too long, or with a user name
  MATCH_FOREIGN,   // another host
};

// May a payer be sent to `url`? `host` is what website_host() gave; ports and a leading "www." make no
// difference. Cheap where the URL's host is ASCII.
enum website_match website_match(struct str host, struct str url);

// A webhook's URL: https (or http where `allow_http`), no user name. *out is what to store and call: the same
// text, but in ASCII (a name in its xn-- form, other bytes percent-encoded) and without fragment. Whether the
// host may be called is decided when it is called. ERR_WEBHOOK_URL.
enum err website_webhook(struct arena *a, struct str url, bool allow_http, struct str *out) MUST_CHECK;
