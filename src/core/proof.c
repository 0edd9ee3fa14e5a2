#include "core/proof.h"
#include "core/proof_parts.h"
#include "wire/transaction.h"

#include <string.h>

// The block and those above it: linked, and each signature by another member of the set.
static const char *check_headers(const struct proof *p, const uint8_t root[SHA256_N],
                                 struct proof_statement *s) {
  struct signed_header h;
  struct block_header raw;
  uint8_t id[BLOCK_ID_N];
  bool has_signed[WITNESSES_MAX] = {false};
  for (int i = 0; i < p->n_headers; i++) {
    if (!block_header_decode(p->headers[i].raw, &raw))
      return "a header is not one";
    if (i == 0 && memcmp(raw.tx_root, root, SHA256_N) != 0)
      return "the transaction is not in the block: the Merkle root differs";
    if (i > 0 && (raw.number != s->number + i || memcmp(raw.parent, id, sizeof id) != 0))
      return "the headers are not one chain";
    if (i == 0) {
      s->number = raw.number;
      s->time_ms = raw.time_ms;
    }
    block_id(&raw, id, NULL);
    if (!p->headers[i].counts)
      continue;
    raw.is_signed = true;
    memcpy(raw.signature, p->headers[i].signature, SIGNATURE_N);
    int member = witness_list_find(&p->set, &raw.witness);
    if (member < 0 || raw.signature[SIGNATURE_N - 1] > 3 || !signed_header_of(&raw, &h) ||
        !address_same(&h.signer, &p->set.key[member]))
      return "a header is not signed by the witness of the set that it names";
    if (has_signed[member])
      return "two signatures are of the same witness";
    has_signed[member] = true;
    s->signed_by++;
  }
  if (s->signed_by < witnesses_quorum(p->set.n))
    return "too few witnesses have signed above the block: it is not shown to be final";
  return NULL;
}

static const char *check_transaction(const struct proof *p, struct proof_statement *s,
                                     uint8_t leaf[SHA256_N]) {
  struct block_tx tx;
  if (!transaction_read(p->transaction, &p->token, &tx))
    return "the transaction is not one";
  if (!tx.succeeded)
    return "the transaction has failed";
  if (!tx.is_direct)
    return "the transaction is not a direct transfer of that token";
  s->amount.micro = 0;
  for (int i = 0; i < 32; i++) {
    if (s->amount.micro > INT64_MAX >> 8)
      return "the amount is out of range";
    s->amount.micro = s->amount.micro << 8 | tx.amount[i];
  }
  memcpy(s->txid, tx.id, sizeof s->txid);
  memcpy(leaf, tx.leaf, SHA256_N);
  s->from = tx.from;
  s->to = tx.to;
  return NULL;
}

static const char *check(const struct proof *p, struct proof_statement *s) {
  uint8_t node[SHA256_N];
  *s = (struct proof_statement){.token = p->token, .witnesses = p->set.n};
  const char *why = check_transaction(p, s, node);
  if (why)
    return why;
  for (int i = 0; i < p->path.n; i++)
    if (p->path.steps[i].is_left)
      merkle_pair(p->path.steps[i].sibling, node, node);
    else
      merkle_pair(node, p->path.steps[i].sibling, node);
  return check_headers(p, node, s);
}

static const char *compare_sets(const struct witness_list *theirs, const struct witness_list *ours) {
  if (!witness_list_same(theirs, ours))
    return "it relies on other witnesses than those of the witness file";
  for (int i = 0; i < theirs->n; i++)
    if (!address_same(&theirs->key[i], &ours->key[witness_list_find(ours, &theirs->who[i])]))
      return "a witness signs with another key than the witness file says (\"ADDRESS:KEY\" there names one)";
  return NULL;
}

const char *proof_verify(struct str file, const struct witness_list *set, struct arena *a,
                         struct proof_statement *out) {
  struct proof *p = ARENA_NEW(a, struct proof);
  struct buf again;
  if (file.n > PROOF_FILE_MAX || !proof_read(file, a, p))
    return "the file is not a proof of payment";
  const char *why = compare_sets(&p->set, set);
  if (!why)
    why = check(p, out);
  if (why)
    return why;
  buf_init(&again, a, PROOF_FILE_MAX);
  proof_write(p, out, &again);
  return str_eq(buf_view(&again), file)
             ? NULL
             : "the file is not written as a proof is, or says something else than it proves";
}

// Making

