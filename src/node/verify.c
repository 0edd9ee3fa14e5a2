// Trust "verified": the line's headers are checked and fed to the witnesses' state, which says what is final.
#include "node/chain_internal.h"

#include <string.h>

enum { FEE_BPS_END = 20, BPS = 10000 }; // setParams takes less (tron.md 2.4)
#define FEE_END (INT64_C(50) * USDT_MICRO)

bool is_verified(const struct chain *c, const struct stretch *s) {
  return c->o.trust == TRUST_VERIFIED && s == &c->line;
}

// The block is what it says it is: its id is the hash of its header, its transactions add up to the root that
// is signed there. Who signed it is judged later.
bool version_check(struct version *v) {
  struct arena a;
  uint8_t root[SHA256_N];
  if (v->checked)
    return v->good;
  v->checked = true;
  arena_init(&a, VERSION_BYTES_MAX);
  uint8_t(*leaves)[SHA256_N] = arena_alloc(&a, SHA256_N * (size_t)(v->b.n + 1));
  for (int i = 0; i < v->b.n; i++)
    memcpy(leaves[i], v->b.txs[i].leaf, SHA256_N);
  merkle_root(leaves, (size_t)v->b.n, root);
  v->good = signed_header_of(&v->b.header, &v->signed_header) &&
            !memcmp(v->signed_header.id, v->b.id, BLOCK_ID_N) && !memcmp(root, v->b.header.tx_root, SHA256_N);
  arena_free(&a);
  return v->good;
}

static bool is_state_of(struct stretch *s, const struct witnesses *w) {
  const struct chain_id *id = stretch_id(s, w->number);
  return id && !memcmp(id->bytes, w->id, BLOCK_ID_N);
}

void verify_reject(struct chain *c, struct version *v, struct str why) {
  peers told = v->told;
  stretch_reject(&c->line, v->b.header.number, v);
  for (int i = 0; i < c->n; i++)
    if (told >> i & 1)
      peer_blame(c, i, why);
}

// Which header made it final is kept: a proof needs the headers up to there.
static void note_final(struct chain *c) {
  for (int i = 0; i < c->line.n_line; i++) {
    struct version *v = c->line.places[i].line;
    if (v->b.header.number > c->fed.final)
      return;
    if (!v->final_top)
      v->final_top = c->fed.number;
  }
}

void verify_line(struct chain *c) {
  struct stretch *s = &c->line;
  if (c->o.trust != TRUST_VERIFIED || !c->has_witnesses)
    return;
  if (!is_state_of(s, &c->fed))
    c->fed = c->at;
  while (is_state_of(s, &c->fed) && c->fed.number < stretch_top(s)) {
    struct version *v = stretch_place(s, c->fed.number + 1)->line;
    if (!version_check(v)) {
      verify_reject(c, v, STR("a block is not what its id or its signature says"));
      return;
    }
    enum header_verdict verdict = witnesses_take(&c->fed, &v->signed_header);
    witnesses_retell(c);
    if (verdict != HEADER_TAKEN && verdict != HEADER_NOT_COUNTED) {
      verify_reject(c, v, STR("a block is not by the witness whose turn it was"));
      return;
    }
    note_final(c);
  }
}

// What was judged is the line as it is now: it is linked by ids up to there.
bool verified_final(struct chain *c, int64_t number) {
  return c->has_witnesses && number <= c->fed.final && is_state_of(&c->line, &c->fed);
}

struct str verify_trouble(const struct chain *c) {
  struct witnesses_question q;
  if (c->o.trust != TRUST_VERIFIED || !c->has_cursor)
    return STR_NONE;
  if (!c->has_witnesses)
    return STR("Who the witnesses are is not known: too few nodes agree on it.");
  witnesses_ask(&c->fed, &q);
  if (q.set)
    return STR("More witnesses changed at once than can be followed: nothing is credited until enough nodes "
               "agree on the new set, or witness_file names it.");
  if (q.n_keys > c->fed.n - witnesses_quorum(c->fed.n))
    return STR("Too many blocks are signed with keys that nobody is known to have: nothing is credited until "
               "enough nodes agree whose they are.");
  return STR_NONE;
}

// K nodes have no receipts for the block that is the line's: it is not the one that they follow, whoever
// signed it. The others are asked for theirs.
void doubt_line(struct chain *c) {
  const struct place *p = c->has_cursor ? stretch_place(&c->line, first_undecided(c, &c->line)) : NULL;
  if (c->o.trust == TRUST_VERIFIED && p && p->line && __builtin_popcount(p->refused) >= c->o.k)
    verify_reject(c, p->line, STR("its block is not the one of which enough others have receipts"));
}

