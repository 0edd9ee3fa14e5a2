// The recorded chains, followed block by block through node/chain.c: the nodes' own bytes, served as far as
// the chain had grown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/recordings.h"
#include "core/witnesses.h"
#include "node/chain.h"
#include "wire/block_json.h"

static struct {
  json_t *all, *blocks, *receipts;
  int64_t from, head, solid, wall_us;
  struct tron_address token;
} tape;

static int64_t now(void *self) {
  (void)self;
  return tape.wall_us;
}

static void no_random(void *self, void *out, size_t n) {
  (void)self;
  memset(out, 0, n);
}

static const struct world world = {now, now, no_random, NULL};

static const char *text_at(const json_t *list, int64_t number) {
  return json_string_value(json_array_get(list, (size_t)(number - tape.from)));
}

static bool has(int64_t number, int64_t most) {
  return number >= tape.from && number <= most;
}

// The last of [[height, …, text]] that was recorded up to this head, with this address in it.
static const char *latest(const json_t *list, const char *with) {
  const char *found = NULL;
  size_t i;
  json_t *row;
  json_array_foreach(list, i, row) {
    const char *text = json_string_value(json_array_get(row, json_array_size(row) - 1));
    if (json_integer_value(json_array_get(row, 0)) <= tape.head && (!with || strstr(text, with)))
      found = text;
  }
  return found;
}

static struct str account(struct fetch *f) {
  char address[43] = "";
  const char *at = strstr(f->body.p, "\"41");
  snprintf(address, sizeof address, "%.42s", at ? at + 1 : "");
  const char *found = latest(json_object_get(tape.all, "accounts"), address);
  return found ? str_of(found) : str_printf(f->arena, "{\"address\":\"%s\"}", address);
}

static struct str several(struct fetch *f, int64_t number, int64_t end) {
  struct buf out;
  buf_init(&out, f->arena, 64 << 20);
  buf_c(&out, "{\"block\":[");
  for (int64_t n = number; n < end && has(n, tape.head); n++) {
    buf_c(&out, n > number ? "," : "");
    buf_c(&out, text_at(tape.blocks, n));
  }
  buf_c(&out, "]}");
  return buf_view(&out);
}

// The stretches of five witnesses have none.
static struct str next_maintenance(struct fetch *f) {
  json_int_t due = (json_int_t)(tape.wall_us / 1000 + 3600000);
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(tape.all, "nextmaintenance"), i,
                     row) if (json_integer_value(json_array_get(row, 0)) <= tape.head) due =
      json_integer_value(json_array_get(row, 1));
  return str_printf(f->arena, "{\"num\":%lld}", (long long)due);
}

static struct str answer(struct fetch *f) {
  long long number = 0, end = 0;
  int64_t most = strstr(f->url.p, "solidity") ? tape.solid : tape.head;
  if (strstr(f->url.p, "getnowblock"))
    return has(most, most) ? str_of(text_at(tape.blocks, most)) : STR("{}");
  if (strstr(f->url.p, "getblockbynum") && sscanf(f->body.p, "{\"num\":%lld", &number) == 1)
    return number == 0         ? recording_text(tape.all, "genesis")
           : has(number, most) ? str_of(text_at(tape.blocks, number))
                               : STR("{}");
  if (sscanf(f->body.p, "{\"startNum\":%lld,\"endNum\":%lld", &number, &end) == 2)
    return several(f, number, end);
  if (strstr(f->url.p, "infobyblocknum") && sscanf(f->body.p, "{\"num\":%lld", &number) == 1)
    return has(number, most) ? str_of(text_at(tape.receipts, number)) : STR("[]");
  if (strstr(f->url.p, "getchainparameters"))
    return recording_text(tape.all, "getchainparameters");
  if (strstr(f->url.p, "listwitnesses"))
    return json_object_get(tape.all, "witnesses")
               ? str_of(latest(json_object_get(tape.all, "witnesses"), NULL))
               : recording_text(tape.all, "listwitnesses");
  if (strstr(f->url.p, "getnextmaintenancetime"))
    return next_maintenance(f);
  return strstr(f->url.p, "getaccount") ? account(f) : STR("{\"result\":{\"code\":\"OTHER_ERROR\"}}");
}

static void run(struct fetcher *self, struct fetch *list, size_t n) {
  (void)self;
  for (size_t i = 0; i < n; i++) {
    list[i].error = FETCH_OK;
    list[i].status = 200;
    list[i].answer = answer(&list[i]);
  }
  tape.wall_us += 1000;
}

static struct fetcher fetcher = {run, NULL, NULL};

