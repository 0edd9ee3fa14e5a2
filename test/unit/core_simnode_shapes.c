// What the simulated node says has the shape of what java-tron says: for each kind of question the
// recording's answer beside ours, member by member: the same names, the same types, defaults left out, the
// newline at the end, the way it is spaced.
#include "../support/recordings.h"
#include "base/hex.h"
#include "simnode/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NAMES_MAX = 80 };

struct fixture {
  struct sim_chain *chain;
  struct sim_node node;
  struct arena arena;
  json_t *recorded;
  struct {
    const char *name;
    struct str value;
  } names[NAMES_MAX];
  int n_names;
  struct sim_key hot, bob, nobody, stranger; // the last two have no account
  int serial;
};

// Names that requests are made of.

static void name(struct fixture *f, const char *what, struct str value) {
  assert_true(f->n_names < NAMES_MAX);
  f->names[f->n_names].name = what;
  f->names[f->n_names++].value = str_copy(&f->arena, value);
}

static struct str hex_of(struct fixture *f, const void *bytes, size_t n) {
  char *out = arena_alloc(&f->arena, 2 * n + 1);
  hex_encode(bytes, n, out);
  return (struct str){out, 2 * n};
}

static void name_address(struct fixture *f, const char *what, const struct tron_address *a) {
  uint8_t bytes[1 + ADDRESS_N] = {0x41};
  memcpy(bytes + 1, a->account, ADDRESS_N);
  name(f, what, hex_of(f, bytes, sizeof bytes));
}

static struct str filled(struct fixture *f, const char *text) {
  struct buf out;
  if (!strchr(text, '$'))
    return str_of(text);
  buf_init(&out, &f->arena, 1 << 24);
  for (const char *p = text; *p;) {
    int best = -1;
    for (int i = 0; i < f->n_names && *p == '$'; i++) {
      size_t n = strlen(f->names[i].name);
      if (strncmp(p + 1, f->names[i].name, n) == 0 && (best < 0 || n > strlen(f->names[best].name)))
        best = i;
    }
    if (best < 0) {
      if (*p == '$')
        fail_msg("no such name: %.20s", p);
      buf_char(&out, *p++);
      continue;
    }
    buf_str(&out, f->names[best].value);
    p += 1 + strlen(f->names[best].name);
  }
  return buf_view(&out);
}

// Shapes, as text.

static const char *text_kind(struct str s) {
  size_t hex = 0;
  for (size_t i = 0; i < s.n; i++)
    hex += strchr("0123456789abcdef", s.p[i]) != NULL;
  if (s.n == 34 && s.p[0] == 'T')
    return "address";
  if (hex == s.n && s.n % 2 == 0)
    return s.n == 64 ? "hex64" : s.n == 42 ? "hex42" : s.n == 40 ? "hex40" : s.n == 130 ? "hex130" : "hex";
  return "text";
}

static bool is_in(const char *list, const char *word) {
  size_t n = strlen(word);
  for (const char *p = list; (p = strstr(p, word)); p += n)
    if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
      return true;
  return false;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Members that `may` names are left out; `any` is the text that stands for one item of an array.
// Recursion is as deep as the answers are.
static void shape(struct fixture *f, const json_t *v, const char *may, struct buf *out) {
  const char *keys[128];
  size_t n = 0;
  void *at;
  if (json_is_object(v)) {
    for (at = json_object_iter((json_t *)v); at; at = json_object_iter_next((json_t *)v, at))
      if (!is_in(may, json_object_iter_key(at)))
        keys[n++] = json_object_iter_key(at);
    qsort(keys, n, sizeof *keys, by_text);
    buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
      buf_printf(out, "%s:", keys[i]);
      shape(f, json_object_get(v, keys[i]), may, out);
      buf_char(out, ' ');
    }
    buf_char(out, '}');
  } else if (json_is_array(v)) { // each kind of item once
    n = 0;
    for (size_t i = 0; i < json_array_size(v) && n < 128; i++) {
      struct buf one;
      bool known = false;
      buf_init(&one, &f->arena, 1 << 20);
      shape(f, json_array_get(v, i), may, &one);
      for (size_t k = 0; k < n; k++)
        known = known || str_eqc(buf_view(&one), keys[k]);
      if (!known)
        keys[n++] = str_c(&f->arena, buf_view(&one));
    }
    qsort(keys, n, sizeof *keys, by_text);
    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
      buf_str(out, str_of(keys[i]));
      buf_char(out, ' ');
    }
    buf_char(out, ']');
  } else if (json_is_string(v))
    buf_c(out, text_kind((struct str){json_string_value(v), json_string_length(v)}));
  else
    buf_c(out, json_is_integer(v) ? "int" : json_is_real(v) ? "real" : json_is_boolean(v) ? "bool" : "null");
}

