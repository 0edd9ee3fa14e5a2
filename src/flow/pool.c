#include "flow/pool.h"
#include "base/bug.h"
#include "core/reservation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
  POOLS_MAX = 4096,      // projects with a list in memory
  HINTS_MAX = 512,       // amounts of a project that have a hint; beyond, the oldest is dropped
  FREED_MAX = 4096,      // released pairs that a hint remembers
  ADDRESS_TEXT_MAX = 40, // 34 and a NUL
  FEW_RESERVED = 2048,   // so many are walked through again after a start
  XPUBS_MAX = 64,
  LIST_BYTES_MAX = 4 << 20, // of POOL_ADDRESSES_MAX rows
  HINT_TICKS = 30,          // so old a hint begins anew: other nodes release pairs too
};

// A released pair that a hint can offer again: smallest slot first, among equals the one released first.
struct freed {
  int64_t slot, turn;
  int index; // into the pool's addresses
};

struct hint {
  int64_t amount;
  int64_t at;   // slot * addresses + index: everything before it has been offered
  int64_t jump; // after the plain amounts the walk goes on here: as many pairs are reserved (0: no jump)
  int64_t turns;
  uint64_t begun, looked; // ticks: of the walk's beginning, of the last time that it was begun anew
  struct freed *heap;
  int n_freed;
  int looking;  // jobs that hold candidates which they will not all need
  bool sure;    // the last candidate was free
  bool rewound; // the walk has begun anew since something was found or released
  bool full;    // it has come to the end since: all are taken
};

struct pool {
  int64_t project_id;
  int n;
  int64_t *ids;
  char (*texts)[ADDRESS_TEXT_MAX];
  struct hint *hints;
  int n_hints;
};

struct pools {
  struct pool *list;
  int n;
  _Atomic uint64_t ticks, changes;  // from any thread
  uint64_t followed;                // of the changes
  struct job *reading;              // a list; NULL: nobody
  struct arena *readers_own, arena; // of its rows
  struct {
    int64_t row;
    struct xpub key;
  } xpubs[XPUBS_MAX]; // by row modulo the size
};

struct pools *pools_new(void) {
  struct pools *p = calloc(1, sizeof *p);
  BUG_IF(!p, "out of memory");
  arena_init(&p->arena, LIST_BYTES_MAX);
  return p;
}

static void hint_clear(struct hint *h) {
  free(h->heap);
  *h = (struct hint){0};
}

static void pool_clear(struct pool *p) {
  for (int i = 0; i < p->n_hints; i++)
    hint_clear(&p->hints[i]);
  free(p->hints);
  free(p->ids);
  free(p->texts);
}

void pools_free(struct pools *p) {
  for (int i = 0; i < p->n; i++)
    pool_clear(&p->list[i]);
  free(p->list);
  arena_free(&p->arena);
  free(p);
}

static struct pool *find(const struct pools *p, int64_t project_id) {
  for (int i = 0; i < p->n; i++)
    if (p->list[i].project_id == project_id)
      return &p->list[i];
  return NULL;
}

void pools_forget(struct pools *p, int64_t project_id) {
  struct pool *pool = find(p, project_id);
  if (!pool)
    return;
  pool_clear(pool);
  *pool = p->list[--p->n];
}

bool pools_known(struct pools *p, int64_t project_id) {
  uint64_t changes = atomic_load(&p->changes);
  while (p->followed != changes && p->n)
    pools_forget(p, p->list[0].project_id);
  p->followed = changes;
  return find(p, project_id) != NULL;
}

void pools_changed(struct pools *p) {
  atomic_fetch_add(&p->changes, 1);
}

void pools_tick(struct pools *p) {
  atomic_fetch_add(&p->ticks, 1);
}

bool pools_read_start(struct pools *p, struct job *j) {
  if (p->reading)
    return false;
  p->reading = j;
  p->readers_own = j->arena;
  j->arena = &p->arena;
  return true;
}

