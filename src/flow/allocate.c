#include "flow/allocate.h"
#include "base/bug.h"
#include "flow/pool.h"
#include "wire/bip32.h"

enum {
  LOOK_AT_ONCE = 8,   // candidates checked in one round
  LOOKED_MAX = 4096,  // by one request: it bounds memory; the next request goes on where this one stopped
  COUNTED_MAX = 20000 // reservations counted when an amount is asked for the first time
};

enum stage { START, SOURCE, DERIVED, POOL, COUNTED, LOOKED };

static enum err derive_next(struct allocation *al, struct job *j, const struct project *project) {
  struct tron_address address;
  char text[ADDRESS_TEXT_N + 1];
  // An index without a key is skipped, as BIP-32 says.
  while (al->xpub_index < BIP32_INDEX_END && !bip32_address(al->xpub, (uint32_t)al->xpub_index, &address))
    al->xpub_index++;
  if (al->xpub_index >= BIP32_INDEX_END)
    return ERR_NO_ADDRESS_FREE;
  address_format(&address, text);
  al->candidate = str_copy(j->arena, str_of(text));
  JOB_OP(j, Q_ADDRESS_ADD, v_int(project->id), v_text(al->candidate), v_int(al->xpub_row),
         v_int(al->xpub_index));
  al->stage = DERIVED;
  return ERR_NONE;
}

static enum err look(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                     struct usdt amount) {
  al->n_slots = 0;
  al->slots = ARENA_ARRAY(j->arena, struct slot, LOOK_AT_ONCE);
  // The first hint is nearly always right; only a wrong one makes us look at several.
  int wanted = al->looked ? LOOK_AT_ONCE : 1;
  while (al->n_slots < wanted) {
    struct slot *s = &al->slots[al->n_slots];
    if (pools_next(env->pools, project, amount, s)) {
      al->n_slots++;
      JOB_OP(j, Q_RESERVATION_AT, v_int(s->address_id), v_int(s->pay_amount.micro));
    } else if (!pools_rewind(env->pools, project, amount)) {
      break;
    }
  }
  al->looked += al->n_slots;
  al->stage = LOOKED;
  return al->n_slots ? ERR_NONE : ERR_NO_ADDRESS_FREE;
}

// An amount without a hint yet (after a start, say): count what is reserved, so that the walk begins where it
// is likely free.
static enum err begin(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                      struct usdt amount) {
  struct usdt most;
  if (!pools_cold(env->pools, project->id, amount))
    return look(al, j, env, project, amount);
  if (!usdt_add(amount, project->surcharge_cap, &most))
    return ERR_AMOUNT_MAX;
  al->stage = COUNTED;
  JOB_OP(j, Q_POOL_RESERVED, v_int(project->id), v_int(amount.micro), v_int(most.micro), v_int(COUNTED_MAX));
  return ERR_NONE;
}

static enum err source(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                       struct usdt amount) {
  const struct rows *xpub = job_rows(j, 0);
  if (xpub->n == 1) {
    const struct val *v = rows_at(xpub, 0);
    al->xpub_row = v[0].i;
    al->xpub_index = v[3].i;
    al->xpub = pools_xpub(env->pools, al->xpub_row, v[1].s);
    return derive_next(al, j, project);
  }
  if (pools_known(env->pools, project->id))
    return begin(al, j, env, project, amount);
  al->stage = POOL;
  JOB_OP(j, Q_ADDRESS_POOL, v_int(project->id), v_int(POOL_ADDRESSES_MAX));
  return ERR_NONE;
}

// An address that somebody has claimed already is skipped; it is never given to a second order either way.
static enum err derived(struct allocation *al, struct job *j, const struct project *project,
                        struct usdt amount) {
  const struct rows *added = job_rows(j, 0);
  if (added->n == 0) {
    al->xpub_index++;
    return derive_next(al, j, project);
  }
  al->address_id = rows_at(added, 0)[0].i;
  al->address = al->candidate;
  al->pay_amount = amount;
  al->derived = al->finished = true;
  JOB_OP(j, Q_XPUB_ADVANCE, v_int(al->xpub_row), v_int(al->xpub_index + 1));
  return ERR_NONE;
}

static enum err looked(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                       struct usdt amount) {
  for (int i = 0; i < al->n_slots; i++) {
    const struct slot *s = &al->slots[i];
    if (job_rows(j, i)->n)
      continue;
    if (al->finished) { // not needed now, free for the next
      pools_released(env->pools, project, s->address_id, s->pay_amount);
      continue;
    }
    al->address_id = s->address_id;
    al->address = str_copy(j->arena, s->address);
    al->pay_amount = s->pay_amount;
    al->finished = true;
  }
  if (al->finished) {
    pools_found(env->pools, project, amount);
    return ERR_NONE;
  }
  return al->looked < LOOKED_MAX ? look(al, j, env, project, amount) : ERR_BUSY;
}

enum err allocation_step(struct allocation *al, struct job *j, struct env *env, const struct project *project,
                         struct usdt amount) {
  al->finished = false;
  switch ((enum stage)al->stage) {
  case START:
    al->stage = SOURCE;
    JOB_OP(j, Q_XPUB_ACTIVE, v_int(project->id));
    return ERR_NONE;
  case SOURCE:
    return source(al, j, env, project, amount);
  case DERIVED:
    return derived(al, j, project, amount);
  case POOL:
    if (job_rows(j, 0)->n == 0) // not remembered: the next one must hear the same
      return ERR_NO_ADDRESSES;
    pools_load(env->pools, project->id, job_rows(j, 0));
    return begin(al, j, env, project, amount);
  case COUNTED:
    pools_begin(env->pools, project->id, amount, rows_at(job_rows(j, 0), 0)[0].i);
    return look(al, j, env, project, amount);
  case LOOKED:
    return looked(al, j, env, project, amount);
  }
  BUG("unknown stage");
}
