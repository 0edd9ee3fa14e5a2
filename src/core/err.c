#include "core/err.h"

struct entry {
  int status;
  const char *code, *sentence;
};

static const struct entry list[] = {
#define X(symbol, status, code, sentence) [symbol] = {status, code, sentence},
    ERR_LIST(X)
#undef X
};

int err_status(enum err e) {
  return list[e].status;
}

const char *err_code(enum err e) {
  return list[e].code;
}

const char *err_sentence(enum err e) {
  return list[e].sentence;
}
