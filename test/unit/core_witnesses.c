#include "../support/recordings.h"
#include "base/hex.h"
#include "core/witnesses.h"
#include "wire/block_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { BLOCKS = 335, REPLACED_TOO_MANY = 226 };

static const int maintenances[] = {38, 76, 114, 151, 188, 226, 264, 302};

static struct arena arena;
static json_t *recorded;
static struct signed_header headers[BLOCKS + 1]; // by height; 0: genesis
static struct witnesses w;

static void load(const json_t *text, struct signed_header *out) {
  const struct tron_address token = {0};
  struct block b;
  struct str answer = {json_string_value(text), json_string_length(text)};
  struct block_json j = {.token = &token, .arena = &arena};
  assert_int_equal(block_read(&j, answer, &b), SAID_THIS);
  bool is_signed = signed_header_of(&b.header, out);
  assert_int_equal(is_signed, b.header.number > 0);
  assert_memory_equal(out->id, b.id, sizeof b.id);
  arena_reset(&arena);
}

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 16 << 20);
  recorded = recording_json("chain/private-27-witnesses-8-maintenances.json.gz");
  const json_t *blocks = json_object_get(recorded, "blocks");
  json_t *genesis = json_loads(json_string_value(json_object_get(recorded, "genesis")), 0, NULL);

  const json_t *raw = json_object_get(json_object_get(genesis, "block_header"), "raw_data");
  headers[0].header.time_ms = json_integer_value(json_object_get(raw, "timestamp"));
  assert_true(hex_decode(recording_text(genesis, "blockID"), headers[0].id, BLOCK_ID_N));
  json_decref(genesis);
  for (size_t i = 0; i < BLOCKS; i++)
    load(json_array_get(blocks, i), &headers[i + 1]);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  json_decref(recorded);
  arena_free(&arena);
  return 0;
}

static void hex_address(const char *hex, struct tron_address *out) {
  uint8_t bytes[21];
  assert_true(hex_decode(str_of(hex), bytes, sizeof bytes));
  memcpy(out->account, bytes + 1, sizeof out->account);
}

// The set that was active after a maintenance block, by the node's own log; unchanged: the one before.
static void active_after(int64_t maintenance, struct witness_list *out) {
  const json_t *all = json_object_get(recorded, "node_active");
  const json_t *first = json_array_get(json_array_get(json_object_get(recorded, "witnesses"), 0), 1);
  assert_true(witness_list_of_answer((struct str){json_string_value(first), json_string_length(first)}, out));
  for (size_t i = 0; i < json_array_size(all); i++) {
    const json_t *one = json_array_get(all, i), *list = json_array_get(one, 1);
    if (json_integer_value(json_array_get(one, 0)) > maintenance)
      continue;
    for (out->n = 0; out->n < (int)json_array_size(list); out->n++) {
      hex_address(json_string_value(json_array_get(list, (size_t)out->n)), &out->who[out->n]);
      out->key[out->n] = out->who[out->n];
    }
  }
}

// What a node said of an account's signing key when that block was its head, or had been just before.
static bool key_at(int64_t number, const struct tron_address *who, struct tron_address *key) {
  const json_t *all = json_object_get(recorded, "accounts");
  bool found = false;
  for (size_t i = 0; i < json_array_size(all); i++) {
    const json_t *one = json_array_get(all, i);
    struct str text = str_of(json_string_value(json_array_get(one, 2)));
    struct tron_address said;
    if (json_integer_value(json_array_get(one, 0)) <= number && witness_key_of_answer(text, who, &said)) {
      *key = said;
      found = true;
    }
  }
  return found;
}

static int64_t node_solid(int64_t number) {
  const json_t *one = json_array_get(json_object_get(recorded, "node_solid"), (size_t)number - 1);
  assert_int_equal(json_integer_value(json_array_get(one, 0)), number);
  return json_integer_value(json_array_get(one, 1));
}

static bool is_maintenance(int64_t number) {
  for (size_t i = 0; i < sizeof maintenances / sizeof *maintenances; i++)
    if (maintenances[i] == number)
      return true;
  return false;
}

