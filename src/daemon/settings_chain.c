#include "daemon/settings_chain.h"

#include <string.h>

// The genesis block's id tells one chain from another; no name that a node says is trusted.
static const struct {
  const char *name, *token, *genesis;
} networks[] = {
    [NETWORK_MAIN] = {"main", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
                      "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc"},
    [NETWORK_NILE] = {"nile", "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf",
                      "0000000000000000d698d4192c56cb6be724a558448e2684802de4d6cd8690dc"},
    [NETWORK_SHASTA] = {"shasta", "TG3XXyExBkPp9nzdajDZsozEu4BkaSJozs",
                        "0000000000000000de1aa88295e1fcf982742f773e0419c5a9c134c994a9059e"},
    [NETWORK_CUSTOM] = {"custom", NULL, NULL},
};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

static int find_network(struct str name) {
  for (int i = 0; i < NETWORKS; i++)
    if (str_eqc(name, networks[i].name))
      return i;
  return -1;
}

const char *check_network_name(struct str value) {
  return find_network(value) >= 0 ? NULL : "expected main, nile, shasta or custom";
}

const char *settings_network_name(enum network network) {
  return networks[network].name;
}

static bool take_k(struct str value, struct str prefix, int *k) {
  int64_t n = 0;
  struct str digits = {value.p + prefix.n, str_starts(value, prefix) ? value.n - prefix.n : 0};
  bool good = str_to_i64(digits, &n) && n >= 1 && n <= NODES_MAX;
  *k = good ? (int)n : 0;
  return good;
}

static bool parse_trust(struct str value, enum trust *trust, int *k) {
  *k = 1;
  *trust = TRUST_ONE;
  if (str_eqc(value, "one"))
    return true;
  *trust = TRUST_QUORUM;
  if (take_k(value, STR("quorum:"), k))
    return true;
  *trust = TRUST_VERIFIED;
  return take_k(value, STR("verified:"), k);
}

const char *check_trust(struct str value) {
  enum trust trust;
  int k;
  return parse_trust(value, &trust, &k)
             ? NULL
             : "expected one, quorum:K or verified:K, where K nodes must agree, from 1 to 16";
}

const char *check_contract(struct str value) {
  struct tron_address address;
  if (!value.n || address_parse(value, &address))
    return NULL;
  return "expected the address of a contract, 34 characters from T with a good checksum";
}

static const char *join_token(struct settings *s, enum setting *at) {
  struct settings_chain *c = &s->chain;
  const char *known = networks[c->network].token;
  *at = SETTING_usdt_contract;
  if (!known && !*s->usdt_contract) {
    *at = SETTING_network;
    return "custom needs the token's address too: usdt_contract = T…";
  }
  if (known && *s->usdt_contract && strcmp(known, s->usdt_contract) != 0)
    return "this network's USDT is known, another contract goes with network = custom only";
  bool good = address_parse(str_of(known ? known : s->usdt_contract), &c->token);
  c->genesis = str_of(networks[c->network].genesis);
  return good ? NULL : check_contract(STR("-"));
}

// One node named twice would agree with itself.
static bool is_twice(const struct settings_nodes *nodes) {
  for (int i = 0; i < nodes->n; i++)
    for (int k = 0; k < i; k++)
      if (str_eq(nodes->list[i].url, nodes->list[k].url))
        return true;
  return false;
}

const char *settings_chain_join(struct settings *s, struct arena *a, enum setting *at) {
  struct settings_chain *c = &s->chain;
  c->network = (enum network)find_network(str_of(s->network));
  parse_trust(str_of(s->trust), &c->trust, &c->k);
  const char *why = join_token(s, at);
  if (why)
    return why;
  *at = SETTING_node;
  if (is_twice(&s->node))
    return "the same URL is given twice";
  *at = SETTING_trust;
  if (c->trust != TRUST_ONE && c->k > s->node.n)
    return str_printf(a, "%s needs %d nodes that agree, and %d %s named (node = URL)", s->trust, c->k,
                      s->node.n, s->node.n == 1 ? "is" : "are")
        .p;
  return NULL;
}
