// Commands about merchants and projects.
#include "base/timefmt.h"
#include "daemon/command.h"
#include "flow/admin.h"

#include <string.h>

enum err command_merchant_add(struct call *c) {
  int64_t id;
  struct str email = call_text(c, "email");
  enum err e = admin_merchant_add(c->env, c->a, email, call_text(c, "password_hash"), &id);
  if (e) {
    c->param = "email";
    return e;
  }
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "merchant_id", id);
  jsonw_kstr(&c->out, "email", email);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

static struct str mode_name(int mode) {
  return mode == MODE_LIVE ? STR("live") : STR("test");
}

static enum err call_mode(struct call *c, int *mode) {
  struct str text = call_text(c, "mode");
  *mode = str_eqc(text, "live") ? MODE_LIVE : MODE_TEST;
  if (str_eqc(text, "live") || str_eqc(text, "test"))
    return ERR_NONE;
  return call_refuse(c, ERR_SETTING, "mode", "The mode is test or live.");
}

static void put_credentials(struct call *c, const struct credentials *keys) {
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "api_key", keys->api_key);
  jsonw_kstr(&c->out, "api_secret", keys->api_secret);
  jsonw_kstr(&c->out, "webhook_secret", keys->webhook_secret);
  jsonw_close(&c->out, '}');
}

