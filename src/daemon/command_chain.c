// How the chain stands, and a rescan.
#include "daemon/chain_health.h"
#include "daemon/command.h"
#include "daemon/settings_chain.h"
#include "flow/blocks.h"
#include "flow/chain_view.h"

// As the server here knows it, or as the watching one has told last.
static struct chain_status status_of(struct call *c, const struct chain_row *row) {
  struct chain_status s = {0}, told = chain_row_status(row);
  chain_view_get(c->env->chain, c->a, &s);
  if (s.cursor.number)
    return s;
  told.configured = c->gateway->settings->node.n > 0;
  if (s.trouble.p)
    told.trouble = s.trouble;
  return told;
}

static void put_rescan(struct call *c, const struct chain_row *row) {
  jsonw_kbool(&c->out, "rescanning", row->rescan_to > 0);
  if (!row->rescan_to)
    return;
  jsonw_ki64(&c->out, "rescan_next", row->rescan_next);
  jsonw_ki64(&c->out, "rescan_to", row->rescan_to);
}

enum err command_chain_status(struct call *c) {
  struct chain_row row;
  const struct settings *s = c->gateway->settings;
  struct watcher *w = c->gateway->watcher;
  enum err e = flow_chain_load(c->env, c->a, &row);
  if (e)
    return e;
  struct chain_status status = status_of(c, &row);
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "network", row.found ? row.network : str_of(settings_network_name(s->chain.network)));
  jsonw_kstr(&c->out, "token", row.found ? row.token : STR_NONE);
  jsonw_kstr(&c->out, "trust", str_of(s->trust));
  jsonw_ki64(&c->out, "nodes_named", s->node.n);
  jsonw_kbool(&c->out, "server", w != NULL);
  jsonw_kbool(&c->out, "watching", w && watcher_is_watching(w));
  chain_health_members(&c->out, c->a, &status);
  put_rescan(c, &row);
  if (w)
    chain_health_nodes(&c->out, c->a, w);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

enum err command_rescan(struct call *c) {
  int64_t from;
  struct chain_row row;
  enum err e = call_number(c, "from", &from);
  if (!e && !c->gateway->settings->node.n)
    e = call_refuse(c, ERR_SETTING, "node", "No node is named: the chain cannot be read (node = URL).");
  if (!e && from < 1)
    e = call_refuse(c, ERR_SETTING, "from", "Blocks are numbered from 1.");
  if (!e)
    e = flow_rescan(c->env, c->a, from, &row);
  if (e == ERR_NOT_FOUND)
    e = call_refuse(c, ERR_SETTING, "from",
                    "Only blocks that are in the book are read again; the last one: cryptopay chain status");
  if (e)
    return e;
  if (c->gateway->watcher)
    watcher_wake(c->gateway->watcher);
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "from", row.rescan_next);
  jsonw_ki64(&c->out, "to", row.rescan_to);
  jsonw_kbool(&c->out, "server", c->gateway->watcher != NULL);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}