static void begin(int64_t number) {
  const struct signed_header *h = &headers[number];
  struct witnesses_start start = {.genesis_ms = headers[0].header.time_ms,
                                  .interval_ms = 120000,
                                  .number = number,
                                  .time_ms = h->header.time_ms};
  struct witness_list set;
  memcpy(start.id, h->id, sizeof start.id);
  active_after(number, &set);
  witnesses_begin(&w, &start, &set);
}

// As the window does: what is not counted is asked about, then fed again to a copy that knows the answer.
static void take(int64_t number) {
  struct witnesses before = w;
  struct witnesses_question q;
  struct tron_address key;
  enum header_verdict v = witnesses_take(&w, &headers[number]);
  if (v == HEADER_NOT_COUNTED) {
    witnesses_ask(&w, &q);
    assert_in_range(q.n_keys, 1, 3);
    w = before;
    for (int i = 0; i < q.n_keys; i++)
      if (key_at(number, &q.keys[i], &key))
        witnesses_key(&w, &q.keys[i], &key);
    v = witnesses_take(&w, &headers[number]);
  }
  assert_int_equal(v, HEADER_TAKEN);
}

// Also between any two headers, it is the same from the text that is stored.
static void store_and_load(void) {
  struct buf text;
  struct witnesses back;
  buf_init(&text, &arena, WITNESSES_TEXT_MAX);
  witnesses_write(&w, &text);
  assert_false(text.full);
  assert_true(witnesses_read(buf_view(&text), &back));
  struct buf again;
  buf_init(&again, &arena, WITNESSES_TEXT_MAX);
  witnesses_write(&back, &again);
  assert_true(str_eq(buf_view(&text), buf_view(&again)));
  w = back;
  arena_reset(&arena);
}

static void told_the_sets_it_says_what_the_node_says(void **state) {
  (void)state;
  int64_t lag = 0;
  int stops = 0;
  begin(0);
  for (int64_t i = 1; i <= BLOCKS; i++) {
    struct witness_list set;
    struct witnesses_question q;
    take(i);
    active_after(i, &set);
    if (is_maintenance(i)) {
      witnesses_tell(&w, &set);
      witnesses_ask(&w, &q);
      assert_int_equal(q.set, i == REPLACED_TOO_MANY);
      if (q.set) {
        stops++;
        assert_true(witnesses_name(&w, q.boundary_ms, &set));
      }
    }
    assert_int_equal(w.derived, node_solid(i));
    assert_true(w.final <= w.derived);
    if (i < 264) // three replaced, or named
      assert_in_range(w.derived - w.final, 0, 3);
    lag = w.derived - w.final > lag ? w.derived - w.final : lag;
    store_and_load();
  }
  assert_int_equal(stops, 1);
  assert_in_range(lag, 4, 20); // eight replaced: nobody was asked, nothing is wrong
  assert_in_range(w.final, node_solid(BLOCKS) - 3, node_solid(BLOCKS)); // one replaced at 302
}

static void told_nothing_it_stops_where_too_many_are_replaced(void **state) {
  (void)state;
  struct witnesses_question q;
  begin(0);
  for (int64_t i = 1; i <= BLOCKS; i++) {
    if (i == 264)
      break;
    take(i);
    assert_true(w.final <= node_solid(i));
    witnesses_ask(&w, &q);
    assert_true(w.final <= REPLACED_TOO_MANY);
    if (i < REPLACED_TOO_MANY)
      assert_false(q.set);
  }
  assert_true(q.set);
  assert_in_range(w.final, REPLACED_TOO_MANY - 20, REPLACED_TOO_MANY);

  // Named to the state of the last final block, it goes on.
  struct witness_list set;
  int64_t named_ms = q.boundary_ms;
  begin(200);
  active_after(REPLACED_TOO_MANY, &set);
  assert_true(witnesses_name(&w, named_ms, &set));
  store_and_load();
  for (int64_t i = 201; i <= BLOCKS; i++)
    take(i);
  witnesses_ask(&w, &q);
  assert_false(q.set);
  assert_in_range(w.final, node_solid(BLOCKS) - 3, node_solid(BLOCKS));
}