static bool is_call(const struct transfer_log *l, const struct block_tx *t) {
  return address_same(&l->from, &t->from) && address_same(&l->to, &t->to);
}

// The transfer as it was called, or less by the token's fee, which has a log of its own. A log more, or a fee
// that the token cannot take, would be somebody's money made up.
static bool fits_call(const struct block_tx *t, const struct transfer_log *l, int n) {
  int64_t amount, fee;
  if (!transfer_value(t->amount, &amount))
    return n == 0;
  if (n < 1 || n > 2 || !is_call(&l[0], t) || l[0].value > amount)
    return false;
  fee = amount - l[0].value;
  if (n == 1)
    return fee == 0;
  return l[1].value == fee && address_same(&l[1].from, &t->from) && fee < FEE_END &&
         fee / FEE_BPS_END <= amount / BPS + 1;
}

// Every direct call that the tree shows must be in the receipts, and nothing else in its transaction.
bool receipts_prove(const struct version *v, const struct receipts *r) {
  int at = 0;
  for (int i = 0; i < v->b.n; i++) {
    const struct block_tx *t = &v->b.txs[i];
    int first = at;
    while (at < r->n && r->transfers[at].tx == i)
      at++;
    if (t->is_direct && t->succeeded && !fits_call(t, at > first ? &r->transfers[first] : NULL, at - first))
      return false;
  }
  return at == r->n;
}

static const struct block_tx *find_tx(const struct block *b, const uint8_t id[TXID_N], int *at) {
  for (; *at < b->n; (*at)++)
    if (!memcmp(b->txs[*at].id, id, TXID_N))
      return &b->txs[*at];
  return NULL;
}

// What can be handed on: each direct call's transaction and path, and the headers that make the block final.
void give_proofs(struct chain *c, const struct version *v, struct arena *a, struct chain_block *out) {
  struct witness_list set;
  int at = 0;
  witnesses_trusted(&c->fed, &set);
  const struct proof_block *tree = out->n_transfers ? proof_block(&v->b, &set, &c->parse) : NULL;
  for (int i = 0; i < out->n_transfers; i++) {
    struct chain_transfer *x = &out->transfers[i];
    const struct block_tx *t = find_tx(&v->b, x->txid, &at);
    int64_t amount;
    if (!t || !t->is_direct || !transfer_value(t->amount, &amount) || amount != x->value.micro ||
        !address_same(&t->from, &x->from) || !address_same(&t->to, &x->to))
      continue;
    x->proven = true;
    x->proof = tree ? str_copy(a, proof_part(tree, at, &c->parse)) : STR_NONE;
  }
  arena_reset(&c->parse);
  int64_t last = v->final_top > 0 ? v->final_top : stretch_top(&c->line);
  out->headers = ARENA_ARRAY(a, struct chain_header, last - out->number + 1);
  for (int64_t n = out->number; n <= last && out->n_headers < PROOF_HEADERS_MAX; n++) {
    const struct place *p = stretch_place(&c->line, n);
    if (!p || !p->line)
      return;
    struct buf raw;
    buf_init(&raw, a, 1024);
    block_header_encode(&p->line->b.header, &raw);
    struct str signature = {(const char *)p->line->b.header.signature, SIGNATURE_N};
    out->headers[out->n_headers++] = (struct chain_header){n, buf_view(&raw), str_copy(a, signature)};
  }
}

// The state after the last block that is given out: it belongs to the cursor when that is stored.
bool verify_given(struct chain *c, int64_t number) {
  c->given = c->at;
  while (c->given.number < number) {
    const struct place *p = stretch_place(&c->line, c->given.number + 1);
    if (!p || !p->line || !version_check(p->line))
      return false;
    enum header_verdict verdict = witnesses_take(&c->given, &p->line->signed_header);
    if (verdict != HEADER_TAKEN && verdict != HEADER_NOT_COUNTED)
      return false;
  }
  return true;
}

void verify_credited(struct chain *c, const struct chain_cursor *cursor) {
  if (c->given.number == cursor->number && !memcmp(c->given.id, cursor->id.bytes, BLOCK_ID_N))
    c->at = c->given;
  else if (c->at.number != cursor->number)
    c->has_witnesses = false; // the cursor was moved by somebody else
}

struct str chain_witnesses(struct chain *c, struct arena *a) {
  struct buf out;
  if (c->o.trust != TRUST_VERIFIED || !c->has_witnesses)
    return STR_NONE;
  buf_init(&out, a, WITNESSES_TEXT_MAX);
  witnesses_write(&c->given, &out);
  return buf_view(&out);
}
