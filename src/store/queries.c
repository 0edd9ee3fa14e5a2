#include "store/queries.h"

struct entry {
  const char *name, *text[2]; // by engine
};

static const struct entry list[QUERIES] = {
#define X(name, text)           [name] = {#name, {text, text}},
#define Y(name, lite, postgres) [name] = {#name, {lite, postgres}},
    QUERY_LIST(X, Y)
#undef X
#undef Y
};

bool query_writes(enum query q, enum engine e) {
  return list[q].text[e][0] != 'S'; // everything that does not begin with SELECT
}

const char *query_text(enum query q, enum engine e) {
  return list[q].text[e];
}

const char *query_name(enum query q) {
  return list[q].name;
}