void pools_read_end(struct pools *p, struct job *j) {
  if (p->reading != j)
    return;
  j->arena = p->readers_own;
  arena_free(&p->arena);
  p->reading = NULL;
}

static void *grown(void *array, size_t n, size_t size) {
  array = realloc(array, (n ? n : 1) * size);
  BUG_IF(!array, "out of memory");
  return array;
}

void pools_load(struct pools *p, int64_t project_id, const struct rows *addresses) {
  pools_forget(p, project_id);
  if (p->n == POOLS_MAX)
    pools_forget(p, p->list[0].project_id);
  p->list = grown(p->list, (size_t)p->n + 1, sizeof *p->list);
  struct pool *pool = &p->list[p->n++];
  *pool = (struct pool){.project_id = project_id, .n = addresses->n};
  pool->ids = grown(NULL, (size_t)pool->n, sizeof *pool->ids);
  pool->texts = grown(NULL, (size_t)pool->n, sizeof *pool->texts);
  for (int i = 0; i < pool->n; i++) {
    const struct val *v = rows_at(addresses, i);
    BUG_IF(v[1].s.n >= ADDRESS_TEXT_MAX, "an address is too long");
    pool->ids[i] = v[0].i;
    memcpy(pool->texts[i], v[1].s.p, v[1].s.n + 1);
  }
}

static struct hint *known_hint(const struct pool *pool, struct usdt amount) {
  for (int i = 0; pool && i < pool->n_hints; i++)
    if (pool->hints[i].amount == amount.micro)
      return &pool->hints[i];
  return NULL;
}

static struct hint *hint_of(struct pool *pool, struct usdt amount) {
  struct hint *known = known_hint(pool, amount);
  if (known)
    return known;
  if (pool->n_hints == HINTS_MAX) {
    hint_clear(&pool->hints[0]);
    memmove(pool->hints, pool->hints + 1, sizeof *pool->hints * (HINTS_MAX - 1));
    pool->n_hints--;
  }
  pool->hints = grown(pool->hints, (size_t)pool->n_hints + 1, sizeof *pool->hints);
  struct hint *h = &pool->hints[pool->n_hints++];
  *h = (struct hint){.amount = amount.micro};
  return h;
}

bool pools_cold(const struct pools *p, int64_t project_id, struct usdt amount) {
  const struct hint *h = known_hint(find(p, project_id), amount);
  return !h || atomic_load(&p->ticks) - h->begun > HINT_TICKS;
}

bool pools_sure(const struct pools *p, int64_t project_id, struct usdt amount) {
  const struct hint *h = known_hint(find(p, project_id), amount);
  return h && h->sure;
}

void pools_begin(struct pools *p, int64_t project_id, struct usdt amount, int64_t reserved) {
  struct pool *pool = find(p, project_id);
  if (!pool)
    return;
  struct hint *h = hint_of(pool, amount);
  *h = (struct hint){.amount = h->amount,
                     .jump = reserved < FEW_RESERVED ? 0 : reserved,
                     .begun = atomic_load(&p->ticks),
                     .heap = h->heap};
}

const struct xpub *pools_xpub(struct pools *p, int64_t row, struct str text) {
  int i = (int)(row % XPUBS_MAX);
  if (p->xpubs[i].row != row) {
    BUG_IF(bip32_parse(text, &p->xpubs[i].key) != BIP32_OK, "a stored xpub does not parse");
    p->xpubs[i].row = row;
  }
  return &p->xpubs[i].key;
}

static bool before(const struct freed *a, const struct freed *b) {
  return a->slot != b->slot ? a->slot < b->slot : a->turn < b->turn;
}

