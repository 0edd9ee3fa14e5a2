// What the settings say of the chain: which network, which token, how many nodes must agree.
#pragma once
#include "daemon/settings.h"

const char *check_network_name(struct str value);
const char *check_trust(struct str value);
const char *check_contract(struct str value); // an address or empty

const char *settings_network_name(enum network network);

// Fills s->chain from the texts that are checked. NULL: it is good; otherwise what does not go together, and
// *at is the setting to blame.
const char *settings_chain_join(struct settings *s, struct arena *a, enum setting *at);