static struct str shape_of(struct fixture *f, struct str body, const char *may) {
  struct buf out;
  json_t *v = json_loadb(body.p, body.n, 0, NULL);
  buf_init(&out, &f->arena, 1 << 20);
  if (!v)
    return STR("not JSON");
  shape(f, v, may, &out);
  json_decref(v);
  return buf_view(&out);
}

// Words that mean something: codes and messages, without the addresses and bytes in them.
static struct str masked(struct fixture *f, struct str s) {
  struct buf out;
  uint8_t *bytes = arena_alloc(&f->arena, s.n / 2 + 1);
  if (s.n >= 8 && hex_decode(s, bytes, s.n / 2))
    s = (struct str){(char *)bytes, s.n / 2};
  buf_init(&out, &f->arena, 1 << 20);
  for (size_t i = 0; i < s.n;) {
    size_t n = 0;
    while (i + n < s.n &&
           strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s.p[i + n]))
      n++;
    bool digits = n > 0;
    for (size_t k = 0; k < n; k++)
      digits = digits && s.p[i + k] >= '0' && s.p[i + k] <= '9';
    if (n >= 30)
      buf_char(&out, '#');
    else if (digits && n > 3)
      buf_char(&out, '9');
    else
      buf_add(&out, s.p + i, n ? n : 1);
    i += n ? n : 1;
  }
  return buf_view(&out);
}

static struct str words_of(struct fixture *f, struct str body) {
  static const char *const members[] = {"result", "code", "message", "Error", "resMessage"};
  struct buf out;
  json_t *v = json_loadb(body.p, body.n, 0, NULL);
  buf_init(&out, &f->arena, 1 << 20);
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    const json_t *m = json_object_get(v, members[i]),
                 *inner = json_object_get(json_object_get(v, "result"), members[i]);
    m = inner ? inner : m;
    if (json_is_boolean(m))
      buf_c(&out, json_is_true(m) ? " true" : " false");
    if (json_is_string(m)) {
      buf_char(&out, ' ');
      buf_str(&out, masked(f, (struct str){json_string_value(m), json_string_length(m)}));
    }
  }
  json_decref(v);
  return buf_view(&out);
}

static json_t *recording(struct fixture *f, const char *number) {
  json_t *x;
  size_t i;
  json_array_foreach(f->recorded, i, x) {
    struct str file = recording_text(x, "file");
    if (str_starts(file, str_of(number)) && file.p[strlen(number)] == '-')
      return x;
  }
  fail_msg("no recording %s", number);
  return NULL;
}

static void same(const char *number, const char *what, struct str said, struct str recorded) {
  if (!str_eq(said, recorded))
    fail_msg("%s, %s:\n  java-tron %.*s\n  we        %.*s", number, what, STR_FMT(recorded), STR_FMT(said));
}

struct row {
  const char *number; // of the recording
  const char *body;   // what we are asked in its place; NULL: what the recording was asked
  const char *may;    // members that depend on more than the kind of question
  bool shape_only;    // the words depend on the Java version or on what was wrong
};

