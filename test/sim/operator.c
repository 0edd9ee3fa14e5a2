// The operator: projects, keys, addresses, replays. Blocking calls, one at a time.
#include "sim.h"
#include "flow/admin.h"
#include "stats.h"
#include "wire/address.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

enum { ARENA_MAX = 1 << 22, LISTED = 40 };

static const char *const xpubs[] = {
    "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6D"
    "ZMNZBCd",
    "xpub6Cz5ZufREExKNAJk24TKKECpKcAignnmwjQL7m8cHJDpdxgY36V8qqksV9xrVXZwmYCMAkCys3K31FeTmRCfepMTm5yxUN7JsR4D"
    "MciBDKX",
};

static int64_t fired_before;

// Was it answered as it must be? An error of the store is allowed only after a fault: then *maybe.
static void outcome(const struct node *n, const char *what, enum err got, enum err expected, bool *maybe) {
  const struct sim *s = n->sim;
  *maybe = (got == ERR_STORE || got == ERR_UNAVAILABLE || got == ERR_BUSY) &&
           below->fired(n->number) > fired_before;
  trace(s, "operator at node %d: %s: %s", n->number, what, err_code(got));
  s->oracle->seq += expected == ERR_NONE && strncmp(what, "replay", 6) != 0;
  if (!*maybe && got != expected)
    violation(s->oracle, "operator: %s: expected %s, got %s", what, err_code(expected), err_code(got));
  if (!*maybe && expected != ERR_NONE)
    stats_count("operator refused", what);
  else if (!*maybe)
    stats_count("operator", what);
}

static void copy_keys(struct o_project *p, int mode, const struct credentials *c) {
  struct o_key *k = &p->keys[mode][p->n_keys[mode]++];
  *k = (struct o_key){0};
  snprintf(k->api_key, sizeof k->api_key, "%.*s", STR_FMT(c->api_key));
  snprintf(k->secret, sizeof k->secret, "%.*s", STR_FMT(c->api_secret));
  snprintf(k->webhook, sizeof k->webhook, "%.*s", STR_FMT(c->webhook_secret));
}

static void set(struct node *n, int project, const char *what, const char *value,
                const struct o_project *then) {
  struct sim *s = n->sim;
  struct arena a;
  struct project out;
  bool maybe;
  struct change change = {str_of(what), str_of(value)};
  struct changes changes = {&change, 1, -1};
  arena_init(&a, ARENA_MAX);
  enum err e = admin_project_set(&n->env, &a, s->oracle->projects[project].id, &changes, &out);
  outcome(n, what, e, ERR_NONE, &maybe);
  s->oracle->has_maybe_project[project] = maybe;
  *(maybe ? &s->oracle->maybe_project[project] : &s->oracle->projects[project]) = *then;
  arena_free(&a);
}

static void set_policy(struct node *n, int project) {
  struct sim *s = n->sim;
  struct o_project then = s->oracle->projects[project];
  struct rng *r = &s->rng;
  char text[32];
  int64_t number;
  static const struct {
    const char *text;
    int64_t micro;
  } caps[] = {{"0", 0}, {"0", 0}, {"0.01", 10000}, {"0.10", 100000}};
  switch (rng_below(r, 5)) {
  case 0:
    number = rng_between(r, 5, 90);
    then.policy.window_us = number * MINUTE;
    snprintf(text, sizeof text, "%lldm", (long long)number);
    set(n, project, "window", text, &then);
    break;
  case 1:
    number = rng_between(r, 0, 48);
    then.policy.quarantine_us = number * HOUR;
    snprintf(text, sizeof text, "%lldh", (long long)number);
    set(n, project, "quarantine", text, &then);
    break;
  case 2:
    then.policy.accept_late = rng_percent(r, 60);
    set(n, project, "accept-late", then.policy.accept_late ? "yes" : "no", &then);
    break;
  case 3:
    number = rng_below(r, 4);
    then.cap = caps[number].micro;
    set(n, project, "surcharge-cap", caps[number].text, &then);
    break;
  default:
    then.policy.tolerance = rng_percent(r, 60) ? 0 : 20000;
    set(n, project, "tolerance", then.policy.tolerance ? "0.02" : "0", &then);
  }
}

static void set_events(struct node *n, int project) {
  struct sim *s = n->sim;
  struct o_project then = s->oracle->projects[project];
  char text[64] = "";
  then.events = 1 + 2 * (int)rng_below(&s->rng, 8);
  for (int event = TOLD_EXPIRED; event <= TOLD_UNDERPAID; event *= 2)
    if (then.events & event)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? "," : "",
               text_event(event));
  set(n, project, "webhook-events", text, &then);
}