static void heap_push(struct hint *h, struct freed f) {
  int i = h->n_freed++;
  while (i > 0 && before(&f, &h->heap[(i - 1) / 2])) {
    h->heap[i] = h->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h->heap[i] = f;
}

static struct freed heap_pop(struct hint *h) {
  struct freed top = h->heap[0], last = h->heap[--h->n_freed];
  int i = 0;
  for (int child; (child = 2 * i + 1) < h->n_freed; i = child) {
    if (child + 1 < h->n_freed && before(&h->heap[child + 1], &h->heap[child]))
      child++;
    if (!before(&h->heap[child], &last))
      break;
    h->heap[i] = h->heap[child];
  }
  h->heap[i] = last;
  return top;
}

bool pools_next(struct pools *p, const struct project *project, struct usdt amount, struct slot *out) {
  struct pool *pool = find(p, project->id);
  if (!pool || pool->n == 0)
    return false;
  struct hint *h = hint_of(pool, amount);
  if (h->at == pool->n && h->jump > h->at)
    h->at = h->jump;
  int64_t slot = h->at / pool->n, end = reservation_slots(project->surcharge_cap);
  int index = (int)(h->at % pool->n);
  if (h->n_freed && h->heap[0].slot <= slot && h->heap[0].slot < end) { // the cap may have been lowered since
    struct freed f = heap_pop(h);
    slot = f.slot;
    index = f.index;
  } else if (slot >= end) {
    return false;
  } else {
    h->at++;
  }
  out->address_id = pool->ids[index];
  out->address = str_of(pool->texts[index]);
  return usdt_add(amount, reservation_surcharge(project->surcharge_cap, slot), &out->pay_amount);
}

bool pools_rewind(struct pools *p, const struct project *project, struct usdt amount, bool insist) {
  struct pool *pool = find(p, project->id);
  if (!pool || pool->n == 0)
    return false;
  struct hint *h = hint_of(pool, amount);
  uint64_t tick = atomic_load(&p->ticks);
  bool later = h->full && h->looked != tick; // another node may have released something
  h->full = !later && !(insist && h->looking) && (h->full || h->rewound);
  h->looked = tick;
  h->sure = false;
  if (h->full)
    return false;
  h->at = h->jump = 0;
  h->n_freed = 0;
  return h->rewound = true;
}

void pools_looking(struct pools *p, int64_t project_id, struct usdt amount, bool begins) {
  struct hint *h = known_hint(find(p, project_id), amount);
  if (h && (begins || h->looking))
    h->looking += begins ? 1 : -1;
}

void pools_found(struct pools *p, int64_t project_id, struct usdt amount) {
  struct hint *h = known_hint(find(p, project_id), amount);
  if (h) {
    h->rewound = false;
    h->sure = true;
  }
}

void pools_missed(struct pools *p, int64_t project_id, struct usdt amount) {
  struct hint *h = known_hint(find(p, project_id), amount);
  if (h)
    h->sure = false;
}

static void offer_again(struct pool *pool, struct hint *h, int64_t slot, int index) {
  h->full = h->rewound = false;
  if (slot * pool->n + index >= h->at)
    return; // still to come
  if (!h->heap)
    h->heap = grown(NULL, FREED_MAX, sizeof *h->heap);
  if (h->n_freed == FREED_MAX) { // too many to remember: look at all of them again
    h->at = 0;
    h->n_freed = 0;
    return;
  }
  heap_push(h, (struct freed){slot, h->turns++, index});
}

void pools_released(struct pools *p, const struct project *project, int64_t address_id,
                    struct usdt pay_amount) {
  struct pool *pool = find(p, project->id);
  int index = 0;
  while (pool && index < pool->n && pool->ids[index] != address_id)
    index++;
  if (!pool || index == pool->n)
    return;
  for (int i = 0; i < pool->n_hints; i++) {
    struct hint *h = &pool->hints[i];
    struct usdt surcharge;
    int64_t slot;
    if (usdt_sub(pay_amount, (struct usdt){h->amount}, &surcharge) &&
        reservation_slot(project->surcharge_cap, surcharge, &slot))
      offer_again(pool, h, slot, index);
  }
}