static void compare(struct fixture *f, const struct row *r) {
  json_t *x = recording(f, r->number);
  struct str path = recording_text(x, "path"), recorded = recording_text(x, "body"), query = STR("");
  const char *mark = memchr(path.p, '?', path.n);
  if (mark) {
    query = (struct str){mark + 1, path.n - (size_t)(mark + 1 - path.p)};
    path.n = (size_t)(mark - path.p);
  }
  struct str asked;
  const json_t *request = json_object_get(x, "request");
  if (r->body && str_eqc(recording_text(x, "method"), "GET")) {
    query = filled(f, r->body);
    asked = STR("");
  } else if (r->body)
    asked = filled(f, r->body);
  else if (json_is_string(request))
    asked = str_of(json_string_value(request));
  else {
    char *text = json_dumps(request, JSON_COMPACT | JSON_ENCODE_ANY);
    asked = str_copy(&f->arena, str_of(text ? text : ""));
    free(text);
  }
  struct sim_answer out;
  struct sim_request q = {str_c(&f->arena, recording_text(x, "method")), path, query, asked};
  sim_answer(&f->node, &q, &f->arena, &out);
  assert_int_equal(out.status, json_integer_value(json_object_get(x, "status")));
  const char *may = r->may ? r->may : "";
  same(r->number, "shape", shape_of(f, out.body, may), shape_of(f, recorded, may));
  if (!r->shape_only)
    same(r->number, "words", words_of(f, out.body), words_of(f, recorded));
  bool json = recorded.p[0] == '{' || recorded.p[0] == '[';
  assert_true(str_ends(out.body, STR("\n")) == str_ends(recorded, STR("\n")));
  if (json && (strstr(str_c(&f->arena, recorded), "\":") != NULL) !=
                  (strstr(str_c(&f->arena, out.body), "\":") != NULL))
    fail_msg("%s: nothing on one side", r->number);
  struct str spaced = STR("\": ");
  bool theirs = strstr(str_c(&f->arena, recorded), spaced.p),
       ours = strstr(str_c(&f->arena, out.body), spaced.p);
  if (json && theirs != ours && !strstr(r->may ? r->may : "", "transaction"))
    fail_msg("%s: spaced as %.200s, not as %.200s", r->number, out.body.p, recorded.p);
}

static void compare_all(struct fixture *f, const struct row *rows, size_t n) {
  for (size_t i = 0; i < n; i++)
    compare(f, &rows[i]);
}
#define COMPARE(rows) compare_all(*state, rows, sizeof(rows) / sizeof *(rows))

// A chain on which everything that the recordings show has happened.

static void pay(struct fixture *f, const char *what, const char *from, enum sim_kind kind) {
  struct sim_payment p = {.from = from, .to = f->bob.address, .amount = 1000000, .kind = kind};
  const struct tx *t = sim_pay(f->chain, &p, NULL);
  assert_non_null(t);
  if (what)
    name(f, what, hex_of(f, t->id, 32));
}

static void name_number(struct fixture *f, const char *what, int64_t n) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)n);
  name(f, what, str_of(text));
}

