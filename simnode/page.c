// A wallet's page: to whom, how much, send. It works without scripts.
#include "simnode/server.h"

#include "base/hex.h"

#include <string.h>

static const char HEAD[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Simulated wallet</title>"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<meta name=\"color-scheme\" content=\"light dark\">";
static const char STYLE[] =
    "<style>:root{--bg:#f6f6f4;--card:#fff;--ink:#1c1d1f;--soft:#5b5f66;--line:#c9ccd2;--go:#0a6b4b;--on:#"
    "fff;--bad:"
    "#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--bg:#141517;--card:#1e2023;--ink:#ececee;--soft:#a6abb3;--line:"
    "#4a4e55;"
    "--go:#5fd3a6;--on:#10241c;--bad:#ff8a80}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 "
    "system-ui,sans-serif}"
    "main{max-width:30rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.4rem;margin:0}p{margin:.4rem "
    "0}"
    "a{color:var(--go)}.soft{color:var(--soft)}.card{background:var(--card);border:1px solid "
    "var(--line);border-radius:12px;padding:1rem "
    "1.25rem;margin:1rem 0}label{display:block;font-weight:600;margin:.75rem 0 .25rem}"
    "input,select{width:100%;min-height:44px;font:inherit;padding:.5rem "
    ".75rem;color:inherit;background:var(--bg);"
    "border:1px solid var(--line);border-radius:8px}"
    "button{width:100%;min-height:48px;margin-top:1.25rem;font:inherit;font-weight:600;background:var(--go);"
    "color:var(--on);border:0;border-radius:8px;cursor:pointer}:focus-visible{outline:3px solid var(--go);"
    "outline-offset:2px}.mono{font:14px/1.5 "
    "ui-monospace,monospace;overflow-wrap:anywhere}.ok{color:var(--go);"
    "font-weight:600}.bad{color:var(--bad);font-weight:600}</style><main>";

static int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// A field of a query or a form, decoded; "" where it is not there.
static const char *field(struct arena *a, struct str s, const char *name) {
  size_t n = strlen(name);
  for (size_t i = 0; i + n < s.n; i++) {
    if ((i && s.p[i - 1] != '&') || memcmp(s.p + i, name, n) != 0 || s.p[i + n] != '=')
      continue;
    char *out = arena_alloc(a, s.n + 1), *p = out;
    for (i += n + 1; i < s.n && s.p[i] != '&'; i++)
      if (s.p[i] == '%' && i + 2 < s.n && digit(s.p[i + 1]) >= 0 && digit(s.p[i + 2]) >= 0) {
        *p++ = (char)(digit(s.p[i + 1]) * 16 + digit(s.p[i + 2]));
        i += 2;
      } else
        *p++ = s.p[i] == '+' ? ' ' : s.p[i];
    return out;
  }
  return "";
}

static void escaped(struct buf *out, const char *s) {
  for (; *s; s++)
    if (*s == '&' || *s == '<' || *s == '>' || *s == '"' || *s == '\'')
      buf_printf(out, "&#%d;", *s);
    else
      buf_char(out, *s);
}

static const char *const kind_words[SIM_KINDS] = {
    [SIM_DIRECT] = "A plain transfer",
    [SIM_FROM] = "By somebody who may spend for you",
    [SIM_INTERNAL] = "By another contract",
    [SIM_TWICE] = "Twice in one transaction",
    [SIM_FAKE] = "A counterfeit token",
    [SIM_FAKE_AND_REAL] = "The token and a counterfeit, together",
    [SIM_DIRTY] = "A plain transfer, written as wallets do it",
    [SIM_REVERT] = "One that is refused by the contract",
    [SIM_OUT_OF_ENERGY] = "One that runs out of energy",
    [SIM_OUT_OF_TIME] = "One that runs out of time",
    [SIM_ILLEGAL] = "One whose contract breaks",
    [SIM_TRX] = "TRX instead of USDT",
};

static void kinds(struct buf *out, const char *chosen) {
  buf_c(out, "<label for=\"kind\">How</label><select id=\"kind\" name=\"kind\">");
  for (int i = 0; i < SIM_KINDS; i++) {
    buf_printf(out, "<option value=\"%s\"%s>", sim_kind_names[i],
               strcmp(chosen, sim_kind_names[i]) == 0 ? " selected" : "");
    buf_c(out, kind_words[i]);
    buf_c(out, "</option>");
  }
  buf_c(out, "</select>");
}

static void input(struct buf *out, const char *name, const char *label, const char *attributes,
                  const char *value) {
  buf_c(out, "<label for=\"");
  buf_c(out, name);
  buf_c(out, "\">");
  buf_c(out, label);
  buf_c(out, "</label><input id=\"");
  buf_c(out, name);
  buf_c(out, "\" name=\"");
  buf_c(out, name);
  buf_c(out, "\" required autocomplete=\"off\" ");
  buf_c(out, attributes);
  buf_c(out, " value=\"");
  escaped(out, value);
  buf_c(out, "\">");
}

// What has become of it. True: it may still change.
static bool result(struct node *n, const char *txid, struct buf *out) {
  uint8_t id[32];
  const struct tx *t = hex_decode(str_of(txid), id, 32) ? sim_tx(n->server->chain, id) : NULL;
  buf_c(out, "<div class=\"card\" role=\"status\">");
  if (!t)
    buf_c(out, "<p>There is no such transaction.</p>");
  else if (t->block < 0)
    buf_c(out, "<p>Sent. It waits for the next block.</p>");
  else if (t->ret != OUTCOME_SUCCESS)
    buf_printf(out, "<p class=\"bad\">It failed (%s) in block %lld. Nothing was moved.</p>",
               sim_outcome_name(t->ret), (long long)t->block);
  else if (t->block > sim_node_solid(&n->sim))
    buf_printf(out, "<p class=\"ok\">Sent, in block %lld.</p><p class=\"soft\">It is final soon.</p>",
               (long long)t->block);
  else
    buf_printf(out, "<p class=\"ok\">Sent, in block %lld. It is final.</p>", (long long)t->block);
  buf_c(out, "<p class=\"soft\">Transaction</p><p class=\"mono\">");
  escaped(out, txid);
  buf_c(out, "</p></div>");
  return t && (t->block < 0 || t->block > sim_node_solid(&n->sim));
}

void page_wallet(struct node *n, struct str query, struct arena *a, struct buf *out) {
  const char *sent = field(a, query, "sent"), *wrong = field(a, query, "wrong");
  struct sim_key payer = sim_person(n->server->chain, "payer");
  int64_t has = sim_balance(n->server->chain, &payer.address);
  struct buf said;
  buf_init(&said, a, 1 << 16);
  bool waits = *sent && result(n, sent, &said);
  buf_c(out, HEAD);
  if (waits)
    buf_c(out, "<meta http-equiv=\"refresh\" content=\"3\">");
  buf_c(out, STYLE);
  buf_c(
      out,
      "<h1>Simulated wallet</h1><p class=\"soft\">On a simulated chain: nothing here is worth anything, and "
      "nothing reaches the real one.</p>");
  buf_str(out, buf_view(&said));
  if (*wrong)
    buf_c(out, "<p class=\"bad\" role=\"alert\">It was not sent: look at the address and the amount.</p>");
  if (*sent) { // not filled in any more: nobody sends twice by mistake
    buf_c(out, "<p><a href=\"/\">Send something else</a></p></main></html>\n");
    return;
  }
  buf_c(out, "<form class=\"card\" method=\"post\" action=\"/\">");
  buf_printf(out, "<p class=\"soft\">You have %lld.%02lld USDT.</p>", (long long)(has / 1000000),
             (long long)(has % 1000000 / 10000));
  input(out, "to", "To", "spellcheck=\"false\" class=\"mono\"", field(a, query, "to"));
  input(out, "amount", "Amount, USDT", "inputmode=\"decimal\"", field(a, query, "amount"));
  kinds(out, field(a, query, "kind"));
  buf_c(out, "<button>Send</button></form></main></html>\n");
}

// What may stand in a query as it is.
static const char *plain(struct arena *a, const char *s) {
  char *out = arena_alloc(a, strlen(s) + 1), *p = out;
  for (; *s; s++)
    if ((*s >= '0' && *s <= '9') || ((*s | 32) >= 'a' && (*s | 32) <= 'z') || *s == '.' || *s == '_')
      *p++ = *s;
  return out;
}

struct str page_send(struct node *n, struct str form, struct arena *a) {
  const char *to = field(a, form, "to"), *amount = field(a, form, "amount"), *kind = field(a, form, "kind");
  struct buf out;
  json_t *args = json_pack("{s:s,s:s,s:s}", "to", plain(a, to), "amount", plain(a, amount), "kind",
                           *kind ? plain(a, kind) : sim_kind_names[0]);
  buf_init(&out, a, 1 << 16);
  bool ok = control(n, "transfer", args, a, &out);
  json_decref(args);
  json_t *said = json_loadb(buf_view(&out).p, buf_view(&out).n, 0, NULL);
  const char *txid = json_string_value(json_object_get(said, "txid"));
  struct str where = ok && txid
                         ? str_printf(a, "/?to=%s&amount=%s&sent=%s", plain(a, to), plain(a, amount), txid)
                         : str_printf(a, "/?to=%s&amount=%s&wrong=1", plain(a, to), plain(a, amount));
  json_decref(said);
  return where;
}
