// A fuzz target gets any bytes and checks what must hold for all of them. libFuzzer finds the bytes (make
// fuzz); what it has found stays in corpus/NAME and is replayed by every `make unit`.
#pragma once
#include "base/bug.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static inline struct str fuzz_text(const uint8_t *data, size_t n) {
  return (struct str){(const char *)data, n};
}
