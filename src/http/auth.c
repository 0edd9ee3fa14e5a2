#include "http/auth.h"
#include "base/metrics.h"
#include "base/hex.h"
#include "base/timefmt.h"
#include "http/app.h"

#include <string.h>

static struct app *app_of(const struct request *r) {
  return r->app;
}

static bool has_v2(const struct request *r) {
  return request_header(r, "X-Signature-V2").p || request_header(r, "X-Timestamp").p;
}

bool auth_present(const struct request *r) {
  return request_header(r, "X-API-Key").p || request_header(r, "X-Signature").p || has_v2(r);
}

static bool verify_v1(const struct hmac_key *secret, const struct request *r) {
  struct str signature = request_header(r, "X-Signature");
  return hmac_verify_hex(secret, r->body, signature.p ? signature : STR(""));
}

// "v2" LF timestamp LF METHOD LF path?query LF Idempotency-Key LF body
static bool verify_v2(const struct hmac_key *secret, const struct request *r) {
  struct str lf = STR("\n"), key = request_header(r, "Idempotency-Key"),
             given = request_header(r, "X-Signature-V2");
  struct str parts[] = {
      STR("v2\n"), request_header(r, "X-Timestamp"), lf, r->method, lf, r->target, lf, key, lf, r->body};
  uint8_t mac[HMAC_N];
  char digits[HMAC_HEX_N + 1];
  hmac_sign_parts(secret, parts, sizeof parts / sizeof *parts, mac);
  hex_encode(mac, sizeof mac, digits);
  return equal_constant_time((struct str){digits, HMAC_HEX_N}, given.p ? given : STR(""));
}

// Seconds between the sender's clock and this one; false without a time.
static bool clocks_differ(const struct request *r, int64_t now_us, int64_t *out_s) {
  int64_t s;
  if (!str_to_i64(request_header(r, "X-Timestamp"), &s))
    return false;
  *out_s = s - now_us / SECOND_US; // both positive
  return true;
}

static bool timestamp_ok(const struct request *r, int64_t now_us) {
  int64_t s;
  return clocks_differ(r, now_us, &s) && s >= -TIMESTAMP_TOLERANCE_S && s <= TIMESTAMP_TOLERANCE_S;
}

// Method, target and body: the same key with anything else is a conflict; the timestamp may differ.
static void hash_request(const struct request *r, uint8_t out[SHA256_N]) {
  struct buf b;
  buf_init(&b, r->arena, r->method.n + r->target.n + r->body.n + 2);
  buf_str(&b, r->method);
  buf_char(&b, '\n');
  buf_str(&b, r->target);
  buf_char(&b, '\n');
  buf_str(&b, r->body);
  sha256(buf_view(&b), out);
}

static enum err read_idempotency_key(const struct request *r, struct auth *out) {
  struct str key = request_header(r, "Idempotency-Key");
  if (!str_eqc(r->method, "POST"))
    return ERR_NONE;
  if (key.n < 1 || key.n > IDEMPOTENCY_KEY_MAX)
    return ERR_IDEMPOTENCY_KEY;
  for (size_t i = 0; i < key.n; i++)
    if (key.p[i] < 0x21 || key.p[i] > 0x7E)
      return ERR_IDEMPOTENCY_KEY;
  out->idempotency_key = str_copy(r->arena, key);
  hash_request(r, out->request_hash);
  return ERR_NONE;
}

// A guess at why a signature of version 1 does not match, for the log: the answer tells nobody.
static const char *guess_fault(const struct hmac_key *secret, const struct request *r) {
  struct str given = request_header(r, "X-Signature"), body = r->body;
  if (!given.n)
    return "there is no X-Signature";
  if (given.n != HMAC_HEX_N || strspn(str_c(r->arena, given), "0123456789abcdef") != HMAC_HEX_N)
    return "X-Signature is not 64 lower-case hex digits";
  if (body.n > FAULT_BODY_MAX)
    return "the body is not what was signed, or the secret is another one";
  bool line_end = body.n && body.p[body.n - 1] == '\n';
  struct str other =
      line_end ? (struct str){body.p, body.n - 1} : str_printf(r->arena, "%.*s\n", STR_FMT(body));
  bool signs_other = hmac_verify_hex(secret, other, given);
  bool signs_nothing = hmac_verify_hex(secret, STR(""), given);
  if (signs_other)
    return line_end ? "the line break at the body's end was not signed"
                    : "a line break was signed that was not sent";
  if (signs_nothing)
    return "the empty text was signed, not the body";
  return "the body is not what was signed (encoded anew, perhaps), or the secret is another one (the other "
         "mode's, perhaps)";
}

