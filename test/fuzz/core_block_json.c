// A first line that may be a block, and a rest that may be its receipts: what is read holds together, takes
// no more memory than was said, and a list of blocks says of one block what it says alone.
#include "fuzz.h"
#include "wire/block_json.h"

#include <string.h>

static const struct tron_address token = {{0x46, 0x8b, 0xfd, 0xba, 0x19, 0xe7, 0x9e, 0x18, 0xe1, 0xf4,
                                           0xb5, 0x37, 0xed, 0x13, 0x33, 0xe5, 0x1d, 0x1f, 0x8e, 0xdf}};

static void bounded(struct arena *a, size_t n, size_t before) {
  BUG_IF(a->used - before > BLOCK_JSON_ARENA_TIMES * n + BLOCK_JSON_ARENA_MORE, "as much as was said");
}

static void said_why(enum said said, struct str why) {
  BUG_IF((said == SAID_RUBBISH || said == SAID_ERROR) != (why.p != NULL), "what is wrong is said");
}

static void holds(const struct block *b) {
  uint8_t hash[SHA256_N];
  for (int i = 0; i < b->n; i++) {
    const struct block_tx *tx = &b->txs[i];
    BUG_IF(tx->is_direct != (tx->bytes.p != NULL), "a direct call has its bytes");
    if (!tx->is_direct)
      continue;
    sha256(tx->bytes, hash);
    bool unknown = memcmp(tx->leaf, (uint8_t[SHA256_N]){0}, SHA256_N) == 0;
    BUG_IF(unknown ? tx->succeeded : memcmp(hash, tx->leaf, SHA256_N) != 0, "the leaf is theirs");
  }
}

static void in_order(const struct receipts *r, const struct block *b) {
  for (int i = 0; i < r->n; i++) {
    const struct transfer_log *l = &r->transfers[i], *last = i > 0 ? l - 1 : NULL;
    BUG_IF(l->tx < 0 || l->tx >= b->n || !b->txs[l->tx].succeeded || l->value <= 0, "may be credited");
    BUG_IF(last && (last->tx > l->tx || (last->tx == l->tx && last->log_index >= l->log_index)), "in order");
  }
}

static void same_in_a_list(struct block_json *j, struct str answer, enum said said, const struct block *b) {
  struct block both[2];
  int n;
  if (answer.p[0] != '{' || said == SAID_NOTHING || said == SAID_ERROR)
    return;
  struct str list = str_printf(j->arena, "{\"block\":[%.*s]}", STR_FMT(answer));
  enum said again = blocks_read(j, list, both, 2, &n);
  BUG_IF((said == SAID_THIS) != (again == SAID_THIS && n == 1), "one opinion");
  if (said == SAID_THIS)
    BUG_IF(memcmp(both[0].id, b->id, sizeof b->id) != 0 || both[0].n != b->n, "the same block");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct str text = fuzz_text(data, n);
  const char *end = n > 0 ? memchr(text.p, '\n', n) : NULL;
  if (!end || end == text.p)
    return 0;
  struct str first = {text.p, (size_t)(end - text.p)}, rest = {end + 1, n - first.n - 1};
  struct arena a;
  arena_init(&a, 1 << 24);
  struct block_json j = {&token, &a, STR_NONE};
  struct block b;
  struct receipts r;
  enum said said = block_read(&j, first, &b);
  bounded(&a, first.n, 0);
  said_why(said, j.why);
  if (said == SAID_THIS) {
    holds(&b);
    size_t before = a.used;
    enum said also = receipts_read(&j, rest, &b, &r);
    bounded(&a, rest.n, before);
    said_why(also, j.why);
    if (also == SAID_THIS)
      in_order(&r, &b);
  }
  if (!memchr(first.p, '\0', first.n))
    same_in_a_list(&j, first, said, &b);
  arena_free(&a);
  return 0;
}
