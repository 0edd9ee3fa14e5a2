#include "page.h"

#include <stdio.h>

static const char HEAD[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Demo shop</title>"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"refresh\" "
    "content=\"4;url=/\">"
    "<meta name=\"color-scheme\" content=\"light dark\"><style>"
    ":root{--bg:#f6f6f4;--card:#fff;--ink:#1c1d1f;--soft:#5b5f66;--line:#dddfe3;--go:#0a6b4b;--on:#fff;--bad:"
    "#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--bg:#141517;--card:#1e2023;--ink:#ececee;--soft:#a6abb3;--line:"
    "#35383d;"
    "--go:#5fd3a6;--on:#10241c;--bad:#ff8a80}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 "
    "system-ui,sans-serif}"
    "main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem "
    "3rem}h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}"
    "p{margin:.25rem 0}.soft{color:var(--soft)}.card{background:var(--card);border:1px solid "
    "var(--line);border-radius:12px;"
    "padding:1rem 1.25rem;margin:.75rem 0}.row{display:flex;flex-wrap:wrap;gap:.5rem "
    "1rem;align-items:center;justify-content:space-between}"
    "button{font:inherit;font-weight:600;background:var(--go);color:var(--on);border:0;border-radius:8px;"
    "padding:.7rem 1.4rem;"
    "min-height:44px;cursor:pointer}:focus-visible{outline:3px solid "
    "var(--go);outline-offset:2px}a{color:var(--go)}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.75rem 0 "
    "0;padding:.75rem;border-radius:8px;background:var(--bg);"
    "font:13px/1.5 "
    "ui-monospace,monospace}.ok{color:var(--go);font-weight:600}.bad{color:var(--bad);font-weight:600}"
    "</style><main>";

static void text(FILE *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    switch (s[i]) {
    case '&':
      fputs("&amp;", out);
      break;
    case '<':
      fputs("&lt;", out);
      break;
    case '>':
      fputs("&gt;", out);
      break;
    case '"':
      fputs("&quot;", out);
      break;
    case '\0':
      fputs("\\0", out);
      break;
    default:
      fputc(s[i], out);
    }
}

static void cstr(FILE *out, const char *s) {
  for (; *s; s++)
    text(out, s, 1);
}

static void product(FILE *out, const struct shop *shop) {
  fputs("<h1>Demo shop</h1><p class=\"soft\">A shop of its own: it knows the gateway at ", out);
  cstr(out, shop->gateway_url);
  fputs(" only through its API keys. The payment page opens beside it; come back here by this tab: its "
        "website does not exist.</p><div class=\"card row\"><div><strong>",
        out);
  cstr(out, shop->product);
  fputs("</strong><p class=\"soft\">", out);
  cstr(out, shop->price);
  fputs(" USDT</p></div><form method=\"post\" action=\"/buy\" "
        "target=\"_blank\"><button>Buy</button></form></div>",
        out);
  if (shop->error[0]) {
    fputs("<p class=\"bad\" role=\"alert\">", out);
    cstr(out, shop->error);
    fputs("</p>", out);
  }
}

static void orders(FILE *out, const struct shop *shop) {
  fputs("<h2>Orders</h2>", out);
  if (!shop->orders[0].id[0])
    fputs("<p class=\"soft\">None yet. Buy something: the payment page opens. In test mode its "
          "buttons pay, else a wallet does.</p>",
          out);
  for (int i = 0; i < ORDERS && shop->orders[i].id[0]; i++) {
    const struct order *o = &shop->orders[i];
    fprintf(out, "<div class=\"card row\" id=\"%s\"><span>%s</span><a href=\"", o->id, o->id);
    cstr(out, o->payment_url);
    fputs("\" target=\"_blank\">payment page</a>", out);
    fputs(o->paid ? "<span class=\"ok\">paid</span></div>"
                  : "<span class=\"soft\">waiting for the webhook</span></div>",
          out);
  }
}

static void verdict(FILE *out, const char *header, bool ok) {
  fprintf(out, "<p class=\"%s\">%s %s: signature %s</p>", ok ? "ok" : "bad", ok ? "✓" : "✗", header,
          ok ? "verified" : "does not match");
}

static void arrivals(FILE *out, const struct shop *shop) {
  fputs("<h2>Webhooks</h2>", out);
  if (!shop->arrivals[0].body)
    fputs("<p class=\"soft\">None yet. When a payment is paid, its webhook appears here by itself.</p>", out);
  for (int i = 0; i < ARRIVALS && shop->arrivals[i].body; i++) {
    const struct arrival *a = &shop->arrivals[i];
    char at[32];
    struct tm utc;
    strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&a->at, &utc));
    fprintf(out, "<div class=\"card\"><p class=\"soft\">POST /webhook · %s</p>", at);
    verdict(out, "X-Signature", a->signature_ok);
    verdict(out, "webhook-signature", a->standard_ok);
    if (a->repeated)
      fputs("<p class=\"soft\">Seen before, so nothing is done twice.</p>", out);
    fputs("<pre>", out);
    text(out, a->body, a->size);
    fputs("</pre></div>", out);
  }
}

char *page_render(const struct shop *shop, size_t *size) {
  char *html = NULL;
  FILE *out = open_memstream(&html, size);
  if (!out)
    return NULL;
  fputs(HEAD, out);
  product(out, shop);
  orders(out, shop);
  arrivals(out, shop);
  fputs("</main></html>", out);
  fclose(out);
  return html;
}