static void happen(struct fixture *f) {
  struct sim_chain *c = f->chain;
  sim_mine(c, 10);
  pay(f, "free", "one", SIM_DIRECT); // a day's first transaction has free bandwidth
  pay(f, "paid", "one", SIM_DIRECT);
  sim_mine(c, 1);
  for (int i = 0; i < 6; i++) // nobody has free bandwidth left
    pay(f, NULL, i % 3 ? i % 3 == 1 ? "spender" : "payer" : "one", SIM_TRX);
  pay(f, NULL, "payer", SIM_FROM);
  sim_mine(c, 1);
  pay(f, "from", NULL, SIM_FROM);
  pay(f, "twice", NULL, SIM_TWICE);
  pay(f, "both", NULL, SIM_FAKE_AND_REAL);
  pay(f, "illegal", NULL, SIM_ILLEGAL);
  sim_mine(c, 1);
  pay(f, NULL, NULL, SIM_DIRECT);
  pay(f, "fake", NULL, SIM_FAKE);
  pay(f, "revert", NULL, SIM_REVERT);
  pay(f, "energy", NULL, SIM_OUT_OF_ENERGY);
  pay(f, "trx", NULL, SIM_TRX);
  sim_mine(c, 1);
  name_number(f, "mixed", sim_head(c)->number);
  name(f, "mixedid", hex_of(f, sim_head(c)->id, 32));
  pay(f, NULL, NULL, SIM_TRX);
  sim_mine(c, 1);
  name_number(f, "trxonly", sim_head(c)->number);
  struct sim_payment p = {.to = f->nobody.address, .amount = 5000000, .kind = SIM_TRX};
  name(f, "activation", hex_of(f, sim_pay(c, &p, NULL)->id, 32));
  sim_mine(c, 10);
  pay(f, "pending", NULL, SIM_TRX);
}

static int setup(void **state) {
  static struct fixture f;
  struct sim_options o = {.witnesses = 5};
  uint8_t word[SIM_WORD];
  f = (struct fixture){.chain = sim_new(&o)};
  f.node.chain = f.chain;
  arena_init(&f.arena, SIM_ANSWER_MAX);
  f.recorded = recording_exchanges();
  f.hot = sim_person(f.chain, "hot");
  f.bob = sim_person(f.chain, "bob");
  sim_key_make("test", "nobody", &f.nobody);
  sim_key_make("test", "stranger", &f.stranger);
  happen(&f);
  name_address(&f, "token", &f.chain->contracts.token);
  name_address(&f, "hot", &f.hot.address);
  name_address(&f, "bob", &f.bob.address);
  struct tron_address none = {{9}};
  name_address(&f, "none", &none);
  sim_word_address(&f.bob.address, word);
  name(&f, "wordbob", hex_of(&f, word, SIM_WORD));
  sim_word_address(&none, word);
  name(&f, "wordnone", hex_of(&f, word, SIM_WORD));
  sim_word_number(5, word);
  name(&f, "five", hex_of(&f, word, SIM_WORD));
  memset(word + 20, 0x11, 8);
  name(&f, "much", hex_of(&f, word, SIM_WORD));
  *state = &f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  sim_free(f->chain);
  json_decref(f->recorded);
  arena_free(&f->arena);
  return 0;
}

#define VALUE(name) "{\"value\":\"$" name "\"}"

static void blocks(void **state) {
  static const struct row rows[] = {
      {"217", "{\"num\":5}", NULL, false},
      {"218", "{\"num\":5,\"visible\":true}", NULL, false},
      {"220", "{\"num\":0}", "type_url", false},
      {"221", NULL, NULL, false},
      {"222", NULL, NULL, false},
      {"224", NULL, NULL, false},
      {"225", NULL, NULL, false},
      {"226", NULL, NULL, false},
      {"228", "num=5", NULL, false},
      {"201", "{\"num\":$mixed}", NULL, false},
      {"202", "{\"num\":$mixed}", NULL, false},
      {"211", "{\"num\":$mixed,\"visible\":true}", NULL, false},
      {"230", "{\"num\":$trxonly}", NULL, false},
      {"232", VALUE("mixedid"), NULL, false},
      {"233", NULL, NULL, false},
      {"234", "{\"id_or_num\":\"$mixed\",\"detail\":false}", NULL, false},
      {"236", "{\"id_or_num\":\"$mixedid\",\"detail\":false}", NULL, false},
      {"237", NULL, NULL, false},
      {"238", NULL, NULL, false},
      {"240", NULL, NULL, false},
      {"241", "{\"startNum\":5,\"endNum\":7}", "transactions", false},
      {"242", NULL, NULL, false},
      {"244", NULL, NULL, false},
      {"245", "{\"startNum\":1,\"endNum\":3}", NULL, false},
      {"246", NULL, NULL, false},
      {"258", "{\"num\":$mixed}", NULL, false},
      {"260", NULL, NULL, false},
      {"336", NULL, NULL, false},
      {"337", NULL, NULL, false},
      {"353", "{\"num\":5,\"foo\":\"bar\"}", NULL, false},
  };
  COMPARE(rows);
}

