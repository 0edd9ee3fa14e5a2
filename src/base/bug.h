// Checks that stay on in every build: a program that handles money stops rather than goes on with a broken
// assumption.
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define BUG_IF(cond, text)                                                                                   \
  do {                                                                                                       \
    if (__builtin_expect(!!(cond), 0)) {                                                                     \
      fprintf(stderr, "bug: %s:%d: %s (%s)\n", __FILE__, __LINE__, (text), #cond);                           \
      abort();                                                                                               \
    }                                                                                                        \
  } while (0)

#define BUG(text) BUG_IF(1, text)
