#include "flow/allocate.h"
#include "base/bug.h"
#include "flow/pool.h"
#include "wire/bip32.h"

enum {
  REWINDS_MAX = 3,    // by one request, for what others only look at
  LOOK_AT_ONCE = 8,   // candidates checked in one round
  LOOKED_MAX = 4096,  // by one request: it bounds memory; the next request goes on where this one stopped
  COUNTED_MAX = 20000 // reservations counted when an amount is asked for the first time
};

enum stage { START, SOURCE, INDEX, DERIVED, POOL, POOL_OF_OTHER, COUNTED, CLAIMED, LOOKED };

static enum err ask_source(struct allocation *al, struct job *j) {
  al->stage = SOURCE;
  JOB_OP(j, Q_XPUB_ACTIVE, v_int(al->project->id));
  return ERR_NONE;
}

// ---- from an xpub ----------------------------------------------------------------------------------------

// The counter goes up in one statement that keeps its row until the commit: no index is given twice,
// whichever node asks, and a rollback gives it back.
static enum err take_index(struct allocation *al, struct job *j) {
  al->stage = INDEX;
  JOB_OP(j, Q_XPUB_TAKE, v_int(al->xpub_row));
  return ERR_NONE;
}

static enum err derive(struct allocation *al, struct job *j) {
  struct tron_address address;
  char text[ADDRESS_TEXT_N + 1];
  if (job_rows(j, 0)->n == 0) // another xpub has taken its place meanwhile
    return ask_source(al, j);
  int64_t index = rows_at(job_rows(j, 0), 0)[0].i - 1;
  if (index >= BIP32_INDEX_END)
    return ERR_NO_ADDRESS_FREE;
  const struct xpub *xpub = pools_xpub(al->env->pools, al->xpub_row, al->xpub);
  if (!bip32_address(xpub, (uint32_t)index, &address)) // an index without a key is skipped, says BIP-32
    return take_index(al, j);
  address_format(&address, text);
  al->address = str_copy(j->arena, str_of(text));
  al->stage = DERIVED;
  JOB_OP(j, Q_ADDRESS_ADD, v_int(al->project->id), v_text(al->address), v_int(al->xpub_row), v_int(index));
  return ERR_NONE;
}

// An address that somebody has claimed already is skipped; it is never given to a second order either way.
static enum err derived(struct allocation *al, struct job *j) {
  const struct rows *added = job_rows(j, 0);
  if (added->n == 0)
    return take_index(al, j);
  al->address_id = rows_at(added, 0)[0].i;
  al->pay_amount = al->amount;
  al->finished = true;
  return ERR_NONE;
}

// ---- from a list -----------------------------------------------------------------------------------------

// While another job of this batch reads a list there is a round to wait: for whether there is one at all.
static enum err read_pool(struct allocation *al, struct job *j) {
  if (!pools_read_start(al->env->pools, j)) {
    al->stage = POOL_OF_OTHER;
    JOB_OP(j, Q_ADDRESS_ANY_POOL, v_int(al->project->id));
    return ERR_NONE;
  }
  al->stage = POOL;
  JOB_OP(j, Q_ADDRESS_POOL, v_int(al->project->id), v_int(POOL_ADDRESSES_MAX));
  return ERR_NONE;
}

// The next candidates, at most `wanted`, into al->slots.
static void propose(struct allocation *al, struct job *j, int wanted) {
  struct pools *pools = al->env->pools;
  al->n_slots = 0;
  if (!al->slots)
    al->slots = ARENA_ARRAY(j->arena, struct slot, LOOK_AT_ONCE);
  while (al->n_slots < wanted) {
    struct slot *s = &al->slots[al->n_slots];
    if (pools_next(pools, al->project, al->amount, s)) {
      s->address = str_copy(j->arena, s->address); // the pool may be forgotten before the next round
      al->n_slots++;
    } else if (al->n_slots || !pools_rewind(pools, al->project, al->amount, al->rewinds++ < REWINDS_MAX)) {
      break;
    }
  }
  al->looked += al->n_slots;
}

static enum err claim(struct allocation *al, struct job *j, const struct slot *s) {
  al->address_id = s->address_id;
  al->address = s->address;
  al->pay_amount = s->pay_amount;
  al->stage = CLAIMED;
  JOB_OP(j, Q_RESERVATION_CLAIM, v_int(s->address_id), v_int(s->pay_amount.micro), v_int(al->project->id));
  return ERR_NONE;
}

