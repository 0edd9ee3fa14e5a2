#include "simnode/answers_internal.h"

#include "base/hex.h"

#include <stdlib.h>
#include <string.h>

const char *const sim_lie_names[LIES] = {"none",  "value", "hide",  "outcome", "extra",
                                         "short", "id",    "solid", "tx"};

int64_t sim_node_head(const struct sim_node *n) {
  int64_t head = sim_head(n->chain)->number - n->lag;
  if (n->stands > 0 && head > n->stands)
    head = n->stands;
  return head < 0 ? 0 : head;
}

int64_t sim_node_solid(const struct sim_node *n) {
  int64_t solid = sim_solid(n->chain) - n->solid_lag, head = sim_node_head(n);
  if (n->lie == LIE_SOLID || solid > head)
    solid = head;
  return solid < 0 ? 0 : solid;
}

int64_t seen_head(struct asked *q) {
  return q->solid ? sim_node_solid(q->node) : sim_node_head(q->node);
}

const struct sim_block *seen_block(struct asked *q, int64_t number) {
  return number <= seen_head(q) ? sim_block(q->chain, number) : NULL;
}

// Arguments: JSON of a body, or a query's fields, which are all texts.

static int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static char *decoded(struct arena *a, struct str s) {
  char *out = arena_alloc(a, s.n + 1);
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] == '%' && i + 2 < s.n && digit(s.p[i + 1]) >= 0 && digit(s.p[i + 2]) >= 0) {
      out[n++] = (char)(digit(s.p[i + 1]) * 16 + digit(s.p[i + 2]));
      i += 2;
    } else
      out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
  return out;
}

static json_t *of_query(struct arena *a, struct str query) {
  json_t *args = json_object();
  while (query.n) {
    const char *end = memchr(query.p, '&', query.n);
    struct str pair = {query.p, end ? (size_t)(end - query.p) : query.n};
    const char *eq = memchr(pair.p, '=', pair.n);
    size_t n = eq ? (size_t)(eq - pair.p) : pair.n;
    struct str value = {eq ? eq + 1 : "", eq ? pair.n - n - 1 : 0};
    json_object_set_new(args, decoded(a, (struct str){pair.p, n}), json_string(decoded(a, value)));
    query = end ? (struct str){end + 1, query.n - pair.n - 1} : STR("");
  }
  return args;
}

static bool truth(const json_t *v) {
  return json_is_true(v) || (json_is_string(v) && strcmp(json_string_value(v), "true") == 0);
}

const char *ask_text(struct asked *q, const char *name) {
  return json_string_value(json_object_get(q->args, name));
}

bool ask_int(struct asked *q, const char *name, int64_t *out) {
  const json_t *v = json_object_get(q->args, name);
  char *end = NULL;
  *out = 0;
  if (!v)
    return true;
  if (json_is_integer(v)) {
    *out = json_integer_value(v);
    return true;
  }
  const char *text = json_is_string(v) ? json_string_value(v) : "?";
  if (q->get && *text) {
    *out = strtoll(text, &end, 10);
    if (!*end)
      return true;
  }
  q->error = str_printf(q->a,
                        "class org.tron.core.services.http.JsonFormat$ParseException : 1:%zu: Couldn't parse "
                        "integer: For input string: \"\"%.100s\"\"",
                        strlen(name) + 5, text)
                 .p;
  return false;
}

bool ask_hex(struct asked *q, const char *name, struct str *out) {
  const char *text = ask_text(q, name);
  *out = STR("");
  if (!text)
    return true;
  if (text[0] == '0' && (text[1] | 32) == 'x')
    text += 2;
  struct str digits = str_of(text);
  if (digits.n % 2)
    digits = str_printf(q->a, "0%s", text);
  char *bytes = arena_alloc(q->a, digits.n / 2 + 1);
  if (!hex_decode(digits, bytes, digits.n / 2)) {
    q->error =
        str_printf(q->a,
                   "class org.tron.core.services.http.JsonFormat$ParseException : 1:%zu: INVALID hex String",
                   strlen(name) + 5)
            .p;
    return false;
  }
  *out = (struct str){bytes, digits.n / 2};
  return true;
}

