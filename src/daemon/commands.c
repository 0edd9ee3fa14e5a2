#include "daemon/command.h"
#include "base/timefmt.h"

#include <string.h>

static const struct {
  const char *name;
  command_fn *run;
} table[] = {
    {"merchant add", command_merchant_add},
    {"project add", command_project_add},
    {"project list", command_project_list},
    {"project show", command_project_show},
    {"project set", command_project_set},
    {"project rotate-keys", command_project_rotate_keys},
    {"address add", command_address_add},
    {"address list", command_address_list},
    {"address remove", command_address_remove},
    {"address release", command_address_release},
    {"address set-xpub", command_address_set_xpub},
    {"payment list", command_payment_list},
    {"payment show", command_payment_show},
    {"payment accept", command_payment_accept},
    {"transfer list", command_transfer_list},
    {"transfer attach", command_transfer_attach},
    {"webhook list", command_webhook_list},
    {"webhook show", command_webhook_show},
    {"webhook replay", command_webhook_replay},
    {"chain status", command_chain_status},
    {"rescan", command_rescan},
    {"reconcile", command_reconcile},
    {"proof export", command_proof_export},
    {"backup", command_backup},
    {"skip-ahead", command_skip_ahead},
    {"doctor", command_doctor},
};

struct str call_text(const struct call *c, const char *name) {
  const json_t *v = json_object_get(c->args, name);
  return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

enum err call_refuse(struct call *c, enum err e, const char *param, const char *sentence) {
  c->param = param;
  c->problem = str_of(sentence);
  return e;
}

enum err call_number(struct call *c, const char *name, int64_t *out) {
  if (str_to_i64(call_text(c, name), out))
    return ERR_NONE;
  return call_refuse(c, ERR_SETTING, name, "A number is expected here.");
}

enum err call_time(struct call *c, const char *name, int64_t fallback_us, int64_t *out) {
  struct str text = call_text(c, name);
  *out = fallback_us;
  if (!text.p || time_parse(text, out))
    return ERR_NONE;
  return call_refuse(c, ERR_SETTING, name,
                     "A time is expected here, such as 2026-07-01 or 2026-07-01T18:30:00Z.");
}

enum err call_limit(struct call *c, int fallback, int *out) {
  int64_t n = fallback;
  if (call_text(c, "limit").p) {
    enum err e = call_number(c, "limit", &n);
    if (e)
      return e;
    if (n < 1 || n > COMMAND_ROWS_MAX)
      return call_refuse(c, ERR_SETTING, "limit", "The limit is from 1 to 10000.");
  }
  *out = (int)n;
  return ERR_NONE;
}

void call_time_field(struct call *c, const char *name, int64_t us) {
  jsonw_kstr(&c->out, name, us ? time_sql(c->a, us) : STR_NONE);
}

static command_fn *find(const char *name) {
  for (size_t i = 0; name && i < sizeof table / sizeof table[0]; i++)
    if (strcmp(table[i].name, name) == 0)
      return table[i].run;
  return NULL;
}

static void refused(struct buf *answer, const struct call *c, enum err e) {
  struct jsonw w;
  answer->n = 0;
  answer->full = false;
  jsonw_init(&w, answer);
  jsonw_open(&w, '{');
  jsonw_kbool(&w, "ok", false);
  jsonw_kstr(&w, "error", c->problem.p ? c->problem : str_of(err_sentence(e)));
  jsonw_kstr(&w, "code", str_of(err_code(e)));
  jsonw_kstr(&w, "param", str_of(c->param));
  jsonw_close(&w, '}');
}

static enum err execute(struct call *c, const json_t *request, struct buf *answer) {
  command_fn *run = find(json_string_value(json_object_get(request, "command")));
  c->args = json_object_get(request, "args");
  if (!run || !json_is_object(c->args))
    return call_refuse(c, ERR_NOT_FOUND, "command",
                       "This server does not know the command; is it another version?");
  buf_c(answer, "{\"ok\":true,\"result\":");
  jsonw_init(&c->out, answer);
  enum err e = run(c);
  buf_char(answer, '}');
  if (!e && answer->full)
    return call_refuse(c, ERR_SETTING, "limit", "The answer is too large: ask for fewer with --limit.");
  return e;
}

void commands_run(void *user, struct arena *a, struct str request, struct buf *answer) {
  const struct gateway *gateway = user;
  json_t *parsed = json_loadb(request.p ? request.p : "", request.n, JSON_REJECT_DUPLICATES, NULL);
  struct call c = {.gateway = gateway, .env = gateway->env, .a = a};
  enum err e = execute(&c, parsed, answer);
  if (e)
    refused(answer, &c, e);
  json_decref(parsed);
}