static void set_webhook(struct node *n, int project) {
  struct sim *s = n->sim;
  struct o_project then = s->oracle->projects[project];
  if (rng_percent(&s->rng, 15))
    then.webhook[0] = 0;
  else
    receiver_url((int)rng_below(&s->rng, RECEIVERS), project, then.webhook);
  set(n, project, "webhook", then.webhook, &then);
}

static void set_switch(struct node *n, int project) {
  struct sim *s = n->sim;
  struct o_project then = s->oracle->projects[project];
  switch (rng_below(&s->rng, 3)) {
  case 0:
    then.live = !then.live;
    set(n, project, "mode", then.live ? "live" : "test", &then);
    break;
  case 1:
    then.enabled = !then.enabled;
    set(n, project, "enabled", then.enabled ? "yes" : "no", &then);
    break;
  default:
    then.require_v2 = rng_percent(&s->rng, 20);
    set(n, project, "require-v2", then.require_v2 ? "yes" : "no", &then);
  }
}

static void rotate(struct node *n, int project) {
  struct sim *s = n->sim;
  static const int64_t overlaps[] = {0, HOUR, 24 * HOUR};
  struct o_project then = s->oracle->projects[project];
  struct credentials out = {0};
  struct arena a;
  bool maybe;
  int mode = (int)rng_below(&s->rng, 2);
  int64_t overlap_us = overlaps[rng_below(&s->rng, 3)], until_us = s->now_us + overlap_us;
  if (then.n_keys[mode] == KEYS_MAX)
    return;
  arena_init(&a, ARENA_MAX);
  enum err e = admin_project_rotate(&n->env, &a, &(struct rotation){then.id, mode, overlap_us}, &out);
  outcome(n, overlap_us ? "rotate with overlap" : "rotate at once", e, ERR_NONE, &maybe);
  for (int i = 0; i < then.n_keys[mode]; i++) {
    struct o_key *k = &then.keys[mode][i];
    if (k->expires_us && k->expires_us <= until_us)
      continue;
    k->ends[k->n_ends].seq = s->oracle->seq;
    k->ends[k->n_ends++].before_us = k->expires_us;
    k->expires_us = until_us;
  }
  if (out.api_key.p) {
    copy_keys(&then, mode, &out);
    then.keys[mode][then.n_keys[mode] - 1].seq = s->oracle->seq;
  }
  s->oracle->has_maybe_project[project] = maybe;
  *(maybe ? &s->oracle->maybe_project[project] : &s->oracle->projects[project]) = then;
  arena_free(&a);
}

// ---- addresses -------------------------------------------------------------------------------------------

static int new_address(struct sim *s) {
  struct oracle *o = s->oracle;
  struct tron_address address;
  char text[ADDRESS_TEXT_N + 1];
  if (o->n_addresses == ADDRESSES_MAX)
    return (int)rng_below(&s->rng, o->n_addresses);
  rng_bytes(&s->rng, address.account, sizeof address.account);
  address_format(&address, text);
  o->addresses[o->n_addresses] = (struct o_address){.project = -1};
  snprintf(o->addresses[o->n_addresses].text, ADDRESS_TEXT, "%s", text);
  return o->n_addresses++;
}

static void address_set(struct node *n, int index, const char *what, enum err got, enum err expected,
                        const struct o_address *then) {
  struct sim *s = n->sim;
  bool maybe;
  outcome(n, what, got, expected, &maybe);
  if (expected != ERR_NONE)
    return;
  int project = then->project >= 0 ? then->project : s->oracle->addresses[index].project;
  if (project >= 0)
    s->oracle->projects[project].listed_seq[n->number] = s->oracle->seq;
  s->oracle->has_maybe_address[index] = maybe;
  *(maybe ? &s->oracle->maybe_address[index] : &s->oracle->addresses[index]) = *then;
}

static void address_add(struct node *n, int project, int index) {
  struct sim *s = n->sim;
  struct o_address then = s->oracle->addresses[index];
  struct arena a;
  bool taken = then.project >= 0 && then.project != project;
  then.project = project;
  then.removed = false;
  arena_init(&a, ARENA_MAX);
  enum err e = admin_address_add(&n->env, &a, s->oracle->projects[project].id, str_of(then.text));
  address_set(n, index, "address add", e, taken ? ERR_ADDRESS_TAKEN : ERR_NONE, &then);
  arena_free(&a);
}