bool ask_address(struct asked *q, const char *name, struct tron_address *out, bool *given) {
  struct str bytes;
  const char *text = ask_text(q, name);
  *given = false;
  if (q->visible && text) {
    *given = address_parse(str_of(text), out);
    if (!*given)
      q->error =
          "class java.lang.NullPointerException : Cannot read the array length because \"bytes\" is null";
    return *given;
  }
  if (!ask_hex(q, name, &bytes))
    return false;
  *given = bytes.n == 1 + ADDRESS_N && bytes.p[0] == 0x41;
  if (*given)
    memcpy(out->account, bytes.p + 1, ADDRESS_N);
  return true;
}

// Fields.

void put_hex(struct asked *q, const char *name, const void *bytes, size_t n) {
  char *hex = arena_alloc(q->a, 2 * n + 1);
  hex_encode(bytes, n, hex);
  if (name)
    jsonw_key(q->w, name);
  jsonw_str(q->w, (struct str){hex, 2 * n});
}

void put_address(struct asked *q, const char *name, const struct tron_address *address) {
  uint8_t bytes[1 + ADDRESS_N] = {0x41};
  char text[ADDRESS_TEXT_N + 1];
  if (!q->visible) {
    memcpy(bytes + 1, address->account, ADDRESS_N);
    put_hex(q, name, bytes, sizeof bytes);
    return;
  }
  address_format(address, text);
  jsonw_kstr(q->w, name, str_of(text));
}

void put_message(struct asked *q, const char *name, const char *text, bool plain) {
  if (plain)
    jsonw_kstr(q->w, name, str_of(text));
  else
    put_hex(q, name, text, strlen(text));
}

struct str sim_spaced(struct arena *a, struct str json) {
  char *out = arena_alloc(a, 2 * json.n + 1);
  size_t n = 0;
  bool inside = false;
  for (size_t i = 0; i < json.n; i++) {
    out[n++] = json.p[i];
    if (json.p[i] == '\\' && inside && i + 1 < json.n)
      out[n++] = json.p[++i];
    else if (json.p[i] == '"')
      inside = !inside;
    else if (json.p[i] == ':' && !inside)
      out[n++] = ' ';
  }
  return (struct str){out, n};
}

void put_spaced(struct asked *q, size_t from) {
  struct str text = sim_spaced(q->a, (struct str){q->out->p + from, q->out->n - from});
  q->out->n = from;
  buf_str(q->out, text);
}

// Paths.

struct entry {
  const char *name;
  handler *run;
  bool on_solid, by_get; // GET is served too
};

static const struct entry entries[] = {
    {"getnowblock", answer_nowblock, true, true},
    {"getblockbynum", answer_blockbynum, true, true},
    {"getblockbyid", answer_blockbyid, true, true},
    {"getblock", answer_block, true, true},
    {"getblockbylimitnext", answer_limitnext, true, true},
    {"getblockbylatestnum", answer_latestnum, true, true},
    {"gettransactionbyid", answer_txbyid, true, true},
    {"gettransactioninfobyid", answer_infobyid, true, true},
    {"gettransactioninfobyblocknum", answer_infobynum, true, true},
    {"gettransactioncountbyblocknum", answer_count, true, true},
    {"gettransactionlistfrompending", answer_pendinglist, false, true},
    {"gettransactionfrompending", answer_txbyid, false, true},
    {"getpendingsize", answer_pendingsize, false, true},
    {"listwitnesses", answer_witnesses, true, true},
    {"getnextmaintenancetime", answer_nextmaintenance, false, true},
    {"getchainparameters", answer_parameters, false, true},
    {"getnodeinfo", answer_nodeinfo, false, true},
    {"getaccount", answer_account, true, true},
    {"getaccountresource", answer_resource, false, true},
    {"triggerconstantcontract", answer_constant, true, false},
    {"triggersmartcontract", answer_trigger, false, false},
    {"estimateenergy", answer_estimate, true, false},
    {"createtransaction", answer_create, false, true},
    {"broadcasttransaction", answer_broadcast, false, false},
    {"broadcasthex", answer_broadcasthex, false, false},
    {"getenergyprices", answer_energyprices, true, true},
    {"getbandwidthprices", answer_bandwidthprices, true, true},
    {"getmemofee", answer_memofee, false, true},
    {"validateaddress", answer_validate, false, true},
};

static const struct entry *find(struct str name, bool solid, bool get) {
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    if (str_eqc(name, entries[i].name) && (!solid || entries[i].on_solid) && (!get || entries[i].by_get))
      return &entries[i];
  return NULL;
}