static bool count(struct proof *p, const struct chain_header *from, bool has_signed[WITNESSES_MAX]) {
  struct proof_header *to = &p->headers[p->n_headers++];
  struct block_header h;
  struct signed_header s;
  *to = (struct proof_header){.raw = from->raw};
  if (!block_header_decode(from->raw, &h) || from->signature.n != SIGNATURE_N)
    return false;
  h.is_signed = true;
  memcpy(h.signature, from->signature.p, SIGNATURE_N);
  int member = witness_list_find(&p->set, &h.witness);
  if (member < 0 || has_signed[member] || !signed_header_of(&h, &s) ||
      !address_same(&s.signer, &p->set.key[member]))
    return false;
  uint8_t v = h.signature[SIGNATURE_N - 1];
  h.signature[SIGNATURE_N - 1] = (v < 27 ? v : (uint8_t)(v - 27)) & 3; // one way to write it
  memcpy(to->signature, h.signature, SIGNATURE_N);
  return to->counts = has_signed[member] = true;
}

const char *proof_make(struct str part, const struct tron_address *token, const struct chain_header *headers,
                       int n, struct buf *out) {
  struct proof *p = ARENA_NEW(out->arena, struct proof);
  struct proof_statement s;
  bool has_signed[WITNESSES_MAX] = {false};
  int signed_by = 0;
  if (!proof_part_read(part, out->arena, p))
    return "what is kept of this transfer is no proof";
  p->token = *token;
  for (int i = 0; i < n && i < PROOF_HEADERS_MAX && signed_by < witnesses_quorum(p->set.n); i++)
    signed_by += count(p, &headers[i], has_signed);
  const char *why = check(p, &s);
  if (!why)
    proof_write(p, &s, out);
  return why;
}

// ---- parts

struct proof_block {
  const struct block *b;
  uint8_t (*nodes)[SHA256_N];       // of the tree, row after row, the leaves first
  size_t first[PROOF_PATH_MAX + 1]; // of each row, in nodes
  size_t n[PROOF_PATH_MAX + 1];     // its length
  struct str set;                   // as text
};

// A node that stands alone at the end of its row is carried up.
static void grow(struct proof_block *t) {
  for (int row = 0; t->n[row] > 1; row++) {
    uint8_t(*below)[SHA256_N] = t->nodes + t->first[row];
    size_t n = t->n[row], at = t->first[row] + n;
    t->first[row + 1] = at;
    t->n[row + 1] = (n + 1) / 2;
    for (size_t i = 0; i + 1 < n; i += 2)
      merkle_pair(below[i], below[i + 1], t->nodes[at++]);
    if (n % 2 == 1)
      memcpy(t->nodes[at], below[n - 1], SHA256_N);
  }
}

struct proof_block *proof_block(const struct block *b, const struct witness_list *set, struct arena *a) {
  if (b->n == 0 || b->n >= 1 << (PROOF_PATH_MAX - 1))
    return NULL;
  struct proof_block *t = ARENA_NEW(a, struct proof_block);
  struct buf text;
  t->b = b;
  t->n[0] = (size_t)b->n;
  t->nodes = arena_alloc(a, (2 * t->n[0] + PROOF_PATH_MAX) * SHA256_N);
  for (int i = 0; i < b->n; i++)
    memcpy(t->nodes[i], b->txs[i].leaf, SHA256_N);
  grow(t);
  buf_init(&text, a, PROOF_PART_MAX);
  proof_set_write(set, &text);
  t->set = buf_view(&text);
  return t;
}

static void climb(const struct proof_block *t, size_t at, struct proof_path *path) {
  for (int row = 0; t->n[row] > 1; row++, at /= 2) {
    size_t sibling = at ^ 1;
    if (sibling >= t->n[row])
      continue;
    struct proof_step *s = &path->steps[path->n++];
    s->is_left = sibling < at;
    memcpy(s->sibling, t->nodes[t->first[row] + sibling], SHA256_N);
  }
}

struct str proof_part(const struct proof_block *t, int tx, struct arena *a) {
  const struct block_tx *x = &t->b->txs[tx];
  struct proof_path path = {.n = 0};
  struct buf out;
  if (!x->is_direct || !x->succeeded || x->bytes.n > PROOF_TRANSACTION_MAX)
    return STR_NONE;
  climb(t, (size_t)tx, &path);
  buf_init(&out, a, PROOF_PART_MAX);
  proof_part_write(x->bytes, &path, t->set, &out);
  return out.full ? STR_NONE : buf_view(&out);
}
