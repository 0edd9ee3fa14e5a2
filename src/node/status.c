// How it stands: for pages, health, metrics and doctor.
#include "node/chain_internal.h"

void chain_status_get(const struct chain *c, struct chain_status *out) {
  *out = (struct chain_status){.configured = c->n > 0, .cursor = c->line.base, .behind = c->behind};
  for (int i = 0; i < c->n; i++) {
    const struct peer *p = &c->peers[i];
    struct node_state s;
    node_state_get(p->node, &s);
    if (s.heard_us > out->heard_us && p->known)
      out->heard_us = s.heard_us;
    if (p->known && p->head > out->head) {
      out->head = p->head;
      out->head_us = p->head_us;
    }
  }
  out->solid = peers_final(c);
  out->level_us = level_estimate_us(c);
  out->trouble = c->trouble;
}

int chain_nodes(const struct chain *c, struct arena *a, struct chain_node_status **out) {
  int64_t now_us = world_now(c->world);
  struct chain_node_status *list = *out = ARENA_ARRAY(a, struct chain_node_status, c->n);
  for (int i = 0; i < c->n; i++) {
    const struct peer *p = &c->peers[i];
    struct node_state s;
    node_state_get(p->node, &s);
    list[i] = (struct chain_node_status){.name = str_copy(a, s.name),
                                         .usable = peer_usable(c, i),
                                         .head = p->head,
                                         .solid = p->solids[0].number,
                                         .behind_s = p->head_us ? (now_us - p->head_us) / 1000000 : 0,
                                         .requests_today = s.requests_today,
                                         .disagreements = p->disagreements};
    if (!p->known && p->foreign)
      list[i].trouble = p->wrong;
    else
      list[i].trouble = s.trouble.p ? s.trouble : p->known ? STR_NONE : STR("it was not heard yet");
  }
  return c->n;
}

struct str chain_genesis(const struct chain *c) {
  return c->has_genesis ? (struct str){c->genesis_hex, 2 * CHAIN_ID_N} : STR_NONE;
}
