#include "store/queries.h"

struct entry {
  const char *name, *text;
};

static const struct entry list[QUERIES] = {
#define X(name, text) [name] = {#name, text},
    QUERY_LIST(X)
#undef X
};

bool query_writes(enum query q) {
  return list[q].text[0] != 'S'; // everything that does not begin with SELECT
}

const char *query_text(enum query q) {
  return list[q].text;
}

const char *query_name(enum query q) {
  return list[q].name;
}