static void a_set_that_those_who_took_turns_are_not_of_is_no_answer(void **state) {
  (void)state;
  struct witness_list set;
  struct witnesses_question q;
  begin(0);
  for (int64_t i = 1; i <= 250; i++)
    take(i);
  witnesses_ask(&w, &q);
  assert_true(q.set);
  active_after(188, &set);
  assert_false(witnesses_name(&w, q.boundary_ms, &set));
  active_after(226, &set);
  assert_false(witnesses_name(&w, q.boundary_ms - 120000, &set));
  assert_true(witnesses_name(&w, q.boundary_ms, &set));
}

// From any block on, knowing only who takes turns then.
static void begins_anywhere(void **state) {
  (void)state;
  for (int64_t from = 1; from < 226; from += 9) {
    struct witness_list set;
    begin(from);
    active_after(is_maintenance(from) ? from - 1 : from, &set);
    for (int64_t i = from + 1; i < 226; i++) {
      take(i);
      assert_true(w.final <= (node_solid(i) > from ? node_solid(i) : from));
    }
    if (from < 150)
      assert_int_equal(w.final, node_solid(225));
  }
}

static void nothing_is_final_without_a_quorum_of_keys(void **state) {
  (void)state;
  struct signed_header forged;
  begin(0);
  for (int64_t i = 1; i <= 30; i++)
    take(i);
  int64_t final = w.final;
  for (int64_t i = 31; i <= 75; i++) { // the same headers, but signed by anybody
    forged = headers[i];
    forged.signer.account[0] ^= 1;
    assert_int_equal(witnesses_take(&w, &forged), HEADER_NOT_COUNTED);
  }
  assert_int_equal(w.final, final);

  begin(0);
  struct tron_address few[18];
  int n = 0;
  for (int64_t i = 1; i <= 75; i++) { // 18 of 27 are not enough, however long
    int k = 0;
    while (k < n && !address_same(&few[k], &headers[i].header.witness))
      k++;
    forged = headers[i];
    if (k == n && n < 18)
      few[n++] = forged.header.witness;
    else if (k == n)
      forged.signer.account[0] ^= 1;
    witnesses_take(&w, &forged);
  }
  assert_int_equal(w.final, 0);
}

static void what_cannot_follow_is_refused_and_changes_nothing(void **state) {
  (void)state;
  struct signed_header h;
  begin(0);
  for (int64_t i = 1; i <= 40; i++)
    take(i);
  struct witnesses before = w;
  assert_int_equal(witnesses_take(&w, &headers[42]), HEADER_NOT_NEXT);
  assert_int_equal(witnesses_take(&w, &headers[40]), HEADER_NOT_NEXT);
  h = headers[41];
  h.header.parent[31] ^= 1;
  assert_int_equal(witnesses_take(&w, &h), HEADER_NOT_NEXT);
  h = headers[41];
  h.header.time_ms++;
  assert_int_equal(witnesses_take(&w, &h), HEADER_BAD_TIME);
  h.header.time_ms = w.time_ms;
  assert_int_equal(witnesses_take(&w, &h), HEADER_BAD_TIME);
  h.header.time_ms = INT64_MAX / 3000 * 3000 + headers[0].header.time_ms % 3000;
  assert_int_equal(witnesses_take(&w, &h), HEADER_BAD_TIME);
  h = headers[41];
  h.header.time_ms += 3000 * 27 * 100; // much later, at the same place of the schedule
  assert_int_equal(witnesses_take(&w, &h), HEADER_TAKEN);
  w = before;
  h = headers[41];
  h.header.witness = headers[40].header.witness; // 40 has had its turn, at another place
  assert_int_equal(witnesses_take(&w, &h), HEADER_WRONG_TURN);
  assert_memory_equal(&w, &before, sizeof w);
  take(41);
}

static void a_block_after_a_maintenance_comes_nine_seconds_later(void **state) {
  (void)state;
  begin(0);
  for (int64_t i = 1; i <= 38; i++)
    take(i);
  struct signed_header h = headers[39];
  h.header.time_ms -= 3000;
  assert_int_equal(witnesses_take(&w, &h), HEADER_BAD_TIME);
  take(39);
}

static void quorums(void **state) {
  (void)state;
  assert_int_equal(witnesses_quorum(1), 1);
  assert_int_equal(witnesses_quorum(3), 3);
  assert_int_equal(witnesses_quorum(5), 4);
  assert_int_equal(witnesses_quorum(10), 7);
  assert_int_equal(witnesses_quorum(27), 19);
}