static void transactions_and_receipts(void **state) {
  static const struct row rows[] = {
      {"004", VALUE("pending"), NULL, false},
      {"005", VALUE("pending"), NULL, false},
      {"006", NULL, NULL, false},
      {"007", NULL, NULL, false},
      {"008", VALUE("pending"), NULL, false},
      {"088", VALUE("paid"), NULL, false},
      {"089", VALUE("paid"), NULL, false},
      {"102", VALUE("revert"), NULL, false},
      {"112", VALUE("from"), NULL, false},
      {"114", VALUE("twice"), NULL, false},
      {"117", VALUE("twice"), NULL, false},
      {"118", VALUE("illegal"), NULL, true},
      {"124", VALUE("illegal"), NULL, false},
      {"126", VALUE("fake"), NULL, false},
      {"128", VALUE("both"), NULL, false},
      {"144", VALUE("trx"), NULL, false},
      {"145", VALUE("trx"), NULL, false},
      {"148", VALUE("activation"), NULL, false},
      {"193", "{\"num\":$mixed}", "energy_penalty_total energy_usage net_usage energy_fee net_fee fee", true},
      {"204", "{\"num\":$mixed}", "energy_penalty_total energy_usage net_usage energy_fee net_fee fee", true},
      {"194", "{\"num\":999}", NULL, false},
      {"195", VALUE("paid"), NULL, false},
      {"206", VALUE("paid"), NULL, false},
      {"214", "{\"value\":\"$paid\",\"visible\":true}", NULL, false},
      {"215", VALUE("revert"), NULL, false},
      {"216", VALUE("energy"), NULL, false},
      {"248", "{\"num\":5}", NULL, false},
      {"249", NULL, NULL, false},
      {"250", NULL, NULL, false},
      {"252", NULL, NULL, false},
      {"253", NULL, NULL, false},
      {"254", "{\"num\":$trxonly}", NULL, false},
      {"261", NULL, NULL, false},
      {"262", NULL, NULL, false},
      {"264", NULL, NULL, false},
      {"265", NULL, NULL, false},
      {"266", "{\"value\":\"0x$paid\"}", NULL, false},
  };
  COMPARE(rows);
}

#define CALL(selector, parameter)                                                                            \
  "{\"owner_address\":\"$hot\",\"contract_address\":\"$token\",\"function_selector\":\"" selector            \
  "\",\"parameter\":\"" parameter "\"}"
#define SEND "\"function_selector\":\"transfer(address,uint256)\",\"parameter\":\"$wordbob$five\""

