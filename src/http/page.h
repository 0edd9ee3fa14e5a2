// What all pages share: security headers, static files, the page for errors.
#pragma once
#include "http/checkout_view.h"
#include "http/server.h"

// Content-Security-Policy and its companions; nothing is stored, nothing may frame it.
void page_headers(struct request *r);

// Is this POST sent by a page of somebody else? By Sec-Fetch-Site, or where a browser does not send it by
// Origin. (The pages have no cookies that such a POST could use, but nobody else shall press our buttons
// either.)
bool page_is_foreign(const struct request *r);

// Path of the base URL: "" or "/gateway".
struct str page_prefix(const struct request *r);

// Language, the chain and other project-less facts of this request; `chosen` is its field `lang`.
struct checkout_facts page_facts(const struct request *r, struct str chosen);

void page_show(struct request *r, int status, struct checkout_view *v);
// A page that says what is the matter; `id` leads back to a payment (0: to none).
void page_refuse(struct request *r, enum err e, int64_t id, struct str chosen);
void page_error(struct request *r, enum err e); // for server_options.error_page

request_fn page_static; // /static/NAME.HASH.css, for ever the same bytes