// A private chain of few, whole stretches of it: with a head lag of 3 for 5 witnesses.
static void follows(const char *file, size_t first, size_t end, int64_t interval_ms) {
  json_t *chain = recording_json(file);
  const json_t *blocks = json_object_get(chain, "blocks");
  json_t *genesis = json_loads(json_string_value(json_object_get(chain, "genesis")), 0, NULL);
  const json_t *raw = json_object_get(json_object_get(genesis, "block_header"), "raw_data");
  struct witnesses_start start = {.genesis_ms = json_integer_value(json_object_get(raw, "timestamp")),
                                  .interval_ms = interval_ms};
  struct witness_list set;
  struct signed_header h;
  assert_true(witness_list_of_answer(recording_text(chain, "listwitnesses"), &set));
  assert_int_equal(set.n, 5);
  load(json_array_get(blocks, first), &h);
  start.number = h.header.number;
  start.time_ms = h.header.time_ms;
  memcpy(start.id, h.id, sizeof start.id);
  witnesses_begin(&w, &start, &set);
  for (size_t i = first + 1; i < end; i++) {
    load(json_array_get(blocks, i), &h);
    assert_int_equal(witnesses_take(&w, &h), HEADER_TAKEN);
    if (i > first + 10)
      assert_in_range(h.header.number - w.final, 3, 8); // more only where turns were missed
  }
  json_decref(genesis);
  json_decref(chain);
}

static void chains_of_five_are_followed(void **state) {
  (void)state;
  follows("chain/private-80-420.json.gz", 0, 300, 60000); // a maintenance every minute, then every six hours
  follows("chain/private-80-420.json.gz", 301, 341, 21600000);
  follows("chain/private-700-740.json.gz", 0, 41, 21600000);
}

static void lists_of_the_operator(void **state) {
  (void)state;
  struct witness_list l, other;
  struct str two = STR("[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\",\n \"TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK:"
                       "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC\"]\n");
  assert_true(witness_list_of_file(two, &l));
  assert_int_equal(l.n, 2);
  assert_true(address_same(&l.who[0], &l.key[0]));
  assert_false(address_same(&l.who[1], &l.key[1]));
  assert_true(witness_list_of_file(
      STR("[\"TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK\",\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\"]"), &other));
  assert_true(witness_list_same(&l, &other));
  const char *wrong[] = {
      "",
      "[]",
      "{}",
      "[1]",
      "[\"\"]",
      "[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdh\"]",
      "[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\",\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\"]",
      "[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH:\"]",
      "[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\"] x",
      "[\"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH\"",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(witness_list_of_file(str_of(wrong[i]), &l));
}

static void broken_texts_are_no_state(void **state) {
  (void)state;
  struct buf text;
  struct witnesses back;
  begin(0);
  take(1);
  buf_init(&text, &arena, WITNESSES_TEXT_MAX);
  witnesses_write(&w, &text);
  for (size_t n = 0; n < text.n; n++)
    assert_false(witnesses_read((struct str){text.p, n}, &back) && n < text.n - 1);
  for (size_t i = 0; i < text.n; i++) {
    char was = text.p[i];
    if (was == 'x')
      continue;
    text.p[i] = 'x';
    assert_false(witnesses_read(buf_view(&text), &back));
    text.p[i] = was;
  }
  arena_reset(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(told_the_sets_it_says_what_the_node_says),
      cmocka_unit_test(told_nothing_it_stops_where_too_many_are_replaced),
      cmocka_unit_test(a_set_that_those_who_took_turns_are_not_of_is_no_answer),
      cmocka_unit_test(begins_anywhere),
      cmocka_unit_test(nothing_is_final_without_a_quorum_of_keys),
      cmocka_unit_test(what_cannot_follow_is_refused_and_changes_nothing),
      cmocka_unit_test(a_block_after_a_maintenance_comes_nine_seconds_later),
      cmocka_unit_test(quorums),
      cmocka_unit_test(chains_of_five_are_followed),
      cmocka_unit_test(lists_of_the_operator),
      cmocka_unit_test(broken_texts_are_no_state),
  };
  return cmocka_run_group_tests_name("witnesses", tests, setup, teardown);
}