static int64_t check(const struct chain_block *b) {
  struct arena a;
  struct block said;
  struct receipts r = {0};
  arena_init(&a, 64 << 20);
  struct block_json j = {.token = &tape.token, .arena = &a};
  assert_int_equal(block_read(&j, str_of(text_at(tape.blocks, b->number)), &said), SAID_THIS);
  if (said.n > 0)
    assert_int_equal(receipts_read(&j, str_of(text_at(tape.receipts, b->number)), &said, &r), SAID_THIS);
  assert_memory_equal(b->id.bytes, said.id, CHAIN_ID_N);
  assert_int_equal(b->n_transfers, r.n);
  for (int i = 0; i < r.n; i++) {
    assert_memory_equal(b->transfers[i].txid, said.txs[r.transfers[i].tx].id, TXID_N);
    assert_int_equal(b->transfers[i].value.micro, r.transfers[i].value);
  }
  arena_free(&a);
  return r.n;
}

static void open_tape(const char *name, const char *token) {
  tape.all = recording_json(name);
  tape.blocks = json_object_get(tape.all, "blocks");
  tape.receipts = json_object_get(tape.all, "receipts");
  tape.from = json_integer_value(json_object_get(tape.all, "from"));
  for (int i = 0; i < ADDRESS_N; i++)
    sscanf(token + 2 * i, "%2hhx", &tape.token.account[i]);
}

static void grow_to(int64_t head) {
  struct arena a;
  struct block b;
  const json_t *solid = json_object_get(tape.all, "node_solid");
  arena_init(&a, 64 << 20);
  struct block_json j = {.token = &tape.token, .arena = &a};
  tape.head = head;
  tape.solid = solid
                   ? json_integer_value(json_array_get(json_array_get(solid, (size_t)(head - tape.from)), 1))
                   : head - 3;
  assert_int_equal(block_read(&j, str_of(text_at(tape.blocks, head)), &b), SAID_THIS);
  if (b.header.time_ms * 1000 > tape.wall_us)
    tape.wall_us = b.header.time_ms * 1000;
  arena_free(&a);
}

// From `first` on, the head `lag` above it at the start; at the end at most `behind` blocks are missing.
static void follow(enum trust trust, int64_t first, int64_t lag, int64_t behind) {
  struct chain_node node = {.url = STR("http://node"), .solidity = STR("http://node")};
  int64_t last = tape.from + (int64_t)json_array_size(tape.blocks) - 1, credited = 0, transfers = 0;
  struct chain_cursor cursor;
  struct arena a;
  arena_init(&a, 256 << 20);
  grow_to(first + lag);
  struct chain *c = chain_new(&(struct chain_options){.world = &world,
                                                      .fetcher = &fetcher,
                                                      .nodes = &node,
                                                      .n_nodes = 1,
                                                      .trust = trust,
                                                      .k = 1,
                                                      .network = NETWORK_CUSTOM,
                                                      .token = tape.token});
  assert_true(chain_begin(c, first, &a, &cursor));
  for (int64_t head = first + lag; head <= last; head++) {
    grow_to(head);
    for (int i = 0; i < 3; i++) {
      struct chain_turn t;
      tape.wall_us += 1000000;
      chain_turn(c, &cursor, &a, &t);
      for (int k = 0; k < t.n_final; k++) {
        assert_int_equal(t.final[k].number, cursor.number + 1);
        assert_true(t.final[k].number <= tape.solid);
        transfers += check(&t.final[k]);
        cursor = (struct chain_cursor){t.final[k].number, t.final[k].id, t.final[k].time_us};
        credited++;
      }
      if (t.n_final)
        chain_credited(c, &cursor);
      arena_reset(&a);
    }
  }
  print_message("%lld blocks, %lld transfers, up to %lld of %lld\n", (long long)credited,
                (long long)transfers, (long long)cursor.number, (long long)tape.solid);
  assert_true(cursor.number >= tape.solid - behind);
  chain_free(c);
  arena_free(&a);
}

static void done(void) {
  json_decref(tape.all);
  memset(&tape, 0, sizeof tape);
}

#define TOKEN    "468bfdba19e79e18e1f4b537ed1333e51d1f8edf"
#define TOKEN_27 "d57865423b6659162843eadf7e2d44af29ec6675"

static void one_node(void **state) {
  (void)state;
  open_tape("chain/private-80-420.json.gz", TOKEN);
  follow(TRUST_ONE, 81, 4, 0);
  done();
  open_tape("chain/private-700-740.json.gz", TOKEN);
  follow(TRUST_ONE, 701, 4, 0);
  done();
  open_tape("chain/private-27-witnesses-8-maintenances.json.gz", TOKEN_27);
  follow(TRUST_ONE, 2, 20, 0);
  done();
}

// 12 of 27 are replaced at block 226: it stops there, asks, and goes on.
static void verified(void **state) {
  (void)state;
  open_tape("chain/private-700-740.json.gz", TOKEN);
  follow(TRUST_VERIFIED, 701, 4, 3);
  done();
  open_tape("chain/private-27-witnesses-8-maintenances.json.gz", TOKEN_27);
  follow(TRUST_VERIFIED, 2, 20, 20);
  done();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_node), cmocka_unit_test(verified)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
