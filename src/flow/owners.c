#include "flow/owners.h"

#include <string.h>

enum { PER_STATEMENT = 32, PER_ROUND = PER_STATEMENT * JOB_OPS_MAX };

static void begin(struct owners *o, struct arena *a) {
  o->total = o->asked = o->queued = o->n = 0;
  for (int b = 0; b < o->n_blocks; b++)
    o->total += o->blocks[b].n_transfers;
  o->transfers = ARENA_ARRAY(a, const struct chain_transfer *, o->total);
  o->found = ARENA_ARRAY(a, struct owned, o->total);
  for (int b = 0, i = 0; b < o->n_blocks; b++)
    for (int t = 0; t < o->blocks[b].n_transfers; t++, i++) {
      o->transfers[i] = &o->blocks[b].transfers[t];
      o->found[i] = (struct owned){.block = &o->blocks[b], .transfer = o->transfers[i]};
    }
}

static void ask(struct owners *o, struct job *j) {
  struct val params[PER_STATEMENT];
  while (o->asked + o->queued < o->total && o->queued < PER_ROUND) {
    int first = o->asked + o->queued, n = o->total - first < PER_STATEMENT ? o->total - first : PER_STATEMENT;
    for (int i = 0; i < PER_STATEMENT; i++) {
      char text[ADDRESS_TEXT_N + 1] = "";
      if (i < n)
        address_format(&o->transfers[first + i]->to, text);
      params[i] = v_text(str_copy(j->arena, str_of(text)));
    }
    job_ops(j, Q_ADDRESS_OWNERS, PER_STATEMENT, params);
    o->queued += n;
  }
}

static void take(struct owners *o, const struct val *v, int first, int n) {
  struct tron_address address;
  if (!address_parse(v[0].s, &address))
    return;
  for (int i = first; i < first + n; i++) {
    if (memcmp(o->transfers[i]->to.account, address.account, sizeof address.account) != 0)
      continue;
    o->found[i].address_id = v[1].i;
    o->found[i].project_id = v[2].i;
    o->found[i].custody = v[3].i == CUSTODY_OPERATOR ? CUSTODY_OPERATOR : CUSTODY_MERCHANT;
    o->found[i].handed_over = v[4].i != 0;
  }
}

static void answered(struct owners *o, struct job *j) {
  for (int s = 0, first = o->asked; first < o->asked + o->queued; s++, first += PER_STATEMENT) {
    const struct rows *rows = job_rows(j, s);
    int left = o->asked + o->queued - first;
    for (int r = 0; r < rows->n; r++)
      take(o, rows_at(rows, r), first, left < PER_STATEMENT ? left : PER_STATEMENT);
  }
  o->asked += o->queued;
  o->queued = 0;
}

static void finish(struct owners *o) {
  for (int i = 0; i < o->total; i++)
    if (o->found[i].address_id)
      o->found[o->n++] = o->found[i];
  o->list = o->found;
  o->finished = true;
}

void owners_step(struct owners *o, struct job *j) {
  if (!o->transfers)
    begin(o, j->arena);
  else
    answered(o, j);
  if (o->asked < o->total)
    ask(o, j);
  else
    finish(o);
}