static bool address_reserved(const struct oracle *o, const char *text) {
  for (int i = 0; i < o->n_payments; i++)
    if (o->payments[i].holds && strcmp(o->payments[i].address, text) == 0)
      return true;
  return false;
}

static void address_remove(struct node *n, int project, int index) {
  struct sim *s = n->sim;
  struct o_address then = s->oracle->addresses[index];
  struct arena a;
  bool own = then.project == project;
  then.removed = true;
  arena_init(&a, ARENA_MAX);
  enum err e = admin_address_remove(&n->env, &a, s->oracle->projects[project].id, str_of(then.text));
  address_set(n, index, "address remove", e, own ? ERR_NONE : ERR_NO_ADDRESS, &then);
  arena_free(&a);
}

static void address_release(struct node *n, int project, int index) {
  struct sim *s = n->sim;
  struct o_address then = s->oracle->addresses[index];
  struct arena a;
  enum err expected = ERR_NONE;
  if (then.project != project)
    expected = ERR_NO_ADDRESS;
  else if (!then.removed || address_reserved(s->oracle, then.text))
    expected = ERR_ADDRESS_BUSY;
  then = (struct o_address){.project = -1};
  memcpy(then.text, s->oracle->addresses[index].text, sizeof then.text);
  arena_init(&a, ARENA_MAX);
  enum err e = admin_address_release(&n->env, &a, s->oracle->projects[project].id, str_of(then.text));
  address_set(n, index, "address release", e, expected, &then);
  arena_free(&a);
}

// Mostly one of the project's own, so that what is removed is often released later.
static int pick_address(struct sim *s, int project) {
  const struct oracle *o = s->oracle;
  int index = (int)rng_below(&s->rng, o->n_addresses);
  for (int i = 0; i < 8 && o->addresses[index].project != project && rng_percent(&s->rng, 70); i++)
    index = (int)rng_below(&s->rng, o->n_addresses);
  return index;
}

static void step_address(struct node *n, int project) {
  struct sim *s = n->sim;
  int index = rng_percent(&s->rng, 20) ? new_address(s) : pick_address(s, project);
  if (s->oracle->projects[project].xpub)
    project = 1;
  calls_run(n, 1000); // who gets an address is decided before the list changes
  if (gateway_crashed(n))
    return;
  fired_before = gateway_faults(n);
  int64_t kind = rng_below(&s->rng, 4);
  if (s->onchain && kind == 3)
    return; // what has money on it is not given away: the model would have to know what was unmatched
  if (!s->onchain && s->oracle->addresses[index].removed && kind < 3)
    address_release(n, project, index);
  else if (kind == 0)
    address_add(n, project, index);
  else if (kind < 3)
    address_remove(n, project, index);
  else
    address_release(n, project, index);
}

// ---- replays ---------------------------------------------------------------------------------------------

static void replayed(struct sim *s, struct o_delivery *d, bool maybe) {
  d->maybe_replayed |= maybe;
  if (!maybe)
    d->replayed_us = s->mono_us;
}

static void replay_range(struct node *n, int project) {
  struct sim *s = n->sim;
  struct oracle *o = s->oracle;
  struct arena a;
  bool maybe;
  int64_t replays = 0, expected = 0, from_us = s->now_us - rng_between(&s->rng, MINUTE, 20 * HOUR),
          to_us = s->now_us;
  arena_init(&a, ARENA_MAX);
  enum err e = admin_delivery_replay(
      &n->env, &a, &(struct replay_range){0, o->projects[project].id, from_us, to_us}, &replays);
  outcome(n, "replay of a range", e, ERR_NONE, &maybe);
  for (int i = 0; i < o->n_deliveries; i++) {
    struct o_delivery *d = &o->deliveries[i];
    if (o->payments[d->payment].project != project || d->created_us < from_us || d->created_us >= to_us)
      continue;
    expected++;
    replayed(s, d, maybe);
  }
  if (!maybe && replays != expected)
    violation(o, "a replay of %lld webhooks, expected %lld", (long long)replays, (long long)expected);
  arena_free(&a);
}

