// One text: numbers and addresses between single spaces, in the order of struct witnesses.
#include "base/hex.h"
#include "core/witnesses.h"

#include <string.h>

static const struct str form = {"witnesses-1", 11};

static void put_address(struct buf *out, const struct tron_address *a) {
  char text[ADDRESS_TEXT_N + 1];
  address_format(a, text);
  buf_char(out, ' ');
  buf_c(out, text);
}

static void put_number(struct buf *out, int64_t v) {
  buf_char(out, ' ');
  buf_i64(out, v);
}

static void put_set(struct buf *out, const struct witness_set *s) {
  put_number(out, s->n);
  for (int i = 0; i < s->n; i++)
    put_number(out, s->of[i]);
}

static void put_list(struct buf *out, const struct witness_list *l) {
  put_number(out, l->n);
  for (int i = 0; i < l->n; i++) {
    put_address(out, &l->who[i]);
    put_address(out, &l->key[i]);
  }
}

void witnesses_write(const struct witnesses *w, struct buf *out) {
  char id[2 * BLOCK_ID_N + 1];
  hex_encode(w->id, sizeof w->id, id);
  buf_str(out, form);
  const int64_t numbers[] = {w->genesis_ms, w->interval_ms,     w->next_ms,  w->number,  w->time_ms,
                             w->is_first,   w->was_maintenance, w->is_stale, w->stopped, w->epoch,
                             w->final,      w->derived,         w->n,        w->named_ms};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    put_number(out, numbers[i]);
  buf_char(out, ' ');
  buf_c(out, id);
  put_number(out, w->n_known);
  for (int i = 0; i < w->n_known; i++) {
    put_address(out, &w->known[i].who);
    put_address(out, &w->known[i].key);
    put_number(out, w->known[i].last);
    put_number(out, w->known[i].unmatched);
  }
  put_set(out, &w->trusted);
  put_set(out, &w->turns);
  put_set(out, &w->told);
  put_list(out, &w->named);
}

struct reader {
  struct str rest;
  bool bad;
};

static struct str word(struct reader *r) {
  if (r->rest.n == 0 || r->rest.p[0] != ' ') {
    r->bad = true;
    return STR("");
  }
  size_t n = 0;
  r->rest = (struct str){r->rest.p + 1, r->rest.n - 1};
  while (n < r->rest.n && r->rest.p[n] != ' ')
    n++;
  struct str taken = {r->rest.p, n};
  r->rest = (struct str){r->rest.p + n, r->rest.n - n};
  return taken;
}

static int64_t get_number(struct reader *r, int64_t least, int64_t most) {
  struct str s = word(r);
  int64_t v = 0;
  if (str_eqc(s, "-1"))
    v = -1;
  else if (!str_to_i64(s, &v))
    r->bad = true;
  if (v < least || v > most)
    r->bad = true;
  return r->bad ? least : v;
}

static void get_address(struct reader *r, struct tron_address *out) {
  if (!address_parse(word(r), out))
    r->bad = true;
}

static void get_set(struct reader *r, int n_known, struct witness_set *out) {
  memset(out->of, -1, sizeof out->of);
  out->n = (int)get_number(r, 0, WITNESSES_MAX);
  for (int i = 0; i < out->n; i++)
    out->of[i] = (int8_t)get_number(r, -1, n_known - 1);
}

static void get_list(struct reader *r, struct witness_list *out) {
  out->n = (int)get_number(r, 0, WITNESSES_MAX);
  for (int i = 0; i < out->n; i++) {
    get_address(r, &out->who[i]);
    get_address(r, &out->key[i]);
  }
}

static void get_head(struct reader *r, struct witnesses *out) {
  out->genesis_ms = get_number(r, 0, BLOCK_TIME_MAX_MS);
  out->interval_ms = get_number(r, SLOT_MS, BLOCK_TIME_MAX_MS);
  out->next_ms = get_number(r, 0, BLOCK_TIME_MAX_MS);
  out->number = get_number(r, 0, INT64_MAX - 1);
  out->time_ms = get_number(r, 0, BLOCK_TIME_MAX_MS);
  out->is_first = get_number(r, 0, 1);
  out->was_maintenance = get_number(r, 0, 1);
  out->is_stale = get_number(r, 0, 1);
  out->stopped = get_number(r, 0, 1);
  out->epoch = get_number(r, 0, INT64_MAX - 1);
  out->final = get_number(r, 0, INT64_MAX - 1);
  out->derived = get_number(r, 0, INT64_MAX - 1);
  out->n = (int)get_number(r, 1, WITNESSES_MAX);
  out->named_ms = get_number(r, 0, BLOCK_TIME_MAX_MS);
  if (!hex_decode(word(r), out->id, sizeof out->id))
    r->bad = true;
}

bool witnesses_read(struct str text, struct witnesses *out) {
  struct reader r = {.rest = text};
  *out = (struct witnesses){0};
  if (!str_starts(text, form))
    return false;
  r.rest = (struct str){text.p + form.n, text.n - form.n};
  get_head(&r, out);
  out->n_known = (int)get_number(&r, 1, WITNESSES_KNOWN_MAX);
  for (int i = 0; i < out->n_known; i++) {
    get_address(&r, &out->known[i].who);
    get_address(&r, &out->known[i].key);
    out->known[i].last = get_number(&r, 0, INT64_MAX - 1);
    out->known[i].unmatched = get_number(&r, 0, INT64_MAX - 1);
  }
  get_set(&r, out->n_known, &out->trusted);
  get_set(&r, out->n_known, &out->turns);
  get_set(&r, out->n_known, &out->told);
  get_list(&r, &out->named);
  return !r.bad && r.rest.n == 0 && out->turns.n == out->n;
}