// A hint that was right nearly always is again: its next candidate is claimed unseen. Otherwise several are
// looked at in one round, which only reads: a refusal leaves nothing to undo.
static enum err try_next(struct allocation *al, struct job *j) {
  struct pools *pools = al->env->pools;
  if (!pools_known(pools, al->project->id))
    return read_pool(al, j);
  if (al->looked >= LOOKED_MAX)
    return ERR_BUSY;
  propose(al, j, pools_sure(pools, al->project->id, al->amount) ? 1 : LOOK_AT_ONCE);
  if (al->n_slots == 0)
    return ERR_NO_ADDRESS_FREE;
  if (pools_sure(pools, al->project->id, al->amount)) // still: it has not begun anew
    return claim(al, j, &al->slots[0]);
  for (int i = 0; i < al->n_slots; i++)
    JOB_OP(j, Q_RESERVATION_LOOK, v_int(al->slots[i].address_id), v_int(al->slots[i].pay_amount.micro),
           v_int(al->project->id));
  pools_looking(pools, al->project->id, al->amount, true);
  al->stage = LOOKED;
  return ERR_NONE;
}

static enum err looked(struct allocation *al, struct job *j) {
  const struct slot *free = NULL;
  pools_looking(al->env->pools, al->project->id, al->amount, false);
  for (int i = 0; i < al->n_slots; i++) {
    const struct slot *s = &al->slots[i];
    const struct rows *r = job_rows(j, i);
    if (r->n == 0 || rows_at(r, 0)[0].i) { // removed at another node: the list is not what it was
      pools_forget(al->env->pools, al->project->id);
      return read_pool(al, j);
    }
    if (rows_at(r, 0)[1].type != VAL_NULL)
      continue;
    if (free) // not needed now, there for the next
      pools_released(al->env->pools, al->project, s->address_id, s->pay_amount);
    else
      free = s;
  }
  return free ? claim(al, j, free) : try_next(al, j);
}

static enum err claimed(struct allocation *al, struct job *j) {
  if (job_rows(j, 0)->n == 0) {
    pools_missed(al->env->pools, al->project->id, al->amount);
    return try_next(al, j);
  }
  pools_found(al->env->pools, al->project->id, al->amount);
  al->finished = true;
  return ERR_NONE;
}

// An amount without a hint yet (after a start, say): count what is reserved, so that the walk begins where it
// is likely free.
static enum err begin(struct allocation *al, struct job *j) {
  struct usdt most;
  if (!pools_cold(al->env->pools, al->project->id, al->amount))
    return try_next(al, j);
  if (!usdt_add(al->amount, al->project->surcharge_cap, &most))
    return ERR_AMOUNT_MAX;
  al->stage = COUNTED;
  JOB_OP(j, Q_POOL_RESERVED, v_int(al->project->id), v_int(al->amount.micro), v_int(most.micro),
         v_int(COUNTED_MAX));
  return ERR_NONE;
}

static enum err pool_read(struct allocation *al, struct job *j) {
  struct pools *pools = al->env->pools;
  bool any = job_rows(j, 0)->n > 0;
  if (any && !pools_known(pools, al->project->id))
    pools_load(pools, al->project->id, job_rows(j, 0));
  pools_read_end(pools, j);
  return any ? begin(al, j) : ERR_NO_ADDRESSES; // not remembered: the next one must hear the same
}

static enum err pool_of_other(struct allocation *al, struct job *j) {
  if (job_rows(j, 0)->n == 0)
    return ERR_NO_ADDRESSES;
  return pools_known(al->env->pools, al->project->id) ? begin(al, j) : read_pool(al, j);
}

static enum err counted(struct allocation *al, struct job *j) {
  struct pools *pools = al->env->pools;
  if (!pools_known(pools, al->project->id))
    return read_pool(al, j);
  if (pools_cold(pools, al->project->id, al->amount)) // as above
    pools_begin(pools, al->project->id, al->amount, rows_at(job_rows(j, 0), 0)[0].i);
  return try_next(al, j);
}

static enum err source(struct allocation *al, struct job *j) {
  const struct rows *xpub = job_rows(j, 0);
  if (xpub->n == 0) {
    al->xpub_row = 0;
    return pools_known(al->env->pools, al->project->id) ? begin(al, j) : read_pool(al, j);
  }
  const struct val *v = rows_at(xpub, 0);
  if (v[3].i >= BIP32_INDEX_END)
    return ERR_NO_ADDRESS_FREE;
  al->xpub_row = v[0].i;
  al->xpub = v[1].s;
  return take_index(al, j);
}

enum err allocation_step(struct allocation *al, struct job *j) {
  al->finished = false;
  switch ((enum stage)al->stage) {
  case START:
    return ask_source(al, j);
  case SOURCE:
    return source(al, j);
  case INDEX:
    return derive(al, j);
  case DERIVED:
    return derived(al, j);
  case POOL:
    return pool_read(al, j);
  case POOL_OF_OTHER:
    return pool_of_other(al, j);
  case COUNTED:
    return counted(al, j);
  case CLAIMED:
    return claimed(al, j);
  case LOOKED:
    return looked(al, j);
  }
  BUG("unknown stage");
}
