// The parts of simnode/answers.c.
#pragma once
#include "base/jsonw.h"
#include "simnode/answers.h"

#include <jansson.h>

struct asked {
  struct sim_node *node;
  struct sim_chain *chain;
  bool solid, visible, get;
  json_t *args;
  struct arena *a;
  struct buf *out;
  struct jsonw *w;
  const char *error; // set: {"Error": …} instead
};

typedef void handler(struct asked *q);
handler answer_nowblock, answer_blockbynum, answer_blockbyid, answer_block, answer_limitnext,
    answer_latestnum, answer_txbyid, answer_infobyid, answer_infobynum, answer_count, answer_witnesses,
    answer_nextmaintenance, answer_pendinglist, answer_pendingsize;
handler answer_parameters, answer_nodeinfo, answer_account, answer_resource, answer_constant, answer_trigger,
    answer_estimate, answer_create, answer_energyprices, answer_bandwidthprices, answer_memofee,
    answer_validate;
handler answer_broadcast, answer_broadcasthex;

bool ask_int(struct asked *q, const char *name, int64_t *out);    // absent: 0. False: error is set
bool ask_hex(struct asked *q, const char *name, struct str *out); // absent: no bytes
bool ask_address(struct asked *q, const char *name, struct tron_address *out, bool *given);
const char *ask_text(struct asked *q, const char *name); // NULL: none

void put_hex(struct asked *q, const char *name, const void *bytes, size_t n);
void put_address(struct asked *q, const char *name, const struct tron_address *address);
void put_message(struct asked *q, const char *name, const char *text, bool plain); // hex, or as it is
void put_ask(struct asked *q, const struct tx *t); // txID, raw_data, raw_data_hex
void put_logs(struct asked *q, const char *name, const struct tx_log *logs, int n);
// JsonFormat's way: a space after each colon.
struct str sim_spaced(struct arena *a, struct str json);
void put_spaced(struct asked *q, size_t from); // of what was written since

const struct sim_block *seen_block(struct asked *q, int64_t number); // NULL: not by this node, on this port
int64_t seen_head(struct asked *q);
