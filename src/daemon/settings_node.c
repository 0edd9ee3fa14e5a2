#include "daemon/settings_node.h"
#include "base/nearest.h"
#include "base/url.h"

#include <string.h>

enum { RATE_MAX = 10000, PER_DAY_MAX = 1000000000 };

static const char *check_url(struct str text) {
  struct url u;
  if (!url_split(text, &u))
    return "expected http:// or https:// and a host, such as http://127.0.0.1:8090";
  if (u.has_userinfo)
    return "a name or password in the URL is not sent; a key is given as key=KEY";
  if (u.query.p || u.fragment.p)
    return "a node's URL has no ? and no #";
  return NULL;
}

static struct str without_slash(struct arena *a, struct str url) {
  while (url.n && url.p[url.n - 1] == '/')
    url.n--;
  return str_copy(a, url);
}

// It becomes a header's value.
static const char *check_key(struct str key) {
  for (size_t i = 0; i < key.n; i++)
    if (key.p[i] <= ' ' || key.p[i] > '~')
      return "a key has only visible ASCII characters";
  return key.n ? NULL : "the key is empty";
}

static const char *take_number(struct str value, int64_t most, int64_t *out) {
  bool good = str_to_i64(value, out) && *out >= 1 && *out <= most;
  return good ? NULL : "rate is from 1 to 10000 requests a second, per_day from 1 to 1000000000";
}

static const char *unknown(struct arena *a, struct str name, int place) {
  static const char *const names[] = {"solidity", "key", "rate", "per_day"};
  const char *near = name.p ? nearest(name, names, 4) : NULL;
  if (!name.p)
    return str_printf(a,
                      "word %d is not understood: after the URL come solidity=URL key=KEY rate=N per_day=N",
                      place)
        .p;
  return str_printf(a, "unknown word \"%.*s=\"; did you mean \"%s=\"?", STR_FMT(name), near ? near : names[0])
      .p;
}

static const char *take_word(struct str word, int place, struct arena *a, struct chain_node *out) {
  const char *eq = memchr(word.p, '=', word.n);
  struct str name = {eq ? word.p : NULL, eq ? (size_t)(eq - word.p) : 0};
  struct str value = {eq ? eq + 1 : NULL, eq ? word.n - name.n - 1 : 0};
  if (str_eqc(name, "solidity")) {
    const char *why = check_url(value);
    out->solidity = without_slash(a, value);
    return why;
  }
  if (str_eqc(name, "key")) {
    out->key = str_copy(a, value);
    return check_key(value);
  }
  if (str_eqc(name, "rate"))
    return take_number(value, RATE_MAX, &out->per_s);
  if (str_eqc(name, "per_day"))
    return take_number(value, PER_DAY_MAX, &out->per_day);
  return unknown(a, name, place);
}

// False: there is none.
static bool next_word(struct str *rest, struct str *word) {
  *rest = str_trim(*rest);
  size_t n = 0;
  while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
    n++;
  *word = (struct str){rest->p, n};
  *rest = (struct str){rest->p + n, rest->n - n};
  return n > 0;
}

const char *settings_node_parse(struct str text, struct arena *a, struct chain_node *out) {
  struct str word;
  const char *why;
  *out = (struct chain_node){0};
  if (text.n > NODE_TEXT_MAX)
    return "too long";
  if (!next_word(&text, &word))
    return "a URL is missing";
  why = check_url(word);
  out->url = out->solidity = without_slash(a, word);
  for (int place = 2; !why && next_word(&text, &word); place++)
    why = take_word(word, place, a, out);
  return why;
}

struct str settings_node_shown(const struct chain_node *n, struct arena *a) {
  struct buf b;
  buf_init(&b, a, 2 * NODE_TEXT_MAX);
  buf_str(&b, n->url);
  if (!str_eq(n->solidity, n->url))
    buf_printf(&b, " solidity=%.*s", STR_FMT(n->solidity));
  if (n->key.p)
    buf_c(&b, " key=***");
  if (n->per_s)
    buf_printf(&b, " rate=%lld", (long long)n->per_s);
  if (n->per_day)
    buf_printf(&b, " per_day=%lld", (long long)n->per_day);
  return buf_view(&b);
}