// Which argument of `project add` an error is about.
static const char *param_of(enum err e) {
  static const struct {
    enum err e;
    const char *param;
  } table[] = {{ERR_NO_MERCHANT, "merchant"},
               {ERR_NAME, "name"},
               {ERR_WEBSITE, "website"},
               {ERR_WEBSITE_TAKEN, "website"},
               {ERR_WEBHOOK_URL, "webhook"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (table[i].e == e)
      return table[i].param;
  return NULL;
}

enum err command_project_add(struct call *c) {
  struct project project;
  struct credentials keys[2];
  struct project_new in = {.merchant = call_text(c, "merchant"),
                           .name = call_text(c, "name"),
                           .website = call_text(c, "website"),
                           .webhook = call_text(c, "webhook")};
  enum err e = admin_project_add(c->env, c->a, &in, &project, keys);
  if (e) {
    c->param = param_of(e);
    return e;
  }
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "app_id", project.id);
  jsonw_kstr(&c->out, "mode", mode_name(project.live));
  jsonw_kstr(&c->out, "website", project.website);
  for (int mode = MODE_TEST; mode <= MODE_LIVE; mode++) {
    jsonw_key(&c->out, mode == MODE_LIVE ? "live" : "test");
    put_credentials(c, &keys[mode]);
  }
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

static void put_project_head(struct call *c, const struct project *p) {
  jsonw_ki64(&c->out, "app_id", p->id);
  jsonw_kstr(&c->out, "name", p->name);
  jsonw_ki64(&c->out, "merchant_id", p->merchant_id);
  jsonw_kstr(&c->out, "mode", mode_name(p->live));
  jsonw_kbool(&c->out, "enabled", p->enabled);
  jsonw_kstr(&c->out, "website", p->website);
  jsonw_kstr(&c->out, "webhook", p->webhook_url);
}

enum err command_project_list(struct call *c) {
  struct project *projects;
  int n;
  enum err e = admin_project_list(c->env, c->a, &projects, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++) {
    jsonw_open(&c->out, '{');
    put_project_head(c, &projects[i]);
    jsonw_close(&c->out, '}');
  }
  jsonw_close(&c->out, ']');
  return ERR_NONE;
}

static void put_events(struct call *c, int events) {
  static const char *const names[] = {"paid", "expired", "failed", "underpaid"};
  jsonw_key(&c->out, "events");
  jsonw_open(&c->out, '[');
  for (int i = 0; i < 4; i++)
    if (events & (1 << i) || i == 0)
      jsonw_str(&c->out, str_of(names[i]));
  jsonw_close(&c->out, ']');
}

static void put_project_rest(struct call *c, const struct project *p) {
  jsonw_kstr(&c->out, "support", p->support);
  put_events(c, p->events);
  jsonw_kbool(&c->out, "public_status", p->public_status);
  jsonw_kbool(&c->out, "require_v2", p->require_v2);
  jsonw_kstr(&c->out, "min_amount", usdt_text(c->a, p->min_amount, 2));
  jsonw_kstr(&c->out, "max_amount", usdt_text(c->a, p->max_amount, 2));
  jsonw_kstr(&c->out, "surcharge_cap", usdt_text(c->a, p->surcharge_cap, 2));
  jsonw_kstr(&c->out, "tolerance", usdt_text(c->a, p->policy.tolerance, 2));
  jsonw_ki64(&c->out, "window_s", p->policy.window_us / SECOND_US);
  jsonw_ki64(&c->out, "quarantine_s", p->policy.quarantine_us / SECOND_US);
  jsonw_kbool(&c->out, "accept_late", p->policy.accept_late);
  call_time_field(c, "created_at", p->created_us);
}

static void put_key(struct call *c, const struct key_info *k) {
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "mode", mode_name(k->mode));
  jsonw_kstr(&c->out, "api_key", str_printf(c->a, "…%.*s", STR_FMT(k->key_tail)));
  call_time_field(c, "created_at", k->created_us);
  call_time_field(c, "used_at", k->used_us);
  call_time_field(c, "ends_at", k->expires_us);
  jsonw_close(&c->out, '}');
}

static void put_xpub(struct call *c, const struct xpub_info *x) {
  jsonw_kstr(&c->out, "custody", x->custody == CUSTODY_OPERATOR ? STR("operator") : STR("merchant"));
  jsonw_kstr(&c->out, "xpub", x->xpub);
  jsonw_key(&c->out, "next_index");
  if (x->xpub.p)
    jsonw_i64(&c->out, x->next_index);
  else
    jsonw_null(&c->out);
}

static enum err put_project(struct call *c, const struct project *p) {
  struct key_info *keys;
  struct xpub_info xpub;
  int n;
  enum err e = admin_project_keys(c->env, c->a, p->id, &keys, &n);
  if (!e)
    e = admin_xpub_find(c->env, c->a, p->id, &xpub);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  put_project_head(c, p);
  put_project_rest(c, p);
  put_xpub(c, &xpub);
  jsonw_key(&c->out, "keys");
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++)
    put_key(c, &keys[i]);
  jsonw_close(&c->out, ']');
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

enum err command_project_show(struct call *c) {
  struct project p;
  int64_t app_id;
  enum err e = call_number(c, "app_id", &app_id);
  if (!e)
    e = admin_project_find(c->env, c->a, app_id, &p);
  return e ? e : put_project(c, &p);
}

// Settings are written with '-', keys of a request with '_'.
static struct str setting_name(struct arena *a, const char *key) {
  char *name = str_c(a, str_of(key));
  for (char *p = name; *p; p++)
    if (*p == '_')
      *p = '-';
  return str_of(name);
}

// A wrong value is answered with what is expected there.
static enum err refuse_setting(struct call *c, enum err e, struct str name) {
  c->param = name.p;
  for (const struct project_setting *s = project_settings; s->name && e == ERR_SETTING; s++)
    if (str_eqc(name, s->name))
      c->problem = str_printf(c->a, "The value does not fit; expected: %s.", s->help);
  return e;
}

// Everything but the project's number is a setting of it.
enum err command_project_set(struct call *c) {
  struct project p;
  int64_t app_id;
  int n = 0;
  const char *key;
  json_t *value;
  struct change *changes = ARENA_ARRAY(c->a, struct change, json_object_size(c->args) + 1);
  enum err e = call_number(c, "app_id", &app_id);
  if (e)
    return e;
  json_object_foreach((json_t *)c->args, key, value) {
    if (strcmp(key, "app_id") != 0)
      changes[n++] = (struct change){setting_name(c->a, key), call_text(c, key)};
  }
  if (n == 0)
    return call_refuse(c, ERR_SETTING, NULL, "Nothing to change: name a setting, such as --mode live.");
  struct changes set = {.list = changes, .n = n};
  e = admin_project_set(c->env, c->a, app_id, &set, &p);
  if (e && set.bad >= 0 && set.bad < n)
    return refuse_setting(c, e, changes[set.bad].key);
  return e ? e : put_project(c, &p);
}

enum err command_project_rotate_keys(struct call *c) {
  enum { OVERLAP_DEFAULT_S = 24 * 3600, OVERLAP_MAX_S = 90 * 24 * 3600 };
  struct credentials keys;
  int64_t app_id, overlap_s = OVERLAP_DEFAULT_S;
  int mode;
  enum err e = call_number(c, "app_id", &app_id);
  if (!e)
    e = call_mode(c, &mode);
  if (!e && call_text(c, "overlap").p)
    e = call_number(c, "overlap", &overlap_s);
  if (!e && overlap_s > OVERLAP_MAX_S)
    e = call_refuse(c, ERR_SETTING, "overlap", "The overlap is at most 90 days, in seconds.");
  if (!e)
    e = admin_project_rotate(c->env, c->a, &(struct rotation){app_id, mode, overlap_s * SECOND_US}, &keys);
  if (!e)
    put_credentials(c, &keys);
  return e;
}
