// Everything that an operator can set, in one table. A setting x_y is the key x_y in the INI file,
// CRYPTOPAY_X_Y in the environment and --x-y on the command line; the command line wins over the environment,
// that over the file, that over the default. An unknown name is an error in all three.
#pragma once
#include "base/log.h"
#include "daemon/base_url.h"
#include "daemon/settings_node.h"

// X(name, type, default, least, most, check, word for the value, help)
// Types: TEXT (a path, an address; empty = not set), URL (of PostgreSQL; shown without its password), NUMBER
// (least..most), SWITCH (yes/no), NODES (given once for each: repeated in the file and on the command line,
// CRYPTOPAY_NODE_1, _2 … in the environment; shown without their keys).
#define SETTINGS_LIST(X)                                                                                     \
  X(data, TEXT, "./cryptopay-data", 0, 0, check_some, "DIR",                                                 \
    "folder of the control socket, of secret.key, and of the database where `database` names no other")      \
  X(database, URL, "", 0, 0, NULL, "URL",                                                                    \
    "PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/NAME; default: SQLite in the data folder")               \
  X(config, TEXT, "", 0, 0, NULL, "FILE", "INI file with settings (not possible inside of one)")             \
  X(secret_key_file, TEXT, "", 0, 0, NULL, "FILE",                                                           \
    "key that seals the secrets in the database; default: secret.key in the data folder")                    \
  X(listen, TEXT, "127.0.0.1:8080", 0, 0, check_listen, "HOST:PORT",                                         \
    "where the API and the checkout are served")                                                             \
  X(base_url, TEXT, "", 0, 0, NULL, "URL",                                                                   \
    "how browsers and shops reach this server, a path prefix included; default: http:// and `listen`")       \
  X(ops_listen, TEXT, "", 0, 0, check_ops_listen, "HOST:PORT",                                               \
    "where /livez, /readyz, /healthz and /metrics are served; default: nowhere")                             \
  X(trusted_proxies, TEXT, "", 0, 0, check_networks, "LIST",                                                 \
    "addresses or networks, with commas, whose X-Forwarded-For is believed")                                 \
  X(http_threads, NUMBER, "0", 0, 64, NULL, "N", "threads that serve requests; 0: one per core")             \
  X(rate_limit, SWITCH, "yes", 0, 0, NULL, "yes|no", "limits on requests; switch off for load tests only")   \
  X(rate_per_key, NUMBER, "100", 1, 1000000, NULL, "N", "requests per second for one API key, at each node") \
  X(rate_per_address, NUMBER, "20", 1, 1000000, NULL, "N",                                                   \
    "requests per second for one client address without a valid key, at each node")                          \
  X(webhook_concurrency, NUMBER, "512", 1, 4096, NULL, "N", "webhooks sent at the same time")                \
  X(webhook_per_host, NUMBER, "4", 1, 64, NULL, "N", "of these, to one host")                                \
  X(webhook_ca_file, TEXT, "", 0, 0, NULL, "FILE",                                                           \
    "certificates that webhook targets are checked against; default: the system's")                          \
  X(allow_http_webhooks, SWITCH, "no", 0, 0, NULL, "yes|no", "webhooks may go to http:// URLs too")          \
  X(allow_private_webhooks, SWITCH, "no", 0, 0, NULL, "yes|no",                                              \
    "webhooks may go to this machine, any port, http too; for development only")                             \
  X(network, TEXT, "main", 0, 0, check_network_name, "NAME", "main, nile, shasta or custom")                 \
  X(usdt_contract, TEXT, "", 0, 0, check_contract, "ADDRESS", "the token, where the network is custom")      \
  X(node, NODES, "", 0, 0, NULL, "NODE",                                                                     \
    "node of the chain, once for each: URL [solidity=URL] [key=KEY] [rate=N] [per_day=N]")                   \
  X(trust, TEXT, "one", 0, 0, check_trust, "LEVEL",                                                          \
    "one: a node is believed; quorum:K: K nodes must agree; verified:K: signatures are checked too")         \
  X(witness_file, TEXT, "", 0, 0, NULL, "FILE",                                                              \
    "first witness set of verified:K, a JSON array of addresses; default: what K nodes agree on")            \
  X(start_block, NUMBER, "0", 0, INT64_MAX, NULL, "N",                                                       \
    "block to begin with at the first start; 0: the newest final one")                                       \
  X(fee_bps, NUMBER, "0", 0, 10000, NULL, "N",                                                               \
    "the operator's share of payments in operator custody, in 1/100 of a percent")                           \
  X(commit_batch, NUMBER, "256", 1, 4096, NULL, "N",                                                         \
    "changes written in one commit at most; 1: each its own")                                                \
  X(write_queue, NUMBER, "4096", 1, 65536, NULL, "N",                                                        \
    "changes that may wait before requests are answered 503")                                                \
  X(stop_grace_s, NUMBER, "20", 0, 600, NULL, "SECONDS", "how long running requests may take after SIGTERM") \
  X(log_level, TEXT, "info", 0, 0, check_log_level, "LEVEL", "debug, info, warn or error")

struct settings_nodes {
  struct chain_node *list;
  int n;
};

struct settings_chain { // network, usdt_contract and trust, understood
  enum network network;
  enum trust trust;
  int k; // nodes that must agree
  struct tron_address token;
  struct str genesis; // hex of block 0's id; absent: not known beforehand (custom)
};

typedef const char *setting_TEXT;
typedef const char *setting_URL;
typedef int64_t setting_NUMBER;
typedef bool setting_SWITCH;
typedef struct settings_nodes setting_NODES;

enum setting {
#define X(name, ...) SETTING_##name,
  SETTINGS_LIST(X)
#undef X
      SETTINGS
};

enum setting_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct settings {
#define X(name, type, ...) setting_##type name;
  SETTINGS_LIST(X)
#undef X
  enum setting_source source[SETTINGS];
  int line[SETTINGS];   // in the file, where the source is FROM_FILE
  struct base_url base; // from base_url, or made from `listen`
  enum log_level level; // from log_level
  struct settings_chain chain;
};

struct setting_flag {
  struct str name; // as typed, without "--"
  struct str value;
};

struct settings_input {
  const struct setting_flag *flags;
  size_t n_flags;
  char *const *environment; // "NAME=value" lines, ends with NULL
};

enum { SETTINGS_FILE_MAX = 1 << 20 }; // bytes of an INI file

// Everything read and checked. Texts belong to the arena. False: *error says what is wrong, and where.
bool settings_load(struct settings *s, struct arena *a, const struct settings_input *in, struct str *error);

// Is this the name of a setting, written as a flag ("base-url")?
bool settings_is_flag(struct str name);

// The name as a flag without "--".
const char *settings_flag_name(struct arena *a, enum setting i);

void settings_help(struct buf *out);    // for serve --help
void settings_example(struct buf *out); // an INI file with every setting, commented out
void settings_print(const struct settings *s, struct buf *out);      // value and source of each, a line each
void settings_print_json(const struct settings *s, struct buf *out); // the same, one object a line
// Does the INI file hold the database's password or a node's key, and may every user of the machine read it?
bool settings_exposed(const struct settings *s);
// What an operator must be told loudly at the start; logged.
void settings_warn(const struct settings *s);