static void note_fault(struct request *r, const struct auth *a, enum err e, int64_t now_us) {
  int64_t s;
  const struct hmac_key *secret = a->credential ? a->credential->secret : app_of(r)->no_secret;
  if (e == ERR_TIMESTAMP && clocks_differ(r, now_us, &s))
    r->fault = str_printf(r->arena, "X-Timestamp is %lld s %s this server's clock",
                          s < 0 ? -(long long)s : (long long)s, s < 0 ? "behind" : "ahead of");
  if ((e != ERR_SIGNATURE && e != ERR_API_KEY) || has_v2(r))
    return;
  const char *fault = guess_fault(secret, r); // for an unknown key too: the same work
  if (e == ERR_SIGNATURE)
    r->fault = str_of(fault);
}

// What is wrong beyond the key itself.
static enum err check(struct request *r, struct auth *out, int64_t now_us) {
  const struct credential *c = out->credential;
  out->v2 = has_v2(r);
  if (!out->v2)
    return !verify_v1(c->secret, r) ? ERR_SIGNATURE : c->project.require_v2 ? ERR_V2_REQUIRED : ERR_NONE;
  if (!verify_v2(c->secret, r))
    return ERR_SIGNATURE;
  return timestamp_ok(r, now_us) ? read_idempotency_key(r, out) : ERR_TIMESTAMP;
}

static void retry_after(struct request *r, int64_t wait_s) {
  request_add_header(r, "Retry-After", str_printf(r->arena, "%lld", (long long)wait_s));
}

// A request counts by the key that has signed it, so that nobody else can use up what the key's owner may;
// what is signed by nobody counts by address, and never against who signs well from there.
static enum err count(struct request *r, enum err e, struct str key) {
  struct app *app = app_of(r);
  bool stranger = e == ERR_API_KEY || e == ERR_SIGNATURE;
  if (err_status(e) >= 500) // nobody knows whose it is
    return e;
  int64_t wait_s = rate_take(app->rate, stranger ? RATE_FAILURE : RATE_KEY, stranger ? r->client_key : key,
                             world_mono(app->env->world));
  if (!wait_s)
    return e;
  metric_add(stranger ? METRIC_RATE_REFUSED_ADDRESS : METRIC_RATE_REFUSED_KEY, 1);
  retry_after(r, wait_s);
  return ERR_RATE;
}

static void auth_end(struct request *r) {
  key_drop(r->auth->search.credential);
}

static void judge(struct request *r) {
  struct app *app = app_of(r);
  struct auth *a = r->auth;
  enum err e = a->search.job.result;
  a->credential = a->search.credential;
  if (a->credential) {
    e = check(r, a, a->search.now_us);
  } else {
    // The same work as for a known key: how long a refusal takes tells nothing.
    (void)(has_v2(r) ? verify_v2(app->no_secret, r) : verify_v1(app->no_secret, r));
    e = e == ERR_NONE ? ERR_API_KEY : e;
  }
  note_fault(r, a, e, a->search.now_us);
  a->result = count(r, e, a->key);
  if (a->result == ERR_NONE)
    key_mark_used(app->env, a->credential);
  else
    a->credential = NULL;
  a->then(r);
}

static void found(void *reading) {
  reading_done(reading);
}

void auth_check(struct request *r, request_fn *then) {
  struct app *app = app_of(r);
  struct auth *a = r->auth = ARENA_NEW(r->arena, struct auth);
  r->at_end = auth_end;
  a->then = then;
  a->key = request_header(r, "X-API-Key");
  a->search.now_us = world_now(app->env->world);
  a->search.done = found;
  a->search.user = &a->reading;
  reading_init(&a->reading, r);
  reading_then(&a->reading, key_search_start(app->env, a->key.p ? a->key : STR(""), &a->search), judge);
}

void auth_admit(struct request *r) {
  struct app *app = app_of(r);
  bool by_key = r->route->access == ACCESS_SIGNED && request_header(r, "X-API-Key").p;
  if (by_key || r->route->access == ACCESS_OPERATOR)
    return;
  int64_t wait_s = rate_take(app->rate, RATE_ADDRESS, r->client_key, world_mono(app->env->world));
  if (!wait_s)
    return;
  metric_add(METRIC_RATE_REFUSED_ADDRESS, 1);
  retry_after(r, wait_s);
  request_error(r, ERR_RATE, NULL);
}