static void replay_one(struct node *n, int project) {
  struct sim *s = n->sim;
  struct oracle *o = s->oracle;
  struct arena a;
  struct delivery_info *list;
  bool maybe;
  int listed = 0;
  int64_t replays = 0;
  arena_init(&a, ARENA_MAX);
  struct delivery_filter filter = {.app_id = o->projects[project].id, .limit = LISTED};
  if (admin_delivery_list(&n->env, &a, &filter, &list, &listed) == ERR_NONE && listed) {
    const struct delivery_info *info = &list[rng_below(&s->rng, listed)];
    enum err e = admin_delivery_replay(&n->env, &a, &(struct replay_range){.id = info->id}, &replays);
    outcome(n, "replay of one", e, ERR_NONE, &maybe);
    for (int i = 0; i < o->n_deliveries; i++) {
      struct o_delivery *d = &o->deliveries[i];
      if (o->payments[d->payment].id == info->payment_id && d->created_us == info->created_us &&
          str_eqc(info->event, text_event(d->event)))
        replayed(s, d, maybe);
    }
  }
  arena_free(&a);
}

// ---- all -------------------------------------------------------------------------------------------------

bool operator_step(struct node *n) {
  struct sim *s = n->sim;
  int project = s->changed_project = (int)rng_below(&s->rng, PROJECTS);
  clock_tick(s, rng_between(&s->rng, 1, 1000));
  // With a change of an earlier time still open, what a second one makes of it cannot be told.
  if (s->oracle->has_maybe_project[project])
    return false;
  fired_before = gateway_faults(n);
  switch (rng_below(&s->rng, 8)) {
  case 0:
    set_policy(n, project);
    break;
  case 1:
    set_events(n, project);
    break;
  case 2:
    set_webhook(n, project);
    break;
  case 3:
    set_switch(n, project);
    break;
  case 4:
    rotate(n, project);
    break;
  case 5:
    step_address(n, project);
    break;
  case 6:
    replay_range(n, project);
    break;
  default:
    replay_one(n, project);
  }
  // With others at work on the same database it must be known at once.
  if (below->nodes > 1 && below->fired(n->number) > fired_before && !gateway_crashed(n))
    oracle_check(s->oracle, true);
  return true;
}

static void add_project(struct node *n, int i) {
  struct sim *s = n->sim;
  struct o_project *p = &s->oracle->projects[i];
  struct project out;
  struct credentials keys[2];
  struct arena a;
  arena_init(&a, ARENA_MAX);
  receiver_url((int)rng_below(&s->rng, RECEIVERS), i, p->webhook);
  snprintf(p->website, sizeof p->website, "https://shop%d.example.com", i);
  struct project_new in = {.merchant = STR("shop@example.com"),
                           .name = STR("Shop"),
                           .website = str_of(p->website),
                           .webhook = str_of(p->webhook)};
  if (admin_project_add(&n->env, &a, &in, &out, keys) != ERR_NONE)
    violation(s->oracle, "a project cannot be added");
  p->id = out.id;
  p->enabled = true;
  p->events = TOLD_PAID;
  p->cap = 100000;
  p->policy = (struct o_policy){30 * MINUTE, 48 * HOUR, 0, true};
  for (int mode = 0; mode < 2; mode++)
    copy_keys(p, mode, &keys[mode]);
  arena_free(&a);
}

// Project 0 is in Test mode; 1 has a pool, 2 an xpub, 3 a pool without surcharges.
void operator_add_projects(struct node *n) {
  struct sim *s = n->sim;
  struct arena a;
  int64_t merchant;
  arena_init(&a, ARENA_MAX);
  if (admin_merchant_add(&n->env, &a, STR("shop@example.com"), STR("none"), &merchant) != ERR_NONE)
    violation(s->oracle, "a merchant cannot be added");
  for (int i = 0; i < PROJECTS; i++)
    add_project(n, i);
  for (int i = 0; i < PROJECTS; i++)
    if (rng_percent(&s->rng, 50))
      set_events(n, i);
  for (int i = 1; i < PROJECTS; i += 2)
    for (int64_t left = rng_between(&s->rng, 1, 3); left > 0; left--)
      address_add(n, i, new_address(s));
  for (int i = 1; i < PROJECTS; i++) {
    struct o_project then = s->oracle->projects[i];
    then.live = i < 3 || rng_percent(&s->rng, 70);
    set(n, i, "mode", then.live ? "live" : "test", &then);
  }
  struct o_project *derived = &s->oracle->projects[2], capped = s->oracle->projects[3];
  struct str xpub = str_of(xpubs[rng_below(&s->rng, sizeof xpubs / sizeof *xpubs)]);
  if (admin_address_set_xpub(&n->env, &a, derived->id, xpub, CUSTODY_MERCHANT) != ERR_NONE)
    violation(s->oracle, "an xpub cannot be set");
  derived->xpub = true;
  capped.cap = 0;
  set(n, 3, "surcharge-cap", "0", &capped);
  arena_free(&a);
}
