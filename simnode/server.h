// The simulated chain as a program: several nodes of it, each at an address of its own, what can be commanded
// of them, a wallet's page.
#pragma once
#include "simnode/answers.h"

#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>

enum { SIM_NODES_MAX = 8, SIM_UPLOAD_MAX = 12 * 1024 * 1024 };

enum trouble {
  TROUBLE_NONE,
  TROUBLE_SAY,   // answers with a status and a body that were given
  TROUBLE_STALL, // after a while only
  TROUBLE_FLOOD, // with bytes without end
  TROUBLE_CUT,   // with half of the answer, then it hangs up
};

struct server;
struct node {
  struct server *server;
  struct sim_node sim;
  struct MHD_Daemon *daemon;
  enum trouble trouble;
  int64_t times; // that it still answers so
  int64_t ms, bytes;
  unsigned status;
  char *body;
};

struct server {
  pthread_mutex_t lock; // over all of it
  struct sim_chain *chain;
  struct node nodes[SIM_NODES_MAX];
  int n_nodes;
  int64_t pace_ms; // 0: blocks are made on command only
  int64_t jump_ms; // how far the chain's clock is ahead
  FILE *journal;   // what changed the chain, to do it again; NULL: not kept
};

// One command: the path below /sim/, what was posted. Gives the answer's JSON; false: it is not understood.
bool control(struct node *n, const char *command, json_t *args, struct arena *a, struct buf *out);
// The clock that blocks follow, and those that are due.
void server_tick(struct server *s, int64_t now_ms);
void server_mine(struct server *s, int64_t n);

// Journal: everything that changes the chain, in order.
bool journal_open(struct server *s, const char *path); // does again what stands there
void journal_command(struct server *s, const char *command, json_t *args);
void journal_broadcast(struct server *s, struct str path, struct str body);

// The wallet.
void page_wallet(struct node *n, struct str query, struct arena *a, struct buf *out);
// Sends what the form says. Gives where to go then.
struct str page_send(struct node *n, struct str form, struct arena *a);

int64_t amount_read(const char *text); // "12.5" as millionths; -1: it is none
