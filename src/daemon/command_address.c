// Commands about a project's receiving addresses.
#include "daemon/command.h"
#include "flow/admin.h"

#include <string.h>

// Calls `change` for each address named; the first refusal ends it and names the address.
static enum err each_address(struct call *c,
                             enum err (*change)(struct env *, struct arena *, int64_t, struct str)) {
  const json_t *list = json_object_get(c->args, "address");
  int64_t app_id;
  size_t i;
  enum err e = call_number(c, "app_id", &app_id);
  for (i = 0; !e && i < json_array_size(list); i++) {
    const json_t *v = json_array_get(list, i);
    struct str address = str_copy(c->a, (struct str){json_string_value(v), json_string_length(v)});
    e = change(c->env, c->a, app_id, address);
    if (e) {
      c->param = address.p;
      c->problem = str_printf(c->a, "%s%s", err_sentence(e), i ? " (Those named before it were done.)" : "");
    }
  }
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "app_id", app_id);
  jsonw_ki64(&c->out, "done", (int64_t)i);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

// People copy it from an explorer, thinking that it is theirs.
static bool names_token(struct call *c) {
  const json_t *v;
  size_t i;
  json_array_foreach(json_object_get(c->args, "address"), i, v) {
    struct tron_address address;
    struct str text = {json_string_value(v), json_string_length(v)};
    if (address_parse(text, &address) &&
        memcmp(&address, &c->gateway->settings->chain.token, sizeof address) == 0) {
      c->param = str_c(c->a, text);
      return true;
    }
  }
  return false;
}

enum err command_address_add(struct call *c) {
  if (names_token(c))
    return ERR_ADDRESS_TOKEN;
  return each_address(c, admin_address_add);
}

enum err command_address_remove(struct call *c) {
  return each_address(c, admin_address_remove);
}

enum err command_address_release(struct call *c) {
  return each_address(c, admin_address_release);
}

enum err command_address_list(struct call *c) {
  struct address_filter f = {.after = call_text(c, "after")};
  struct address_info *list;
  int n;
  enum err e = call_number(c, "app_id", &f.app_id);
  if (!e)
    e = call_limit(c, COMMAND_ROWS_MAX, &f.limit);
  if (!e)
    e = admin_address_list(c->env, c->a, &f, &list, &n);
  if (e)
    return e;
  jsonw_open(&c->out, '[');
  for (int i = 0; i < n; i++) {
    jsonw_open(&c->out, '{');
    jsonw_kstr(&c->out, "address", list[i].address);
    jsonw_key(&c->out, "index");
    if (list[i].hd_index < 0)
      jsonw_null(&c->out);
    else
      jsonw_i64(&c->out, list[i].hd_index);
    jsonw_kbool(&c->out, "removed", list[i].removed);
    jsonw_ki64(&c->out, "reserved", list[i].reserved);
    jsonw_close(&c->out, '}');
  }
  jsonw_close(&c->out, ']');
  return ERR_NONE;
}

enum err command_address_set_xpub(struct call *c) {
  struct str custody = call_text(c, "custody");
  int64_t app_id;
  bool is_operator = str_eqc(custody, "operator");
  enum err e = call_number(c, "app_id", &app_id);
  if (!e && custody.p && !is_operator && !str_eqc(custody, "merchant"))
    e = call_refuse(c, ERR_SETTING, "custody", "The custody is merchant or operator.");
  if (!e)
    e = admin_address_set_xpub(c->env, c->a, app_id, call_text(c, "xpub"),
                               is_operator ? CUSTODY_OPERATOR : CUSTODY_MERCHANT);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "app_id", app_id);
  jsonw_kstr(&c->out, "custody", is_operator ? STR("operator") : STR("merchant"));
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}