static void calls(void **state) {
  static const struct row rows[] = {
      {"269", CALL("balanceOf(address)", "$wordbob"), NULL, false},
      {"270", CALL("balanceOf(address)", "$wordbob"), NULL, false},
      {"272", CALL("balanceOf(address)", "$wordnone"), NULL, false},
      {"273", "{\"owner_address\":\"$hot\",\"contract_address\":\"$token\",\"data\":\"70a08231$wordbob\"}",
       NULL, false},
      {"276",
       "{\"owner_address\":\"$hot\",\"contract_address\":\"$none\",\"function_selector\":\"decimals()\"}",
       NULL, false},
      {"277", CALL("transfer(address,uint256)", "$wordbob$five"), NULL, false},
      {"282", "{\"owner_address\":\"$hot\",\"contract_address\":\"$token\",\"function_selector\":\"nope()\"}",
       NULL, false},
      {"284", "{\"owner_address\":\"$hot\",\"function_selector\":\"decimals()\"}", NULL, false},
      {"285", "{\"contract_address\":\"$token\",\"function_selector\":\"decimals()\"}", NULL, false},
      {"288", CALL("decimals()", ""), NULL, false},
      {"289", CALL("symbol()", ""), NULL, false},
      {"290", "{\"owner_address\":\"$hot\",\"contract_address\":\"$token\",\"fee_limit\":100000000," SEND "}",
       NULL, false},
      {"293", "{\"owner_address\":\"$hot\",\"contract_address\":\"$bob\"," SEND "}", NULL, false},
      {"294", "{\"owner_address\":\"$hot\",\"contract_address\":\"$token\"," SEND "}", NULL, false},
      {"296", "{\"owner_address\":\"$hot\",\"to_address\":\"$bob\",\"amount\":9000000000000000}", NULL,
       false},
      {"297", "{\"owner_address\":\"$none\",\"to_address\":\"$bob\",\"amount\":1}", NULL, false},
      {"298", CALL("transfer(address,uint256)", "$wordbob$five"), NULL, false},
      {"300", CALL("transfer(address,uint256)", "$wordbob$much"), NULL, false},
      {"301", "{\"owner_address\":\"$hot\",\"contract_address\":\"$bob\"," SEND "}", NULL, false},
  };
  COMPARE(rows);
}

static void what_the_chain_is(void **state) {
  static const char used[] =
      "latest_opration_time latest_consume_time latest_consume_free_time free_net_usage "
      "latest_consume_time_for_energy freeNetUsed";
  static const struct row rows[] = {
      {"302", NULL, NULL, false},
      {"304", NULL, NULL, false},
      {"305", NULL, NULL, false},
      {"306", "{\"address\":\"$hot\"}", used, false},
      {"308", "{\"address\":\"$hot\"}", used, false},
      {"310", NULL, NULL, false},
      {"312", "{\"address\":\"$token\"}", used, false},
      {"313", NULL, NULL, false},
      {"314", NULL, NULL, false},
      {"316", NULL, NULL, false},
      {"317", NULL, NULL, false},
      {"170", "{\"address\":\"$hot\"}", used, false},
      {"320", NULL, NULL, false},
      {"321", NULL, NULL, false},
      {"322", NULL, NULL, false},
      {"328", "", NULL, false},
      {"330", NULL, NULL, false},
      {"332", NULL, NULL, false},
      {"338", NULL, NULL, false},
      {"340", NULL, NULL, false},
      {"341", NULL, NULL, false},
      {"342", NULL, NULL, false},
      {"344", NULL, NULL, false},
      {"349", NULL, NULL, true},
      {"350", NULL, NULL, false},
      {"352", NULL, NULL, false},
      {"362", NULL, NULL, false},
  };
  COMPARE(rows);
}

// Broadcasting: the same transaction as hex and as JSON, with one thing wrong.

enum wrong {
  NOTHING,
  SIGNER,
  NO_SIGNATURE,
  SHORT,
  TWO,
  PERMISSION,
  TAPOS,
  PAST,
  TOO_FAR,
  TOO_MUCH,
  NO_OWNER,
  SELF,
  ZERO,
  CONTRACT,
  NO_CONTRACT,
  FEE,
  CALL_NO_OWNER
};