// Jetty's own pages: a path that is not there is a method that is not supported when posted to.
static void no_such(const struct sim_request *q, struct arena *a, struct sim_answer *out) {
  bool get = strcmp(q->method, "GET") == 0;
  int status = get ? 404 : 405;
  struct str what =
      get ? STR("Not Found") : str_printf(a, "HTTP method %s is not supported by this URL", q->method);
  out->status = status;
  out->type = "text/html;charset=iso-8859-1";
  out->body = str_printf(
      a,
      "<html>\n<head>\n<meta http-equiv=\"Content-Type\" "
      "content=\"text/html;charset=ISO-8859-1\"/>\n<title>Error "
      "%d %.*s</title>\n</head>\n<body><h2>HTTP ERROR %d "
      "%.*s</h2>\n<table>\n<tr><th>URI:</th><td>%.*s</td></tr>\n"
      "<tr><th>STATUS:</th><td>%d</td></tr>\n<tr><th>MESSAGE:</th><td>%.*s</td></tr>\n<tr><th>SERVLET:</"
      "th><td>"
      "org.eclipse.jetty.servlet.ServletHandler$Default404Servlet-d85b399</td></tr>\n</table>\n<hr/><a "
      "href=\"https://eclipse.org/jetty\">Powered by Jetty:// "
      "9.4.53.v20231009</a><hr/>\n\n</body>\n</html>\n",
      status, STR_FMT(what), status, STR_FMT(what), STR_FMT(q->path), status, STR_FMT(what));
}

static void read_args(struct asked *x, const struct sim_request *q, const struct entry *e) {
  json_error_t wrong;
  bool format = e->run != answer_broadcast && e->run != answer_broadcasthex; // parses with JsonFormat
  if (x->get) {
    x->args = of_query(x->a, q->query);
    x->visible = truth(json_object_get(x->args, "visible"));
    return;
  }
  json_t *query = of_query(x->a, q->query);
  bool query_visible = truth(json_object_get(query, "visible"));
  json_decref(query);
  if (q->body.n > SIM_BODY_MAX && e->run != answer_broadcasthex)
    x->error = "class java.lang.Exception : body size is too big, the limit is 4194304";
  x->args = json_loadb(q->body.p ? q->body.p : "", q->body.n, JSON_DECODE_ANY, &wrong);
  x->visible = e->run == answer_nowblock ? query_visible : truth(json_object_get(x->args, "visible"));
  if (json_is_object(x->args) || e->run == answer_nowblock || e->run == answer_witnesses)
    return;
  if (x->error)
    return;
  if (q->body.n == 0 && format)
    x->error = "class org.tron.core.services.http.JsonFormat$ParseException : 1:1: Expected \"{\".";
  else if (q->body.n == 0)
    x->error = "class java.lang.NullPointerException : null";
  else
    x->error = x->args ? "class com.alibaba.fastjson.JSONException : can not cast to JSONObject."
                       : "class com.alibaba.fastjson.JSONException : error parse new";
}

static void respond(struct asked *x, const struct entry *e, struct sim_answer *out) {
  struct jsonw w;
  jsonw_init(&w, x->out);
  x->w = &w;
  if (!x->error)
    e->run(x);
  if (x->error) {
    x->out->n = 0;
    jsonw_init(&w, x->out);
    jsonw_open(&w, '{');
    jsonw_kstr(&w, "Error", str_of(x->error));
    jsonw_close(&w, '}');
  }
  buf_char(x->out, '\n');
  out->status = 200;
  out->type = "application/json;charset=utf-8";
  out->body = buf_view(x->out);
}

void sim_answer(struct sim_node *n, const struct sim_request *q, struct arena *a, struct sim_answer *out) {
  struct buf body;
  bool get = strcmp(q->method, "GET") == 0, solid = str_starts(q->path, STR("/walletsolidity/"));
  size_t skip = solid ? strlen("/walletsolidity/") : strlen("/wallet/");
  const struct entry *e = NULL;
  int part = solid ? SIM_SOLID : SIM_FULL;
  if ((solid || str_starts(q->path, STR("/wallet/"))) && (get || strcmp(q->method, "POST") == 0) &&
      (n->served == 0 || (n->served & part)))
    e = find((struct str){q->path.p + skip, q->path.n - skip}, solid, get);
  if (!e) {
    no_such(q, a, out);
    return;
  }
  buf_init(&body, a, SIM_ANSWER_MAX / 4);
  struct asked x = {.node = n, .chain = n->chain, .solid = solid, .get = get, .a = a, .out = &body};
  read_args(&x, q, e);
  respond(&x, e, out);
  json_decref(x.args);
}
