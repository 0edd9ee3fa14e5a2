// The table of legal changes in doc/architecture.md is that of pay_may(). Run in the project's folder.
#include "core/payment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool find_table(FILE *f, char *line, int size) {
  while (fgets(line, size, f))
    if (strncmp(line, "| from \\ to |", 13) == 0)
      return true;
  return false;
}

// The next cell of a row; `*at` stands behind the bar before it.
static void cell(char **at, char out[32]) {
  assert_int_equal(sscanf(*at, " %31[^ |]", out), 1);
  *at = strchr(*at, '|');
  assert_non_null(*at);
  (*at)++;
}

static void check_row(char *line, enum pay_status from) {
  char text[32], *at = line + 1;
  cell(&at, text);
  assert_string_equal(text, pay_status_name(from));
  for (int to = 0; to < PAY_STATUSES; to++) {
    cell(&at, text);
    assert_string_equal(text, pay_may(from, (enum pay_status)to) ? "yes" : "no");
  }
}

static void the_drawn_table_is_the_real_one(void **state) {
  (void)state;
  char line[256], text[32], *at = line + 1;
  FILE *f = fopen("doc/architecture.md", "r");
  assert_non_null(f);
  assert_true(find_table(f, line, sizeof line));
  at = strchr(at, '|') + 1;
  for (int to = 0; to < PAY_STATUSES; to++) {
    cell(&at, text);
    assert_string_equal(text, pay_status_name((enum pay_status)to));
  }
  assert_non_null(fgets(line, sizeof line, f));
  for (int from = 0; from < PAY_STATUSES; from++) {
    assert_non_null(fgets(line, sizeof line, f));
    check_row(line, (enum pay_status)from);
  }
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_drawn_table_is_the_real_one)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