static void spoil(struct fixture *f, enum wrong what, struct tx_ask *k) {
  const struct sim_block *h = sim_head(f->chain);
  switch (what) {
  case NOTHING:
  case SIGNER:
  case NO_SIGNATURE:
  case SHORT:
  case TWO:
    break;
  case PERMISSION:
    k->permission = 3;
    break;
  case TAPOS:
    k->ref_hash[0] ^= 1;
    break;
  case PAST:
    k->expiration = h->time_ms - 1000;
    break;
  case TOO_FAR:
    k->expiration = h->time_ms + INT64_C(90000000);
    break;
  case TOO_MUCH:
    k->amount = INT64_C(9000000000000000);
    break;
  case NO_OWNER:
  case CALL_NO_OWNER:
    k->owner = f->stranger.address;
    break;
  case SELF:
    k->to = k->owner;
    break;
  case ZERO:
    k->amount = 0;
    break;
  case CONTRACT:
    k->to = f->chain->contracts.token;
    break;
  case NO_CONTRACT:
  case FEE:
    break;
  }
  if (what == NO_CONTRACT || what == FEE || what == CALL_NO_OWNER) {
    k->type = TX_TRIGGER;
    k->amount = 0;
    k->to = what == NO_CONTRACT ? f->bob.address : f->chain->contracts.token;
    k->data = STR("\x31\x3c\xe5\x67");
    k->fee_limit = what == FEE ? INT64_C(16000000000) : 100000000;
  }
}

static struct tx *craft(struct fixture *f, enum wrong what, struct tx_ask *k) {
  struct buf raw;
  const char *why;
  const struct sim_block *h = sim_head(f->chain);
  *k = (struct tx_ask){
      .type = TX_TRANSFER, .contracts = 1, .has_ref = true, .owner = f->hot.address, .to = f->bob.address};
  k->amount = 7;
  k->expiration = h->time_ms + 60000;
  k->timestamp = h->time_ms + ++f->serial;
  memcpy(k->ref_bytes, h->id + 6, 2);
  memcpy(k->ref_hash, h->id + 8, 8);
  spoil(f, what, k);
  buf_init(&raw, &f->arena, 1 << 20);
  sim_tx_ask_encode(k, &f->arena, &raw);
  struct tx *t = sim_tx_new(buf_view(&raw), NULL, 0, &why);
  bool other = what == SIGNER || what == NO_OWNER || what == CALL_NO_OWNER;
  const struct sim_key *by = other ? &f->stranger : &f->hot;
  for (int i = 0; i < (what == NO_SIGNATURE ? 0 : what == TWO ? 2 : 1); i++)
    sim_tx_sign(t, by);
  if (what == SHORT)
    t->signatures[0].n = 64;
  return t;
}

static struct str address_hex(struct fixture *f, const struct tron_address *a) {
  return str_printf(&f->arena, "41%.*s", STR_FMT(hex_of(f, a->account, ADDRESS_N)));
}

static struct str as_json(struct fixture *f, const struct tx *t, const struct tx_ask *k) {
  struct buf out;
  bool call = k->type == TX_TRIGGER;
  buf_init(&out, &f->arena, 1 << 20);
  struct str value =
      call ? str_printf(&f->arena, "\"contract_address\":\"%.*s\",\"data\":\"%.*s\"",
                        STR_FMT(address_hex(f, &k->to)), STR_FMT(hex_of(f, k->data.p, k->data.n)))
           : str_printf(&f->arena, "\"to_address\":\"%.*s\",\"amount\":%lld", STR_FMT(address_hex(f, &k->to)),
                        (long long)k->amount);
  buf_str(
      &out,
      str_printf(
          &f->arena,
          "{\"visible\":false,\"raw_data\":{\"contract\":[{\"parameter\":{\"value\":{\"owner_address\":\"%.*"
          "s\",%.*s}},"
          "\"type\":\"%s\",\"Permission_id\":%lld}],\"ref_block_bytes\":\"%.*s\",\"ref_block_hash\":\"%.*s\","
          "\"expiration\":%lld,\"timestamp\":%lld,\"fee_limit\":%lld},\"signature\":[",
          STR_FMT(address_hex(f, &k->owner)), STR_FMT(value),
          call ? "TriggerSmartContract" : "TransferContract", (long long)k->permission,
          STR_FMT(hex_of(f, k->ref_bytes, 2)), STR_FMT(hex_of(f, k->ref_hash, 8)), (long long)k->expiration,
          (long long)k->timestamp, (long long)k->fee_limit));
  for (int i = 0; i < t->n_signatures; i++)
    buf_str(&out, str_printf(&f->arena, "%s\"%.*s\"", i ? "," : "",
                             STR_FMT(hex_of(f, t->signatures[i].p, t->signatures[i].n))));
  buf_c(&out, "]}");
  return buf_view(&out);
}

static void broadcasting(void **state) {
  struct fixture *f = *state;
  static const struct {
    enum wrong what;
    const char *hex, *json; // recordings
  } rows[] = {
      {NOTHING, "001", NULL},      {NOTHING, NULL, "009"},   {SIGNER, "017", "016"},
      {NO_SIGNATURE, NULL, "020"}, {SHORT, "021", "022"},    {TWO, "025", "026"},
      {PERMISSION, NULL, "028"},   {TAPOS, "029", "030"},    {PAST, "037", "036"},
      {TOO_FAR, "041", "042"},     {TOO_MUCH, "045", "046"}, {NO_OWNER, NULL, "048"},
      {SELF, "049", "050"},        {ZERO, NULL, "052"},      {CONTRACT, "053", "054"},
      {NO_CONTRACT, NULL, "056"},  {FEE, "057", "058"},      {CALL_NO_OWNER, NULL, "060"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct tx_ask k;
    struct tx *t = craft(f, rows[i].what, &k);
    struct buf bytes;
    buf_init(&bytes, &f->arena, 1 << 20);
    sim_tx_encode(t, false, &bytes);
    struct str hex =
        str_printf(&f->arena, "{\"transaction\":\"%.*s\"}", STR_FMT(hex_of(f, buf_view(&bytes).p, bytes.n)));
    struct row as_hex = {rows[i].hex, hex.p, "transaction", false},
               json = {rows[i].json, as_json(f, t, &k).p, NULL, false};
    if (rows[i].hex)
      compare(f, &as_hex);
    if (rows[i].json)
      compare(f, &json);
    if (rows[i].what == NOTHING && rows[i].hex) { // the same again
      compare(f, &(struct row){"002", hex.p, "transaction", false});
      compare(f, &(struct row){"003", json.body, NULL, false});
    }
    sim_tx_free(t);
  }
}

static void broadcasting_rubbish(void **state) {
  static const struct row rows[] = {
      {"068", NULL, NULL, false}, {"069", NULL, NULL, false}, {"070", NULL, NULL, false},
      {"074", NULL, NULL, false}, {"076", NULL, NULL, false}, {"077", NULL, NULL, false},
      {"078", NULL, NULL, false}, {"080", NULL, NULL, true},  {"081", NULL, NULL, true},
      {"082", NULL, NULL, true},
  };
  COMPARE(rows);
}

static void bodies_without_end(void **state) {
  struct fixture *f = *state;
  size_t n = 10 << 20;
  char *hex = arena_alloc(&f->arena, n + 64), *num = arena_alloc(&f->arena, n + 64);
  char *p = stpcpy(hex, "{\"transaction\":\"");
  for (size_t i = 0; i < n; i += 2)
    p = stpcpy(p, "0a");
  strcpy(p, "\"}");
  p = stpcpy(num, "{\"num\":5,\"x\":\"");
  memset(p, 'a', n / 2);
  strcpy(p + n / 2, "\"}");
  compare(f, &(struct row){"360", num, NULL, false});
  compare(f, &(struct row){"361", hex, NULL, false});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks),
      cmocka_unit_test(transactions_and_receipts),
      cmocka_unit_test(calls),
      cmocka_unit_test(what_the_chain_is),
      cmocka_unit_test(broadcasting),
      cmocka_unit_test(bodies_without_end),
      cmocka_unit_test(broadcasting_rubbish),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
